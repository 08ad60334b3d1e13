/** Arithmetic, functions, comparisons, choices and types, entry by entry. */
import type {
  CastAttrs,
  ClipByValueAttrs,
  BinaryInputs,
  EluGradInputs,
  FillAttrs,
  LeakyReluAttrs,
  PreluInputs,
  SelectInputs,
  StepAttrs,
  UnaryInputs,
} from '@tensorflow/tfjs-core';
import { apply, type Kernel, type Kernels, kernel, listed, type Tracing } from '../kernel.ts';
import type { ElementType, Value } from '../recorder.ts';
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

/** The condition c behind a 0/1 tensor that was made as Where(c, 1, 0). */
function conditionOf({ recorder }: Tracing, view: View): View | null {
  const producer = recorder.producerOf(view.value);
  if (producer?.op !== 'Where') return null;
  const [condition, yes, no] = producer.inputs as [Value, Value, Value];
  if (recorder.scalarOf(yes) !== 1 || recorder.scalarOf(no) !== 0) return null;
  return { ...view, value: condition };
}

/** Multiplication: by the constant 1 nothing happens; by a mask that has just been made, its condition chooses. */
const multiply = kernel<BinaryInputs>(({ a, b }, _, tracing) => {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    if (uniform(tracing, one) === 1) return broadcast(other, broadcastDims([a.shape, b.shape]));
  }
  for (const [mask, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const condition = conditionOf(tracing, mask);
    if (condition !== null && !conditionOf(tracing, other))
      return apply(tracing, 'Where', [condition, other, zero(tracing)], 'float32');
  }
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
  if (dtype === 'float32' && x.value.type === 'bool') {
    // Where is faster than ONNX Runtime's Cast of booleans.
    return apply(tracing, 'Where', [x, one(tracing), zero(tracing)], 'float32');
  }
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
  // tfjs: a condition of rank 1 chooses rows.
  const rows = condition.shape.length === 1 && t.shape.length > 1;
  const chosen: View = rows
    ? {
        ...condition,
        shape: t.shape.map((_, i) => (i === 0 ? (condition.shape[0] as number) : 1)),
        axes: t.shape.map((_, i) => (i === 0 ? (condition.axes[0] as number) : -1)),
      }
    : condition;
  return apply(tracing, 'Where', [chosen, t, e], t.value.type);
});

const clip = kernel<UnaryInputs, ClipByValueAttrs>(({ x }, { clipValueMin, clipValueMax }, { recorder }) =>
  elementwise(recorder, [x], ([value], dims) => {
    const limits = [clipValueMin, clipValueMax].map((limit) =>
      recorder.constant((value as Value).type, [], [limit]),
    );
    return recorder.node('Clip', [value as Value, ...limits], dims);
  }),
);

const step = kernel<UnaryInputs, StepAttrs>(({ x }, { alpha }, tracing) => {
  const above = apply(tracing, 'Greater', [x, zero(tracing)], 'bool');
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
  const near = node.on(
    'Div',
    node.on('Mul', tanh, node.number(2)),
    node.on('Sub', node.number(1), tanh),
  );
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
