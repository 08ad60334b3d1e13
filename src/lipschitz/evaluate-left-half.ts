/** The value of a left half in float64, and how far rounding can have moved it. */

import { gamma, inflate, normUp, productUp, TINY } from '../ground/rounding-error.ts';
import type { LinearMap } from '../operators/algebra/linear-map.ts';
import { remembered } from '../operators/algebra/remembered.ts';
import { atCentre, type Nonlinearity, noted, outputError } from '../operators/nonlinear/nonlinearity.ts';
import type { AffineForm } from './affine-form.ts';
import type { LeftHalf } from './left-half.ts';

/** A float64 vector within `error` (l2, upper bound) of its exact value. */
export interface Approximation {
  readonly value: Float64Array;
  readonly error: number;
}

/** f_L at one image: the latent, and the pre-activations the bounds are taken around. */
export interface Evaluation {
  readonly latent: Approximation;
  /** Input of each step (pre-activation), in the order of `LeftHalf.steps`. */
  readonly inputs: readonly Approximation[];
  /** The image, then the output of each step. */
  readonly bases: readonly Approximation[];
}

/** What a form's error depends on: upper bounds on the l2 norm of a computed base and on its l2 error. */
export interface Magnitude {
  readonly norm: number;
  readonly error: number;
}

/** f(z), with an error that covers its input's error and its own rounding, underflow included. */
export function through(map: Nonlinearity, z: Approximation): Approximation {
  const value = map.value(z.value);
  return { value, error: outputError(map, z.value, value, atCentre(z.error)) };
}

const biasNorm = remembered(({ bias }: AffineForm): number => normUp(bias));

/** Upper bound on the l2 error of an affine form's computed value, for bases no larger and no less accurate than given. */
export function formError(form: AffineForm, operands: readonly Magnitude[]): number {
  // Summing the terms' results: one more rounding per term.
  const bias = biasNorm(form);
  let total = form.biasError + gamma(form.terms.length + 1) * bias;
  for (const { base, matrix } of form.terms) {
    const { norm, error } = operands[base]!;
    const rounding =
      matrix.isSelection() && matrix.error === 0 && form.terms.length === 1 && bias === 0
        ? 0
        : gamma(matrix.longestRow() + form.terms.length + 1) * matrix.absoluteNorm() * norm + TINY;
    total += rounding + productUp(matrix.error, norm + error) + productUp(matrix.absoluteNorm(), error);
  }
  return noted(inflate(total, 16));
}

/** f_L(x) in float64 with its forward-error bound (Higham, section 3.1), for x of `inputDims`, row-major. */
export const evaluateLeftHalf = (half: LeftHalf, x: Float64Array): Evaluation =>
  evaluateEach(half, [x], (matrix, [only]) => [matrix.apply(only!)])[0]!;

/** matrix x for each x, to the bit as `LinearMap.apply` gives it. */
export type Products = (matrix: LinearMap, xs: readonly Float64Array[]) => readonly Float64Array[];

/** The same for several images, segment by segment. */
export function evaluateEach(
  half: LeftHalf,
  images: readonly Float64Array[],
  products: Products,
): Evaluation[] {
  const found = images.map((x) => new Found(x));
  const evaluate = (form: AffineForm): Approximation[] => {
    const values = found.map(() => form.bias.slice());
    for (const { base, matrix } of form.terms) {
      const parts = products(
        matrix,
        found.map(({ bases }) => bases[base]!.value),
      );
      values.forEach((value, k) => {
        const part = parts[k]!;
        for (let i = 0; i < value.length; i++) value[i] = value[i]! + part[i]!;
      });
    }
    return values.map((value, k) => {
      // A value that overflowed has no error bound.
      const error = allFinite(value) ? formError(form, found[k]!.magnitudes) : Number.POSITIVE_INFINITY;
      return { value, error };
    });
  };
  for (const { input, nonlinearity } of half.steps) {
    for (const [k, z] of evaluate(input).entries()) {
      found[k]!.inputs.push(z);
      found[k]!.add(through(nonlinearity, z));
    }
  }
  const latents = evaluate(half.output);
  return found.map(({ inputs, bases }, k) => ({ latent: latents[k]!, inputs, bases }));
}

/** `value.every(Number.isFinite)`, without a call per entry. */
function allFinite(value: Float64Array): boolean {
  for (let i = 0; i < value.length; i++) if (!Number.isFinite(value[i])) return false;
  return true;
}

/** What is known of one image so far. */
class Found {
  readonly bases: Approximation[] = [];
  readonly magnitudes: Magnitude[] = [];
  readonly inputs: Approximation[] = [];

  constructor(x: Float64Array) {
    this.add({ value: x, error: 0 });
  }

  add(base: Approximation): void {
    this.bases.push(base);
    this.magnitudes.push({ norm: normUp(base.value), error: base.error });
  }
}
