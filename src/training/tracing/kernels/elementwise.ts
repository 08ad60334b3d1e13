/** Arithmetic, functions, comparisons, choices and types, entry by entry. */
import type {
  BinaryInputs,
  CastAttrs,
  ClipByValueAttrs,
  FillAttrs,
  LeakyReluAttrs,
  PreluInputs,
  SelectInputs,
  StepAttrs,
  UnaryInputs,
} from '@tensorflow/tfjs-core';
import { apply, type Kernel, type Kernels, kernel, listed, type Tracing } from '../kernel.ts';
import type { ElementType, Value } from '../recorded.ts';
import { broadcast, broadcastDims, elementwise, filled, type View } from '../view.ts';

const unary = (op: string): Kernel => kernel<UnaryInputs>(({ x }, _, tracing) => apply(tracing, op, [x]));

const binary = (op: string, type?: ElementType): Kernel =>
  kernel<BinaryInputs>(({ a, b }, _, tracing) => apply(tracing, op, [a, b], type));

/** Several nodes on operands brought into one order of axes. */
function composed(
  operands: (inputs: { readonly [name: string]: View }) => readonly View[],
  compute: (node: Compute, values: readonly Value[]) => Value,
): Kernel {
  return (inputs, _, { recorder }) =>
    elementwise(recorder, operands(inputs), (values, dims) => {
      const node: Compute = {
        on: (op, ...all) => recorder.node(op, all, broadcastDims(all.map((v) => v.dims))),
        test: (op, ...all) => recorder.node(op, all, broadcastDims(all.map((v) => v.dims)), {}, 'bool'),
        choose: (condition, yes, no) => recorder.node('Where', [condition, yes, no], dims, {}, yes.type),
        number: (x) => recorder.number(x),
      };
      return compute(node, values);
    });
}

interface Compute {
  readonly on: (op: string, ...values: Value[]) => Value;
  readonly test: (op: string, ...values: Value[]) => Value;
  readonly choose: (condition: Value, yes: Value, no: Value) => Value;
  readonly number: (x: number) => Value;
}

const onX = (compute: (node: Compute, x: Value) => Value): Kernel =>
  composed(
    (inputs) => [inputs['x'] as View],
    (node, [x]) => compute(node, x as Value),
  );

/** The number a constant tensor holds everywhere; null where it is not one. */
function uniform({ recorder }: Tracing, view: View): number | null {
  return view.axes.every((axis) => axis < 0) ? recorder.scalarOf(view.value) : null;
}

/** Multiplication; by ones it only broadcasts, as in the gradients of sums. */
const multiply = kernel<BinaryInputs>(({ a, b }, _, tracing) => {
  const shape = broadcastDims([a.shape, b.shape]);
  if (uniform(tracing, a) === 1) return broadcast(b, shape);
  if (uniform(tracing, b) === 1) return broadcast(a, shape);
  return apply(tracing, 'Mul', [a, b]);
});

/** Addition; gradients often start from zeros. */
const add = kernel<BinaryInputs>(({ a, b }, _, tracing) => {
  const shape = broadcastDims([a.shape, b.shape]);
  if (uniform(tracing, a) === 0) return broadcast(b, shape);
  if (uniform(tracing, b) === 0) return broadcast(a, shape);
  return apply(tracing, 'Add', [a, b]);
});

const divide = kernel<BinaryInputs>(({ a, b }, _, tracing) =>
  uniform(tracing, b) === 1 ? broadcast(a, broadcastDims([a.shape, b.shape])) : apply(tracing, 'Div', [a, b]),
);

const zero = ({ recorder }: Tracing): View => filled(recorder.number(0), []);
const one = ({ recorder }: Tracing): View => filled(recorder.number(1), []);

function converted(tracing: Tracing, x: View, dtype: string): View {
  const { recorder } = tracing;
  if (x.value.type === dtype) return x;
  const type = dtype as 'float32' | 'int32' | 'bool';
  const to = { float32: 1, int32: 6, bool: 9 }[type];
  return elementwise(recorder, [x], ([value], dims) =>
    recorder.node('Cast', [value as Value], dims, { to }, type),
  );
}

