/** The settings of every method that votes: noise, draws, failure probability, bound. */
import { UsageError } from '../../ground/errors.ts';
import { count, number, object, oneOf, optional, type TypeOf, text } from '../../ground/json-schema.ts';
import { VOTE_BOUND_NAMES, type VoteBoundName } from '../../ground/vote-bound-names.ts';
import type { Sourced } from '../../records/record.ts';
import { LARGEST_SIGMA, SMALLEST_SIGMA } from '../../smoothing/noise/rounded-noise.ts';
import { levelAt } from '../../smoothing/stopping/spending.ts';
import { type Until, untilOf, untilText } from '../../smoothing/stopping/until.ts';
import { ruleOf } from '../../smoothing/stopping/voting.ts';
import { checkAlpha } from '../../smoothing/votes/clopper-pearson.ts';
import { smallestUsefulN, VOTE_BOUNDS } from '../../smoothing/votes/index.ts';
import { MOST_DRAWS } from '../../smoothing/votes/looks.ts';
import type { Asked, WithOrigins } from '../method.ts';
import { askedOr, requireCount } from '../sourced.ts';

export const voteSettingFields = {
  n0: count('Draws that select the class.'),
  n: count('Fresh draws that count its votes; the most of them where they may end early.'),
  alpha: number('Failure probability of the vote-count bound, per image.', { minimum: 0, maximum: 1 }),
  bound: oneOf('How votes become a latent radius.', VOTE_BOUND_NAMES),
  until: optional(
    text(
      'What ends the draws before all n are made, as in "radius >= 0.5" (decided) or "tolerance 5%" (of the radius of all n). Absent where nothing but the bound does.',
    ),
  ),
};

const voteSettings = object('Draws.', voteSettingFields);
/** How many draws, and what is made of them. */
export type VoteSettings = TypeOf<typeof voteSettings>;

declare const validated: unique symbol;
/** A standard deviation of noise, in the range whose grid float32 can hold. */
export type Sigma = number & { readonly [validated]: true };

/**
 * @param name what the user calls the setting.
 * @throws UsageError unless `value` is positive and its grid is one that float32 holds
 */
export function sigmaOf(value: number, name = '--sigma'): Sigma {
  if (value >= SMALLEST_SIGMA && value <= LARGEST_SIGMA) return value as Sigma;
  throw new UsageError({
    what: `${name} is ${value}`,
    why: 'the noise needs a positive standard deviation, and its grid one that a float32 can hold',
    remedy: `Write ${name} 0.25, for instance.`,
  });
}

/** Throws UsageError for counts and probabilities that cannot certify anything, and for a rule that the bound does not allow. */
export function resolveVotes(asked: Asked): WithOrigins<VoteSettings> {
  const asks = asked['until'] as Sourced<string> | undefined;
  const until = untilOf(asks?.value);
  const settings: WithOrigins<VoteSettings> = {
    n0: askedOr(asked, 'n0', 100),
    n: askedOr(asked, 'n', 10_000),
    alpha: askedOr(asked, 'alpha', 0.001),
    bound: askedOr(asked, 'bound', 'clopper-pearson'),
    // Runs of a fixed number of draws read as they always did.
    ...(asks === undefined || until.kind === 'n' ? {} : { until: { ...asks, value: untilText(until) } }),
  };
  checkAlpha(settings.alpha.value);
  requireVerifiable(settings.alpha.value);
  requireCount('--n0', settings.n0.value, 1);
  requireCount('--n', settings.n.value, 1);
  requireDrawable(settings.n.value);
  requireFixedLevels(settings.bound.value, until);
  const [n, alpha] = [settings.n.value, settings.alpha.value];
  const least = leastDraws(n, alpha, settings.bound.value, until);
  if (n < least) {
    throw new UsageError({
      what: `--n ${n} can certify nothing at --alpha ${alpha}`,
      why: 'even if all draws agree, the lower bound on the probability of their class stays at or below 1/2',
      remedy: `Give --n ${least} or more; 10000 or more is usual.`,
    });
  }
  return settings;
}

/** Draws that can certify something, no fewer than n. More draws may have more looks, and a smaller part of alpha for the last. */
function leastDraws(n: number, alpha: number, bound: VoteBoundName, until: Until): number {
  const rule = ruleOf(until);
  let least = n;
  for (;;) {
    const level = rule === null ? alpha : levelAt(least, least, alpha, rule.spending);
    const needed = smallestUsefulN(VOTE_BOUNDS[bound], level);
    if (needed <= least) return least;
    least = needed;
  }
}

/** Throws UsageError for more draws of an image than the sampler can count. */
function requireDrawable(n: number): void {
  if (n <= MOST_DRAWS) return;
  throw new UsageError({
    what: `--n ${n} is more than can be drawn`,
    why: `the draws of an image are counted up to ${MOST_DRAWS}`,
    remedy: 'Give --n 100000, which is what the field uses.',
  });
}

/** What a look spends of less than this may be a level that `verify` has no tail for (`check/binomial-sum.ts`). */
const SMALLEST_ALPHA = 1e-200;

/** Throws UsageError for a failure probability so small that no result file with it could be checked. */
function requireVerifiable(alpha: number): void {
  if (alpha >= SMALLEST_ALPHA) return;
  throw new UsageError({
    what: `alpha is ${alpha}`,
    why: `probabilities below ${SMALLEST_ALPHA} are too small to be recomputed when the result is verified`,
    remedy: 'Give --alpha 0.001, the usual value.',
  });
}

/** Throws UsageError for draws that may end early under a bound that does not survive it. */
function requireFixedLevels(bound: VoteBoundName, until: Until): void {
  if (until.kind === 'n' || bound === 'clopper-pearson') return;
  throw new UsageError({
    what: `--until "${untilText(until)}" does not go with --bound ${bound}`,
    why:
      bound === 'anytime'
        ? 'that bound has a rule of its own for when draws end'
        : 'that bound is for a number of draws fixed beforehand',
    remedy: 'Omit --bound: the looks of --until share alpha, each with a Clopper-Pearson bound.',
  });
}

/** Two more significant digits than are needed to read it, so that a derived noise level prints short and compares equal. */
export const shortened = (value: number): number => Number(value.toPrecision(4));

/** Input noise of plain smoothing, and what a cut's default noise is matched to, when neither flag nor model says a level. */
export const DEFAULT_INPUT_SIGMA = 0.25;
