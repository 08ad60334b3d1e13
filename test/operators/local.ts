/** Makers of random models for the operators that are bounded on balls (see one-operator.ts). */
import { sizeOf } from '../../src/onnx/model/graph.ts';
import {
  type AttributeProto,
  AttributeType,
  type NodeProto,
  type TensorProto,
} from '../../src/onnx/model/proto.ts';
import { floatTensor, intAttr, intsAttr, node } from '../onnx/tiny-model.ts';
import type { Random } from './random.ts';

interface Made {
  readonly nodes: NodeProto[];
  readonly initializers: TensorProto[];
  readonly dims: number[];
  readonly opset: number;
}

const float = (name: string, f: number): AttributeProto => ({ name, type: AttributeType.FLOAT, f });
const constant = (random: Random, name: string, dims: number[]): TensorProto =>
  floatTensor(name, dims, random.float32s(sizeOf(dims)));
const scalar = (name: string, value: number): TensorProto => floatTensor(name, [], [value]);
const shapeOf = (random: Random, least: number, most: number): number[] => [
  1,
  ...Array.from({ length: random.integer(least, most) }, () => random.integer(2, 4)),
];

const made = (
  type: string,
  dims: number[],
  attribute: AttributeProto[],
  initializers: TensorProto[] = [],
  opset = 17,
): Made => ({
  nodes: [node(type, ['x', ...initializers.map((t) => t.name ?? '')], 'y', { attribute })],
  initializers,
  dims,
  opset,
});

const epsilon = (random: Random): AttributeProto[] =>
  random.integer(0, 1) ? [float('epsilon', Math.fround(random.pick([1e-5, 1e-3, 0.1])))] : [];

function instanceNormalization(random: Random): Made {
  const dims = [...shapeOf(random, 1, 1), ...shapeOf(random, 1, 2).slice(1)];
  const channels = [dims[1] as number];
  const constants = [constant(random, 's', channels), constant(random, 'b', channels)];
  return made('InstanceNormalization', dims, epsilon(random), constants);
}

function groupNormalization(random: Random): Made {
  const [groups, each] = [random.integer(1, 3), random.integer(1, 3)];
  const dims = [1, groups * each, ...shapeOf(random, 1, 2).slice(1)];
  const opset = random.pick([18, 21]);
  const size = [opset === 18 ? groups : groups * each];
  const constants = [constant(random, 's', size), constant(random, 'b', size)];
  return made(
    'GroupNormalization',
    dims,
    [intAttr('num_groups', groups), ...epsilon(random)],
    constants,
    opset,
  );
}

function overLastAxes(type: 'LayerNormalization' | 'RMSNormalization') {
  return (random: Random): Made => {
    const dims = shapeOf(random, 1, 3);
    const axis = random.integer(1, dims.length - 1);
    const shape = dims.slice(axis);
    const constants = [constant(random, 's', shape)];
    const isLayer = type === 'LayerNormalization';
    if (isLayer && random.integer(0, 1)) constants.push(constant(random, 'b', shape));
    const at = intAttr('axis', random.integer(0, 1) ? axis : axis - dims.length);
    return made(type, dims, [at, ...epsilon(random)], constants, isLayer ? 17 : 23);
  };
}

function lpNormalization(random: Random): Made {
  const dims = shapeOf(random, 1, 3);
  return made('LpNormalization', dims, [
    intAttr('axis', random.integer(1, dims.length - 1)),
    intAttr('p', 2),
  ]);
}

function softmax(type: 'Softmax' | 'LogSoftmax') {
  return (random: Random): Made => {
    const dims = shapeOf(random, 1, 3);
    const attribute = random.integer(0, 2) ? [intAttr('axis', random.integer(1, dims.length - 1))] : [];
    return made(type, dims, attribute, [], random.pick([11, 13]));
  };
}

/** A gate of one value per channel, as in squeeze-and-excite, or of one per cell. */
function gated(random: Random): Made {
  const dims = [1, random.integer(2, 3), random.integer(2, 3), random.integer(2, 3)];
  const pooled = random.integer(0, 1) === 1;
  const weight = constant(random, 'w', [dims[1] as number, dims[1] as number, 1, 1]);
  const nodes = [
    ...(pooled ? [node('GlobalAveragePool', ['x'], 'p')] : []),
    node('Conv', [pooled ? 'p' : 'x', 'w'], 'c'),
    node('Sigmoid', ['c'], 'g'),
    node('Mul', random.integer(0, 1) ? ['x', 'g'] : ['g', 'x'], 'y'),
  ];
  return { nodes, initializers: [weight], dims, opset: 17 };
}

