/** The bracket: what the judge says counts, and nothing else. */
import { describe, expect, it } from 'vitest';
import { bracket, refutation } from '../../src/attack/bracket.ts';
import { certifiedJudge, type Judge } from '../../src/attack/confirmation.ts';
import { distanceUp, inputAt } from '../../src/attack/perturbation.ts';
import type { Search } from '../../src/attack/search.ts';
import type { Context } from '../../src/methods/context.ts';
import { certifierOf, type Smoothed } from '../../src/methods/smoothing/certifier.ts';
import { sigmaOf } from '../../src/methods/smoothing/settings.ts';
import type { Draw, VoteEvidence } from '../../src/methods/smoothing/votes.ts';

const image = new Float32Array(16).fill(0.5);
const target = { image, index: 3, from: 2 };
const never = new AbortController().signal;
const free = { range: null, norm: 'l2' } as const;
const axis = (k: number) => Float64Array.from(image, (_, i) => (i === k ? 1 : 0));

/** Candidates along given axes at given distances; inside the ball it offers the first axis. */
const searchAlong = (...found: readonly (readonly [axis: number, distance: number])[]): Search => ({
  kind: 'gradient',
  worstInBall: async (_, radius) => {
    const input = inputAt(image, axis(found[0]?.[0] ?? 0), radius, free);
    return { input, distance: distanceUp(image, input, 'l2'), margin: 0 };
  },
  nearest: async () =>
    found.map(([k, distance]) => {
      const input = inputAt(image, axis(k), distance, free);
      return { input, distance: distanceUp(image, input, 'l2'), margin: 0 };
    }),
});

/** Answers another class beyond a distance that depends on the axis, and abstains a little before. */
const judgeAt = (...thresholds: readonly number[]): Judge & { asked: number[] } => {
  const asked: number[] = [];
  return {
    asked,
    alpha: 0.001,
    ask: async (input, _, question) => {
      asked.push(question);
      const k = input.findIndex((pixel) => pixel !== 0.5);
      const distance = distanceUp(image, input, 'l2');
      const threshold = k < 0 ? Number.POSITIVE_INFINITY : (thresholds[k] ?? Number.POSITIVE_INFINITY);
      const prediction = distance > threshold ? 4 : distance > 0.95 * threshold ? null : 2;
      return { prediction, votes: 90, runnerUp: null, runnerUpVotes: 10, draws: 100 };
    },
  };
};

describe('the bracket of an image', () => {
  it('ends within two hundredths above the distance at which the judge changes its answer', async () => {
    for (const first of [0.2, 0.7, 1.01, 1.6, 3]) {
      const found = await bracket(target, 0.3, searchAlong([0, first]), judgeAt(1), free, never);
      expect(found.attacked?.answer.prediction).toBe(4);
      expect(found.attacked?.distance).toBeGreaterThan(1);
      // A candidate far too short is followed outwards as far as four times its distance.
      if (first > 0.3) expect(found.attacked?.distance).toBeLessThan(first === 3 ? 1.05 : 1.02);
      expect(refutation(found, 2, 0.3)).toBeNull();
    }
  });

  it('takes the better of two directions, whichever comes first', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const found = await bracket(
        target,
        0.3,
        searchAlong([order[0], 1.2], [order[1], 1.2]),
        judgeAt(1, 0.6),
        free,
        never,
      );
      expect(found.attacked?.distance).toBeLessThan(0.62);
    }
  });

  it('counts no abstention as a success', async () => {
    const abstains: Judge = {
      alpha: 0.001,
      ask: async () => ({ prediction: null, votes: 5, runnerUp: 2, runnerUpVotes: 5, draws: 10 }),
    };
    const found = await bracket(target, 0.3, searchAlong([0, 1]), abstains, free, never);
    expect(found.attacked).toBeNull();
    expect(found.inside?.answer.prediction).toBeNull();
  });

  it('asks with draws of their own, and counts the questions inside the certified ball', async () => {
    const judge = judgeAt(1);
    const found = await bracket(target, 0.3, searchAlong([0, 1]), judge, free, never);
    expect(judge.asked).toEqual(judge.asked.map((_, k) => k));
    expect(found.questions).toBe(judge.asked.length);
    expect(found.questionsInside).toBe(1);
  });

  it('contradicts a certificate that reaches beyond the boundary, and goes on to the smallest success', async () => {
    const found = await bracket(target, 1.5, searchAlong([0, 1.5]), judgeAt(0.5), free, never);
    expect(found.inside?.answer.prediction).toBe(4);
    expect(refutation(found, 2, 1.5)).toBe(found.inside);
    expect(found.attacked?.distance).toBeLessThan(0.52);
  });

  it('contradicts nothing at the radius itself when the answer holds there', async () => {
    const found = await bracket(target, 0.5, searchAlong([0, 0.6]), judgeAt(0.5), free, never);
    expect(found.inside?.distance).toBeLessThanOrEqual(0.5);
    expect(found.inside?.distance).toBeGreaterThan(0.4999);
    expect(refutation(found, 2, 0.5)).toBeNull();
  });
});

it('confirmations of one image share no draw', async () => {
  const draws: Draw[] = [];
  const smoothed = {
    sigma: sigmaOf(1),
    votes: async (_image: unknown, draw: Draw) => {
      draws.push(draw);
      return { counts: [3, 97], nonFinite: 0, tau: 1e-9 };
    },
  } as unknown as Smoothed<VoteEvidence>;
  const asked = { seed: 5n, draws: 100, alpha: 0.01 };
  const judge = certifiedJudge(certifierOf(smoothed), asked, {} as Context);
  for (const question of [0, 1, 2]) await judge.ask(image, 0, question, never);
  expect(draws.map(({ from, draws: count }) => [from, (from ?? 0) + count])).toEqual([
    [0, 100],
    [100, 200],
    [200, 300],
  ]);
  expect(new Set(draws.map(({ stage }) => stage)).size).toBe(1);
});
