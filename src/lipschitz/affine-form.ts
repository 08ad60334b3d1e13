/**
 * Affine segments. Every tensor of the left half is an affine function of a few *bases*: the network's input (base 0) and
 * the outputs of nonlinearities. A chain of Conv, BatchNormalization, Reshape ... between two nonlinearities is one
 * matrix, and so is a linear residual x + Conv(x): its norm is the norm of the whole segment, not a sum.
 */

import { gamma, inflate, normUp, productUp, TINY } from '../ground/rounding-error.ts';
import type { LinearMap } from '../operators/algebra/linear-map.ts';
import { add, carried, multiply } from '../operators/algebra/map-products.ts';

export interface AffineTerm {
  /** Index of the base. */
  readonly base: number;
  readonly matrix: LinearMap;
}

/** sum over terms of matrix * base + bias. */
export interface AffineForm {
  readonly size: number;
  /** At most one term per base, in the order of bases. */
  readonly terms: readonly AffineTerm[];
  readonly bias: Float64Array;
  /** Upper bound on the l2 error of `bias`. */
  readonly biasError: number;
}

/** The form that is 0 everywhere. */
export const zeroForm = (size: number): AffineForm => ({
  size,
  terms: [],
  bias: new Float64Array(size),
  biasError: 0,
});

/** The form of factor * inner. @throws ModelRefused, naming `where`, when its weights leave the range that bounds carry */
export function transformed(factor: LinearMap, inner: AffineForm, where: string): AffineForm {
  const matrix = carried(factor, where);
  const terms = inner.terms.map((term) => ({
    base: term.base,
    matrix: multiply(matrix, term.matrix, where),
  }));
  const magnitude = normUp(inner.bias);
  // Right after a nonlinearity there is no bias yet, so the norm is not needed.
  if (magnitude === 0 && inner.biasError === 0) return { ...zeroForm(matrix.rows), terms };
  const norm = matrix.absoluteNorm();
  return {
    size: matrix.rows,
    terms,
    bias: matrix.apply(inner.bias),
    biasError: inflate(
      productUp(gamma(matrix.longestRow() + 1) * norm + matrix.error, magnitude) +
        productUp(norm + matrix.error, inner.biasError) +
        TINY,
      4,
    ),
  };
}

/** The sum of two forms of the same size. */
export function plus(a: AffineForm, b: AffineForm, where: string): AffineForm {
  const terms = [...a.terms];
  for (const term of b.terms) {
    const at = terms.findIndex((other) => other.base === term.base);
    if (at < 0) terms.push(term);
    else terms[at] = { base: term.base, matrix: add(terms[at]!.matrix, term.matrix, where) };
  }
  terms.sort((left, right) => left.base - right.base);
  return { ...withBias({ ...a, terms }, b.bias, b.biasError) };
}

/** The form plus a constant vector known up to `error`. */
export function withBias(form: AffineForm, bias: Float64Array, error: number): AffineForm {
  const rounding = gamma(1) * (normUp(form.bias) + normUp(bias));
  return {
    ...form,
    bias: form.bias.map((value, i) => value + bias[i]!),
    biasError: inflate(form.biasError + error + rounding, 4),
  };
}
