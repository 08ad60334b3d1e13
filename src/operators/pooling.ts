/**
 * MaxPool, AveragePool, GlobalAveragePool, GlobalMaxPool. Averages are affine. A maximum moves by at most the largest
 * movement inside its window, so max pooling is 1-Lipschitz in l2 when windows do not overlap and sqrt(m)-Lipschitz
 * when at most m windows share a cell.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { UNIT_ROUNDOFF } from '../ground/rounding-error.ts';
import { intAttribute, intsAttribute, type Node, stringAttribute } from '../onnx/model/graph.ts';
import { buildMatrix, type SparseMatrix } from './algebra/sparse-matrix.ts';
import { type Sweep, taps } from './algebra/sweep.ts';
import { slidingWindows, sweepsOf, type Windows } from './algebra/window.ts';
import { refuse, required } from './compile/compile-errors.ts';
import { windowMaxima } from './nonlinear/window-maxima.ts';
import type { Action, Operand, Operator } from './operator.ts';
import type { Tf, TrainingForm, TrainingOperands } from './training/form.ts';
import { operandAt, refuseTraining } from './training/operands.ts';
import { asImage, channelsFirst, channelsLast, fitted, inRankOf } from './training/window.ts';

/** Kernel shape of a pool; a global one covers its whole input. */
export function kernelOf(node: Node, operand: { readonly dims: readonly number[] }): readonly number[] {
  if (node.opType.startsWith('Global')) return operand.dims.slice(2);
  return (
    intsAttribute(node, 'kernel_shape') ?? refuse(node, 'kernel_shape is missing', 'Re-export the model.')
  );
}

/** Cells of a window inside the *padded* input: what count_include_pad counts when ceil_mode adds windows. */
function covered(sweep: Sweep, at: number): number {
  let cells = 0;
  for (let tap = 0; tap < sweep.kernel; tap++) {
    const position = at * sweep.stride + tap * sweep.dilation;
    if (position < sweep.padBegin + sweep.input + sweep.padEnd) cells++;
  }
  return cells;
}

/** The windows of a pool over [N, C, spatial...], one sweep per spatial axis. */
export interface PoolWindows {
  /** N times C: every channel of every image is pooled by itself. */
  readonly planes: number;
  readonly sweeps: readonly Sweep[];
  readonly outputDims: readonly number[];
}

/** @throws ModelRefused for inconsistent attributes */
export function poolWindows(node: Node, { dims }: Operand): PoolWindows {
  const sweeps = sweepsOf(node, dims, kernelOf(node, { dims }));
  if (
    stringAttribute(node, 'auto_pad', 'NOTSET').startsWith('SAME') &&
    sweeps.some(({ dilation }) => dilation > 1)
  )
    refuse(
      node,
      'runtimes disagree about auto_pad of a pool with dilations',
      'Export the network with explicit pads.',
    );
  return {
    planes: dims[0]! * dims[1]!,
    sweeps,
    outputDims: [...dims.slice(0, 2), ...sweeps.map((sweep) => sweep.output)],
  };
}

/** Row (n, c, y, x, ...) holds the cells of its window that lie inside the input, weighted by `weight(inside, covered)`. */
export function windowMatrix(
  { planes, sweeps }: PoolWindows,
  weight: (inside: number, covered: number) => number,
): SparseMatrix {
  const product = (of: (sweep: Sweep) => number): number => sweeps.reduce((all, sweep) => all * of(sweep), 1);
  const plane = product(({ output }) => output);
  const inputPlane = product(({ input }) => input);
  const kernel = product((sweep) => sweep.kernel);
  return buildMatrix(planes * plane, planes * inputPlane, planes * plane * kernel, (row, add) => {
    let cells = [Math.floor(row / plane)];
    let counted = 1;
    let within = plane;
    for (const sweep of sweeps) {
      within /= sweep.output;
      const at = Math.floor(row / within) % sweep.output;
      const inside: number[] = [];
      taps(sweep, at, (position) => inside.push(position));
      cells = cells.flatMap((cell) => inside.map((position) => cell * sweep.input + position));
      counted *= covered(sweep, at);
    }
    const value = weight(cells.length, counted);
    for (const cell of cells) add(cell, value);
  });
}

function averagePool(node: Node, windows: PoolWindows): Action {
  const includePad = intAttribute(node, 'count_include_pad', 0) === 1;
  const matrix = windowMatrix(windows, (inside, covered) => 1 / (includePad ? covered : inside));
  return {
    kind: 'affine',
    dims: windows.outputDims,
    terms: [{ operand: 0, matrix: matrix.withError(2 * UNIT_ROUNDOFF * matrix.absoluteNorm()) }],
    bias: null,
  };
}

