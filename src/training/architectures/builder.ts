/**
 * Writes networks as ONNX: operator set 17, IR version 8, one input 'image' [batch,C,H,W] of pixels in [0,1], one output,
 * 'logits' unless it is named otherwise. Nodes are named as PyTorch's exporter names them ("/conv1/Conv"), so a layer with its activation is one
 * module, and `--split conv1` means the tensor behind both.
 */
import { DataType } from '../../onnx/model/data-type.ts';
import { tensorInfo } from '../../onnx/model/extract.ts';
import { sizeOf } from '../../onnx/model/graph.ts';
import {
  type AttributeProto,
  AttributeType,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../onnx/model/proto.ts';
import { type Constraint, constraintsText, projected } from '../constraints.ts';

/** An activation in the network being built. */
export interface Wire {
  readonly name: string;
  /** For one image: [C,H,W], or [features]. */
  readonly dims: readonly number[];
}

/**
 * Initial values of a kernel, row-major.
 * @param dims shape of the kernel: [out,in,kH,kW] or [out,in]
 * @param fanIn how many numbers each output adds up
 * @param index how many kernels the network has before this one
 */
export type KernelValues = (dims: readonly number[], fanIn: number, index: number) => Float32Array;

export interface Window {
  readonly kernel: number;
  /** 1 unless given. */
  readonly stride?: number;
  /** Zeros on each of the four sides; 0 unless given. */
  readonly padding?: number;
  /** What the initial kernel is multiplied by; 1 unless given. */
  readonly gain?: number;
  /** Initial value of the bias; 0 unless given. */
  readonly offset?: number;
  /** The kernel's rows start orthonormal, and training keeps them so. */
  readonly orthonormal?: boolean;
}

export interface NetworkBuilder {
  readonly image: Wire;
  /** `bias: false` for a convolution in front of a batch normalisation. Biases start at 0. */
  conv(module: string, x: Wire, filters: number, window: Window, bias?: boolean): Wire;
  /**
   * x + Conv(x), a convolution of an odd side that keeps the shape, with the identity inside its kernel: one affine map with
   * one norm, and one node for the reader of the graph.
   */
  linearResidual(module: string, x: Wire, kernel: number, gain?: number): Wire;
  /** Scale 1, shift 0, running mean 0, running variance 1; epsilon 1e-5, momentum 0.9. */
  batchNorm(module: string, x: Wire): Wire;
  relu(module: string, x: Wire): Wire;
  /** min(max(x, 0), limit). The limit is an initializer of its own, `MODULE.theta`, so that it can be trained. */
  clip(module: string, x: Wire, limit: number): Wire;
  /**
   * Pairs of channels of the two halves, sorted: the larger ones first, then the smaller ones. It is 1-Lipschitz and keeps the
   * norm of every gradient (Anil, Lucas & Grosse 2019).
   */
  minMax(module: string, x: Wire): Wire;
  /** The l2 norms of `groups` groups of adjacent channels, at every place: 1-Lipschitz, and curved. */
  norms(module: string, x: Wire, groups: number): Wire;
  add(module: string, x: Wire, y: Wire): Wire;
  /** x - y. */
  subtract(module: string, x: Wire, y: Wire): Wire;
  /** Each block of size² channels becomes a block of size by size pixels. */
  depthToSpace(module: string, x: Wire, size: number): Wire;
  /** Rows and columns of zeros behind the last ones, up to the given sides; x itself where it has them. */
  padTo(module: string, x: Wire, sides: readonly number[]): Wire;
  /** The first rows and columns; x itself where it has no more. */
  cropTo(module: string, x: Wire, sides: readonly number[]): Wire;
  /** Non-overlapping windows. */
  maxPool(module: string, x: Wire, size: number): Wire;
  globalAveragePool(module: string, x: Wire): Wire;
  flatten(module: string, x: Wire): Wire;
  /** weight [outputs, inputs] times x, plus a bias. Rows under a constraint start as it says, and training keeps them so. */
  linear(module: string, x: Wire, outputs: number, constraint?: Constraint): Wire;
  /** x + weight x, with the identity inside the weight. */
  linearResidualDense(module: string, x: Wire, gain: number): Wire;
  /** The model, with what its last node gives as its output. @param output its name */
  finish(result: Wire, metadata: ReadonlyMap<string, string>, output?: string): ModelProto;
}

interface Kernel {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

const OPSET = 17;
const IR_VERSION = 8;
const INPUT = 'image';
const OUTPUT = 'logits';

/** @param imageDims [C,H,W] */
export function networkBuilder(
  name: string,
  imageDims: readonly number[],
  kernelValues: KernelValues,
): NetworkBuilder {
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [];
  const constraints = new Map<string, Constraint>();
  let kernels = 0;

  const initializer = (tensor: string, dims: readonly number[], values: Float32Array): string => {
    initializers.push(floatTensor(tensor, dims, values));
    return tensor;
  };
  const integers = (tensor: string, values: readonly number[]): string => {
    const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    initializers.push({ name: tensor, dataType: DataType.INT64, dims: [values.length], rawData });
    return tensor;
  };
  const filled = (tensor: string, count: number, value: number): string =>
    initializer(tensor, [count], new Float32Array(count).fill(value));
  const kernel = (dims: readonly number[], gain = 1, constraint?: Constraint): Kernel => {
    const data = kernelValues(dims, sizeOf(dims.slice(1)), kernels++).map((value) => gain * value);
    return constraint === undefined ? { dims, data } : { dims, data: projected(constraint, dims, data) };
  };
  const halves = (module: string, x: Wire): readonly [string, string] => {
    const [channels = 0] = x.dims;
    const bound = (at: number): string => integers(`${module}.${at}`, [at]);
    const [start, middle, end] = [bound(0), bound(channels / 2), bound(channels)];
    const axis = integers(`${module}.axis`, [1]);
    return [
      node('Slice', module, [x.name, start, middle, axis], x.dims).name,
      node('Slice', module, [x.name, middle, end, axis], x.dims, [], 'Slice_1').name,
    ];
  };
  const node = (
    opType: string,
    module: string,
    input: string[],
    dims: readonly number[],
    attribute: AttributeProto[] = [],
    name = opType,
  ): Wire => {
    const output = `/${module}/${name}`;
    nodes.push({ name: output, opType, input, output: [output], attribute });
    return { name: output, dims };
  };

  const convolution = (
    module: string,
    x: Wire,
    weight: Kernel,
    { kernel: side, stride = 1, padding = 0, offset = 0 }: Window,
    bias: boolean,
  ): Wire => {
    const filters = weight.dims[0] as number;
    const inputs = [x.name, initializer(`${module}.weight`, weight.dims, weight.data)];
    if (bias) inputs.push(filled(`${module}.bias`, filters, offset));
    const sides = x.dims.slice(1).map((s) => Math.floor((s + 2 * padding - side) / stride) + 1);
    return node(
      'Conv',
      module,
      inputs,
      [filters, ...sides],
      [
        ints('kernel_shape', [side, side]),
        ints('pads', [padding, padding, padding, padding]),
        ints('strides', [stride, stride]),
      ],
    );
  };

  const dense = (module: string, x: Wire, { dims, data }: Kernel): Wire => {
    const outputs = dims[0] as number;
    const weight = initializer(`${module}.weight`, dims, data);
    const bias = filled(`${module}.bias`, outputs, 0);
    return node('Gemm', module, [x.name, weight, bias], [outputs], [int('transB', 1)]);
  };

  return {
    image: { name: INPUT, dims: imageDims },
    conv(module, x, filters, window, bias = true) {
      const constraint = window.orthonormal === true ? 'orthonormal' : undefined;
      if (constraint !== undefined) constraints.set(`${module}.weight`, constraint);
      const dims = [filters, x.dims[0] as number, window.kernel, window.kernel];
      return convolution(module, x, kernel(dims, window.gain, constraint), window, bias);
    },
    linearResidual(module, x, side, gain) {
      const channels = x.dims[0] as number;
      const values = kernel([channels, channels, side, side], gain);
      const centre = (side * side - 1) / 2;
      for (let c = 0; c < channels; c++) {
        const at = (c * channels + c) * side * side + centre;
        values.data[at] = (values.data[at] as number) + 1;
      }
      return convolution(module, x, values, { kernel: side, padding: (side - 1) / 2 }, true);
    },
    batchNorm(module, x) {
      const channels = x.dims[0] as number;
      const starts = { weight: 1, bias: 0, running_mean: 0, running_var: 1 };
      const inputs = Object.entries(starts).map(([key, value]) =>
        filled(`${module}.${key}`, channels, value),
      );
      return node('BatchNormalization', module, [x.name, ...inputs], x.dims, [
        float('epsilon', 1e-5),
        float('momentum', 0.9),
      ]);
    },
    relu: (module, x) => node('Relu', module, [x.name], x.dims),
    clip(module, x, limit) {
      const low = initializer(`${module}.low`, [], Float32Array.of(0));
      const high = initializer(`${module}.theta`, [], Float32Array.of(limit));
      return node('Clip', module, [x.name, low, high], x.dims);
    },
    minMax(module, x) {
      const [channels = 0, ...sides] = x.dims;
      if (channels % 2 !== 0) throw new Error(`${channels} channels have no halves`);
      const parts = [...halves(module, x)];
      const half = [channels / 2, ...sides];
      const [most, least] = (['Max', 'Min'] as const).map(
        (type) => node(type, module, [...parts], half).name,
      );
      return node('Concat', module, [most as string, least as string], x.dims, [int('axis', 1)]);
    },
    norms(module, x, groups) {
      const [channels = 0, ...sides] = x.dims;
      if (channels % groups !== 0) throw new Error(`${channels} channels do not make ${groups} groups`);
      const grouped = [groups, channels / groups, ...sides];
      const shape = integers(`${module}.groups`, [0, ...grouped]);
      const parts = node('Reshape', module, [x.name, shape], grouped);
      return node(
        'ReduceL2',
        module,
        [parts.name],
        [groups, ...sides],
        [ints('axes', [2]), int('keepdims', 0)],
      );
    },
    add: (module, x, y) => node('Add', module, [x.name, y.name], x.dims),
    subtract: (module, x, y) => node('Sub', module, [x.name, y.name], x.dims),
    depthToSpace(module, x, size) {
      const [channels = 0, ...sides] = x.dims;
      const dims = [channels / size ** 2, ...sides.map((s) => s * size)];
      return node('DepthToSpace', module, [x.name], dims, [int('blocksize', size)]);
    },
    padTo(module, x, sides) {
      const missing = sides.map((side, k) => side - (x.dims[k + 1] as number));
      if (missing.every((count) => count === 0)) return x;
      const pads = integers(`${module}.pads`, [0, 0, 0, 0, 0, 0, ...missing]);
      return node('Pad', module, [x.name, pads], [x.dims[0] as number, ...sides]);
    },
    cropTo(module, x, sides) {
      if (sides.every((side, k) => side === x.dims[k + 1])) return x;
      const starts = integers(`${module}.starts`, [0, 0]);
      const ends = integers(`${module}.ends`, sides);
      const axes = integers(`${module}.axes`, [2, 3]);
      return node('Slice', module, [x.name, starts, ends, axes], [x.dims[0] as number, ...sides]);
    },
    maxPool(module, x, size) {
      const [channels, ...sides] = x.dims as [number, ...number[]];
      const dims = [channels, ...sides.map((s) => Math.floor(s / size))];
      const window = [ints('kernel_shape', [size, size]), ints('strides', [size, size])];
      return node('MaxPool', module, [x.name], dims, window);
    },
    globalAveragePool: (module, x) =>
      node('GlobalAveragePool', module, [x.name], [x.dims[0] as number, 1, 1]),
    flatten: (module, x) => node('Flatten', module, [x.name], [sizeOf(x.dims)], [int('axis', 1)]),
    linear(module, x, outputs, constraint) {
      if (constraint !== undefined) constraints.set(`${module}.weight`, constraint);
      return dense(module, x, kernel([outputs, sizeOf(x.dims)], 1, constraint));
    },
    linearResidualDense(module, x, gain) {
      const size = sizeOf(x.dims);
      const values = kernel([size, size], gain);
      for (let k = 0; k < size; k++) values.data[k * size + k] = (values.data[k * size + k] as number) + 1;
      return dense(module, x, values);
    },
    finish(result, metadata, output = OUTPUT) {
      const last = nodes.find((one) => one.output?.[0] === result.name);
      if (last === undefined || last !== nodes.at(-1)) throw new Error('the last node gives the result');
      last.output = [output];
      return {
        irVersion: IR_VERSION,
        producerName: 'splitz-onnx',
        opsetImport: [{ domain: '', version: OPSET }],
        metadataProps: [...metadata, ...constraintsText(constraints)].map(([key, value]) => ({ key, value })),
        graph: {
          name,
          node: nodes,
          initializer: initializers,
          input: [tensorInfo(INPUT, DataType.FLOAT, ['batch', ...imageDims])],
          output: [tensorInfo(output, DataType.FLOAT, ['batch', ...result.dims])],
        },
      };
    },
  };
}

function floatTensor(name: string, dims: readonly number[], values: Float32Array): TensorProto {
  if (values.length !== sizeOf(dims)) throw new Error(`${values.length} values for '${name}' [${dims}]`);
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dataType: DataType.FLOAT, dims: [...dims], rawData };
}

const int = (name: string, i: number): AttributeProto => ({ name, type: AttributeType.INT, i });
const ints = (name: string, values: number[]): AttributeProto => ({
  name,
  type: AttributeType.INTS,
  ints: values,
});
const float = (name: string, f: number): AttributeProto => ({ name, type: AttributeType.FLOAT, f });
