/**
 * η': how far rounding can move the computed f_L(x') for any x' in a ball. Whoever evaluates the smoothed classifier at a
 * perturbed image samples around the value computed there, which may be less accurate than the one at the centre: a black
 * image has exact latents, its neighbours do not. The bounds are those of `evaluate-left-half.ts`, with every magnitude
 * raised by how far it moves on the ball.
 */

import { inflate, normUp } from '../ground/rounding-error.ts';
import { remembered } from '../operators/algebra/remembered.ts';
import { type Movement, type Nearby, outputError } from '../operators/nonlinear/nonlinearity.ts';
import type { AffineForm } from './affine-form.ts';
import { reach } from './displacement.ts';
import { type Evaluation, formError, type Magnitude } from './evaluate-left-half.ts';
import type { LeftHalf, Step } from './left-half.ts';

/** Of what was evaluated at the centre: a search asks for it at every radius. */
const centreNorm = remembered((value: Float64Array): number => normUp(value));

/** Upper bound on the l2 movement of a form, from norms that are known already. */
function coarseMovement(form: AffineForm, bases: readonly Movement[]): number {
  let total = 0;
  for (const { base, matrix } of form.terms)
    total += (matrix.absoluteNorm() + matrix.error) * bases[base]!.rho;
  return inflate(total, form.terms.length + 4);
}

/**
 * @param bases upper bounds on the movement of the input and of every step's output on the ball
 * @returns an upper bound on the l2 error of the latent computed in float64 at any x' of the ball; Infinity where there is none
 */
export function forwardErrorOnBall(
  half: LeftHalf,
  evaluation: Evaluation,
  bases: readonly Movement[],
): number {
  const magnitudes: Magnitude[] = [
    { norm: inflate(centreNorm(evaluation.bases[0]!.value) + bases[0]!.rho, 4), error: 0 },
  ];
  for (const [index, step] of half.steps.entries()) {
    const z = evaluation.inputs[index]!;
    const output = evaluation.bases[index + 1]!;
    const outputMoved = inflate(bases[index + 1]!.rho + output.error, 4);
    const error = formError(step.input, magnitudes);
    const own = outputError(step.nonlinearity, z.value, output.value, {
      error,
      outputMoved,
      ...whereabouts(step, z.error + error, bases),
    });
    // Written so that NaN, from 0 times Infinity, is not a bound either. Including the errors in the magnitudes is a
    // second-order effect, and for written-out matrices within the margin of `absoluteNorm`: counted all the same, because
    // that is cheaper than making this argument for every kind of map.
    if (!(own < Number.POSITIVE_INFINITY)) return Number.POSITIVE_INFINITY;
    magnitudes.push({ norm: inflate(centreNorm(output.value) + outputMoved + own, 6), error: own });
  }
  return formError(half.output, magnitudes);
}

/** How far the computed input of a step can be from the one computed at the centre. `errors`: the sum of both errors. */
function whereabouts(
  step: Step,
  errors: number,
  bases: readonly Movement[],
): Pick<Nearby, 'reach' | 'moved'> {
  if (!step.nonlinearity.looksAtInput) return { reach: null, moved: 0 };
  const T = reach(step.input, bases);
  return {
    reach: T.map((t) => inflate(t + errors, 4)),
    moved: inflate(Math.min(normUp(T), coarseMovement(step.input, bases)) + errors, 4),
  };
}
