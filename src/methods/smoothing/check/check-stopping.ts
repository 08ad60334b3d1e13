/**
 * Whether the draws of an image ended where the rule of its run lets them: at one of the looks, and with votes that settle what the
 * rule asks. Recomputed without the code that ended them (`smoothing/stopping`). That no earlier look settled it, the file cannot
 * show: `replay` does.
 */
import { readUntil, type Until, untilText } from '../../../smoothing/stopping/until.ts';
import type { WithOrigins } from '../../method.ts';
import type { VoteSettings } from '../settings.ts';
import type { VoteEvidence } from '../votes.ts';
import type { CheckedLaw } from './checked-law.ts';
import { binomialTest } from './vote-tests.ts';

/** Draws at a rule's first look, and the share of alpha that all looks before the last one spend, in equal parts. */
const RULES = { radius: { first: 128, early: 1 / 2 }, tolerance: { first: 512, early: 1 / 8 } };
/** The factor from one look to the next at least, what draws at a look are a multiple of, and the share of n behind which only n is left. */
const [APART, STEP, LAST] = [1.15, 64, 3 / 4];
/** Standard deviations that the forecast of all n draws allows for. */
const DEVIATIONS = 3.1;
/** Votes this close to what a rule asks may count either way. */
const SLACK = 1e-6;

export type Stopping = Exclude<Until, { readonly kind: 'n' }>;

/** The rule of a series; null where it makes all draws, or its bound says when they end. */
export function stoppingOf({ until }: Pick<WithOrigins<VoteSettings>, 'until'>): Stopping | null {
  const rule = until?.value === undefined ? null : readUntil(until.value);
  return rule === null || rule.kind === 'n' ? null : rule;
}

/** What the look after so many of n draws spends of alpha; 0 where the rule does not look. */
export function levelOf({ kind }: Stopping, draws: number, n: number, alpha: number): number {
  const { first, early } = RULES[kind];
  let [before, reached] = [0, draws === n];
  for (let look = first; look <= LAST * n; look = STEP * Math.ceil((look * APART) / STEP)) {
    before++;
    reached ||= look === draws;
  }
  if (!reached) return 0;
  if (before === 0) return alpha;
  return draws < n ? (alpha * early) / before : alpha * (1 - early);
}

/** What is wrong with the rule in a header, or null. */
export function ruleFault({
  until,
  bound,
}: Pick<WithOrigins<VoteSettings>, 'until' | 'bound'>): string | null {
  if (until?.value === undefined) return null;
  const rule = readUntil(until.value);
  if (rule === null || rule.kind === 'n' || untilText(rule) !== until.value)
    return `until is "${until.value}", not a rule as certify writes it`;
  return bound.value === 'clopper-pearson'
    ? null
    : `until is "${until.value}" with the bound ${bound.value}, which no run has`;
}

/** What is wrong with where the draws ended, or null. */
export function stoppingFault(
  evidence: VoteEvidence,
  settings: Pick<WithOrigins<VoteSettings>, 'until' | 'n' | 'alpha'>,
  scale: number,
  law: CheckedLaw,
): string | null {
  const rule = stoppingOf(settings);
  if ((evidence.target !== undefined) !== (rule?.kind === 'radius'))
    return 'target is given exactly where a radius is decided';
  if (rule === null) return null;
  const n = settings.n.value;
  const draws = evidence.counts.reduce((sum, k) => sum + k, evidence.nonFinite);
  if (draws === n) return null;
  if (evidence.selected === null)
    return `draws ended after ${draws} of ${n}, although no class was selected to decide about`;
  const rest = `draws ended after ${draws} of ${n}`;
  const alpha = settings.alpha.value;
  if (levelOf(rule, draws, n, alpha) === 0)
    return `${rest}, where the rule "${untilText(rule)}" does not look`;
  const votes = evidence.counts[evidence.selected] ?? 0;
  const atEnd = levelOf(rule, n, n, alpha);
  /** Whether so many votes among all n draws would give at most this radius. */
  const wouldGive = (count: number, radius: number, level: number): boolean =>
    !Number.isFinite(radius) ||
    isBelow(count, n, law.probabilityAt(radius, scale).upper + evidence.tau, level);
  const most = mostVotes(votes, draws, n);
  const { latentRadius } = evidence;
  const needed = evidence.target ?? Number.POSITIVE_INFINITY;
  const settled =
    rule.kind === 'radius'
      ? latentRadius >= needed || wouldGive(most, needed, atEnd)
      : isBelow(most, n, 0.5 + evidence.tau, atEnd) ||
        (latentRadius > 0 &&
          wouldGive(Math.round((votes / draws) * n), latentRadius / (1 - rule.percent / 100), alpha));
  return settled ? null : `${rest}, but these votes do not settle "${untilText(rule)}"`;
}

/** The most votes of all n draws that those of a look let expect, fewer by what rounding explains. */
function mostVotes(votes: number, draws: number, n: number): number {
  const [rest, share] = [n - draws, (votes + 1 / 2) / (draws + 1)];
  const variance = rest * share * (1 - share) * (1 + rest / (draws + 1));
  const expected = (rest * share + DEVIATIONS * Math.sqrt(variance)) * (1 - 1e-12);
  return votes + Math.min(rest, Math.ceil(expected));
}

/** Whether a Clopper-Pearson bound of so many votes among all n draws is below p. */
function isBelow(votes: number, n: number, p: number, level: number): boolean {
  const beyond = p + Math.min(p, 1 - p) * SLACK;
  return beyond >= 1 || binomialTest(votes, n, level).allows(beyond, 1 - beyond);
}
