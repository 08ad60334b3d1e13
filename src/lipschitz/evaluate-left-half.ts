/** The value of a left half in float64, and how far rounding can have moved it. */

import { gamma, inflate, normUp, productUp, TINY } from '../ground/rounding-error.ts';
import { absoluteNorm, apply, isSelection, longestRow } from '../operators/algebra/linear-map.ts';
import type { AffineForm } from './affine-form.ts';
import type { LeftHalf, Step } from './left-half.ts';

/** phi(z), the maxima of z over the step's windows, or f(z). */
function applyRule(step: Step, z: Float64Array): Float64Array {
  const out = new Float64Array(step.size);
  if (step.rule.kind === 'activation') {
    const { activation } = step.rule;
    for (let i = 0; i < out.length; i++) out[i] = activation.value(z[i]!, i);
    return out;
  }
  if (step.rule.kind === 'vector' || step.rule.kind === 'local') return step.rule.map.value(z);
  const { windows } = step.rule;
  for (let i = 0; i < out.length; i++) {
    let most = Number.NEGATIVE_INFINITY;
    for (let k = windows.rowStart[i]!; k < windows.rowStart[i + 1]!; k++)
      most = Math.max(most, z[windows.column[k]!]!);
    out[i] = most;
  }
  return out;
}

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

/** A point near the centre at which a step is evaluated. All are upper bounds; at the centre itself, none but `error`. */
export interface Nearby {
  /** l2 error of the step's input there. */
  readonly error: number;
  /** Distance, per coordinate and in l2, of the input computed there from the one computed at the centre. */
  readonly reach: Float64Array | null;
  readonly moved: number;
  /** l2 distance of the step's exact output for that input from the one computed at the centre. */
  readonly outputMoved: number;
}

/** Largest slope of a step: what it multiplies an error of its input by. Infinity where there is none. */
export function stepLipschitz(step: Step): number {
  const { rule } = step;
  if (rule.kind === 'maximum') return inflate(Math.sqrt(rule.overlap), 1);
  if (rule.kind === 'vector' || rule.kind === 'local') return rule.map.lipschitz;
  let most = 0;
  for (let i = 0; i < step.size; i++) most = Math.max(most, rule.activation.lipschitz(i));
  return most;
}

/** What an error of the step's input amounts to in its output. `z`: the input computed at the centre. */
function propagated(step: Step, z: Float64Array, { error, reach, moved }: Nearby): number {
  if (error === 0) return 0;
  const steepest = stepLipschitz(step);
  const { rule } = step;
  if (rule.kind === 'local') {
    const T = new Float64Array(z.length).fill(error);
    const bound = rule.map.on({ centre: z, error: moved, T, rho: () => error });
    const slopes = bound?.slopes.map((part) => part.reduce((most, slope) => Math.max(most, slope), 0));
    const local = slopes?.reduce((sum, slope) => sum + slope, 0) ?? Number.POSITIVE_INFINITY;
    return productUp(Math.min(steepest, local), error);
  }
  if (rule.kind !== 'activation' || Number.isFinite(steepest)) return productUp(steepest, error);
  // No slope holds everywhere: the chords from the computed value over the error are what counts.
  let local = 0;
  for (let i = 0; i < step.size; i++)
    local = Math.max(local, rule.activation.secant(z[i]!, error, reach?.[i] ?? 0, i));
  if (reach === null || Number.isFinite(local)) return productUp(local, error);
  // A jump that some point of the ball is close to: what it is high.
  return normUp(Float64Array.from(reach, (e, i) => rule.activation.displacement(z[i]!, error, e, i)));
}

/** An error that is not 0 is at least `TINY`: what underflow took is in it, and no further factor makes it vanish. */
const noted = (error: number): number => (error > 0 ? Math.max(error, TINY) : error);

/**
 * Upper bound on the l2 error of f(z') as computed, underflow included; 0 where f copies what it is given.
 * @param valueMoved how far the exact value at z' is from `value`, at most
 */
function roundingOf(
  rule: Step['rule'],
  z: Float64Array,
  value: Float64Array,
  moved: number,
  valueMoved: number,
): number {
  if (rule.kind === 'maximum') return 0;
  if (rule.kind === 'local') return rule.map.rounding(z, value, moved, valueMoved) + TINY;
  const map = rule.kind === 'activation' ? rule.activation : rule.map;
  const absolute = rule.kind === 'activation' ? rule.activation.absoluteError : 0;
  if (map.relativeError === 0 && absolute === 0) return 0;
  return map.relativeError * (normUp(value) + valueMoved) + absolute * Math.sqrt(value.length) + TINY;
}

/** Upper bound on the l2 error of a step's output: what its input's error amounts to, and its own rounding. */
export function stepError(step: Step, z: Float64Array, value: Float64Array, near: Nearby): number {
  const inherited = propagated(step, z, near);
  const own = roundingOf(step.rule, z, value, near.moved, near.outputMoved + inherited);
  return noted(inflate(inherited + own, 6));
}

/** The step's output, with what its input's error and its own rounding, underflow included, can amount to. */
export function through(step: Step, z: Approximation): Approximation {
  const value = applyRule(step, z.value);
  return { value, error: stepError(step, z.value, value, atCentre(z.error)) };
}

const atCentre = (error: number): Nearby => ({ error, reach: null, moved: 0, outputMoved: 0 });

/** Upper bound on the l2 error of an affine form's computed value, for computed bases no larger and no worse than given. */
export function formError(form: AffineForm, operands: readonly Magnitude[]): number {
  // Sums of the terms' results: one more rounding per term.
  let total = form.biasError + gamma(form.terms.length + 1) * normUp(form.bias);
  for (const { base, matrix } of form.terms) {
    const { norm, error } = operands[base]!;
    const rounding =
      isSelection(matrix) && matrix.error === 0 && form.terms.length === 1 && form.bias.every((b) => b === 0)
        ? 0
        : gamma(longestRow(matrix) + form.terms.length + 1) * absoluteNorm(matrix) * norm + TINY;
    total += rounding + productUp(matrix.error, norm + error) + productUp(absoluteNorm(matrix), error);
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
      const part = apply(matrix, bases[base]!.value);
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
    add(through(step, z));
  }
  return { latent: evaluate(half.output), inputs, bases };
}
