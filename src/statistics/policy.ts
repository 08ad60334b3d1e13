/**
 * Requirements on a run, for pipelines that must fail when a model is not robust enough:
 *
 *   QUANTITY OP NUMBER [with CONFIDENCE]        certified@0.5 >= 0.6      abstained <= 5%      acr >= 0.4 with 95%
 *
 *   certified@R   share of images certified at radius R (input units) and, with labels, right
 *   accuracy      share of images that are certified at all and right; needs labels
 *   abstained     share of images without certificate
 *   acr           average certified radius, 0 where an image does not count
 *
 * Without `with`, the figure is that of the images in the run, as it stands. With it, the images count as a sample of a
 * population: a requirement from below is then judged by the one-sided lower confidence bound at that level
 * (Clopper-Pearson; for acr the betting bound of `accuracy.ts`), one from above by the upper bound. Equal images count as one
 * there, and images left out as unreadable count as not certified everywhere.
 */

import { percentDown, percentUp, roundDown, shareDown } from '../ground/decimal.ts';
import { UsageError } from '../ground/errors.ts';
import type { Outcome, RunHeader } from '../records/record.ts';
import { clopperPearsonLower, clopperPearsonUpper } from '../smoothing/votes/clopper-pearson.ts';
import {
  averageRadiusLower,
  certifiedCount,
  independent,
  type Score,
  scoreOf,
  type Tally,
} from './accuracy.ts';
import { leftOutCount } from './left-out.ts';

const OPERATORS = ['>=', '<=', '>', '<'] as const;

export interface Requirement {
  /** As the user wrote it. */
  readonly text: string;
  readonly quantity: 'certified' | 'accuracy' | 'abstained' | 'acr';
  /** Input units; 0 unless the quantity is `certified`. */
  readonly radius: number;
  readonly operator: (typeof OPERATORS)[number];
  readonly threshold: number;
  /** Confidence level in (0.5, 1); null: the share as it stands. */
  readonly confidence: number | null;
}

export interface Judgement {
  readonly requirement: Requirement;
  readonly met: boolean;
  /** What was compared with the threshold; null when there was nothing to compare. */
  readonly value: number | null;
  /** The same in words: "62.5 % (25 of 40)". */
  readonly found: string;
}

const FORM =
  'certified@0.5 >= 0.6, accuracy >= 80%, abstained <= 0.05 or acr >= 0.4, and "with 95%" after it if you like';
const PATTERN =
  /^\s*(?<quantity>[a-z]+)\s*(?:@\s*(?<radius>[^\s<>=]+))?\s*(?<operator>[<>=!~]+)\s*(?<threshold>[^\s<>=]+)\s*(?:with\s+(?<confidence>\S+))?\s*$/iu;

/**
 * Reads requirements; several are separated by semicolons or line ends.
 * Throws UsageError that says what cannot be read; an empty text is an error.
 */
export function parseRequirements(text: string | undefined): Requirement[] {
  return text === undefined ? [] : text.split(/[;\n]/u).map((part) => parseRequirement(part.trim()));
}

/** Throws UsageError when a requirement asks for accuracy and there are no labels. */
export function requireLabels(requirements: readonly Requirement[], labelled: boolean): void {
  const asking = labelled ? undefined : requirements.find(({ quantity }) => quantity === 'accuracy');
  if (asking === undefined) return;
  throw new UsageError({
    what: `--require "${asking.text}" needs labels`,
    why: 'without labels nothing is called accuracy',
    remedy: 'Ask for certified@0 (the share with any certificate), or give the labels with --labels.',
  });
}

function parseRequirement(text: string): Requirement {
  const wrong = (why: string): UsageError =>
    new UsageError({
      what: `--require "${text}" cannot be read`,
      why,
      remedy: `Write ${FORM}.`,
    });
  const groups = PATTERN.exec(text)?.groups;
  if (groups === undefined) throw wrong('it is not of the form QUANTITY OPERATOR NUMBER [with CONFIDENCE]');
  const quantity = (['certified', 'accuracy', 'abstained', 'acr'] as const).find(
    (name) => name === groups['quantity']?.toLowerCase(),
  );
  if (quantity === undefined) {
    throw wrong(`'${groups['quantity']}' is not one of certified@RADIUS, accuracy, abstained, acr`);
  }
  const operator = OPERATORS.find((one) => one === groups['operator']);
  if (operator === undefined) throw wrong(`'${groups['operator']}' is not one of ${OPERATORS.join(' ')}`);
  const radius = groups['radius'] === undefined ? null : Number(groups['radius']);
  if (quantity === 'certified' && (radius === null || !(radius >= 0 && Number.isFinite(radius))))
    throw wrong('certified needs a radius, as in certified@0.5');
  if (quantity !== 'certified' && radius !== null) throw wrong(`${quantity} does not take a radius`);
  const threshold = share(groups['threshold'] ?? '');
  if (threshold === null) throw wrong(`'${groups['threshold']}' is not a number`);
  if (quantity !== 'acr' && !(threshold >= 0 && threshold <= 1))
    throw wrong(`${groups['threshold']} is not a share: write 0.6 or 60%`);
  if (quantity === 'acr' && (groups['threshold']?.endsWith('%') || threshold < 0))
    throw wrong('acr is a radius, not a share');
  const confidence = groups['confidence'] === undefined ? null : share(groups['confidence']);
  if (groups['confidence'] !== undefined && !(confidence !== null && confidence > 0.5 && confidence < 1))
    throw wrong(
      `'${groups['confidence']}' is not a confidence level: write 95% or 0.99, above 50% and below 100%`,
    );
  if (quantity === 'acr' && confidence !== null && operator.startsWith('<'))
    throw wrong('radii have no upper limit, so the average has no upper confidence bound: omit "with"');
  return { text, quantity, radius: radius ?? 0, operator, threshold, confidence };
}

