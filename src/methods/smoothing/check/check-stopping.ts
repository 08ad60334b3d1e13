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
import { bettingTest, binomialTest } from './vote-tests.ts';

/** Share of alpha that the betting sequence spends under a rule. */
const SEQUENCE_SHARE = { radius: 1 / 2, tolerance: 1 / 10 };
/** Draws at the first look, the factor to the next at least, and what their distance is a multiple of. */
const LOOKS = [128, 1.15, 64] as const;
/** Votes this close to what a rule asks may count either way. */
const SLACK = 1e-6;

export type Stopping = Exclude<Until, { readonly kind: 'n' }>;

/** The rule of a series; null where it makes all draws, or its bound says when they end. */
export function stoppingOf({ until }: Pick<WithOrigins<VoteSettings>, 'until'>): Stopping | null {
  const rule = until?.value === undefined ? null : readUntil(until.value);
  return rule === null || rule.kind === 'n' ? null : rule;
}

/** The parts of alpha under a rule. */
export function levelsOf(
  { kind }: Stopping,
  alpha: number,
): { readonly sequence: number; readonly atEnd: number } {
  const share = SEQUENCE_SHARE[kind];
  return { sequence: alpha * share, atEnd: alpha * (1 - share) };
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
  if (!isLook(draws)) return `${rest}, where the rule "${untilText(rule)}" does not look`;
  const look = { votes: evidence.counts[evidence.selected] ?? 0, draws, n, tau: evidence.tau };
  const { sequence, atEnd } = levelsOf(rule, settings.alpha.value);
  const probabilityAt = (radius: number): number =>
    Number.isFinite(radius) ? law.probabilityAt(radius, scale).upper : 1;
  const settled =
    rule.kind === 'radius'
      ? isDecided(look, evidence, probabilityAt, sequence, atEnd)
      : excludes(look, 0.5, sequence) ||
        isClose(look, evidence.latentRadius / (1 - rule.percent / 100), probabilityAt, settings.alpha.value);
  return settled ? null : `${rest}, but these votes do not settle "${untilText(rule)}"`;
}

function isLook(draws: number): boolean {
  const [first, apart, step] = LOOKS;
  let look: number = first;
  while (look < draws) look = step * Math.ceil((look * apart) / step);
  return look === draws;
}

interface Look {
  readonly votes: number;
  readonly draws: number;
  readonly n: number;
  readonly tau: number;
}

/** Whether the sequence shows the probability of the class to be below p. */
function excludes({ votes, draws }: Look, p: number, level: number): boolean {
  const other = (1 - p) * (1 - SLACK);
  return other <= 0 || bettingTest(draws - votes, draws, level).rejects(other, 1 - other);
}

/** Whether a Clopper-Pearson bound of so many votes among all n draws is below p. */
function isBelow(votes: number, n: number, p: number, level: number): boolean {
  const beyond = p + Math.min(p, 1 - p) * SLACK;
  return beyond >= 1 || binomialTest(votes, n, level).allows(beyond, 1 - beyond);
}

function isDecided(
  look: Look,
  { latentRadius, target }: VoteEvidence,
  probabilityAt: (radius: number) => number,
  sequence: number,
  atEnd: number,
): boolean {
  const needed = target ?? Number.POSITIVE_INFINITY;
  if (latentRadius >= needed) return true;
  const { votes, draws, n, tau } = look;
  const p = probabilityAt(needed) + tau;
  return excludes(look, p, sequence) || isBelow(votes + n - draws, n, p, atEnd);
}

/** Whether all n draws, were the rest like these, would give at most this radius. */
const isClose = (
  { votes, draws, n, tau }: Look,
  radius: number,
  probabilityAt: (radius: number) => number,
  alpha: number,
): boolean => radius > 0 && isBelow(Math.round((votes / draws) * n), n, probabilityAt(radius) + tau, alpha);
