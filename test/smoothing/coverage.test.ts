/**
 * Every interval misses in at most a share α = 0.1 of experiments.
 * Fixed-n intervals are checked twice: exactly, by adding up the probabilities of the counts that miss, and by drawing.
 * A drawn test refuses when the misses are more than a Binomial(RUNS, 0.1) exceeds with probability 1e-6: that is its
 * false-alarm rate, had the seeds not been fixed.
 */
import { describe, expect, it } from 'vitest';
import { philox } from '../../src/smoothing/noise/philox.ts';
import { anytimeLower } from '../../src/smoothing/votes/betting.ts';
import { binomialPoint, binomialUpperTail } from '../../src/smoothing/votes/binomial-tail.ts';
import {
  clopperPearsonInterval,
  clopperPearsonLower,
  clopperPearsonUpper,
} from '../../src/smoothing/votes/clopper-pearson.ts';

const ALPHA = 0.1;
const RUNS = 4000;
const FALSE_ALARM = 1e-6;

/** The most misses that a correct interval makes, but for FALSE_ALARM. */
function mostMisses(runs: number): number {
  let misses = Math.round(runs * ALPHA);
  while (binomialUpperTail(misses + 1, runs, ALPHA) > FALSE_ALARM) misses++;
  return misses;
}

/** Uniforms in (0, 1), 32 bits, numbered by (stream, run, index). */
function uniform(stream: number, run: number, index: number): number {
  const words = philox(index >>> 2, run, stream, 77, 2024, 0);
  return ((words[index & 3] ?? 0) + 0.5) / 2 ** 32;
}

function successes(n: number, p: number, stream: number, run: number): number {
  let count = 0;
  for (let i = 0; i < n; i++) if (uniform(stream, run, i) < p) count++;
  return count;
}

/** Whether an interval misses p when k of n succeed. */
type Misses = (k: number, n: number, p: number) => boolean;

const INTERVALS: Record<string, Misses> = {
  'Clopper-Pearson lower': (k, n, p) => clopperPearsonLower(k, n, ALPHA) > p,
  'Clopper-Pearson upper': (k, n, p) => clopperPearsonUpper(k, n, ALPHA) < p,
  'Clopper-Pearson two-sided': (k, n, p) => {
    const { lower, upper } = clopperPearsonInterval(k, n, ALPHA);
    return lower > p || upper < p;
  },
  'Krichevsky-Trofimov lower': (k, n, p) => anytimeLower(k, n, ALPHA) > p,
};

/** Probability of a miss, exactly. */
function missProbability(misses: Misses, n: number, p: number): number {
  let total = 0;
  for (let k = 0; k <= n; k++) if (misses(k, n, p)) total += binomialPoint(k, n, p);
  return total;
}

// Coverage is worst just below a value the lower bound takes (there the bound of that very count misses as well).
const N = 60;
const HARD = [40, 50, 58, 60].map((k) => clopperPearsonLower(k, N, ALPHA) - 1e-9);
const PROBABILITIES = [0.02, 0.3, 0.5, 0.77, 0.95, ...HARD];

describe.each(Object.entries(INTERVALS))('%s at fixed n', (_, misses) => {
  it('misses with probability at most alpha', () => {
    for (const n of [5, 20, N])
      for (const p of PROBABILITIES)
        expect(missProbability(misses, n, p), `n ${n}, p ${p}`).toBeLessThanOrEqual(ALPHA + 1e-12);
  });

  it(`misses no more than drawing explains (false alarm ${FALSE_ALARM})`, () => {
    for (const [stream, p] of [0.5, 0.95, ...HARD.slice(1, 3)].entries()) {
      const cache = new Map<number, boolean>();
      let missed = 0;
      for (let run = 0; run < RUNS; run++) {
        const k = successes(N, p, stream, run);
        const miss = cache.get(k) ?? misses(k, N, p);
        cache.set(k, miss);
        if (miss) missed++;
      }
      expect(missed, `p ${p}`).toBeLessThanOrEqual(mostMisses(RUNS));
    }
  });
});

describe('a wrong bound is caught', () => {
  it('one success too many', () => {
    const tooHigh: Misses = (k, n, p) => clopperPearsonLower(Math.min(n, k + 1), n, ALPHA) > p;
    expect(Math.max(...HARD.map((p) => missProbability(tooHigh, N, p)))).toBeGreaterThan(ALPHA * 1.2);
  });

  it('the normal approximation', () => {
    const wald: Misses = (k, n, p) => k / n - 1.2816 * Math.sqrt((k * (n - k)) / n ** 3) > p;
    expect(Math.max(...HARD.map((p) => missProbability(wald, N, p)))).toBeGreaterThan(ALPHA * 1.2);
  });
});

describe('stopping when it looks best', () => {
  const LOOKS = 400;
  const P = 0.8;

  /** Runs in which the bound exceeded p at any of the looks. */
  function everMissed(bound: (k: number, n: number) => number, runs: number): number {
    const cache = new Map<number, boolean>();
    let missed = 0;
    for (let run = 0; run < runs; run++) {
      let k = 0;
      for (let n = 1; n <= LOOKS; n++) {
        if (uniform(9, run, n) < P) k++;
        const key = n * 1000 + k;
        const miss = cache.get(key) ?? bound(k, n) > P;
        cache.set(key, miss);
        if (miss) {
          missed++;
          break;
        }
      }
    }
    return missed;
  }

  it(`the anytime bound misses at any of ${LOOKS} looks in at most a share alpha of runs`, () => {
    expect(everMissed((k, n) => anytimeLower(k, n, ALPHA), 2000)).toBeLessThanOrEqual(mostMisses(2000));
  });

  it('Clopper-Pearson does not survive it, so the test can tell', () => {
    expect(everMissed((k, n) => clopperPearsonLower(k, n, ALPHA), 300)).toBeGreaterThan(mostMisses(300));
  });
});
