// Random small networks by family, for tests of the bound that keeps the linear part and for its table (table.mjs). Weights are
// normal, He-scaled, float32. Each maker takes a function that draws a standard normal number, and returns nodes, weights and the
// shape of 'x'; the output is 'y'.
const FLOAT = 1;
const sizeOf = (dims) => dims.reduce((product, dim) => product * dim, 1);

function builder(normal) {
  const nodes = [];
  const initializers = [];
  const weight = (dims, spread) => {
    const name = `w${initializers.length}`;
    const values = Float32Array.from({ length: sizeOf(dims) }, () => normal() * spread);
    initializers.push({ name, dataType: FLOAT, dims, rawData: new Uint8Array(values.buffer) });
    return name;
  };
  const add = (opType, input, attribute = []) => {
    const output = `v${nodes.length}`;
    nodes.push({ opType, input, output: [output], attribute });
    return output;
  };
  const ints = (name, values) => ({ name, type: 7, ints: values });
  return {
    add,
    weight,
    dense: (x, from, to) => add('MatMul', [x, weight([from, to], Math.sqrt(2 / from))]),
    biased: (x, from, to) => add('Gemm', [x, weight([from, to], Math.sqrt(2 / from)), weight([to], 0.2)]),
    conv: (x, from, to) =>
      add(
        'Conv',
        [x, weight([to, from, 3, 3], Math.sqrt(2 / (9 * from))), weight([to], 0.2)],
        [ints('pads', [1, 1, 1, 1])],
      ),
    pool: (x) => add('MaxPool', [x], [ints('kernel_shape', [2, 2]), ints('strides', [2, 2])]),
    transposed: (x, perm) => add('Transpose', [x], [ints('perm', perm)]),
    finished(y, dims) {
      nodes.push({ opType: 'Identity', input: [y], output: ['y'], attribute: [] });
      return { nodes, initializers, dims, opset: 17 };
    },
  };
}

const picture = [1, 2, 6, 6];

/** conv-act, `layers` times, and a convolution. */
const chain = (layers, activation) => (normal) => {
  const net = builder(normal);
  let x = 'x';
  for (let k = 0; k < layers; k++) x = net.add(activation, [net.conv(x, k === 0 ? 2 : 3, 3)]);
  return net.finished(net.conv(x, 3, 2), picture);
};

/** One of 2 to 4 layers of convolutions and dense layers with pooling, by the draw. */
function random(normal) {
  const net = builder(normal);
  const pick = (choices) => choices[Math.floor(Math.abs(normal()) * 1000) % choices.length];
  const layers = pick([2, 3, 4]);
  let [x, channels] = ['x', 2];
  for (let k = 0; k < layers; k++) {
    x = net.add(pick(['Relu', 'Tanh', 'Sigmoid', 'Softplus', 'LeakyRelu']), [net.conv(x, channels, 4)]);
    channels = 4;
    if (k === 1) x = net.pool(x);
  }
  const flat = net.add('Flatten', [x]);
  return net.finished(net.dense(flat, 4 * 9, 8), picture);
}

/** One head over 4 tokens of 6 numbers, behind and before dense layers. */
function attention(normal) {
  const net = builder(normal);
  const [q, k, v] = [0, 1, 2].map(() => net.dense('x', 6, 6));
  const scores = net.add('MatMul', [q, net.transposed(k, [0, 2, 1])]);
  const scale = net.weight([1], 0);
  const weighted = net.add('MatMul', [net.add('Softmax', [net.add('Add', [scores, scale])]), v]);
  return net.finished(net.dense(weighted, 6, 6), [1, 4, 6]);
}

/** A GLU: a product of a dense layer and the sigmoid of another. */
function gate(normal) {
  const net = builder(normal);
  const product = net.add('Mul', [net.biased('x', 8, 10), net.add('Sigmoid', [net.biased('x', 8, 10)])]);
  return net.finished(net.dense(product, 10, 6), [1, 8]);
}

/** A matrix product of two dense layers over 3 tokens. */
function matrixProduct(normal) {
  const net = builder(normal);
  const product = net.add('MatMul', [net.dense('x', 5, 5), net.transposed(net.dense('x', 5, 5), [0, 2, 1])]);
  return net.finished(net.dense(product, 3, 4), [1, 3, 5]);
}

function layerNormalization(normal) {
  const net = builder(normal);
  const scaled = net.add('LayerNormalization', [net.biased('x', 8, 10), net.weight([10], 1)]);
  return net.finished(net.dense(scaled, 10, 6), [1, 8]);
}

/** x + conv(relu(conv(x))), twice. */
function residual(normal) {
  const net = builder(normal);
  let x = net.conv('x', 2, 3);
  for (let k = 0; k < 2; k++) x = net.add('Add', [x, net.conv(net.add('Relu', [net.conv(x, 3, 3)]), 3, 3)]);
  return net.finished(x, picture);
}

export const FAMILIES = {
  'Relu, 2 layers': chain(2, 'Relu'),
  'Tanh, 2 layers': chain(2, 'Tanh'),
  'Relu, 3 layers': chain(3, 'Relu'),
  'random, 2-4 layers': random,
  attention,
  gate,
  'matrix product': matrixProduct,
  LayerNorm: layerNormalization,
  residual,
};
