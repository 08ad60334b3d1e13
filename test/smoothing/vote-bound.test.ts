/** What every bound on votes promises: when it stops, and that it holds where it stops, the error of the noise included. */
import { describe, expect, it } from 'vitest';
import { VOTE_BOUND_NAMES } from '../../src/ground/vote-bound-names.ts';
import { philox } from '../../src/smoothing/noise/philox.ts';
import { anytimeLower } from '../../src/smoothing/votes/betting.ts';
import { binomialUpperTail } from '../../src/smoothing/votes/binomial-tail.ts';
import { smallestUsefulN, VOTE_BOUNDS } from '../../src/smoothing/votes/index.ts';
import { latentRadius } from '../../src/smoothing/votes/latent-radius.ts';
import type { VoteBound } from '../../src/smoothing/votes/vote-bound.ts';

const ALPHA = 0.1;
const RUNS = 400;

const votes = (k: number, n: number) => ({ counts: [k, n - k], nonFinite: 0 });

/** The votes where drawing ends, each draw a vote for class 0 with probability p; every step of it is checked. */
function drawnBy(bound: VoteBound, n: number, p: number, run: number) {
  let [k, drawn] = [0, 0];
  for (;;) {
    const more = bound.next(votes(k, drawn), 0, n, ALPHA);
    expect(Number.isInteger(more) && more >= 0 && drawn + more <= n).toBe(true);
    if (more === 0) return votes(k, drawn);
    for (let i = drawn; i < drawn + more; i++) {
      const words = philox(i >>> 2, run, 31, 77, 2025, 0);
      if (((words[i & 3] ?? 0) + 0.5) / 2 ** 32 < p) k++;
    }
    drawn += more;
  }
}

/** The most misses that a sound bound makes among RUNS, but for one time in a million. */
function mostMisses(): number {
  let misses = Math.round(RUNS * ALPHA);
  while (binomialUpperTail(misses + 1, RUNS, ALPHA) > 1e-6) misses++;
  return misses;
}

describe.each(VOTE_BOUND_NAMES)('the bound %s', (name) => {
  const bound = VOTE_BOUNDS[name];

  it('goes by its name', () => {
    expect(bound.name).toBe(name);
  });

  it('holds where its own rule stops, when the noise drawn favours the class by all of tau', () => {
    const tau = 0.02;
    for (const ideal of [0.5, 0.62, 0.9]) {
      let misses = 0;
      for (let run = 0; run < RUNS; run++) {
        const seen = drawnBy(bound, 1500, ideal + tau, run);
        const { pA, pB } = latentRadius(seen, 0, { sigma: 1, alpha: ALPHA, bound, tau });
        if (pA > ideal || (pB !== null && pB < 1 - ideal)) misses++;
      }
      expect(misses, `p ${ideal}`).toBeLessThanOrEqual(mostMisses());
    }
  });

  it('gives radii that hold as often as it says, abstentions included', () => {
    let wrong = 0;
    for (let run = 0; run < RUNS; run++) {
      const seen = drawnBy(bound, 1500, 0.5, run);
      if (!latentRadius(seen, 0, { sigma: 1, alpha: ALPHA, bound, tau: 0 }).abstained) wrong++;
    }
    expect(wrong).toBeLessThanOrEqual(mostMisses());
  });

  it('names the smallest n at which unanimous votes certify', () => {
    for (const alpha of [0.1, 0.001, 1e-6]) {
      const least = smallestUsefulN(bound, alpha);
      const at = (n: number) => latentRadius(votes(n, n), 0, { sigma: 1, alpha, bound, tau: 0 }).abstained;
      expect([at(least - 1), at(least)]).toEqual([true, false]);
    }
  });

  it('refuses a class that does not exist', () => {
    expect(() => bound.probabilities(votes(1, 2), 2, ALPHA)).toThrow(RangeError);
  });
});

describe('when drawing ends', () => {
  it.each(['clopper-pearson', 'runner-up'] as const)(
    'is fixed beforehand for %s: one step, whatever is seen',
    (name) => {
      const { next } = VOTE_BOUNDS[name];
      expect(next(votes(0, 0), 0, 1000, ALPHA)).toBe(1000);
      for (const k of [0, 500, 1000]) expect(next(votes(k, 1000), 0, 1000, ALPHA)).toBe(0);
    },
  );

  it('is early for anytime where a majority is out of reach, or the radius is nearly that of all draws', () => {
    const { next } = VOTE_BOUNDS.anytime;
    expect(next(votes(60, 256), 0, 100_000, 0.001)).toBe(0);
    expect(next(votes(17_000, 20_000), 0, 100_000, 0.001)).toBe(0);
    expect(next(votes(132, 256), 0, 100_000, 0.001)).toBeGreaterThan(0);
    expect(next(votes(256, 256), 0, 100_000, 0.001)).toBeGreaterThan(0);
  });

  it('costs anytime at most 5 % of what it would have had in the end, were the rest like what it saw', () => {
    const { next } = VOTE_BOUNDS.anytime;
    const settings = { sigma: 1, alpha: 0.001, bound: VOTE_BOUNDS.anytime, tau: 0 };
    for (const share of [0.6, 0.8, 0.95, 0.999, 1]) {
      let drawn = 0;
      const seen = () => votes(Math.round(share * drawn), drawn);
      for (let more = next(seen(), 0, 100_000, 0.001); more > 0; more = next(seen(), 0, 100_000, 0.001))
        drawn += more;
      const whole = latentRadius(votes(share * 100_000, 100_000), 0, settings).radius;
      expect(latentRadius(seen(), 0, settings).radius).toBeGreaterThan(whole / 1.0501);
    }
  });

  it('cannot be chosen so that anytime fails more often than alpha: exactly, over all ways to stop within 300 draws', () => {
    for (const p of [0.3, 0.5, 0.8, 0.97]) {
      // alive[k]: probability of k votes so far without the bound ever having exceeded p.
      let alive = [1];
      let missed = 0;
      for (let n = 1; n <= 300; n++) {
        const next = new Array<number>(n + 1).fill(0);
        for (const [k, mass] of alive.entries()) {
          next[k] = (next[k] ?? 0) + mass * (1 - p);
          next[k + 1] = (next[k + 1] ?? 0) + mass * p;
        }
        for (let k = n; k >= 0 && anytimeLower(k, n, ALPHA) > p; k--) {
          missed += next[k] ?? 0;
          next[k] = 0;
        }
        alive = next;
      }
      expect(missed, `p ${p}`).toBeLessThanOrEqual(ALPHA);
      expect(missed, `p ${p}`).toBeGreaterThan(ALPHA / 50);
    }
  });
});
