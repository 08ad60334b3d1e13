/**
 * MaxPool, AveragePool, GlobalAveragePool, GlobalMaxPool. Averages are affine. A maximum moves by at most the largest
 * movement inside its window, so max pooling is 1-Lipschitz in l2 when windows do not overlap and sqrt(m)-Lipschitz
 * when at most m windows share a cell.
 */
import { intAttribute, intsAttribute, type Node } from '../onnx/graph.ts';
import { refuse, required } from './compile-errors.ts';
import type { Action, Operand, Operator } from './operator.ts';
import { UNIT_ROUNDOFF } from './rounding.ts';
import { absoluteNorm, buildMatrix, type SparseMatrix } from './sparse-matrix.ts';
import { slidingWindows, taps, type Windows } from './window.ts';

function kernelOf(node: Node, operand: Operand): readonly number[] {
  if (node.opType.startsWith('Global')) return operand.dims.slice(2);
  return (
    intsAttribute(node, 'kernel_shape') ?? refuse(node, 'kernel_shape is missing', 'Re-export the model.')
  );
}

/** Row (n, c, y, x) holds the cells of its window that lie inside the input, weighted by `weight(inside, covered)`. */
function windowMatrix(w: Windows, weight: (inside: number, covered: number) => number): SparseMatrix {
  const plane = w.y.output * w.x.output;
  const inputPlane = w.y.input * w.x.input;
  const images = w.batch * w.channels;
  // Cells of the window inside the *padded* input: what count_include_pad counts when ceil_mode adds windows.
  const covered = (sweep: Windows['y'], at: number): number => {
    let cells = 0;
    for (let tap = 0; tap < sweep.kernel; tap++) {
      const position = at * sweep.stride + tap * sweep.dilation;
      if (position < sweep.padBegin + sweep.input + sweep.padEnd) cells++;
    }
    return cells;
  };
  return buildMatrix(
    images * plane,
    images * inputPlane,
    images * plane * w.y.kernel * w.x.kernel,
    (row, add) => {
      const from = Math.floor(row / plane) * inputPlane;
      const outY = Math.floor((row % plane) / w.x.output);
      const outX = row % w.x.output;
      const cells: number[] = [];
      taps(w.y, outY, (inY) => taps(w.x, outX, (inX) => cells.push(from + inY * w.x.input + inX)));
      const value = weight(cells.length, covered(w.y, outY) * covered(w.x, outX));
      for (const cell of cells) add(cell, value);
    },
  );
}

function averagePool(node: Node, operand: Operand, windows: Windows): Action {
  const includePad = intAttribute(node, 'count_include_pad', 0) === 1;
  const matrix = windowMatrix(windows, (inside, covered) => 1 / (includePad ? covered : inside));
  return {
    kind: 'affine',
    dims: [...operand.dims.slice(0, 2), ...windows.outputDims],
    terms: [{ operand: 0, matrix: { ...matrix, error: 2 * UNIT_ROUNDOFF * absoluteNorm(matrix) } }],
    bias: null,
  };
}

export const pooling: Operator = {
  types: ['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'],
  compile(node, operands) {
    const operand = required(node, operands, 0);
    const windows = slidingWindows(node, operand.dims, kernelOf(node, operand));
    if (node.opType.endsWith('AveragePool')) return averagePool(node, operand, windows);
    if (node.outputs[1]) refuse(node, 'its second output (indices) is used, which has no bound');
    if (intAttribute(node, 'storage_order', 0) !== 0) refuse(node, 'storage_order = 1 has no bound here');
    const pattern = windowMatrix(windows, () => 1);
    if (pattern.rowStart.some((start, i) => i > 0 && start === pattern.rowStart[i - 1]))
      refuse(node, 'one of its windows lies in the padding altogether', 'Re-export the model.');
    return {
      kind: 'maximum',
      dims: [...operand.dims.slice(0, 2), ...windows.outputDims],
      operand: 0,
      windows: pattern,
    };
  },
};