/** Products that have a bound as a whole: x², SiLU, Mish, GELU as three exporters write it. */
function known(random: Random): Made {
  const dims = shapeOf(random, 1, 3);
  const constants = [scalar('one', 1), scalar('half', 0.5), scalar('root', Math.fround(Math.SQRT1_2))];
  const initializers = [...constants, scalar('two', Math.fround(Math.SQRT2))];
  const gelu = (argument: NodeProto, scaled: NodeProto[], factor: string): NodeProto[] => [
    argument,
    node('Erf', ['a'], 'e'),
    node('Add', random.integer(0, 1) ? ['e', 'one'] : ['one', 'e'], 'f'),
    ...scaled,
    node('Mul', random.integer(0, 1) ? [factor, 'f'] : ['f', factor], 'y'),
  ];
  const nodes = random.pick([
    [node('Mul', ['x', 'x'], 'y')],
    [node('Sigmoid', ['x'], 's'), node('Mul', ['x', 's'], 'y')],
    [node('Softplus', ['x'], 's'), node('Tanh', ['s'], 't'), node('Mul', ['t', 'x'], 'y')],
    gelu(node('Div', ['x', 'two'], 'a'), [], 'x'),
    gelu(node('Mul', ['x', 'root'], 'a'), [node('Mul', ['x', 'half'], 'h')], 'h'),
  ]);
  return { nodes, initializers, dims, opset: 17 };
}

export const dependentProduct = (random: Random): Made => random.pick([gated, known])(random);

/** A LayerNormalization, or an RMSNormalization, written out as before opset 17. */
function writtenOut(random: Random): Made {
  const dims = shapeOf(random, 1, 3);
  const axes = [intsAttr('axes', [-1])];
  const centred = random.integer(0, 1) === 1;
  const d = centred ? 'd' : 'x';
  const nodes = [
    ...(centred ? [node('ReduceMean', ['x'], 'm', { attribute: axes }), node('Sub', ['x', 'm'], 'd')] : []),
    random.integer(0, 1) ? node('Pow', [d, 'two'], 'q') : node('Mul', [d, d], 'q'),
    node('ReduceMean', ['q'], 'v', { attribute: axes }),
    node('Add', ['v', 'eps'], 'w'),
    node('Sqrt', ['w'], 's'),
    node('Div', [d, 's'], 'y'),
  ];
  return { nodes, initializers: [scalar('two', 2), scalar('eps', Math.fround(1e-3))], dims, opset: 13 };
}

/** Over a divisor away from zero: one per cell or per channel; or a constant over it. */
function quotient(random: Random): Made {
  const dims = shapeOf(random, 2, 3);
  const whole = random.integer(0, 1) === 1;
  const nodes = [
    node('Sigmoid', ['x'], 's'),
    ...(whole ? [] : [node('ReduceMean', ['s'], 'r', { attribute: [intsAttr('axes', [1])] })]),
    node('Add', [whole ? 's' : 'r', 'c'], 'b'),
    node('Div', [random.integer(0, 2) ? 'x' : 'k', 'b'], 'y'),
  ];
  const initializers = [scalar('c', random.pick([0.3, -1.5])), constant(random, 'k', dims.slice(1))];
  return { nodes, initializers, dims, opset: 13 };
}

export const dependentQuotient = (random: Random): Made => random.pick([writtenOut, quotient])(random);

/** Attention scaled by a quotient of constants, without its softmax, or a product of blocks of which one is used for all. */
export function dependentMatrixProduct(random: Random): Made {
  const [heads, rows, columns] = [random.integer(1, 2), random.integer(2, 3), random.integer(2, 3)];
  const dims = [1, heads, rows, columns];
  const shared = random.integer(0, 2) === 0;
  const nodes = [
    node('Transpose', ['x'], 't', { attribute: [intsAttr('perm', [0, 1, 3, 2])] }),
    ...(shared ? [node('ReduceMean', ['t'], 'k', { attribute: [intsAttr('axes', [1])] })] : []),
    node('Tanh', ['x'], 'q'),
    node('Div', ['one', 'root'], 's'),
    node('Mul', ['q', 's'], 'p'),
    node('MatMul', ['p', shared ? 'k' : 't'], 'y'),
  ];
  const initializers = [scalar('one', 1), scalar('root', random.pick([2.5, 1, Math.fround(Math.sqrt(8))]))];
  return { nodes, initializers, dims, opset: 13 };
}

export const local: Readonly<Record<string, (random: Random) => Made>> = {
  GroupNormalization: groupNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: overLastAxes('LayerNormalization'),
  LogSoftmax: softmax('LogSoftmax'),
  LpNormalization: lpNormalization,
  RMSNormalization: overLastAxes('RMSNormalization'),
  Softmax: softmax('Softmax'),
};
