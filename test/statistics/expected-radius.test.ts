/** What a pilot says of other numbers of draws. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VOTE_BOUNDS } from '../../src/smoothing/votes/index.ts';
import { latentRadius } from '../../src/smoothing/votes/latent-radius.ts';
import {
  expectedGlobalRadius,
  expectedRadius,
  type PilotVotes,
} from '../../src/statistics/expected-radius.ts';

const settings = { sigma: 0.5, n: 1000, alpha: 0.001, bound: 'clopper-pearson', lipschitz: 2 } as const;
const pilotOf = (top: number, n: number, reach: number | null = 1): PilotVotes => ({
  ...{ selected: 0, n, reach, nonFinite: 0 },
  counts: [top, n - top, 0],
});

describe('the expected radius', () => {
  it('is the real one at the number of draws that were made', () => {
    const pilot = pilotOf(950, 1000);
    expect(expectedRadius(pilot, settings)).toBe(
      latentRadius(pilot, 0, { ...settings, bound: VOTE_BOUNDS[settings.bound], tau: 0 }).radius,
    );
  });

  it('does not fall when more draws are made of a class that wins', () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 500 }), fc.integer({ min: 100, max: 20_000 }), (top, n) => {
        const pilot = pilotOf(top, 500);
        const at = (draws: number) => expectedRadius(pilot, { ...settings, n: draws });
        // Whole votes: a class may lose one by rounding down, which 20 times the draws make up for.
        expect(at(20 * n)).toBeGreaterThanOrEqual(at(n));
      }),
      { seed: 1 },
    );
  });

  it('does not take agreement of a few draws for certainty', () => {
    const unanimous = expectedRadius(pilotOf(100, 100), { ...settings, n: 1_000_000 });
    const proved = latentRadius({ counts: [1_000_000, 0], nonFinite: 0 }, 0, {
      ...settings,
      bound: VOTE_BOUNDS[settings.bound],
      tau: 0,
    }).radius;
    expect(unanimous).toBeLessThan(0.6 * proved);
    expect(unanimous).toBeGreaterThan(0);
  });

  it('is 0 for a class that loses, or that there is none of', () => {
    expect(expectedRadius(pilotOf(200, 500), settings)).toBe(0);
    expect(expectedRadius({ ...pilotOf(0, 500), selected: null }, settings)).toBe(0);
  });

  it('reaches as far as was measured, else as the global bound allows', () => {
    const near = expectedRadius(pilotOf(450, 500, 0.8), settings);
    const latent = expectedRadius(pilotOf(450, 500, 1), settings);
    expect(near).toBeCloseTo(0.8 * latent, 12);
    expect(expectedRadius(pilotOf(450, 500, null), settings)).toBeCloseTo(latent / 2, 12);
    expect(expectedGlobalRadius(pilotOf(450, 500, 0.8), settings)).toBeCloseTo(latent / 2, 12);
  });

  it('works for the runner-up bound, and never has more votes than draws', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 20, max: 100_000 }),
        (counts, nonFinite, n) => {
          const drawn = counts.reduce((a, b) => a + b, nonFinite);
          const most = Math.max(...counts);
          fc.pre(most > 0);
          const pilot = { counts, nonFinite, n: drawn, reach: 1, selected: counts.indexOf(most) };
          const radius = expectedRadius(pilot, { ...settings, n, bound: 'runner-up' });
          expect(radius).toBeGreaterThanOrEqual(0);
          expect(Number.isFinite(radius)).toBe(true);
        },
      ),
      { seed: 2 },
    );
  });
});
