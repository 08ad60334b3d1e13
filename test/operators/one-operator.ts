/**
 * A maker of random small models for every operator type the left half supports: input 'x', output 'y', shapes,
 * attributes and constants drawn at random. The ONNX Runtime comparison and the displacement bounds run over this table.
 */
import { DataType } from '../../src/onnx/model/data-type.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import {
  type AttributeProto,
  AttributeType,
  type NodeProto,
  type TensorProto,
} from '../../src/onnx/model/proto.ts';
import { floatTensor, intAttr, intsAttr, intTensor, node } from '../onnx/tiny-model.ts';
import { dependentMatrixProduct, dependentProduct, dependentQuotient, local } from './local.ts';
import type { Random } from './random.ts';
import { structural } from './structural.ts';

export interface OneOperator {
  readonly nodes: NodeProto[];
  readonly initializers: TensorProto[];
  /** Shape of 'x', batch axis (1) included. */
  readonly dims: number[];
  readonly opset: number;
}

export const floatAttr = (name: string, f: number): AttributeProto => ({
  name,
  type: AttributeType.FLOAT,
  f,
});

export const stringAttr = (name: string, text: string): AttributeProto => ({
  name,
  type: AttributeType.STRING,
  s: new TextEncoder().encode(text),
});

const one = (
  type: string,
  dims: number[],
  attribute: AttributeProto[],
  constants: TensorProto[] = [],
  opset = 17,
): OneOperator => ({
  nodes: [node(type, ['x', ...constants.map((t) => t.name ?? '')], 'y', { attribute })],
  // An omitted optional input has an empty name and is not an initializer.
  initializers: constants.filter((t) => t.name !== ''),
  dims,
  opset,
});

const omitted: TensorProto = { name: '' };
const scalar = (name: string, value: number): TensorProto => floatTensor(name, [], [value]);

const image = (random: Random, channels = random.integer(1, 3)): number[] => [
  1,
  channels,
  ...Array.from({ length: random.integer(1, 2) }, () => random.integer(5, 7)),
];

const imageOrVolume = (random: Random): number[] =>
  random.integer(0, 3) === 0 ? [1, 2, 5, 6, 5] : image(random);

const anyShape = (random: Random): number[] => [
  1,
  ...Array.from({ length: random.integer(1, 3) }, () => random.integer(2, 4)),
];

/** A shape that broadcasts into `dims`. */
function broadcastable(random: Random, dims: readonly number[]): number[] {
  const kept = dims.slice(random.integer(0, dims.length));
  return kept.map((dim) => (random.integer(0, 2) === 0 ? 1 : dim));
}

function elementwise(type: 'Add' | 'Sub' | 'Mul' | 'Div') {
  return (random: Random): OneOperator => {
    const dims = anyShape(random);
    const shape = random.integer(0, 3) === 0 ? [2, ...dims.slice(1)] : broadcastable(random, dims);
    const values = random.float32s(sizeOf(shape)).map((v) => (type === 'Div' ? v + Math.sign(v) : v));
    const model = one(type, dims, [], [floatTensor('c', shape, values.map(Math.fround))]);
    const swapped = type !== 'Div' && random.integer(0, 1) === 1;
    const both = (type === 'Add' || type === 'Sub') && random.integer(0, 3) === 0;
    if (both) {
      // A residual sum of two tensors that both depend on the input.
      return {
        ...model,
        nodes: [node('LeakyRelu', ['x'], 'h'), node(type, ['h', 'x'], 'y')],
        initializers: [],
      };
    }
    return swapped ? { ...model, nodes: [node(type, ['c', 'x'], 'y')] } : model;
  };
}

const either =
  (...choices: ((random: Random) => OneOperator)[]) =>
  (random: Random): OneOperator =>
    random.pick(choices)(random);

/** A constant cast like a tensor that depends on x, and that tensor cast like a constant. */
function castLike(random: Random): OneOperator {
  const dims = anyShape(random);
  const constant = floatTensor('c', [dims.at(-1) as number], random.float32s(dims.at(-1) as number));
  const nodes = [
    node('Tanh', ['x'], 'h'),
    node('CastLike', random.integer(0, 1) ? ['c', 'h'] : ['h', 'c'], 'd'),
    node('Add', ['d', 'x'], 'y'),
  ];
  return { nodes, initializers: [constant], dims, opset: 17 };
}

