// The corpus the mutants grow from: small valid models, made here, that together use what real exporters write.
import { encodeModel } from '../../dist/onnx/model/codec.js';
import { DataType } from '../../dist/onnx/model/data-type.js';
import { tensorInfo } from '../../dist/onnx/model/extract.js';
import { AttributeType } from '../../dist/onnx/model/proto.js';

const size = (dims) => dims.reduce((a, b) => a * b, 1);

function weight(name, dims, scale = 0.5) {
  const values = Float32Array.from(
    { length: size(dims) },
    (_, k) => scale * Math.sin(1 + 2.3 * k + name.length),
  );
  return { name, dataType: DataType.FLOAT, dims, rawData: new Uint8Array(values.buffer) };
}
const positive = (name, dims) => {
  const values = Float32Array.from({ length: size(dims) }, (_, k) => 1 + (k % 3) / 4);
  return { name, dataType: DataType.FLOAT, dims, rawData: new Uint8Array(values.buffer) };
};
const ints = (name, values, dims = [values.length]) => ({
  name,
  dataType: DataType.INT64,
  dims,
  int64Data: values,
});
const floats = (name, values, dims = [values.length]) => ({
  name,
  dataType: DataType.FLOAT,
  dims,
  floatData: values,
});
const bytes = (name, dataType, values, dims = [values.length]) => ({
  name,
  dataType,
  dims,
  rawData: Uint8Array.from(values),
});

const node = (opType, input, output, attribute = [], more = {}) => ({
  opType,
  name: `${opType}_${[output].flat()[0]}`,
  input,
  output: [output].flat(),
  attribute,
  ...more,
});
const int = (name, i) => ({ name, type: AttributeType.INT, i });
const list = (name, values) => ({ name, type: AttributeType.INTS, ints: values });
const float = (name, f) => ({ name, type: AttributeType.FLOAT, f });
const text = (name, s) => ({ name, type: AttributeType.STRING, s: new TextEncoder().encode(s) });
const tensor = (name, t) => ({ name, type: AttributeType.TENSOR, t });
const graph = (name, g) => ({ name, type: AttributeType.GRAPH, g });

function model(
  nodes,
  initializer,
  { input = ['N', 3, 8, 8], classes = 4, opset = 17, ir = 8, ...more } = {},
) {
  return {
    irVersion: ir,
    producerName: 'splitz-fuzz',
    opsetImport: [
      { domain: '', version: opset },
      ...(more.functions ? [{ domain: 'local', version: 1 }] : []),
    ],
    graph: {
      name: 'seed',
      node: nodes,
      initializer,
      input: [tensorInfo('x', more.inputType ?? DataType.FLOAT, input)],
      output: [tensorInfo('y', DataType.FLOAT, [input[0], classes])],
      valueInfo: [],
    },
    metadataProps: [{ key: 'splitz.sigma', value: '0.5' }],
    ...(more.functions ? { functions: more.functions } : {}),
  };
}

const convolutional = model(
  [
    node('Conv', ['x', 'w1', 'b1'], 'c1', [list('pads', [1, 1, 1, 1]), list('kernel_shape', [3, 3])]),
    node('BatchNormalization', ['c1', 'g', 'be', 'm', 'v'], 'n1', [float('epsilon', 1e-5)]),
    node('Relu', ['n1'], 'r1'),
    node('MaxPool', ['r1'], 'p1', [list('kernel_shape', [2, 2]), list('strides', [2, 2])]),
    node('Conv', ['p1', 'w2'], 'c2', [list('pads', [1, 1, 1, 1]), int('group', 2)]),
    node('Add', ['c2', 'p1'], 'a2'),
    node('Relu', ['a2'], 'r2'),
    node('GlobalAveragePool', ['r2'], 'gap'),
    node('Flatten', ['gap'], 'f'),
    node('Gemm', ['f', 'w3', 'b3'], 'y', [int('transB', 1)]),
  ],
  [
    weight('w1', [4, 3, 3, 3]),
    weight('b1', [4]),
    positive('g', [4]),
    weight('be', [4]),
    weight('m', [4]),
    positive('v', [4]),
  ].concat([weight('w2', [4, 2, 3, 3]), weight('w3', [4, 4]), weight('b3', [4])]),
);

