/**
 * A pool of l2 norms as PyTorch writes it, (k AveragePool(x²))^(1/2): sqrt(k/K) times the norm of each window of K cells. Its
 * parts have a bound only where no window may become 0; the whole is Lipschitz everywhere.
 */
import { UNIT_ROUNDOFF } from '../../ground/rounding-error.ts';
import {
  intAttribute,
  intsAttribute,
  type Node,
  sizeOf,
  stringAttribute,
  type Value,
} from '../../onnx/model/graph.ts';
import { identityMatrix, selection } from '../algebra/sparse-matrix.ts';
import { required } from '../compile/compile-errors.ts';
import { composed } from '../compile/nonlinear-action.ts';
import type { Expression } from '../operator.ts';
import { poolWindows, windowMatrix } from '../pooling.ts';
import { multiples, scalar } from './gated-activations.ts';
import { squaredIn } from './squares.ts';
import { wholeVectors, windowed } from './vector-map.ts';

/** An average over whole windows: without padding, all have the same number of cells. */
const averagesWhole = (node: Node): boolean =>
  node.domain === '' &&
  node.opType === 'AveragePool' &&
  ['NOTSET', 'VALID'].includes(stringAttribute(node, 'auto_pad', 'NOTSET')) &&
  (intsAttribute(node, 'pads') ?? []).every((width) => width === 0) &&
  intAttribute(node, 'ceil_mode', 0) === 0;

/** @param node a Sqrt, or a Pow */
export function writtenOutLpPool(node: Node): Expression | null {
  const [base, exponent] = node.inputs;
  const ranks: number[] = [0];
  if (!base || (node.opType === 'Pow' && scalar(exponent, ranks) !== 0.5)) return null;
  for (const { x: mean, times } of multiples(base, ranks)) {
    const pool = mean.producer;
    const x = pool && averagesWhole(pool) ? squaredIn(pool.inputs[0]) : null;
    if (pool !== null && x !== null && times > 0) return normsOf(node, pool, x, times, Math.max(...ranks));
  }
  return null;
}

/** sqrt(times/K) times the l2 norms of the windows of `pool` over x. */
function normsOf(node: Node, pool: Node, x: Value, times: number, rank: number): Expression {
  return {
    inputs: [x],
    compile(operands) {
      const operand = required(node, operands, 0);
      const shape = poolWindows(pool, operand);
      const windows = windowMatrix(shape, () => 1);
      const factor = Math.sqrt(times / windows.longestRow());
      const dims = [
        ...new Array<number>(Math.max(0, rank - shape.outputDims.length)).fill(1),
        ...shape.outputDims,
      ];
      const size = sizeOf(dims);
      const scaling = selection(
        size,
        Int32Array.from({ length: size }, (_, i) => i),
        new Float64Array(size).fill(factor),
      );
      return {
        ...composed(
          dims,
          [{ operand: 0, matrix: identityMatrix(sizeOf(operand.dims)) }],
          wholeVectors(windowed(windows, 'l2')),
        ),
        after: { matrix: scaling.withError(16 * UNIT_ROUNDOFF * factor), bias: null },
      };
    },
  };
}
