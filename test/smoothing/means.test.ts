/** Bounds on the mean of scores: SciPy's values, coverage by simulation, and that dealing scores to knots only loosens them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bernsteinLower } from '../../src/smoothing/means/bernstein.ts';
import { bettingLower, rejects } from '../../src/smoothing/means/betting.ts';
import { MEAN_BOUNDS } from '../../src/smoothing/means/index.ts';
import { philox } from '../../src/smoothing/noise/philox.ts';
import { deal, noWeights, type Weights } from '../../src/smoothing/scores/score-sums.ts';
import { binomialUpperTail } from '../../src/smoothing/votes/binomial-tail.ts';
import { clopperPearsonLower } from '../../src/smoothing/votes/clopper-pearson.ts';

interface Golden {
  readonly means: readonly {
    readonly name: string;
    readonly levels: readonly number[];
    readonly alpha: number;
    readonly bernstein: number;
    readonly betting: number;
  }[];
}
const { means } = JSON.parse(
  readFileSync(new URL('../fixtures/lipschitz-smoothing.json', import.meta.url), 'utf8'),
) as Golden;

const dealt = (scores: Iterable<number>): Weights => {
  const weights = noWeights();
  for (const score of scores) deal(weights, score);
  return weights;
};

describe('a bound on a mean', () => {
  it.each(means)('is that of SciPy from below: scores $name', ({ levels, alpha, bernstein, betting }) => {
    const weights = levels.map((n) => 1024 * n);
    for (const [ours, exact] of [
      [bernsteinLower(weights, alpha), bernstein],
      [bettingLower(weights, alpha), betting],
    ] as const) {
      expect(ours).toBeLessThanOrEqual(exact);
      expect(ours).toBeGreaterThan(exact - 1e-9);
    }
  });

  it('loses to knots what the curvature explains, and gains nothing', () => {
    // A score between two knots: half of it on either side has its mean, and more variance.
    const between = dealt(Array.from({ length: 1000 }, (_, k) => 0.7 + 1 / 128 + (k % 2) / 64));
    const apart = dealt(Array.from({ length: 1000 }, (_, k) => 45 / 64 + (k % 2 === 0 ? 0 : 1 / 64)));
    for (const bound of [bernsteinLower, bettingLower]) {
      expect(bound(between, 0.001)).toBeLessThan(0.7 + 3 / 128);
      expect(bound(apart, 0.001)).toBeGreaterThan(0.68);
    }
  });

  it('by betting is near Clopper-Pearson where scores are 0 and 1, and Clopper-Pearson is it', () => {
    const weights = noWeights();
    [weights[0], weights[64]] = [20 * 1024, 980 * 1024];
    const exact = clopperPearsonLower(980, 1000, 0.001);
    expect(MEAN_BOUNDS['clopper-pearson'](weights, 0.001)).toBe(exact);
    expect(bettingLower(weights, 0.001)).toBeLessThan(exact);
    expect(bettingLower(weights, 0.001)).toBeGreaterThan(exact - 0.01);
    expect(bettingLower(noWeights().fill(1024, 0, 1), 0.001)).toBe(0);
  });
});

const ALPHA = 0.1;
const RUNS = 800;
/** The most misses that a correct bound makes, but for one time in a million. */
function mostMisses(): number {
  let misses = Math.round(RUNS * ALPHA);
  while (binomialUpperTail(misses + 1, RUNS, ALPHA) > 1e-6) misses++;
  return misses;
}

function uniform(stream: number, run: number, index: number): number {
  const words = philox(index >>> 2, run, stream, 78, 2025, 0);
  return ((words[index & 3] ?? 0) + 0.5) / 2 ** 32;
}

/** Distributions of scores from a uniform number, with their means. */
const SCORES: Record<string, { readonly mean: number; of(u: number): number }> = {
  'all or nothing': { mean: 0.9, of: (u) => (u < 0.9 ? 1 : 0) },
  'rarely nothing': { mean: 0.995, of: (u) => (u < 0.995 ? 1 : 0) },
  spread: { mean: 2 / 3, of: (u) => Math.sqrt(u) },
  'near 1': { mean: 10 / 11, of: (u) => u ** 0.1 },
};

describe.each(Object.entries(SCORES))('over scores that are %s', (_name, { mean, of }) => {
  const N = 80;
  const drawn = Array.from({ length: RUNS }, (_, run) =>
    dealt(Array.from({ length: N }, (_u, i) => of(uniform(5, run, i)))),
  );
  it('each bound misses no more often than alpha', () => {
    const missed = (misses: (weights: Weights) => boolean): number => drawn.filter(misses).length;
    expect(missed((weights) => bernsteinLower(weights, ALPHA) > mean)).toBeLessThanOrEqual(mostMisses());
    // The bound is above the mean exactly where the bets reject it.
    expect(missed((weights) => rejects(weights, mean, ALPHA))).toBeLessThanOrEqual(mostMisses());
    for (const weights of drawn.slice(0, 40))
      expect(bettingLower(weights, ALPHA) > mean).toBe(rejects(weights, mean, ALPHA));
  });
});

it('the plain mean misses half of the time, and betting at ten times the level more than alpha: the simulation can tell', () => {
  const { mean, of } = SCORES['spread'] as (typeof SCORES)[string];
  let [plain, ten] = [0, 0];
  for (let run = 0; run < 200; run++) {
    const scores = Array.from({ length: 80 }, (_, i) => of(uniform(5, run, i)));
    if (scores.reduce((sum, s) => sum + s, 0) / 80 > mean) plain++;
    if (rejects(dealt(scores), mean, 0.999)) ten++;
  }
  expect(plain).toBeGreaterThan(mostMisses() / 5);
  expect(ten).toBeGreaterThan(0);
});
