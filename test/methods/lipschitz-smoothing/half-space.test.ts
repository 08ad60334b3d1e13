/**
 * The whole way from noise to radius on a case with a closed form. Sparsemax of two linear scores is a ramp across a hyperplane, the
 * steepest that its constant allows: its smoothed score is W itself, and the true radius is the distance to the hyperplane.
 * A certified radius may exceed it in at most a share α of runs, and with exact scores comes to it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { windowRest } from '../../../src/methods/lipschitz-smoothing/check/window-mean.ts';
import { scoreRadius } from '../../../src/methods/lipschitz-smoothing/closed-form.ts';
import type { LipschitzFacts } from '../../../src/methods/lipschitz-smoothing/schema.ts';
import { meanOf } from '../../../src/smoothing/scores/score-sums.ts';
import { binomialUpperTail } from '../../../src/smoothing/votes/binomial-tail.ts';
import { linear, type Opened, openScores, prepared, SETTINGS } from './open.ts';

const SEEDS = 120;
const ALPHA = 0.1;
const SIGMA = 0.5;
const W = [0.6, -0.8, 1.5, 0.2, -1];
const X = Float32Array.of(0.25, -0.5, 0.125, 1, 0.5);
const NORM = Math.hypot(...W);
const DOT = W.reduce((sum, w, i) => sum + w * (X[i] ?? 0), 0);
const settings = { ...SETTINGS, sigma: SIGMA, n0: 20, n: 300, alpha: ALPHA, compared: 80 };

/** The most failures a sound certificate makes among SEEDS runs, but for one time in a million. */
function mostFailures(): number {
  let failures = Math.round(SEEDS * ALPHA);
  while (binomialUpperTail(failures + 1, SEEDS, ALPHA) > 1e-6) failures++;
  return failures;
}

describe.each([
  { distance: 0.8, temperature: 2 },
  { distance: 0.6, temperature: 0.4 },
])('a half-space at distance $distance, at temperature $temperature', ({ distance, temperature }) => {
  let opened: Opened;
  const radii: number[] = [];
  const means: number[] = [];
  let facts: LipschitzFacts;

  beforeAll(async () => {
    const classifier = await prepared(linear([[0, 0, 0, 0, 0], W], [DOT - distance * NORM, 0]));
    opened = await openScores(classifier, { ...settings, temperature }, { batch: 300 });
    facts = opened.certifier.facts as LipschitzFacts;
    // Each image draws noise of its own.
    for (let index = 0; index < SEEDS; index++) {
      const { prediction, radius, evidence } = await opened.certify(X, index);
      radii.push(prediction === 0 ? Number.POSITIVE_INFINITY : radius);
      if (evidence.selected === 1) means.push(meanOf(evidence.own));
    }
  });
  afterAll(() => opened.close());

  it('has scores as steep as their constant says, whose mean under noise is W', () => {
    expect(facts.scoreLipschitz).toBeGreaterThanOrEqual(NORM / (2 * temperature) - 1e-7);
    expect(facts.scoreLipschitz).toBeLessThan((NORM / (2 * temperature)) * (1 + 1e-6));
    const p = 1 - windowRest(distance / SIGMA, (facts.scoreLipschitz ?? 0) * SIGMA);
    const average = means.reduce((sum, m) => sum + m, 0) / means.length;
    // The deviation of a score is 1/2 at most.
    expect(Math.abs(average - p)).toBeLessThan((5 * 0.5) / Math.sqrt(means.length * settings.n));
    expect(SIGMA * scoreRadius({ pA: p, pB: null }, (facts.scoreLipschitz ?? 0) * SIGMA)).toBeCloseTo(
      distance,
      6,
    );
  });

  it('is certified beyond its distance in no more than alpha of the runs, and not for nothing', () => {
    expect(radii.filter((radius) => radius > distance).length).toBeLessThanOrEqual(mostFailures());
    const average = radii.reduce((sum, r) => sum + (Number.isFinite(r) ? r : 0), 0) / SEEDS;
    expect(average).toBeGreaterThan(0.4 * distance);
  });

  it('by its plain means would be beyond it far more often, so the test can tell', () => {
    const lambda = (facts.scoreLipschitz ?? 0) * SIGMA;
    const beyond = means.filter((m) => SIGMA * scoreRadius({ pA: m, pB: null }, lambda) > distance).length;
    expect(beyond).toBeGreaterThan(2 * mostFailures());
  });
});