const constantLike = (number: number): Kernel =>
  kernel<UnaryInputs>(({ x }, _, { recorder }) =>
    filled(recorder.constant(x.value.type, [], [number]), x.shape),
  );

const fill = kernel<object, FillAttrs>((_, { shape, value, dtype }, { recorder }) => {
  const type = dtype === 'int32' || dtype === 'bool' ? dtype : 'float32';
  return filled(recorder.constant(type, [], [Number(value)]), shape);
});

const select = kernel<SelectInputs>(({ condition, t, e }, _, tracing) => {
  const within = uniform(tracing, e) === 0 ? clippedInside(tracing, condition) : null;
  return within === null
    ? apply(tracing, 'Where', [condition, t, e], t.value.type)
    : apply(tracing, 'Mul', [t, converted(tracing, within, 'float32')]);
});

/**
 * The condition lo <= x && x <= hi of tfjs's gradient of clipByValue(x, lo, hi), as Clip(x) = x: the Clip is there from the
 * forward pass. Null for other conditions. Where and three comparisons take ONNX Runtime twice the time.
 */
function clippedInside({ recorder }: Tracing, condition: View): View | null {
  const both = recorder.producerOf(condition.value);
  if (both?.op !== 'And') return null;
  const [low, high] = both.inputs.map((value) => recorder.producerOf(value as Value));
  if (low?.op !== 'GreaterOrEqual' || high?.op !== 'LessOrEqual') return null;
  const [x, min] = low.inputs as [Value, Value];
  const [y, max] = high.inputs as [Value, Value];
  if (x !== y || recorder.scalarOf(min) === null || recorder.scalarOf(max) === null) return null;
  const clipped = recorder.node('Clip', [x, min, max], x.dims);
  return { ...condition, value: recorder.node('Equal', [clipped, x], x.dims, {}, 'bool') };
}

const clip = kernel<UnaryInputs, ClipByValueAttrs>(({ x }, { clipValueMin, clipValueMax }, { recorder }) =>
  elementwise(recorder, [x], ([value], dims) => {
    const limits = [clipValueMin, clipValueMax].map((limit) =>
      recorder.constant((value as Value).type, [], [limit]),
    );
    return recorder.node('Clip', [value as Value, ...limits], dims);
  }),
);

const step = kernel<UnaryInputs, StepAttrs>(({ x }, { alpha }, tracing) => {
  // In gradients of relu(x): with the output in place of x ONNX Runtime can fuse the Relu with what comes before.
  const above = apply(tracing, 'Greater', [apply(tracing, 'Relu', [x]), zero(tracing)], 'bool');
  if (alpha === 0) return converted(tracing, above, 'float32');
  const otherwise = filled(tracing.recorder.number(alpha), []);
  return apply(tracing, 'Where', [above, one(tracing), otherwise], 'float32');
});

const leakyRelu = kernel<UnaryInputs, LeakyReluAttrs>(({ x }, { alpha }, tracing) =>
  leaky(tracing, x, filled(tracing.recorder.number(alpha), [])),
);

function leaky(tracing: Tracing, x: View, slope: View): View {
  const below = apply(tracing, 'Less', [x, zero(tracing)], 'bool');
  return apply(tracing, 'Where', [below, apply(tracing, 'Mul', [x, slope]), x], 'float32');
}

/** x > 0 ? x : e^x - 1, with e^x - 1 = 2 t / (1 - t), t = tanh(x/2): exact near 0 too. */
function expm1(node: Compute, x: Value): Value {
  const tanh = node.on('Tanh', node.on('Mul', x, node.number(0.5)));
  const near = node.on('Div', node.on('Mul', tanh, node.number(2)), node.on('Sub', node.number(1), tanh));
  const far = node.on('Sub', node.on('Exp', x), node.number(1));
  return node.choose(node.test('Less', node.on('Abs', x), node.number(1)), near, far);
}

/** log(1 + x) = x log(u) / (u - 1), u = 1 + x rounded (Higham 2002, section 1.14.1). */
function log1p(node: Compute, x: Value): Value {
  const u = node.on('Add', x, node.number(1));
  const quotient = node.on('Div', node.on('Mul', x, node.on('Log', u)), node.on('Sub', u, node.number(1)));
  return node.choose(node.test('Equal', u, node.number(1)), x, quotient);
}

