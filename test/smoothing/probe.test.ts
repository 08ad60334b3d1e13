/** The probes of probabilistic norm bounds: standard normal, also within 1e-6 of zero, and a function of their counter. */
import { describe, expect, test } from 'vitest';
import { Stage } from '../../src/smoothing/noise/philox.ts';
import { gaussianProbe } from '../../src/smoothing/noise/probe.ts';

const counter = (sample: number) => ({ seed: 20261120n, stage: Stage.operatorNorm, image: 3, sample });

describe('a Gaussian probe', () => {
  const draws = gaussianProbe(2_000_000, counter(0));

  test('has the moments of the standard normal (5 standard errors: false alarm below 3e-6 in all)', () => {
    const n = draws.length;
    const moment = (k: number): number => draws.reduce((sum, x) => sum + x ** k, 0) / n;
    expect(Math.abs(moment(1))).toBeLessThan(5 * Math.sqrt(1 / n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
  });

  test('falls near zero as often as a normal does, and never twice on the same value', () => {
    for (const width of [1e-3, 1e-2]) {
      const share = 2 * width * 0.3989422804014327;
      const found = draws.reduce((count, x) => count + (Math.abs(x) < width ? 1 : 0), 0);
      const expected = draws.length * share;
      // Poisson, 5 standard errors: false alarm below 1e-6 each.
      expect(Math.abs(found - expected), `${width}`).toBeLessThan(5 * Math.sqrt(expected));
    }
    expect(new Set(draws).size).toBe(draws.length);
  });

  test('depends on its counter alone: a prefix is the shorter probe, another sample is another probe', () => {
    expect(gaussianProbe(7, counter(1))).toEqual(gaussianProbe(8, counter(1)).subarray(0, 7));
    expect(gaussianProbe(8, counter(1))).not.toEqual(gaussianProbe(8, counter(2)));
  });
});