const perceptron = model(
  [
    node('Flatten', ['x'], 'f'),
    node('Gemm', ['f', 'w1', 'b1'], 'h', [float('alpha', 1), float('beta', 1)]),
    node('Dropout', ['h'], 'd'),
    node('LeakyRelu', ['d'], 'a', [float('alpha', 0.1)]),
    node('MatMul', ['a', 'w2'], 'm'),
    node('Add', ['m', 'b2'], 'y'),
  ],
  [
    weight('w1', [12, 6]),
    floats('b1', [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
    weight('w2', [6, 4]),
    weight('b2', [4]),
  ],
  { input: ['N', 3, 2, 2], opset: 9, ir: 4 },
);

/** Reshape arithmetic, Transpose, Softmax at the end, a fixed batch. */
const channelsLast = model(
  [
    node('Sub', ['x', 'mean'], 's'),
    node('Transpose', ['s'], 't', [list('perm', [0, 3, 1, 2])]),
    node('Conv', ['t', 'w1'], 'c', [list('strides', [2, 2]), text('auto_pad', 'SAME_UPPER')]),
    node('Constant', [], 'slope', [tensor('value', floats('slope', [0.2], [1]))]),
    node('PRelu', ['c', 'slope'], 'r'),
    node('AveragePool', ['r'], 'p', [list('kernel_shape', [2, 2]), int('count_include_pad', 1)]),
    node('Shape', ['p'], 'sh'),
    node('Gather', ['sh', 'zero'], 'n', [int('axis', 0)]),
    node('Unsqueeze', ['n', 'axes'], 'n1'),
    node('Concat', ['n1', 'minus'], 'target', [int('axis', 0)]),
    node('Reshape', ['p', 'target'], 'f'),
    node('MatMul', ['f', 'w2'], 'z'),
    node('Softmax', ['z'], 'y', [int('axis', -1)]),
  ],
  [
    floats('mean', [127.5], [1]),
    weight('w1', [4, 3, 3, 3]),
    ints('zero', [0], []),
    ints('axes', [0]),
    ints('minus', [-1]),
    weight('w2', [36, 4]),
  ],
  { input: [1, 8, 8, 3] },
);

const branch = (name, scale) => ({
  name,
  node: [
    node('Constant', [], `${name}_c`, [tensor('value', floats('', [scale], []))]),
    node('Mul', ['h', `${name}_c`], `${name}_out`),
  ],
  output: [tensorInfo(`${name}_out`, DataType.FLOAT, ['N', 4])],
});
const conditional = model(
  [
    node('Flatten', ['x'], 'f'),
    node('Gemm', ['f', 'w1'], 'h'),
    node('ReduceSum', ['h'], 'total', [int('keepdims', 0)]),
    node('Greater', ['total', 'limit'], 'cond'),
    node('If', ['cond'], 'i', [
      graph('then_branch', branch('then', 2)),
      graph('else_branch', branch('else', 0.5)),
    ]),
    node('If', ['yes'], 'y', [graph('then_branch', branch('a', 1)), graph('else_branch', branch('b', 3))]),
    node('Identity', ['i'], 'unused'),
  ],
  [weight('w1', [12, 4]), floats('limit', [0], []), bytes('yes', DataType.BOOL, [1], [])],
  { input: ['N', 3, 2, 2] },
);

const withFunctions = model(
  [
    node('Flatten', ['x'], 'f'),
    node('Dense', ['f', 'w1'], 'h', [float('slope', 0.3)], { domain: 'local' }),
    node('Dense', ['h', 'w2'], 'y', [], { domain: 'local' }),
  ],
  [weight('w1', [12, 5]), weight('w2', [5, 4])],
  {
    input: ['N', 3, 2, 2],
    functions: [
      {
        name: 'Dense',
        domain: 'local',
        input: ['data', 'weight'],
        output: ['result'],
        attribute: [],
        attributeProto: [float('slope', 0.1)],
        node: [
          node('MatMul', ['data', 'weight'], 'product'),
          node('LeakyRelu', ['product'], 'result', [
            { name: 'alpha', type: AttributeType.FLOAT, refAttrName: 'slope' },
          ]),
        ],
        opsetImport: [{ domain: '', version: 17 }],
      },
    ],
  },
);

const external = (name, dims, offset) => ({
  name,
  dims,
  dataType: DataType.FLOAT,
  dataLocation: 1,
  externalData: [
    { key: 'location', value: 'weights.data' },
    { key: 'offset', value: String(offset) },
    { key: 'length', value: String(4 * size(dims)) },
  ],
});
const withExternalData = model(
  [
    node('Flatten', ['x'], 'f'),
    node('Gemm', ['f', 'w1'], 'h'),
    node('Sigmoid', ['h'], 's'),
    node('Gemm', ['s', 'w2'], 'y'),
  ],
  [external('w1', [12, 6], 0), external('w2', [6, 4], 288)],
  { input: ['N', 3, 2, 2], ir: 10, opset: 20 },
);

const quantised = model(
  [
    node('QuantizeLinear', ['x', 'sx', 'zx'], 'q'),
    node('DequantizeLinear', ['q', 'sx', 'zx'], 'd'),
    node('DequantizeLinear', ['w', 'sw', 'zw'], 'dw'),
    node('Conv', ['d', 'dw'], 'c'),
    node('Relu', ['c'], 'r'),
    node('ReduceMean', ['r'], 'm', [list('axes', [2, 3]), int('keepdims', 0)]),
    node('Gemm', ['m', 'w2'], 'y'),
  ],
  [
    floats('sx', [0.01], []),
    bytes('zx', DataType.UINT8, [3], []),
    bytes(
      'w',
      DataType.INT8,
      Array.from({ length: 108 }, (_, k) => (k * 37) % 256),
      [4, 3, 3, 3],
    ),
    floats('sw', [0.02], []),
    bytes('zw', DataType.INT8, [0], []),
    weight('w2', [4, 4]),
  ],
);

/** A small transformer block: slices, splits, LayerNormalization, attention, Gelu written out. */
const attention = model(
  [
    node('Conv', ['x', 'wp'], 'c', [list('strides', [4, 4])]),
    node('Reshape', ['c', 'tokens'], 'r'),
    node('Transpose', ['r'], 't', [list('perm', [0, 2, 1])]),
    node('LayerNormalization', ['t', 'g', 'b'], 'ln', [int('axis', -1)]),
    node('MatMul', ['ln', 'wqkv'], 'qkv'),
    node('Split', ['qkv', 'thirds'], ['q', 'k', 'v'], [int('axis', 2)]),
    node('Transpose', ['k'], 'kt', [list('perm', [0, 2, 1])]),
    node('MatMul', ['q', 'kt'], 'qk'),
    node('Softmax', ['qk'], 'p', [int('axis', 2)]),
    node('MatMul', ['p', 'v'], 'o'),
    node('Add', ['o', 't'], 'res'),
    node('Div', ['res', 'root2'], 'e1'),
    node('Erf', ['e1'], 'e2'),
    node('Add', ['e2', 'one'], 'e3'),
    node('Mul', ['res', 'e3'], 'e4'),
    node('Mul', ['e4', 'half'], 'gelu'),
    node('Slice', ['gelu', 'from', 'to', 'axis1'], 'first'),
    node('Squeeze', ['first', 'axis1'], 'cls'),
    node('Gemm', ['cls', 'wh'], 'y'),
  ],
  [
    weight('wp', [6, 3, 4, 4]),
    ints('tokens', [0, 6, -1]),
    positive('g', [6]),
    weight('b', [6]),
    weight('wqkv', [6, 18]),
    ints('thirds', [6, 6, 6]),
    floats('root2', [Math.SQRT2], []),
    floats('one', [1], []),
    floats('half', [0.5], []),
    ints('from', [0]),
    ints('to', [1]),
    ints('axis1', [1]),
    weight('wh', [6, 4]),
  ],
);

/** Operators that make shapes: Pad, Resize, Expand, Tile, ConstantOfShape, ConvTranspose, Range, OneHot's kin. */
const shapes = model(
  [
    node('Pad', ['x', 'pads'], 'p', [text('mode', 'constant')]),
    node('Resize', ['p', '', 'scales'], 'z', [text('mode', 'nearest')]),
    node('ConvTranspose', ['z', 'wt'], 'ct', [list('strides', [2, 2]), list('output_padding', [1, 1])]),
    node('Clip', ['ct', 'low', 'high'], 'cl'),
    node('ConstantOfShape', ['cshape'], 'ones', [tensor('value', floats('', [1], [1]))]),
    node('Mul', ['cl', 'ones'], 'mu'),
    node('Tile', ['mu', 'repeats'], 'ti'),
    node('Expand', ['bias', 'bshape'], 'be'),
    node('Add', ['ti', 'be'], 'ad'),
    node('DepthToSpace', ['ad'], 'ds', [int('blocksize', 2)]),
    node('GlobalMaxPool', ['ds'], 'gm'),
    node('Flatten', ['gm'], 'fl'),
    node('Einsum', ['fl', 'wh'], 'y', [text('equation', 'nc,ck->nk')]),
  ],
  [
    ints('pads', [0, 0, 1, 1, 0, 0, 1, 1]),
    floats('scales', [1, 1, 1, 1]),
    weight('wt', [3, 4, 2, 2]),
    floats('low', [-1], []),
    floats('high', [1], []),
    ints('cshape', [1, 4, 1, 1]),
    ints('repeats', [1, 1, 1, 1]),
    weight('bias', [4, 1, 1]),
    ints('bshape', [4, 1, 1]),
    weight('wh', [1, 4]),
  ],
  { input: ['N', 3, 4, 4] },
);

const body = {
  name: 'body',
  node: [
    node('Identity', ['going'], 'goes_on'),
    node('MatMul', ['state', 'w2'], 'product'),
    node('Tanh', ['product'], 'next_state'),
  ],
  input: [
    tensorInfo('iteration', DataType.INT64, []),
    tensorInfo('going', DataType.BOOL, []),
    tensorInfo('state', DataType.FLOAT, ['N', 4]),
  ],
  output: [tensorInfo('goes_on', DataType.BOOL, []), tensorInfo('next_state', DataType.FLOAT, ['N', 4])],
};
const looping = model(
  [
    node('Flatten', ['x'], 'f'),
    node('Gemm', ['f', 'w1'], 'h'),
    node('Loop', ['trips', 'yes', 'h'], 'l', [graph('body', body)]),
    node('Exp', ['l'], 'e'),
    node('ReduceSum', ['e', 'axis'], 's', [int('keepdims', 1)]),
    node('Div', ['e', 's'], 'y'),
  ],
  [
    weight('w1', [12, 4]),
    weight('w2', [4, 4]),
    ints('trips', [3], []),
    bytes('yes', DataType.BOOL, [1], []),
    ints('axis', [1]),
  ],
  { input: ['N', 3, 2, 2] },
);

const half = (name, values, dims) => {
  const raw = new Uint16Array(values.map((v) => 0x3800 + 16 * v));
  return { name, dataType: DataType.FLOAT16, dims, rawData: new Uint8Array(raw.buffer) };
};
const halfPrecision = model(
  [
    node('Cast', ['x'], 'x16', [int('to', DataType.FLOAT16)]),
    node('Flatten', ['x16'], 'f'),
    node('Gemm', ['f', 'w1'], 'h'),
    node('HardSwish', ['h'], 'a'),
    node('Cast', ['a'], 'y', [int('to', DataType.FLOAT)]),
  ],
  [
    half(
      'w1',
      Array.from({ length: 48 }, (_, k) => k % 7),
      [12, 4],
    ),
  ],
  { input: ['N', 3, 2, 2] },
);

/** Integers that ONNX Runtime divides by, indexes with and counts by; blocks whose side a call hands to a function. */
const counted = model(
  [
    node('Blocks', ['x'], 'd', [int('side', 2)], { domain: 'local' }),
    node('Concat', ['d', 'd'], 'dd', [int('axis', 1)]),
    node('ConvTranspose', ['dd', 'wt'], 'c', [int('group', 2), list('strides', [1, 1])]),
    node('Split', ['c'], ['s1', 's2'], [int('axis', 1), int('num_outputs', 2)]),
    node('Add', ['s1', 's2'], 'a'),
    node('Flatten', ['a'], 'f'),
    node('LayerNormalization', ['f', 'g'], 'ln', [int('axis', 1)]),
    node('ArgMax', ['f'], 'top', [int('axis', 1), int('keepdims', 0)]),
    node('OneHot', ['top', 'depth', 'offon'], 'oh', [int('axis', -1)]),
    node('GatherND', ['table', 'rows'], 'gn', [int('batch_dims', 1)]),
    node('Gemm', ['ln', 'wh', 'gn'], 'z'),
    node('Sum', ['z', 'oh'], 'y'),
  ],
  [
    weight('wt', [2, 1, 2, 2]),
    positive('g', [25]),
    ints('depth', [4], []),
    floats('offon', [0, 0.1]),
    weight('table', [4, 6]),
    ints('rows', [0, 5, 2, 3], [4, 1]),
    weight('wh', [25, 4]),
  ],
  {
    input: ['N', 4, 2, 2],
    opset: 18,
    functions: [
      {
        name: 'Blocks',
        domain: 'local',
        input: ['data'],
        output: ['result'],
        attribute: ['side'],
        node: [
          node('DepthToSpace', ['data'], 'result', [
            { name: 'blocksize', type: AttributeType.INT, refAttrName: 'side' },
          ]),
        ],
        opsetImport: [{ domain: '', version: 18 }],
      },
    ],
  },
);

/** Shapes, scales, pads and places that are computed from the shape of the input. */
const computed = model(
  [
    node('Shape', ['x'], 'sh'),
    node('Cast', ['sh'], 'shf', [int('to', DataType.FLOAT)]),
    node('Div', ['shf', 'shf'], 'ones'),
    node('Mul', ['ones', 'factors'], 'scales'),
    node('Resize', ['x', '', 'scales'], 'r', [text('mode', 'nearest')]),
    node('Sub', ['sh', 'sh'], 'zeros'),
    node('Concat', ['zeros', 'zeros'], 'pads', [int('axis', 0)]),
    node('Pad', ['r', 'pads'], 'p'),
    node('Expand', ['bias', 'sh'], 'be'),
    node('Resize', ['p', '', '', 'sh'], 'back', [text('mode', 'linear')]),
    node('Add', ['back', 'be'], 'a'),
    node('Slice', ['a', 'zeros', 'sh'], 's'),
    node('Slice', ['sh', 'zero', 'one'], 'n'),
    node('Concat', ['n', 'minus'], 'target', [int('axis', 0)]),
    node('Reshape', ['s', 'target'], 'f'),
    node('Relu', ['f'], 're'),
    node('Gemm', ['re', 'w'], 'y'),
  ],
  [
    floats('factors', [1, 1, 2, 2]),
    weight('bias', [3, 1, 1]),
    ints('zero', [0]),
    ints('one', [1]),
    ints('minus', [-1]),
    weight('w', [12, 4]),
  ],
  { input: ['N', 3, 2, 2] },
);

/** Bytes of the file that lies beside every mutant, which external data may point to. */
export const weightsData = new Uint8Array(
  Float32Array.from({ length: 96 }, (_, k) => Math.cos(1 + 1.7 * k)).buffer,
);

/** Name and bytes of every seed. */
export const seeds = Object.entries({
  convolutional,
  perceptron,
  channelsLast,
  conditional,
  withFunctions,
  withExternalData,
  quantised,
  attention,
  shapes,
  looping,
  halfPrecision,
  counted,
  computed,
}).map(([name, proto]) => ({ name, bytes: encodeModel(proto) }));
