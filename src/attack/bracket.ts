/**
 * The bracket of one image: the certified radius below, the smallest confirmed perturbation above. Between the two lies
 * the distance at which the smoothed classifier first changes its answer.
 *
 *  1. Where there is a certificate, the worst input found inside its ball is put to the judge. A changed answer there
 *     contradicts the certificate.
 *  2. A search for the nearest input of another class gives directions; the distance along them is settled by the judge
 *     alone, by bisection.
 *
 * The upper end is the smallest perturbation found, not the smallest there is: a stronger attack may find a smaller one.
 */
import type { Answer } from '../methods/method.ts';
import type { Judge } from './confirmation.ts';
import type { Candidate } from './gradient-attack.ts';
import { directionTo, distanceUp, inputAt, lengthOf, type Reach } from './perturbation.ts';
import type { Search, Target } from './search.ts';

/** A perturbed image with the judge's answer. */
export interface Tried {
  readonly input: Float32Array;
  /** Upper bound on the distance from the image. */
  readonly distance: number;
  /** Number of the question the answer was given to: which draws. */
  readonly question: number;
  readonly answer: Answer;
}

export interface Bracket {
  /** The attack inside the certified ball; null without a certificate. */
  readonly inside: Tried | null;
  /** The smallest perturbation whose answer is another class; null when none was found. */
  readonly attacked: Tried | null;
  /** Questions put to the judge. */
  readonly questions: number;
  /** Those about inputs inside the certified ball: each may be answered wrongly with the judge's alpha. */
  readonly questionsInside: number;
}

/** Where along a candidate's direction the judge is asked until the answer changes, in units of its distance. */
const OUTWARDS = [1, 1.06, 1.2, 1.5, 2.2, 4.5];
/** Questions of a bisection, at most. */
const BISECTIONS = 7;
/** The bisection ends when its two ends are this close, relative. */
const TOLERANCE = 0.01;
/** A further direction is followed only if it beats the best by this share. */
const GAIN = 0.02;

/**
 * The bracket of one image: nothing is found below `radius` unless the certificate is wrong (`refutation`), and at
 * `attacked.distance` the answer is another.
 * @param target the image and its class, [C,H,W] pixels in [0,1]
 * @param radius the certified radius, input units; 0 where nothing is certified
 * @param reach limits of perturbed pixels, null where they are free, as the certificate leaves them; and the norm of the radius
 * @throws the signal's reason when aborted, and what search and judge throw
 * @example
 * const search = gradientSearch(await openGradientAttack(classifier, cut, options), 40);
 * const judge = certifiedJudge(certifier, { seed, draws: 1000, alpha: 0.001 }, context);
 * const reach = { range: null, norm: 'l2' };
 * const { attacked } = await bracket({ image, index, from: prediction }, radius, search, judge, reach, signal);
 */
export async function bracket(
  target: Target,
  radius: number,
  search: Search,
  judge: Judge,
  reach: Reach,
  signal: AbortSignal,
): Promise<Bracket> {
  const { image, index, from } = target;
  let questions = 0;
  let questionsInside = 0;
  let attacked: Tried | null = null;
  const tryInput = async (input: Float32Array): Promise<Tried> => {
    const question = questions++;
    const distance = distanceUp(image, input, reach.norm);
    if (distance <= radius) questionsInside++;
    const tried = { input, distance, question, answer: await judge.ask(input, index, question, signal) };
    if (isChanged(tried, from) && (attacked === null || distance < attacked.distance)) attacked = tried;
    return tried;
  };
  const best = (): number => (attacked as Tried | null)?.distance ?? Number.POSITIVE_INFINITY;

  /** Smallest distance along a candidate's direction: first outwards to a changed answer, then by halves. */
  const along = async (candidate: Candidate): Promise<void> => {
    const direction = directionTo(image, candidate.input);
    const at = (distance: number) => tryInput(inputAt(image, direction, distance, reach));
    // Inside the ball the first attack looked; the space below is searched only when it succeeded.
    let low = best() <= radius ? 0 : radius;
    const first = Math.max(candidate.distance, low * (1 + TOLERANCE));
    const limit = best() * (1 - GAIN);
    let high: number | null = null;
    for (const stretch of OUTWARDS) {
      const distance = Math.min(first * stretch, limit);
      if (distance <= low) return;
      if (isChanged(await at(distance), from)) {
        high = distance;
        break;
      }
      low = distance;
    }
    for (let k = 0; high !== null && k < BISECTIONS && high - low > TOLERANCE * high; k++) {
      const middle = (low + high) / 2;
      if (isChanged(await at(middle), from)) high = middle;
      else low = middle;
    }
  };

  const inside = radius > 0 ? await tryInput((await search.worstInBall(target, radius, signal)).input) : null;
  const first =
    radius > 0 ? 1.5 * radius : FIRST_GUESS * lengthOf(new Float32Array(image.length).fill(1), reach.norm);
  for (const candidate of await search.nearest(target, first, signal)) await along(candidate);
  return { inside, attacked, questions, questionsInside };
}

/** Change of every pixel where a search begins without a certificate: 0.56 in l2 for 28×28. */
const FIRST_GUESS = 0.02;

/** Whether the answer is another class; an abstention is not. */
export const isChanged = ({ answer }: Tried, from: number): boolean =>
  answer.prediction !== null && answer.prediction !== from;

/**
 * What contradicts the certificate: another answer at a distance it covers; null when nothing does. The worst input of
 * the ball comes first: its votes are clearer than those of the smallest success, where they only just decide.
 */
export function refutation({ inside, attacked }: Bracket, from: number, radius: number): Tried | null {
  if (inside !== null && isChanged(inside, from) && inside.distance <= radius) return inside;
  return attacked !== null && attacked.distance <= radius ? attacked : null;
}