/** Cells of a tensor and of a constant, or of another tensor, chosen by a constant. */
function where(random: Random): OneOperator {
  const dims = anyShape(random);
  const shape = broadcastable(random, dims);
  const chosen = Array.from({ length: sizeOf(shape) }, () => random.integer(0, 1));
  const condition: TensorProto = { name: 'm', dataType: DataType.BOOL, dims: shape, int32Data: chosen };
  const other = random.pick([['c'], ['h'], ['c', 'x'], ['h', 'x']]);
  const [a = 'x', b = 'x'] = random.integer(0, 1) ? other : [...other, 'x'].reverse();
  return {
    nodes: [node('Tanh', ['x'], 'h'), node('Where', ['m', a, b], 'w'), node('Add', ['w', 'h'], 'y')],
    initializers: [condition, scalar('c', Math.fround(random.normal()))],
    dims,
    opset: 17,
  };
}

/** Softplus as PyTorch writes it. */
function thresholdedSoftplus(random: Random): OneOperator {
  const dims = anyShape(random);
  const beta = random.pick([null, 1, 3, 0.5]);
  const initializers = [scalar('t', random.pick([20, 15])), ...(beta === null ? [] : [scalar('beta', beta)])];
  const nodes =
    beta === null
      ? [node('Softplus', ['x'], 'below'), node('Greater', ['x', 't'], 'over')]
      : [
          node('Mul', ['x', 'beta'], 's'),
          node('Softplus', ['s'], 'p'),
          node('Div', ['p', 'beta'], 'below'),
          node('Greater', ['s', 't'], 'over'),
        ];
  return { nodes: [...nodes, node('Where', ['over', 'x', 'below'], 'y')], initializers, dims, opset: 17 };
}

