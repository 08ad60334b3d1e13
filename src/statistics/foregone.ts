/**
 * Requirements that are decided before the run has ended: met, or not met, whatever the images that are left come to. With k of N
 * images counting and m left, the share at the end is between k / (N + m) and (k + m) / (N + m).
 *
 * Under a confidence level equal images count as one, and only if all of them do, so that an image that is left may also take one
 * away that counts. The bound from below at the end is then no less than that of k - m of N: k successes of N + 1 show no less than k - 1
 * of N, since the former event implies the latter. It is no more than that of k + m of N + m. The bound from above is no more than that
 * of k + m of N, and no less than that of k - m of N; or, where k < m, of 0 of N + m - k.
 */
import { percentDown, percentUp, roundDown } from '../ground/decimal.ts';
import type { Outcome, RunHeader } from '../records/record.ts';
import { clopperPearsonLower, clopperPearsonUpper } from '../smoothing/votes/clopper-pearson.ts';
import { certifiedCount, independent, type Score, type Tally } from './accuracy.ts';
import { inPercent, type Judgement, judge, policyScore, type Requirement, satisfies } from './policy.ts';

/** What is compared with the threshold lies between these at the end. */
interface Range {
  readonly least: number;
  readonly most: number;
  readonly inWords: string;
}

/**
 * The judgement at the end of the run, where it is known already; null where it depends on images that are left.
 * @param left images still to come, at most
 */
export function foregone(
  requirement: Requirement,
  header: RunHeader,
  outcomes: readonly Outcome[],
  left: number,
): Judgement | null {
  const now = judge(requirement, header, outcomes);
  if (left === 0) return now;
  // No image, or no certificate: the former may change.
  if (now.value === null) return outcomes.length === 0 ? null : now;
  const range = rangeOf(requirement, policyScore(header, outcomes), left);
  if (range === null) return null;
  const [least, most] = [satisfies(requirement, range.least), satisfies(requirement, range.most)];
  if (least !== most) return null;
  return {
    ...{ requirement, met: least, value: least ? range.least : range.most },
    found: `${range.inWords}, whatever the ${left} images left come to`,
  };
}

/** Those of all requirements; null where one of them depends on images that are left. */
export function allForegone(
  requirements: readonly Requirement[],
  header: RunHeader,
  outcomes: readonly Outcome[],
  left: number,
): readonly Judgement[] | null {
  const judgements: Judgement[] = [];
  for (const requirement of requirements) {
    const judgement = foregone(requirement, header, outcomes, left);
    if (judgement === null) return null;
    judgements.push(judgement);
  }
  return judgements;
}

/** Null where nothing is known of the end. */
function rangeOf(
  { quantity, radius, confidence, operator }: Requirement,
  score: Score,
  left: number,
): Range | null {
  if (quantity === 'acr') {
    // A copy may shrink a radius that counts.
    if (confidence !== null) return null;
    const least = score.credited.reduce((all, one) => all + one, 0) / (score.images + left);
    return { least, most: Number.POSITIVE_INFINITY, inWords: `at least ${roundDown(least, 4)}` };
  }
  const countIn = (tally: Tally): number =>
    quantity === 'abstained' ? tally.abstained : certifiedCount(tally, radius);
  if (confidence === null) {
    const images = score.images + left;
    const [fewest, most] = [countIn(score), countIn(score) + left];
    return {
      ...{ least: fewest / images, most: most / images },
      inWords: `between ${fewest} and ${most} of ${images}`,
    };
  }
  const tally = independent(score);
  const { least, most } = bounds(
    countIn(tally),
    tally.images,
    left,
    1 - confidence,
    operator.startsWith('>'),
  );
  return {
    ...{ least, most },
    inWords: `between ${percentDown(least, 1)} and ${percentUp(most, 1)} % with ${inPercent(confidence)} % confidence`,
  };
}

/** Ends of the bound at level 1 - rho on the share, at the end. */
function bounds(
  count: number,
  images: number,
  left: number,
  rho: number,
  fromBelow: boolean,
): { readonly least: number; readonly most: number } {
  const fewest = Math.max(0, count - left);
  if (fromBelow)
    return {
      least: clopperPearsonLower(fewest, images, rho),
      most: clopperPearsonLower(count + left, images + left, rho),
    };
  return {
    least: clopperPearsonUpper(fewest, images + Math.max(0, left - count), rho),
    most: clopperPearsonUpper(Math.min(images, count + left), images, rho),
  };
}
