/** The attack without gradients: on half-spaces it comes near the distance there is, and no operator is too strange. */
import { describe, expect, it } from 'vitest';
import { boundaryWalk } from '../../src/attack/boundary-walk.ts';
import { type NoisyScores, openNoisyScores } from '../../src/attack/noisy-scores.ts';
import { openGradientAttack } from '../../src/attack/open-gradient-attack.ts';
import { distanceUp } from '../../src/attack/perturbation.ts';
import { ModelRefused } from '../../src/ground/errors.ts';
import { type HalfSpace, halfSpace } from './linear.ts';

const never = new AbortController().signal;
const SETTINGS = { steps: 25, seed: 1n, range: null, norm: 'l2' } as const;
/** Sin keeps the sign of scores this small, and has no training form. */
const STRANGE = 'Sin';

/** Scores at the input of a half-space, closed at the end. */
async function withScores(
  { classifier, input }: HalfSpace,
  noise: { draws: number; sigma: number },
  use: (scores: NoisyScores) => Promise<void>,
): Promise<void> {
  const scores = await openNoisyScores(classifier, input, { ...noise, seed: 3n });
  try {
    await use(scores);
  } finally {
    await scores.close();
  }
}

describe.each([
  ['without noise', 0, 0],
  ['under noise', 16, 0.2],
] as const)('a boundary walk %s', (_, draws, sigma) => {
  it('comes within half of the distance of a half-space, from its far side', async () => {
    const space = await halfSpace(11, 0.5, STRANGE);
    const other = (await halfSpace(12, 0.5)).image.map((pixel, i) => space.image[i]! - 0.4 * pixel);
    await withScores(space, { draws, sigma }, async (scores) => {
      const search = boundaryWalk(scores, { ...SETTINGS, others: [other] });
      const [found] = await search.nearest({ image: space.image, index: 0, from: 0 }, 1, never);
      expect(found?.margin).toBeLessThan(0);
      expect(found?.distance).toBeGreaterThan(0.4);
      expect(found?.distance).toBeLessThan(0.75);
      expect(space.distance(found!.input)).toBeLessThan(draws === 0 ? 0 : 0.1);
    });
  });

  it('stays in the ball and goes towards the boundary', async () => {
    const space = await halfSpace(11, 0.5, STRANGE);
    await withScores(space, { draws, sigma }, async (scores) => {
      const search = boundaryWalk(scores, { ...SETTINGS, others: [] });
      const target = { image: space.image, index: 0, from: 0 };
      const { input, distance } = await search.worstInBall(target, 0.3, never);
      expect(distance).toBe(distanceUp(space.image, input, 'l2'));
      expect(distance).toBeLessThanOrEqual(0.3);
      expect(space.distance(input)).toBeLessThan(0.5 - 0.5 * 0.3);
    });
  });
});

it('the operator of these tests has no gradient here', async () => {
  const space = await halfSpace(11, 0.5, STRANGE);
  await expect(
    openGradientAttack(space.classifier, space.input, {
      ...{ rows: 1, draws: 0, sigma: 0, seed: 0n, range: null, norm: 'l2', threads: 1 },
    }),
  ).rejects.toThrow(ModelRefused);
});

it('finds nothing where there is no other class', async () => {
  const space = await halfSpace(13, 1e4);
  await withScores(space, { draws: 0, sigma: 0 }, async (scores) => {
    const search = boundaryWalk(scores, { ...SETTINGS, steps: 3, others: [] });
    expect(await search.nearest({ image: space.image, index: 0, from: 0 }, 1, never)).toEqual([]);
  });
});