/** Random strides, dilations and padding of a window, automatic padding included. */
function windowAttributes(random: Random, kernel: number[], dilate: boolean): AttributeProto[] {
  const attributes = [
    intsAttr(
      'strides',
      kernel.map(() => random.integer(1, 3)),
    ),
  ];
  const automatic = random.pick(['NOTSET', 'NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
  if (automatic === 'NOTSET') {
    attributes.push(
      intsAttr(
        'pads',
        [...kernel, ...kernel].map((k) => random.integer(0, k - 1)),
      ),
    );
    if (dilate)
      attributes.push(
        intsAttr(
          'dilations',
          kernel.map(() => random.integer(1, 2)),
        ),
      );
  } else attributes.push(stringAttr('auto_pad', automatic));
  return attributes;
}

function conv(random: Random): OneOperator {
  const groups = random.integer(1, 2);
  const perGroup = random.pick([1, 3]);
  const outChannels = groups * random.integer(1, 2);
  const dims = image(random, groups * perGroup);
  const kernel = dims.slice(2).map(() => random.integer(1, 3));
  const shape = [outChannels, perGroup, ...kernel];
  const constants = [floatTensor('w', shape, random.float32s(sizeOf(shape)))];
  if (random.integer(0, 1) === 1)
    constants.push(floatTensor('b', [outChannels], random.float32s(outChannels)));
  return one('Conv', dims, [...windowAttributes(random, kernel, true), intAttr('group', groups)], constants);
}

/** Whether windows that are padded automatically leave cells out. */
const skips = (attributes: readonly AttributeProto[], kernel: readonly number[]): boolean =>
  attributes.some((a) => a.name === 'auto_pad') &&
  attributes.some(
    (a) => a.name === 'strides' && a.ints?.some((stride, k) => Number(stride) > (kernel[k] ?? 0)),
  );

function pool(type: 'MaxPool' | 'AveragePool', dimsOf: (random: Random) => number[]) {
  return (random: Random): OneOperator => {
    const dims = dimsOf(random);
    const kernel = dims.slice(2).map(() => random.integer(1, 3));
    let attributes = windowAttributes(random, kernel, true);
    // ONNX Runtime computes a negative padding for them.
    while (skips(attributes, kernel)) attributes = windowAttributes(random, kernel, true);
    const automatic = attributes.some((a) => a.name === 'auto_pad');
    if (!automatic && random.integer(0, 1) === 1) attributes.push(intAttr('ceil_mode', 1));
    if (type === 'AveragePool' && random.integer(0, 1) === 1)
      attributes.push(intAttr('count_include_pad', 1));
    return one(type, dims, [...attributes, intsAttr('kernel_shape', kernel)], [], 19);
  };
}

function gemm(random: Random): OneOperator {
  const [rows, inner, out] = [random.pick([1, 1, 3]), random.integer(2, 6), random.integer(2, 6)];
  const [transA, transB] = [random.integer(0, 1), random.integer(0, 1)];
  const [left, right] = [transA ? [inner, rows] : [rows, inner], transB ? [out, inner] : [inner, out]];
  const second = random.integer(0, 3) === 0;
  const shape = second ? left : right;
  const constants = [floatTensor('w', shape, random.float32s(sizeOf(shape)))];
  const bias = random.pick([null, [out], [1, out], [1], []]);
  if (bias !== null) constants.push(floatTensor('c', bias, random.float32s(sizeOf(bias))));
  const attribute = [intAttr('transA', transA), intAttr('transB', transB)];
  if (random.integer(0, 1) === 1)
    attribute.push(
      floatAttr('alpha', Math.fround(random.normal())),
      floatAttr('beta', Math.fround(random.normal())),
    );
  const inputs = [...(second ? ['w', 'x'] : ['x', 'w']), ...(bias === null ? [] : ['c'])];
  return {
    nodes: [node('Gemm', inputs, 'y', { attribute })],
    initializers: constants,
    dims: second ? right : left,
    opset: 17,
  };
}

function matMul(random: Random): OneOperator {
  const [m, k, n] = [random.integer(1, 3), random.integer(2, 5), random.integer(2, 5)];
  // Shapes of both factors, the constant one last in the first list: the usual linear layers, and the rest of numpy's.
  const usual = random.pick([
    [
      [1, k],
      [k, n],
    ],
    [
      [1, m, k],
      [k, n],
    ],
  ]) as [number[], number[]];
  const any = random.pick([
    [
      [n, k],
      [1, k, m],
    ],
    [
      [1, 2, m, k],
      [1, 2, k, n],
    ],
    [
      [1, 1, m, k],
      [3, k, n],
    ],
    [[k], [1, k, n]],
    [[1, m, k], [k]],
  ]) as [number[], number[]];
  const common = random.integer(0, 1) === 1;
  const [left, right] = common ? usual : any;
  const second = !common && random.integer(0, 1) === 1;
  const shape = second ? left : right;
  return {
    nodes: [node('MatMul', second ? ['w', 'x'] : ['x', 'w'], 'y')],
    initializers: [floatTensor('w', shape, random.float32s(sizeOf(shape)))],
    dims: second ? right : left,
    opset: 17,
  };
}

function batchNormalization(random: Random): OneOperator {
  const dims = random.integer(0, 1) === 1 ? image(random) : [1, random.integer(2, 5)];
  const channels = dims[1] as number;
  const positive = random.float32s(channels).map((v) => Math.fround(v * v + 0.01));
  return one(
    'BatchNormalization',
    dims,
    random.integer(0, 1) === 1 ? [floatAttr('epsilon', Math.fround(random.uniform(1e-6, 0.1)))] : [],
    [
      ...['scale', 'bias', 'mean'].map((name) => floatTensor(name, [channels], random.float32s(channels))),
      floatTensor('var', [channels], positive),
    ],
  );
}

function slice(random: Random): OneOperator {
  const dims = anyShape(random);
  const axis = random.integer(1, dims.length - 1);
  const length = dims[axis] as number;
  const step = random.pick([1, 1, 2, -1, -2]);
  const [start, end] =
    step > 0
      ? [
          random.integer(0, 1) - (random.integer(0, 1) ? length : 0),
          random.pick([length, length + 5, 2 ** 63]),
        ]
      : [random.pick([-1, length + 3]), random.pick([0, -length - 5, -(2 ** 63)])];
  if (random.integer(0, 2) === 0 && step === 1) {
    const attributes = [
      intsAttr('starts', [start]),
      intsAttr('ends', [length + 1]),
      intsAttr('axes', [axis]),
    ];
    return one('Slice', dims, attributes, [], 9);
  }
  const raw = (name: string, value: number): TensorProto => ({
    name,
    dataType: DataType.INT64,
    dims: [1],
    rawData: new Uint8Array(
      BigInt64Array.of(
        BigInt.asIntN(
          64,
          Math.abs(value) < 2 ** 62 ? BigInt(value) : value > 0 ? 2n ** 63n - 1n : -(2n ** 63n),
        ),
      ).buffer,
    ),
  });
  return one(
    'Slice',
    dims,
    [],
    [
      raw('starts', start),
      raw('ends', end),
      intTensor('axes', [random.integer(0, 1) ? axis : axis - dims.length]),
      intTensor('steps', [step]),
    ],
  );
}

function concat(random: Random): OneOperator {
  const dims = anyShape(random);
  const axis = random.integer(1, dims.length - 1);
  const other = dims.map((dim, a) => (a === axis ? random.integer(1, 3) : dim));
  const model = one('Concat', dims, [], [floatTensor('c', other, random.float32s(sizeOf(other)))]);
  const attribute = [intAttr('axis', random.integer(0, 1) ? axis : axis - dims.length)];
  return {
    ...model,
    nodes: [node('Sigmoid', ['x'], 'h'), node('Concat', ['h', 'c', 'x'], 'y', { attribute })],
  };
}

function gather(random: Random): OneOperator {
  const dims = anyShape(random);
  const axis = random.integer(1, dims.length - 1);
  const length = dims[axis] as number;
  const index: TensorProto = random.integer(0, 1)
    ? intTensor(
        'i',
        Array.from({ length: random.integer(1, 4) }, () => random.integer(-length, length - 1)),
      )
    : { name: 'i', dataType: DataType.INT64, dims: [], int64Data: [random.integer(0, length - 1)] };
  return one('Gather', dims, [intAttr('axis', axis)], [index]);
}

function pad(random: Random): OneOperator {
  const dims = [1, random.integer(1, 2), random.integer(3, 5), random.integer(3, 5)];
  const mode = random.pick(['constant', 'reflect', 'edge', 'wrap']);
  const amount = (): number => random.integer(mode === 'constant' ? -1 : 0, 2);
  const fill = Math.fround(random.normal());
  const attributes = [stringAttr('mode', mode)];
  if (random.integer(0, 1) && mode !== 'wrap') {
    const pads = [0, 0, amount(), amount(), 0, 0, amount(), amount()];
    if (random.integer(0, 1))
      return one('Pad', dims, [...attributes, intsAttr('pads', pads), floatAttr('value', fill)], [], 10);
    return one('Pad', dims, attributes, [
      intTensor('pads', pads),
      ...(random.integer(0, 1) ? [scalar('fill', fill)] : []),
    ]);
  }
  const constants = [intTensor('pads', [amount(), amount(), amount(), amount()]), scalar('fill', fill)];
  return one('Pad', dims, attributes, [...constants, intTensor('axes', [2, -1])], mode === 'wrap' ? 19 : 18);
}

function reduce(type: 'ReduceMean' | 'ReduceSum') {
  return (random: Random): OneOperator => {
    const dims = anyShape(random);
    const listed = dims.map((_, a) => a).filter((a) => a > 0 && random.integer(0, 1) === 1);
    const axes = listed.map((a) => (random.integer(0, 1) ? a : a - dims.length));
    const keep = intAttr('keepdims', axes.length === 0 ? 1 : random.integer(0, 1));
    const asInput = type === 'ReduceSum' ? 13 : 18;
    if (random.integer(0, 1))
      return one(type, dims, axes.length === 0 ? [keep] : [keep, intsAttr('axes', axes)], [], 11);
    const noop = intAttr('noop_with_empty_axes', axes.length === 0 ? random.integer(0, 1) : 0);
    return one(type, dims, [keep, noop], axes.length === 0 ? [] : [intTensor('axes', axes)], asInput);
  };
}

function reshape(random: Random): OneOperator {
  const [a, b, c] = [random.integer(2, 4), random.integer(2, 4), random.integer(1, 3)];
  const target = random.pick([
    [1, -1],
    [0, 0, -1],
    [1, c, b, a],
    [-1, a],
    [0, -1, c],
  ]);
  return one('Reshape', [1, a, b, c], [], [intTensor('shape', target)]);
}

function squeeze(random: Random): OneOperator {
  const dims = [1, 1, random.integer(2, 4), 1];
  const form = random.integer(0, 2);
  if (form === 0) return one('Squeeze', dims, [intsAttr('axes', [1, -1])], [], 11);
  return one('Squeeze', dims, [], form === 1 ? [intTensor('axes', [-1])] : []);
}

function unsqueeze(random: Random): OneOperator {
  const dims = anyShape(random);
  const axes = random.pick([[1], [-1], [1, 3], [2, -1]]);
  return random.integer(0, 1)
    ? one('Unsqueeze', dims, [intsAttr('axes', axes)], [], 11)
    : one('Unsqueeze', dims, [], [intTensor('axes', axes)]);
}

function clip(random: Random): OneOperator {
  const dims = anyShape(random);
  const [low, high] = [Math.fround(random.uniform(-1, 0)), Math.fround(random.uniform(0.1, 1))];
  const form = random.integer(0, 4);
  if (form === 0) return one('Clip', dims, [floatAttr('min', low), floatAttr('max', high)], [], 9);
  if (form === 1) return one('Clip', dims, [floatAttr('max', high)], [], 9);
  if (form === 2) return one('Clip', dims, [], [omitted, scalar('high', high)]);
  if (form === 3) return one('Clip', dims, [], [scalar('low', low)]);
  return one('Clip', dims, [], [scalar('low', low), scalar('high', high)]);
}

function pRelu(random: Random): OneOperator {
  const dims = image(random);
  const shape = random.pick([[1], [dims[1] as number, ...dims.slice(2).map(() => 1)], dims.slice(1)]);
  return one('PRelu', dims, [], [floatTensor('slope', shape, random.float32s(sizeOf(shape)))]);
}

function transpose(random: Random): OneOperator {
  const dims = anyShape(random);
  const rest = dims.slice(1).map((_, k) => k + 1);
  const perm = random.pick([
    [0, ...rest.reverse()],
    [...rest.slice(1), 0, rest[0] as number],
  ]);
  return one('Transpose', dims, random.integer(0, 3) === 0 ? [] : [intsAttr('perm', perm)]);
}

function dropout(random: Random): OneOperator {
  const dims = anyShape(random);
  if (random.integer(0, 1)) return one('Dropout', dims, [floatAttr('ratio', 0.3)], [], 10);
  const off: TensorProto = { name: 'training', dataType: DataType.BOOL, dims: [], int32Data: [0] };
  return one('Dropout', dims, [], random.integer(0, 1) ? [] : [scalar('ratio', 0.3), off]);
}

const plain =
  (type: string, attributes: (random: Random) => AttributeProto[] = () => []) =>
  (random: Random): OneOperator =>
    one(type, anyShape(random), attributes(random));

/** A function that is defined or bounded only for positive numbers, after a Sigmoid. */
const ofPositive =
  (type: string) =>
  (random: Random): OneOperator => ({
    ...one(type, anyShape(random), []),
    nodes: [node('Sigmoid', ['x'], 'h'), node(type, ['h'], 'y')],
  });

function pow(random: Random): OneOperator {
  const dims = anyShape(random);
  if (random.integer(0, 1)) return one('Pow', dims, [], [scalar('p', random.pick([1, 2, 2, 3]))]);
  const shape = broadcastable(random, dims);
  const values = Array.from({ length: sizeOf(shape) }, () => random.pick([-1, -0.5, 0, 0.5, 1, 1.5, 2, 3]));
  return {
    ...one('Pow', dims, [], [floatTensor('p', shape, values)]),
    nodes: [node('Sigmoid', ['x'], 'h'), node('Pow', ['h', 'p'], 'y')],
  };
}

/** A pool of l2 norms as PyTorch writes it; the last factor and the root are its own. */
const lpPool =
  (root: 'Pow' | 'Sqrt') =>
  (random: Random): OneOperator => {
    const dims = [1, 2, random.integer(4, 6), random.integer(4, 6)];
    const attribute = [
      intsAttr('kernel_shape', [2, 3]),
      intsAttr('strides', [random.integer(1, 2), random.integer(1, 3)]),
    ];
    return {
      nodes: [
        root === 'Pow' ? node('Pow', ['x', 'two'], 's') : node('Mul', ['x', 'x'], 's'),
        node('AveragePool', ['s'], 'm', { attribute }),
        node('Mul', ['m', 'k'], 'km'),
        node(root, root === 'Pow' ? ['km', 'half'] : ['km'], 'y'),
      ],
      initializers: [
        scalar('two', 2),
        scalar('half', 0.5),
        scalar('k', random.pick([6, 1, 0.3].map(Math.fround))),
      ],
      dims,
      opset: 17,
    };
  };

/** l2 norms along axes, written out. */
const norm =
  (root: 'Pow' | 'Sqrt') =>
  (random: Random): OneOperator => {
    const dims = [1, random.integer(1, 4), random.integer(1, 4), random.integer(1, 3)];
    const axes = [1, 2, 3].filter((axis) => axis === 2 || random.integer(0, 1) === 1);
    const keepdims = intAttr('keepdims', random.integer(0, 1));
    return {
      nodes: [
        root === 'Sqrt' ? node('Pow', ['x', 'two'], 's') : node('Mul', ['x', 'x'], 's'),
        node('ReduceSum', ['s', 'axes'], 'n', { attribute: [keepdims] }),
        node(root, root === 'Pow' ? ['n', 'half'] : ['n'], 'y'),
      ],
      initializers: [scalar('two', 2), scalar('half', 0.5), intTensor('axes', axes)],
      dims,
      opset: 17,
    };
  };

/** x against one or two constants, some of which repeat its cells. */
const extremum =
  (type: 'Max' | 'Min') =>
  (random: Random): OneOperator => {
    const dims = anyShape(random);
    const constants = Array.from({ length: random.integer(0, 2) }, (_, k) => {
      const shape = random.integer(0, 3) === 0 ? [2, ...dims.slice(1)] : broadcastable(random, dims);
      return floatTensor(`c${k}`, shape, random.float32s(sizeOf(shape)));
    });
    const model = one(type, dims, [], constants);
    const names = constants.map((t) => t.name ?? '');
    return random.integer(0, 1) ? { ...model, nodes: [node(type, [...names, 'x'], 'y')] } : model;
  };

/** Attributes within a range, or their defaults. */
const drawn =
  (ranges: Readonly<Record<string, readonly [low: number, high: number]>>) =>
  (random: Random): AttributeProto[] =>
    Object.entries(ranges).flatMap(([name, [low, high]]) =>
      random.integer(0, 2) === 0 ? [] : [floatAttr(name, Math.fround(random.uniform(low, high)))],
    );

const since =
  (opset: number, type: string, attributes: (random: Random) => AttributeProto[] = () => []) =>
  (random: Random): OneOperator => ({ ...plain(type, attributes)(random), opset });

/** x reshaped to what Shape says, with an axis appended: shape arithmetic as exporters write it. */
function shape(random: Random): OneOperator {
  const dims = anyShape(random);
  const attribute = random.integer(0, 1) ? [intAttr('start', 0), intAttr('end', -1)] : [intAttr('end', 1)];
  return {
    ...one('Shape', dims, [], [intTensor('rest', [-1])]),
    nodes: [
      node('Shape', ['x'], 's', { attribute }),
      node('Concat', ['s', 'rest'], 't', { attribute: [intAttr('axis', 0)] }),
      node('Reshape', ['x', 't'], 'y'),
    ],
  };
}

function constant(random: Random): OneOperator {
  const dims = anyShape(random);
  const t = floatTensor('', [dims.at(-1) as number], random.float32s(dims.at(-1) as number));
  const attribute: AttributeProto[] = [{ name: 'value', type: AttributeType.TENSOR, t }];
  return {
    ...one('Constant', dims, []),
    nodes: [node('Constant', [], 'c', { attribute }), node('Add', ['x', 'c'], 'y')],
  };
}

/** Makers by operator type; the type occurs in every model its maker returns. */
export const makers: Readonly<Record<string, (random: Random) => OneOperator>> = {
  Abs: plain('Abs'),
  Add: elementwise('Add'),
  Atan: plain('Atan'),
  AveragePool: pool('AveragePool', imageOrVolume),
  BatchNormalization: batchNormalization,
  Cast: plain('Cast', () => [intAttr('to', DataType.FLOAT)]),
  CastLike: castLike,
  Celu: plain('Celu', drawn({ alpha: [0.3, 3] })),
  Clip: clip,
  Concat: concat,
  Constant: constant,
  Conv: conv,
  Cos: plain('Cos'),
  Div: either(elementwise('Div'), dependentQuotient),
  Dropout: dropout,
  Elu: plain('Elu', (random) => [floatAttr('alpha', Math.fround(random.uniform(0.2, 2)))]),
  Erf: plain('Erf'),
  Exp: plain('Exp'),
  Flatten: plain('Flatten', (random) => [intAttr('axis', random.pick([0, 1, -1]))]),
  Gather: gather,
  Gelu: since(20, 'Gelu', (random) =>
    random.integer(0, 2) === 0 ? [] : [stringAttr('approximate', random.pick(['none', 'tanh']))],
  ),
  Gemm: gemm,
  GlobalAveragePool: (random) => one('GlobalAveragePool', image(random), []),
  GlobalMaxPool: (random) => one('GlobalMaxPool', image(random), []),
  HardSigmoid: plain('HardSigmoid', drawn({ alpha: [-0.5, 1], beta: [-0.5, 1.5] })),
  HardSwish: plain('HardSwish'),
  Identity: plain('Identity'),
  LeakyRelu: plain('LeakyRelu', (random) =>
    random.integer(0, 1) ? [floatAttr('alpha', Math.fround(random.normal()))] : [],
  ),
  Log: ofPositive('Log'),
  MatMul: either(matMul, matMul, dependentMatrixProduct),
  Max: extremum('Max'),
  MaxPool: pool('MaxPool', imageOrVolume),
  Min: extremum('Min'),
  Mish: since(18, 'Mish'),
  Mul: either(elementwise('Mul'), dependentProduct),
  Neg: plain('Neg'),
  PRelu: pRelu,
  Pad: pad,
  Pow: either(pow, pow, lpPool('Pow'), norm('Pow')),
  Reciprocal: ofPositive('Reciprocal'),
  ReduceMean: reduce('ReduceMean'),
  ReduceSum: reduce('ReduceSum'),
  Relu: plain('Relu'),
  Reshape: reshape,
  Selu: plain('Selu', drawn({ alpha: [-2, 2], gamma: [-2, 2] })),
  Shape: shape,
  Shrink: plain('Shrink', drawn({ lambd: [0, 1], bias: [-0.5, 1] })),
  Sigmoid: plain('Sigmoid'),
  Sin: plain('Sin'),
  Slice: slice,
  Softplus: plain('Softplus'),
  Softsign: plain('Softsign'),
  Sqrt: either(ofPositive('Sqrt'), lpPool('Sqrt'), norm('Sqrt')),
  Squeeze: squeeze,
  Sub: elementwise('Sub'),
  Swish: since(24, 'Swish', drawn({ alpha: [-2, 3] })),
  Tanh: plain('Tanh'),
  ThresholdedRelu: plain('ThresholdedRelu', drawn({ alpha: [-1, 1] })),
  Transpose: transpose,
  Unsqueeze: unsqueeze,
  Where: either(where, thresholdedSoftplus),
  ...structural,
  ...local,
};

/**
 * As `makers`, without products and quotients of two dependent tensors, pools over three axes and written-out expressions,
 * which are bounded but not trained.
 */
export const makersOfTrained: typeof makers = {
  ...makers,
  AveragePool: pool('AveragePool', image),
  MaxPool: pool('MaxPool', image),
  Pow: pow,
  Sqrt: ofPositive('Sqrt'),
  Where: where,
  Div: elementwise('Div'),
  MatMul: matMul,
  Mul: elementwise('Mul'),
};