/** "0.6" or "60%"; null when it is neither. */
function share(text: string): number | null {
  const percent = text.endsWith('%');
  const digits = percent ? text.slice(0, -1) : text;
  const value = digits.trim() === '' ? Number.NaN : Number(digits);
  if (!Number.isFinite(value)) return null;
  return percent ? value / 100 : value;
}

/**
 * Judges a requirement on a run's first series (not on what it is compared with).
 * Throws UsageError when it asks for accuracy and there are no labels.
 */
export function judge(requirement: Requirement, header: RunHeader, outcomes: readonly Outcome[]): Judgement {
  const { quantity, radius, confidence, operator } = requirement;
  const score = policyScore(header, outcomes);
  const not = (found: string): Judgement => ({ requirement, met: false, value: null, found });
  requireLabels([requirement], header.data.labelled);
  if (outcomes.length === 0) return not('there are no images');
  if (quantity !== 'abstained' && header.series[0]?.guarantee !== 'certificate')
    return not('the radii are an estimate, not a bound, and can meet no requirement');
  if (quantity === 'acr') return ofAverage(requirement, score, header.dependence);
  const countIn = (tally: Tally): number =>
    quantity === 'abstained' ? tally.abstained : certifiedCount(tally, radius);
  const count = countIn(score);
  const plain = `${shareDown(count, score.images, 1)} % (${count} of ${score.images}${unreadable(header)})`;
  if (confidence === null) {
    return judged(requirement, count / score.images, plain);
  }
  const tally = independent(score);
  const level = `${inPercent(confidence)} % confidence${score.distinct === null ? '' : `, over ${tally.images} distinct images`}`;
  if (operator.startsWith('>')) {
    const bound = clopperPearsonLower(countIn(tally), tally.images, 1 - confidence);
    return judged(requirement, bound, `${plain}; at least ${percentDown(bound, 1)} % with ${level}`);
  }
  const bound = clopperPearsonUpper(countIn(tally), tally.images, 1 - confidence);
  return judged(requirement, bound, `${plain}; at most ${percentUp(bound, 1)} % with ${level}`);
}

/** What a policy is judged on: the first series, with the images left out as unreadable. */
export const policyScore = (header: RunHeader, outcomes: readonly Outcome[]): Score =>
  withLeftOut(scoreOf(outcomes), header);

/** A policy that could be met by damaging the images that fail it would be none: those left out count as not certified. */
function withLeftOut(score: Score, header: RunHeader): Score {
  const left = leftOutCount(header);
  if (left === 0) return score;
  const longer = ({ images, abstained, credited, radii }: Tally): Tally => ({
    images: images + left,
    abstained: abstained + left,
    credited: [...credited, ...new Array<number>(left).fill(0)],
    radii,
  });
  return { ...score, ...longer(score), distinct: score.distinct && longer(score.distinct) };
}

const unreadable = (header: RunHeader): string => {
  const left = leftOutCount(header);
  return left === 0 ? '' : `, ${left} of them unreadable`;
};

/** A confidence as the user wrote it: "95", "99.9". */
export const inPercent = (confidence: number): string => String(Number((100 * confidence).toPrecision(9)));

function ofAverage(requirement: Requirement, score: Score, dependence: RunHeader['dependence']): Judgement {
  const mean = score.credited.reduce((sum, radius) => sum + radius, 0) / score.images;
  const { confidence } = requirement;
  if (confidence === null) return judged(requirement, mean, roundDown(mean, 4));
  const bound = averageRadiusLower(independent(score), 1 - confidence, dependence);
  const level = inPercent(confidence);
  return judged(
    requirement,
    bound,
    `${roundDown(mean, 4)}; at least ${roundDown(bound, 4)} with ${level} % confidence${dependence === 'shared' ? ' (images share their noise: no better bound)' : ''}`,
  );
}

function judged(requirement: Requirement, value: number, found: string): Judgement {
  return { requirement, met: satisfies(requirement, value), value, found };
}

/** Whether a value is what a requirement asks for. */
export const satisfies = ({ operator, threshold }: Requirement, value: number): boolean =>
  ({
    '>=': value >= threshold,
    '>': value > threshold,
    '<=': value <= threshold,
    '<': value < threshold,
  })[operator];
