/** PREDICT: the answer of the smoothed classifier is wrong with probability at most alpha, else right or withheld. */
import { describe, expect, it } from 'vitest';
import { predictedClass } from '../../src/methods/smoothing/prediction.ts';
import { randomSource } from '../operators/random.ts';
import { mostFailures } from './failures.ts';

const votes = (counts: number[], nonFinite = 0) => ({ counts, nonFinite });

describe('an answer', () => {
  it('needs as many votes as a fair coin would rarely give: 2·2^-10 > 0.001 > 2·2^-11', () => {
    expect(predictedClass(votes([0, 10, 0]), 0.001, 0).prediction).toBeNull();
    expect(predictedClass(votes([0, 11, 0]), 0.001, 0).prediction).toBe(1);
  });

  it('allows for the error of the noise, in whichever of two ways costs less', () => {
    // Few draws: their total variation from ideal ones is added to the p-value of 9.8e-4.
    expect(predictedClass(votes([0, 11, 0]), 0.001, 1e-7).prediction).toBe(1);
    expect(predictedClass(votes([0, 11, 0]), 0.001, 1e-5).prediction).toBeNull();
    // Many: a coin that is unfair by tau. 100,000 tau would be 0.1.
    const many = [50_600, 49_400];
    expect(predictedClass(votes(many), 0.001, 0).prediction).toBe(0);
    expect(predictedClass(votes(many), 0.001, 1e-6).prediction).toBe(0);
    expect(predictedClass(votes(many), 0.001, 1e-3).prediction).toBeNull();
    expect(predictedClass(votes([100_000, 0]), 0.001, 0.1).prediction).toBe(0);
    // Noise that may be anything decides nothing, nor does an error that is not a number.
    expect(() => predictedClass(votes([90, 10]), 0.001, Number.NaN)).toThrow(RangeError);
    expect(predictedClass(votes([100_000, 0]), 0.001, 1).prediction).toBeNull();
  });

  it('is withheld on a tie and without votes', () => {
    expect(predictedClass(votes([500, 500]), 0.4, 0).prediction).toBeNull();
    expect(predictedClass(votes([0, 0]), 0.4, 0).prediction).toBeNull();
  });

  it('names the runner-up, which may be the draws without finite logits', () => {
    expect(predictedClass(votes([3, 90, 7]), 0.001, 0)).toEqual({
      ...{ prediction: 1, votes: 90, runnerUp: 2, runnerUpVotes: 7 },
    });
    expect(predictedClass(votes([3, 90, 7], 80), 0.001, 0)).toEqual({
      ...{ prediction: null, votes: 90, runnerUp: null, runnerUpVotes: 80 },
    });
    expect(predictedClass(votes([1, 2], 90), 0.001, 0).prediction).toBeNull();
  });
});

describe.each([
  { p: [0.5, 0.5], right: null },
  { p: [0.36, 0.34, 0.3], right: 0 },
  { p: [0.34, 0.33, 0.33], right: 0 },
  { p: [0.7, 0.2, 0.1], right: 0 },
])('among 4000 sets of 100 votes with probabilities $p', ({ p, right }) => {
  const RUNS = 4000;
  const ALPHA = 0.05;
  const random = randomSource(11);
  const answers = Array.from({ length: RUNS }, () => {
    const counts = p.map(() => 0);
    for (let draw = 0; draw < 100; draw++) {
      let rest = random.uniform(0, 1);
      const found = p.findIndex((share) => {
        rest -= share;
        return rest < 0;
      });
      const outcome = found === -1 ? p.length - 1 : found;
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
    return predictedClass(votes(counts), ALPHA, 0).prediction;
  });

  it(`answers wrongly in at most ${ALPHA} of them`, () => {
    const wrong = answers.filter((answer) => answer !== null && answer !== right).length;
    expect(wrong).toBeLessThanOrEqual(mostFailures(RUNS, ALPHA));
  });

  it('answers, where the votes are clear', () => {
    const given = answers.filter((answer) => answer === right && answer !== null).length;
    if ((p[0] ?? 0) === 0.7) expect(given / RUNS).toBeGreaterThan(0.95);
  });
});
