/** Evaluating several images at once, for certificates that take little more than an evaluation. */
import { type RowProducts, rowProducts, TOGETHER } from '../operators/algebra/row-products.ts';
import { SparseMatrix } from '../operators/algebra/sparse-matrix.ts';
import { type Evaluation, evaluateEach, evaluateLeftHalf, type Products } from './evaluate-left-half.ts';
import type { LeftHalf } from './left-half.ts';

/** Entries beyond which the matrices of a left half are not copied (240 MB). */
const MOST_COPIED = 2e7;

/**
 * Evaluates several images at once, to the bit as `evaluateLeftHalf` does each of them, in a part of the time. Where the matrices are
 * large it takes one after the other.
 * @throws ToolError when there is no memory for a copy of the matrices
 */
export function togetherEvaluator(half: LeftHalf): (images: readonly Float64Array[]) => Evaluation[] {
  const forms = [...half.steps.map(({ input }) => input), half.output];
  const matrices = forms
    .flatMap(({ terms }) => terms.map(({ matrix }) => matrix))
    .filter((matrix) => matrix instanceof SparseMatrix);
  if (matrices.reduce((sum, matrix) => sum + matrix.work(), 0) > MOST_COPIED)
    return (images) => images.map((x) => evaluateLeftHalf(half, x));
  let together: RowProducts | null = null;
  const products: Products = (matrix, xs) => {
    if (!(matrix instanceof SparseMatrix)) return xs.map((x) => matrix.apply(x));
    together ??= rowProducts(matrices);
    return together(matrix, xs);
  };
  return (images) => {
    const evaluations: Evaluation[] = [];
    for (let at = 0; at < images.length; at += TOGETHER) {
      const some = images.slice(at, at + TOGETHER);
      evaluations.push(
        ...(some.length === 1 ? [evaluateLeftHalf(half, some[0]!)] : evaluateEach(half, some, products)),
      );
    }
    return evaluations;
  };
}