const SELU_ALPHA = 1.7580993408473768;
const SELU_SCALE = 1.0507009873554805;

export const elementwiseKernels: Kernels = {
  Abs: unary('Abs'),
  Acos: unary('Acos'),
  Asin: unary('Asin'),
  Atan: unary('Atan'),
  Ceil: unary('Ceil'),
  Cos: unary('Cos'),
  Cosh: unary('Cosh'),
  Elu: onX((node, x) => node.choose(node.test('Less', x, node.number(0)), expm1(node, x), x)),
  Erf: unary('Erf'),
  Exp: unary('Exp'),
  Expm1: onX(expm1),
  Floor: unary('Floor'),
  Log: unary('Log'),
  Log1p: onX(log1p),
  Neg: unary('Neg'),
  Reciprocal: unary('Reciprocal'),
  Relu: unary('Relu'),
  Relu6: onX((node, x) => node.on('Min', node.on('Relu', x), node.number(6))),
  Round: unary('Round'),
  Rsqrt: onX((node, x) => node.on('Reciprocal', node.on('Sqrt', x))),
  Selu: onX((node, x) =>
    node.choose(
      node.test('Less', x, node.number(0)),
      node.on('Mul', expm1(node, x), node.number(SELU_ALPHA)),
      node.on('Mul', x, node.number(SELU_SCALE)),
    ),
  ),
  Sigmoid: unary('Sigmoid'),
  Sign: unary('Sign'),
  Sin: unary('Sin'),
  Sinh: unary('Sinh'),
  Softplus: unary('Softplus'),
  Sqrt: unary('Sqrt'),
  Square: onX((node, x) => node.on('Mul', x, x)),
  Tan: unary('Tan'),
  Tanh: unary('Tanh'),

  Add: add,
  Sub: binary('Sub'),
  Multiply: multiply,
  RealDiv: divide,
  FloorDiv: composed(
    (inputs) => [inputs['a'] as View, inputs['b'] as View],
    (node, [a, b]) => node.on('Floor', node.on('Div', a as Value, b as Value)),
  ),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Pow: binary('Pow'),
  SquaredDifference: composed(
    (inputs) => [inputs['a'] as View, inputs['b'] as View],
    (node, [a, b]) => {
      const difference = node.on('Sub', a as Value, b as Value);
      return node.on('Mul', difference, difference);
    },
  ),
  AddN: (inputs, _, tracing) => apply(tracing, 'Sum', listed(inputs)),

  Equal: binary('Equal', 'bool'),
  NotEqual: composed(
    (inputs) => [inputs['a'] as View, inputs['b'] as View],
    (node, [a, b]) => node.on('Not', node.test('Equal', a as Value, b as Value)),
  ),
  Greater: binary('Greater', 'bool'),
  GreaterEqual: binary('GreaterOrEqual', 'bool'),
  Less: binary('Less', 'bool'),
  LessEqual: binary('LessOrEqual', 'bool'),
  LogicalAnd: binary('And', 'bool'),
  LogicalOr: binary('Or', 'bool'),
  LogicalXor: binary('Xor', 'bool'),
  LogicalNot: unary('Not'),
  IsNan: kernel<UnaryInputs>(({ x }, _, tracing) => apply(tracing, 'IsNaN', [x], 'bool')),

  Select: select,
  Step: step,
  ClipByValue: clip,
  LeakyRelu: leakyRelu,
  Prelu: kernel<PreluInputs>(({ x, alpha }, _, tracing) => leaky(tracing, x, alpha)),
  EluGrad: composed(
    (inputs) => [inputs['dy'] as View, inputs['y'] as View],
    (node, [dy, y]) => {
      const slope = node.on('Mul', dy as Value, node.on('Add', y as Value, node.number(1)));
      return node.choose(node.test('Less', y as Value, node.number(0)), slope, dy as Value);
    },
  ),

  Cast: kernel<UnaryInputs, CastAttrs>(({ x }, { dtype }, tracing) => converted(tracing, x, dtype)),
  Identity: kernel<UnaryInputs>(({ x }) => x),
  ZerosLike: constantLike(0),
  OnesLike: constantLike(1),
  Fill: fill,
};
