/**
 * Whether p_A and p_B are the confidence bounds of the counts, less τ and plus τ: not beyond what the counts allow, and not
 * short of it by more than rounding explains. The tests behind the bounds are recomputed (`vote-tests.ts`).
 */
import type { VoteBoundName } from '../../../ground/vote-bound-names.ts';
import type { WithOrigins } from '../../method.ts';
import type { VoteSettings } from '../settings.ts';
import type { VoteEvidence } from '../votes.ts';
import { levelOf, stoppingOf } from './check-stopping.ts';
import { bettingTest, binomialTest, type TestOf, type VoteTest } from './vote-tests.ts';

/** A p_A short of the counts' own by more than this part of min(p, 1-p) was not computed from them. */
const P_TOLERANCE = 1e-6;
/** Taking τ off rounds down by an absolute amount, up to this. */
const ROUNDING = 2 ** -52;

interface BoundCheck {
  /** Whether a certificate may rest on fewer draws than the run's n: its bound holds wherever drawing ends. */
  readonly endsEarly: boolean;
  /** Share of alpha that each probability spends. */
  readonly share: number;
  readonly test: TestOf;
  readonly usesPB: boolean;
}

const CHECKS: Readonly<Record<VoteBoundName, BoundCheck>> = {
  'clopper-pearson': { endsEarly: false, share: 1, test: binomialTest, usesPB: false },
  'runner-up': { endsEarly: false, share: 1 / 2, test: binomialTest, usesPB: true },
  anytime: { endsEarly: true, share: 1, test: bettingTest, usesPB: false },
};

/** What of a series' settings says how its votes became probabilities. */
type BoundSettings = Pick<WithOrigins<VoteSettings>, 'n' | 'alpha' | 'bound' | 'until'>;

export const mayEndEarly = (settings: BoundSettings): boolean =>
  CHECKS[settings.bound.value].endsEarly || stoppingOf(settings) !== null;

/** The test that p_A inverts, and its level in words. */
function testOfClass(votes: number, draws: number, settings: BoundSettings): [test: VoteTest, level: string] {
  const alpha = settings.alpha.value;
  const rule = stoppingOf(settings);
  if (rule === null) {
    const { share, test } = CHECKS[settings.bound.value];
    return [test(votes, draws, alpha * share), String(alpha * share)];
  }
  const level = levelOf(rule, draws, settings.n.value, alpha);
  return [binomialTest(votes, draws, level), String(level)];
}

/** What is wrong with p_A or p_B, or null. One rounding takes p_A + τ no further than the bound. */
export function probabilityFault(c: VoteEvidence, settings: BoundSettings): string | null {
  if (c.selected === null) {
    return c.pA === 0 && c.pB === null ? null : 'no class was selected, yet something is claimed';
  }
  const { share, test, usesPB } = CHECKS[settings.bound.value];
  const votes = c.counts[c.selected] ?? 0;
  const n = c.counts.reduce((sum, k) => sum + k, c.nonFinite);
  const [testA, levelA] = testOfClass(votes, n, settings);
  const pA = lowerBoundFault(c.pA, c.tau, votes, testA, `${votes} of ${n} votes at level ${levelA}`);
  if (pA !== null) return pA;
  if (!usesPB) return c.pB === null ? null : 'pB is given, but this bound uses none';
  if (c.pB === null) return 'pB is missing';
  const level = settings.alpha.value * share;
  const most = Math.max(c.nonFinite, ...c.counts.filter((_, k) => k !== c.selected));
  return upperBoundFault(
    c.pB,
    c.tau,
    most,
    n,
    test(n - most, n, level),
    `${most} of ${n} votes at level ${level}`,
  );
}

/** The test rejects p, and no longer so a little above p; p is the bound plus τ. */
function lowerBoundFault(
  bound: number,
  tau: number,
  votes: number,
  test: VoteTest,
  counts: string,
): string | null {
  if (votes === 0) return bound === 0 ? null : `pA is ${bound}, but there are no votes`;
  const evidence = `${counts}, less tau = ${tau}`;
  if (bound === 0) {
    // τ leaves nothing only where the counts' own bound is at most τ.
    const beyond = Math.min(1, tau * (1 + P_TOLERANCE) + ROUNDING);
    return beyond === 1 || test.allows(beyond, 1 - beyond)
      ? null
      : `pA is 0, below the bound from ${evidence}`;
  }
  const p = bound + tau;
  if (!(p > 0 && p < 1)) return `pA is ${p}: no bound from ${evidence}`;
  if (!test.rejects(p, 1 - p)) return `pA is ${p}, above the bound from ${evidence}`;
  const beyond = p + Math.min(p, 1 - p) * P_TOLERANCE + ROUNDING;
  if (beyond >= 1) return null;
  return test.allows(beyond, 1 - beyond) ? null : `pA is ${p}, below the bound from ${evidence}`;
}

/** The same of 1 - p for the draws that are not such votes: the test rejects it, and no longer so a little below p. */
function upperBoundFault(
  bound: number,
  tau: number,
  votes: number,
  n: number,
  test: VoteTest,
  counts: string,
): string | null {
  if (votes === n) return bound === 1 ? null : `pB is ${bound}, but all votes are for one other class`;
  const evidence = `${counts}, plus tau = ${tau}`;
  if (bound === 1) {
    // τ makes it 1 only where the counts' own bound is at least 1 - τ.
    const short = Math.min(1, tau * (1 + P_TOLERANCE));
    return short === 1 || test.allows(short, 1 - short) ? null : `pB is 1, above the bound from ${evidence}`;
  }
  const p = bound - tau;
  if (!(p > 0 && p < 1)) return `pB is ${p}: no bound from ${evidence}`;
  if (!test.rejects(1 - p, p)) return `pB is ${p}, below the bound from ${evidence}`;
  const short = p - Math.min(p, 1 - p) * P_TOLERANCE;
  return test.allows(1 - short, short) ? null : `pB is ${p}, above the bound from ${evidence}`;
}
