// Right halves of the networks the benchmarks run: what follows the first convolution and ReLU, as ONNX bytes with random
// weights. Speed does not depend on the weights, so nothing is downloaded.
import onnxProto from 'onnx-proto';

const { ModelProto, TensorProto, AttributeProto } = onnxProto.onnx;

/** Collects nodes and weights of one model; every method takes tensor names and returns the name of its output. */
class GraphWriter {
  nodes = [];
  initializers = [];
  #seed = 1;
  #names = 0;
  #gain = 1;

  /** Weights in ±1/sqrt(fan-in) by a small generator: reproducible, and no activation dies out or explodes. */
  weight(dims) {
    const name = `w${++this.#names}`;
    const fanIn = dims.slice(1).reduce((product, dim) => product * dim, 1);
    const values = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => {
      this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
      return (this.#seed / 2 ** 31 - 1) * Math.sqrt(3 / fanIn) * Math.SQRT2 * this.#gain;
    });
    const rawData = new Uint8Array(values.buffer);
    this.initializers.push({ name, dims, dataType: TensorProto.DataType.FLOAT, rawData });
    return name;
  }

  /** Of the weights that come: what residual blocks add must stay small where there are many. */
  gain(gain) {
    this.#gain = gain;
  }

  node(opType, input, attributes = {}) {
    const output = `t${++this.#names}`;
    const attribute = Object.entries(attributes).map(([name, value]) =>
      Array.isArray(value)
        ? { name, type: AttributeProto.AttributeType.INTS, ints: value }
        : { name, type: AttributeProto.AttributeType.INT, i: value },
    );
    this.nodes.push({ opType, input, output: [output], attribute });
    return output;
  }

  convolution(x, from, to, kernel, { stride = 1, pad = 0 } = {}) {
    return this.node('Conv', [x, this.weight([to, from, kernel, kernel]), this.weight([to])], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
    });
  }

  relu(x) {
    return this.node('Relu', [x]);
  }

  maxPool(x, kernel = 2, pad = 0) {
    return this.node('MaxPool', [x], {
      ...{ kernel_shape: [kernel, kernel], strides: [2, 2], pads: [pad, pad, pad, pad] },
    });
  }

  linear(x, from, to) {
    return this.node('Gemm', [x, this.weight([to, from]), this.weight([to])], { transB: 1 });
  }

  finish(latentDims, output, classes) {
    const value = (name, dims) => ({
      name,
      type: {
        tensorType: {
          elemType: TensorProto.DataType.FLOAT,
          shape: { dim: [{ dimParam: 'N' }, ...dims.map((dimValue) => ({ dimValue }))] },
        },
      },
    });
    const model = {
      irVersion: 8,
      opsetImport: [{ domain: '', version: 17 }],
      graph: {
        name: 'right_half',
        node: this.nodes,
        initializer: this.initializers,
        input: [value('x', latentDims)],
        output: [value(output, [classes])],
      },
    };
    return Uint8Array.from(ModelProto.encode(ModelProto.fromObject(model)).finish());
  }
}

/**
 * The convolutional MNIST network of this literature (two convolutions of 32, two of 64, a pool behind each pair, three
 * linear layers), cut after its first ReLU: latent 32 x 26 x 26.
 */
export function lenet() {
  const g = new GraphWriter();
  let x = g.relu(g.convolution('x', 32, 32, 3));
  x = g.maxPool(x);
  x = g.relu(g.convolution(x, 32, 64, 3));
  x = g.relu(g.convolution(x, 64, 64, 3));
  x = g.node('Flatten', [g.maxPool(x)], { axis: 1 });
  x = g.relu(g.linear(x, 1024, 200));
  x = g.relu(g.linear(x, 200, 200));
  x = g.linear(x, 200, 10);
  const latentDims = [32, 26, 26];
  return { name: 'LeNet', latentDims, classes: 10, model: g.finish(latentDims, x, 10) };
}

/** Residual networks for CIFAR-10 (He et al. 2016, batch normalisation folded), cut after the first ReLU: latent 16 x 32 x 32. */
function cifarResNet(depth) {
  const g = new GraphWriter();
  const blocks = (depth - 2) / 6;
  g.gain(Math.sqrt(3 / blocks));
  let x = 'x';
  let width = 16;
  for (const to of [16, 32, 64])
    for (let block = 0; block < blocks; block++) {
      const stride = to === width ? 1 : 2;
      const skip = stride === 1 ? x : g.convolution(x, width, to, 1, { stride });
      const inner = g.relu(g.convolution(x, width, to, 3, { stride, pad: 1 }));
      x = g.relu(g.node('Add', [g.convolution(inner, to, to, 3, { pad: 1 }), skip]));
      width = to;
    }
  x = g.node('Flatten', [g.node('GlobalAveragePool', [x])], { axis: 1 });
  x = g.linear(x, 64, 10);
  const latentDims = [16, 32, 32];
  return { name: `ResNet-${depth}`, latentDims, classes: 10, model: g.finish(latentDims, x, 10) };
}

export const resnet20 = () => cifarResNet(20);
export const resnet110 = () => cifarResNet(110);

/** ResNet-50 for 224 x 224 (stride in the 3 x 3 convolutions), cut after its first ReLU: latent 64 x 112 x 112. */
export function resnet50() {
  const g = new GraphWriter();
  g.gain(0.5);
  let x = g.maxPool('x', 3, 1);
  let width = 64;
  for (const [stage, blocks] of [3, 4, 6, 3].entries())
    for (let block = 0; block < blocks; block++) {
      const inner = 64 * 2 ** stage;
      const to = 4 * inner;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const skip = block === 0 ? g.convolution(x, width, to, 1, { stride }) : x;
      let y = g.relu(g.convolution(x, width, inner, 1));
      y = g.relu(g.convolution(y, inner, inner, 3, { stride, pad: 1 }));
      x = g.relu(g.node('Add', [g.convolution(y, inner, to, 1), skip]));
      width = to;
    }
  x = g.node('Flatten', [g.node('GlobalAveragePool', [x])], { axis: 1 });
  x = g.linear(x, 2048, 1000);
  const latentDims = [64, 112, 112];
  return { name: 'ResNet-50', latentDims, classes: 1000, model: g.finish(latentDims, x, 1000) };
}

/** No network at all: the first ten values of a latent of LeNet's size are the logits. */
export function firstValues() {
  const g = new GraphWriter();
  const latentDims = [32 * 26 * 26];
  const list = (name, values) => {
    g.initializers.push({ name, dims: [1], dataType: TensorProto.DataType.INT64, int64Data: values });
    return name;
  };
  const first = g.node('Slice', ['x', list('from', [0]), list('to', [10]), list('axis', [1])]);
  return { name: 'first values', latentDims, classes: 10, model: g.finish(latentDims, first, 10) };
}
