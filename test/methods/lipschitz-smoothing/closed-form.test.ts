/** The closed form against quadrature (tools/golden/lipschitz.py), against what it must lie between, and from the safe side. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inverse } from '../../../src/methods/lipschitz-smoothing/check/window-mean.ts';
import {
  inverseLower,
  plainRadius,
  publishedRadius,
  scoreRadius,
} from '../../../src/methods/lipschitz-smoothing/closed-form.ts';

interface Golden {
  readonly radii: readonly Readonly<Record<'sigma' | 'lipschitz' | 'p' | 'closed' | 'published', number>>[];
  readonly twoClasses: readonly Readonly<Record<'sigma' | 'lipschitz' | 'pA' | 'pB' | 'radius', number>>[];
}
const golden = JSON.parse(
  readFileSync(new URL('../../fixtures/lipschitz-smoothing.json', import.meta.url), 'utf8'),
) as Golden;
const one = (p: number) => ({ pA: p, pB: null });

describe('the radius in closed form', () => {
  it('is that of quadrature to 1e-9, and never above it', () => {
    for (const { sigma, lipschitz, p, closed } of golden.radii) {
      const radius = sigma * scoreRadius(one(p), lipschitz * sigma);
      const where = `σ ${sigma}, L ${lipschitz}, p ${p}`;
      expect(radius, where).toBeLessThanOrEqual(closed * (1 + 1e-12));
      expect(radius, where).toBeGreaterThan(closed * (1 - 1e-9));
    }
    expect(golden.radii.length).toBeGreaterThan(100);
  });

  it('has the check values of the notes: 1.331 where the published form gives 1.289 and plain smoothing 1.163', () => {
    const at = 0.5;
    expect(at * scoreRadius(one(0.99), 0.5)).toBeCloseTo(1.331, 3);
    expect(at * publishedRadius(one(0.99), 0.5)).toBeCloseTo(1.289, 3);
    expect(at * plainRadius(one(0.99))).toBeCloseTo(1.163, 3);
    expect(at * scoreRadius(one(0.9), 0.1)).toBeCloseTo(2.05, 3);
  });

  it('is for two classes what s0 gives', () => {
    for (const { sigma, lipschitz, pA, pB, radius } of golden.twoClasses) {
      const ours = sigma * scoreRadius({ pA, pB }, lipschitz * sigma);
      expect(ours).toBeLessThanOrEqual(radius * (1 + 1e-12));
      expect(ours).toBeGreaterThan(radius * (1 - 1e-9));
    }
  });

  it('is no smaller than the published approximation, and that than plain smoothing of the same scores', () => {
    for (const { sigma, lipschitz, p, closed, published } of golden.radii) {
      const lambda = lipschitz * sigma;
      expect(Math.abs((sigma * publishedRadius(one(p), lambda)) / published - 1)).toBeLessThan(1e-8);
      expect(published).toBeLessThanOrEqual(closed * (1 + 1e-9));
      const [plain, middle, full] = [
        plainRadius(one(p)),
        publishedRadius(one(p), lambda),
        scoreRadius(one(p), lambda),
      ];
      expect(plain).toBeLessThanOrEqual(middle * (1 + 1e-9));
      expect(middle).toBeLessThanOrEqual(full * (1 + 1e-9));
    }
  });

  it('falls to plain smoothing as the constant grows, without a step, and is plain smoothing without one', () => {
    for (const p of [0.6, 0.99, 0.99999]) {
      let last = Number.POSITIVE_INFINITY;
      for (const lambda of [0.01, 0.1, 1, 10, 100, 999, 1001, 1e9]) {
        const radius = scoreRadius(one(p), lambda);
        expect(radius).toBeLessThanOrEqual(last);
        expect(radius).toBeGreaterThanOrEqual(plainRadius(one(p)));
        last = radius;
      }
      expect(last).toBe(scoreRadius(one(p), null));
      expect(scoreRadius(one(p), 999)).toBeLessThan(plainRadius(one(p)) * (1 + 1e-5));
    }
  });

  it('is odd around 1/2 but for rounding down, and is recomputed by the check', () => {
    for (const lambda of [0.05, 0.7, 30, null])
      for (const p of [0.5, 0.55, 0.8, 0.9999]) {
        const [above, below] = [inverseLower(p, lambda), inverseLower(1 - p, lambda)];
        expect(above).toBeLessThanOrEqual(inverse(p, lambda) + 1e-14);
        expect(below).toBeLessThanOrEqual(-inverse(1 - (1 - p), lambda) + 1e-12);
        expect(above + below).toBeLessThanOrEqual(0);
        expect(above + below).toBeGreaterThan(-1e-8);
      }
  });
});
