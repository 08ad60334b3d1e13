/** The value of a left half in float64, and how far rounding can have moved it. */

import { gamma, inflate, normUp, productUp, TINY } from '../ground/rounding-error.ts';
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

/** Upper bound on the l2 error of an affine form's computed value, for bases no larger and no less accurate than given. */
export function formError(form: AffineForm, operands: readonly Magnitude[]): number {
  // Summing the terms' results: one more rounding per term.
  let total = form.biasError + gamma(form.terms.length + 1) * normUp(form.bias);
  for (const { base, matrix } of form.terms) {
    const { norm, error } = operands[base]!;
    const rounding =
      matrix.isSelection() && matrix.error === 0 && form.terms.length === 1 && form.bias.every((b) => b === 0)
        ? 0
        : gamma(matrix.longestRow() + form.terms.length + 1) * matrix.absoluteNorm() * norm + TINY;
    total += rounding + productUp(matrix.error, norm + error) + productUp(matrix.absoluteNorm(), error);
  }
  return noted(inflate(total, 16));
}

/** f_L(x) in float64 with its forward-error bound (Higham, section 3.1), for x of `inputDims`, row-major. */
export function evaluateLeftHalf(half: LeftHalf, x: Float64Array): Evaluation {
  const bases: Approximation[] = [];
  const magnitudes: Magnitude[] = [];
  const inputs: Approximation[] = [];
  const evaluate = (form: AffineForm): Approximation => {
    const value = form.bias.slice();
    for (const { base, matrix } of form.terms) {
      const part = matrix.apply(bases[base]!.value);
      for (let i = 0; i < value.length; i++) value[i] = value[i]! + part[i]!;
    }
    // A value that overflowed has no error bound.
    const finite = value.every(Number.isFinite);
    return { value, error: finite ? formError(form, magnitudes) : Number.POSITIVE_INFINITY };
  };
  const add = (base: Approximation): void => {
    bases.push(base);
    magnitudes.push({ norm: normUp(base.value), error: base.error });
  };
  add({ value: x, error: 0 });
  for (const step of half.steps) {
    const z = evaluate(step.input);
    inputs.push(z);
    add(through(step.nonlinearity, z));
  }
  return { latent: evaluate(half.output), inputs, bases };
}
