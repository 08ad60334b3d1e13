/** Small right halves as ONNX bytes, written with onnx-proto directly: this folder knows no graph of ours. */
import onnxProto from 'onnx-proto';

const { ModelProto, TensorProto } = onnxProto.onnx;
const FLOAT = TensorProto.DataType.FLOAT;
const INT64 = TensorProto.DataType.INT64;

interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly ints?: Record<string, readonly number[]>;
}

interface Weight {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: readonly number[];
  readonly integers?: boolean;
}

/** A model with input x [N or `rows`, ...dims] and output `output` [N or `rows`, ...outputDims]. */
function model(
  dims: readonly number[],
  outputDims: readonly number[],
  nodes: readonly Node[],
  weights: readonly Weight[],
  rows?: number,
): Uint8Array {
  const value = (name: string, shape: readonly number[]) => ({
    name,
    type: {
      tensorType: {
        elemType: FLOAT,
        shape: {
          dim: [
            rows === undefined ? { dimParam: 'N' } : { dimValue: rows },
            ...shape.map((dimValue) => ({ dimValue })),
          ],
        },
      },
    },
  });
  const message = {
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'tiny',
      input: [value('x', dims)],
      output: [value('y', outputDims)],
      initializer: weights.map(({ name, dims: shape, values, integers }) => ({
        name,
        dims: [...shape],
        ...(integers
          ? { dataType: INT64, int64Data: [...values] }
          : { dataType: FLOAT, floatData: [...values] }),
      })),
      node: nodes.map(({ op, inputs, output, ints }) => ({
        opType: op,
        input: [...inputs],
        output: [output],
        attribute: Object.entries(ints ?? {}).map(([name, list]) => ({ name, type: 7, ints: [...list] })),
      })),
    },
  };
  const problem = ModelProto.verify(message);
  if (problem !== null) throw new Error(problem);
  return Uint8Array.from(ModelProto.encode(ModelProto.fromObject(message)).finish());
}

/** y = W x + b, W given by rows (one row per class). `rows` fixes the batch axis. */
export function linearModel(
  rowsOfW: readonly (readonly number[])[],
  b: readonly number[],
  rows?: number,
): Uint8Array {
  const inputs = rowsOfW[0]?.length ?? 0;
  // MatMul wants [inputs, classes].
  const transposed = Array.from({ length: inputs }, (_, i) => rowsOfW.map((row) => row[i] ?? 0)).flat();
  return model(
    [inputs],
    [b.length],
    [
      { op: 'MatMul', inputs: ['x', 'w'], output: 'wx' },
      { op: 'Add', inputs: ['wx', 'b'], output: 'y' },
    ],
    [
      { name: 'w', dims: [inputs, b.length], values: transposed },
      { name: 'b', dims: [b.length], values: b },
    ],
    rows,
  );
}

/** y = (f(x0), x1), f being an operator with one input: ln is NaN where x0 < 0 and -Infinity where x0 = 0. */
export function unaryModel(f: string): Uint8Array {
  return model(
    [2],
    [2],
    [
      { op: 'Mul', inputs: ['x', 'first'], output: 'a' },
      { op: 'Add', inputs: ['a', 'second'], output: 'b' },
      { op: f, inputs: ['b'], output: 'c' },
      { op: 'Mul', inputs: ['x', 'second'], output: 'd' },
      { op: 'Add', inputs: ['c', 'd'], output: 'y' },
    ],
    [
      { name: 'first', dims: [2], values: [1, 0] },
      { name: 'second', dims: [2], values: [0, 1] },
    ],
  );
}

export const logarithmModel = (): Uint8Array => unaryModel('Log');

/** Conv 3->8 k3, Relu, Conv 8->5 k3, Relu, GlobalAveragePool: x [3,10,10], y [5,1,1]. Weights from a fixed formula. */
export function convolutionModel(): Uint8Array {
  const weights = (count: number, step: number) =>
    Array.from({ length: count }, (_, i) => Math.sin(1 + i * step) * 0.4);
  return model(
    [3, 10, 10],
    [5, 1, 1],
    [
      { op: 'Conv', inputs: ['x', 'w1'], output: 'c1', ints: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
      { op: 'Relu', inputs: ['c1'], output: 'r1' },
      { op: 'Conv', inputs: ['r1', 'w2'], output: 'c2', ints: { kernel_shape: [3, 3] } },
      { op: 'Relu', inputs: ['c2'], output: 'r2' },
      { op: 'GlobalAveragePool', inputs: ['r2'], output: 'y' },
    ],
    [
      { name: 'w1', dims: [8, 3, 3, 3], values: weights(216, 1.7) },
      { name: 'w2', dims: [5, 8, 3, 3], values: weights(360, 2.3) },
    ],
  );
}

/** y = x + 1e-7 · (mean of x over the batch), x [2]: rows run together differ from rows alone, in the last bits only. */
export function batchTingedModel(): Uint8Array {
  return model(
    [2],
    [2],
    [
      { op: 'ReduceMean', inputs: ['x'], output: 'mean', ints: { axes: [0] } },
      { op: 'Mul', inputs: ['mean', 'little'], output: 'tinge' },
      { op: 'Add', inputs: ['x', 'tinge'], output: 'y' },
    ],
    [{ name: 'little', dims: [1], values: [1e-7] }],
  );
}

/** y = x + max(0, mean of x over the batch - 5), x [2]: rows see each other, but only far from 0. */
export function gatedBatchModel(): Uint8Array {
  return model(
    [2],
    [2],
    [
      { op: 'ReduceMean', inputs: ['x'], output: 'mean', ints: { axes: [0] } },
      { op: 'Add', inputs: ['mean', 'threshold'], output: 'above' },
      { op: 'Relu', inputs: ['above'], output: 'gate' },
      { op: 'Add', inputs: ['x', 'gate'], output: 'y' },
    ],
    [{ name: 'threshold', dims: [1], values: [-5] }],
  );
}