/** The node's windows over x, undilated. */
/** @throws ModelRefused for windows without a gradient */
export function trainedWindows(node: Node, x: Tensor): Windows {
  if (x.rank > 4)
    refuseTraining(
      node,
      `it pools over ${x.rank - 2} axes, of which there is no gradient here (1 and 2 have one)`,
      'Train a network of images.',
    );
  const windows = slidingWindows(node, x.shape, kernelOf(node, { dims: x.shape }));
  if (windows.y.dilation !== 1 || windows.x.dilation !== 1)
    refuseTraining(
      node,
      'TensorFlow.js has no gradient of a dilated pool',
      'Train a network without dilations.',
    );
  return windows;
}

/** TensorFlow's pool over windows that fit exactly, on [N, C, rows, columns]. */
export function pooled(
  tf: Tf,
  pool: Tf['maxPool'] | Tf['avgPool'],
  x: Tensor,
  windows: Windows,
  fill: number,
): Tensor {
  const { y: sweepY, x: sweepX } = windows;
  const image = channelsLast(tf, fitted(tf, asImage(tf, x), windows, fill));
  const kernel: [number, number] = [sweepY.kernel, sweepX.kernel];
  const result = pool(image, kernel, [sweepY.stride, sweepX.stride], 'valid');
  return inRankOf(tf, x, channelsFirst(tf, result));
}

/** Below every value a network computes in float32, and finite, so that no gradient becomes NaN. */
const LOWEST = -3e38;

const trainedMaxPool: TrainingForm = {
  forward(node, operands, { tf }) {
    const x = operandAt(node, operands, 0).tensor;
    return pooled(tf, tf.maxPool, x, trainedWindows(node, x), LOWEST);
  },
};

/**
 * TensorFlow divides by all cells of a window; ONNX by those that count. `power` 1 gives the averages, 2 the squared
 * weights 1/count² (squared rows).
 */
function averaged(node: Node, operands: TrainingOperands, tf: Tf, power: 1 | 2): Tensor {
  const x = operandAt(node, operands, 0).tensor;
  const windows = trainedWindows(node, x);
  const { y: sweepY, x: sweepX } = windows;
  const includePad = intAttribute(node, 'count_include_pad', 0) === 1;
  const counted = (sweep: Sweep, at: number): number => {
    if (includePad) return covered(sweep, at);
    let cells = 0;
    taps(sweep, at, () => cells++);
    return cells;
  };
  const area = sweepY.kernel * sweepX.kernel;
  const correction = Float32Array.from({ length: sweepY.output * sweepX.output }, (_, k) => {
    const count = counted(sweepY, Math.floor(k / sweepX.output)) * counted(sweepX, k % sweepX.output);
    return area / count ** power;
  });
  const average = pooled(tf, tf.avgPool, x, windows, 0);
  if (correction.every((factor) => factor === 1)) return average;
  return tf.mul(average, tf.tensor(correction, [1, 1, ...windows.outputDims]));
}

const trainedAveragePool: TrainingForm = {
  mixes: () => true,
  forward: (node, operands, { tf }) => averaged(node, operands, tf, 1),
  squaredRows: (node, operands, { tf }) => averaged(node, operands, tf, 2),
};

const spatialAxes = (x: Tensor): number[] => x.shape.slice(2).map((_, k) => k + 2);

const trainedGlobalAverage: TrainingForm = {
  mixes: () => true,
  forward(node, operands, { tf }) {
    const x = operandAt(node, operands, 0).tensor;
    return tf.mean(x, spatialAxes(x), true);
  },
  squaredRows(node, operands, { tf }) {
    const v = operandAt(node, operands, 0).tensor;
    return tf.div(tf.mean(v, spatialAxes(v), true), v.size / ((v.shape[0] ?? 1) * (v.shape[1] ?? 1)));
  },
};

const trainedGlobalMax: TrainingForm = {
  forward(node, operands, { tf }) {
    const x = operandAt(node, operands, 0).tensor;
    return tf.max(x, spatialAxes(x), true);
  },
};

export const pooling: Operator = {
  types: ['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'],
  training: {
    MaxPool: trainedMaxPool,
    AveragePool: trainedAveragePool,
    GlobalAveragePool: trainedGlobalAverage,
    GlobalMaxPool: trainedGlobalMax,
  },
  compile(node, operands) {
    const operand = required(node, operands, 0);
    const windows = poolWindows(node, operand);
    if (node.opType.endsWith('AveragePool')) return averagePool(node, windows);
    if (node.outputs[1]) refuse(node, 'its second output (indices) is used, which has no bound');
    if (intAttribute(node, 'storage_order', 0) !== 0) refuse(node, 'storage_order = 1 has no bound here');
    const pattern = windowMatrix(windows, () => 1);
    if (pattern.rowStart.some((start, i) => i > 0 && start === pattern.rowStart[i - 1]))
      refuse(node, 'one of its windows lies entirely in the padding', 'Re-export the model.');
    return {
      kind: 'nonlinear',
      dims: windows.outputDims,
      operand: 0,
      spread: null,
      nonlinearity: windowMaxima(pattern),
    };
  },
};
