/** The value of a left half in float64, and how far rounding can have moved it. */
import { absoluteNorm, apply, isSelection, longestRow } from '../operators/linear-map.ts';
import { gamma, inflate, normUp, productUp, TINY } from '../operators/rounding.ts';
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

/** What an error of the step's input amounts to in its output. */
function propagated(step: Step, z: Approximation): number {
  if (z.error === 0) return 0;
  const steepest = stepLipschitz(step);
  const { rule } = step;
  if (rule.kind === 'local') {
    const T = new Float64Array(z.value.length).fill(z.error);
    const bound = rule.map.on({ centre: z.value, error: 0, T, rho: () => z.error });
    const slopes = bound?.slopes.map((part) => part.reduce((most, slope) => Math.max(most, slope), 0));
    const local = slopes?.reduce((sum, slope) => sum + slope, 0) ?? Number.POSITIVE_INFINITY;
    return productUp(Math.min(steepest, local), z.error);
  }
  if (rule.kind !== 'activation' || Number.isFinite(steepest)) return productUp(steepest, z.error);
  // No slope holds everywhere: the chords from the computed value over the error are what counts.
  let local = 0;
  for (let i = 0; i < step.size; i++)
    local = Math.max(local, rule.activation.secant(z.value[i]!, z.error, 0, i));
  return productUp(local, z.error);
}

/** An error that is not 0 is at least `TINY`: what underflow took is in it, and no further factor makes it vanish. */
const noted = (error: number): number => (error > 0 ? Math.max(error, TINY) : error);

/** Upper bound on the l2 error of f(z) as computed, underflow included; 0 where f copies what it is given. */
function roundingOf(rule: Step['rule'], z: Float64Array, value: Float64Array): number {
  if (rule.kind === 'maximum') return 0;
  if (rule.kind === 'local') return rule.map.rounding(z, value) + TINY;
  const map = rule.kind === 'activation' ? rule.activation : rule.map;
  const absolute = rule.kind === 'activation' ? rule.activation.absoluteError : 0;
  if (map.relativeError === 0 && absolute === 0) return 0;
  return map.relativeError * normUp(value) + absolute * Math.sqrt(value.length) + TINY;
}

/** The step's output, with what its input's error and its own rounding, underflow included, can amount to. */
export function through(step: Step, z: Approximation): Approximation {
  const value = applyRule(step, z.value);
  return { value, error: noted(inflate(propagated(step, z) + roundingOf(step.rule, z.value, value), 4)) };
}

/** f_L(x) in float64 with its forward-error bound (Higham, section 3.1), for x of `inputDims`, row-major. */
export function evaluateLeftHalf(half: LeftHalf, x: Float64Array): Evaluation {
  const bases: Approximation[] = [{ value: x, error: 0 }];
  const inputs: Approximation[] = [];
  const evaluate = (form: AffineForm): Approximation => {
    const value = form.bias.slice();
    // Sums of the terms' results: one more rounding per term.
    let error = form.biasError + gamma(form.terms.length + 1) * normUp(form.bias);
    for (const { base, matrix } of form.terms) {
      const operand = bases[base]!;
      const part = apply(matrix, operand.value);
      for (let i = 0; i < value.length; i++) value[i] = value[i]! + part[i]!;
      const magnitude = normUp(operand.value);
      const rounding =
        isSelection(matrix) &&
        matrix.error === 0 &&
        form.terms.length === 1 &&
        form.bias.every((b) => b === 0)
          ? 0
          : gamma(longestRow(matrix) + form.terms.length + 1) * absoluteNorm(matrix) * magnitude + TINY;
      error +=
        rounding +
        productUp(matrix.error, magnitude + operand.error) +
        productUp(absoluteNorm(matrix), operand.error);
    }
    // A value that overflowed has no error bound.
    return {
      value,
      error: value.every(Number.isFinite) ? noted(inflate(error, 16)) : Number.POSITIVE_INFINITY,
    };
  };
  for (const step of half.steps) {
    const z = evaluate(step.input);
    inputs.push(z);
    bases.push(through(step, z));
  }
  return { latent: evaluate(half.output), inputs };
}
