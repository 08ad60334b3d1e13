/** The gradient attack: its gradients are those of the margin, and on half-spaces it finds the distance there is. */
import { describe, expect, it } from 'vitest';
import { createGradientAttack } from '../../src/attack/gradient-attack.ts';
import { AttackFeed, FORBIDDEN, gradientProgram } from '../../src/attack/gradient-step.ts';
import { openGradientAttack } from '../../src/attack/open-gradient-attack.ts';
import { distanceUp } from '../../src/attack/perturbation.ts';
import { logSoftProbabilities, softMargin } from '../../src/attack/soft-margin.ts';
import { trainableNetwork } from '../../src/training/network.ts';
import { tinyModel, twoLayers } from '../onnx/tiny-model.ts';
import { namedValue } from '../training/networks.ts';
import { cpuEngine, difference, normals, ortEngine } from '../training/programs.ts';
import { halfSpace } from './linear.ts';

describe('the gradient of the soft margin', () => {
  const [rows, draws, classes] = [2, 3, 3];
  it('is the same in ONNX Runtime and TensorFlow.js, and that of finite differences', async () => {
    const model = tinyModel(twoLayers);
    const cut = namedValue(model, 'a');
    const parts = trainableNetwork(model, cut);
    const latent = 5;
    const program = gradientProgram({
      ...{ network: parts, rows, draws, classes },
      imageDims: [4],
      latentDims: [latent],
    });
    const inputs = normals(1, rows * 4);
    const noise = normals(2, draws * rows * latent).map((value) => 0.3 * value);
    const from = Float32Array.of(1, 0, 0, 0, 1, 0);
    const closed = from.map((value) => value * FORBIDDEN);
    const feeds = (at: Float32Array) =>
      new Map<string, Float32Array>([
        [AttackFeed.inputs, at],
        [AttackFeed.noise, noise],
        [AttackFeed.from, from],
        [AttackFeed.closed, closed],
      ]);
    const ort = ortEngine(program);
    const js = await cpuEngine(program);
    const found = await ort.run('margin', feeds(inputs));
    const eager = await js.run('margin', feeds(inputs));
    expect(difference(eager.get('gradient')!, found.get('gradient')!)).toBeLessThan(1e-5);
    expect(difference(eager.get('logits')!, found.get('logits')!)).toBeLessThan(1e-5);

    const marginsAt = async (at: Float32Array) => {
      const logits = (await ort.run('margin', feeds(at))).get('logits')!;
      return logSoftProbabilities(logits, draws, rows, classes).map((soft, i) =>
        softMargin(soft, { from: i, to: null }),
      );
    };
    const gradient = found.get('gradient')!;
    const step = 1e-2;
    for (let k = 0; k < rows * 4; k++) {
      const [up, down] = [inputs.slice(), inputs.slice()];
      up[k] = (up[k] as number) + step;
      down[k] = (down[k] as number) - step;
      const row = Math.floor(k / 4);
      const slope = ((await marginsAt(up))[row]! - (await marginsAt(down))[row]!) / (up[k]! - down[k]!);
      expect(Math.abs(slope - gradient[k]!)).toBeLessThan(2e-2 * Math.max(1, Math.abs(slope)));
    }
    await ort.close();
    await js.close();
  });
});

const OPTIONS = { seed: 7n, range: null, norm: 'l2', threads: 1 } as const;

describe.each([
  ['without noise', 0, 0],
  ['under noise', 64, 0.4],
] as const)('on a half-space %s', (_, draws, sigma) => {
  it('finds the distance of the boundary', async () => {
    const space = await halfSpace(3, 0.8);
    const attack = await openGradientAttack(space.classifier, space.input, {
      ...{ ...OPTIONS, rows: 2, draws, sigma },
    });
    const start = { image: space.image, index: 5, goal: { from: 0, to: null } };
    const found = await attack.nearest(
      [
        { ...start, start: 0 },
        { ...start, start: 1 },
      ],
      [0.3, 3],
      60,
    );
    for (const { input, distance } of found) {
      // The direction is the normal, whatever noise and starting ball: the distance along it is that of the boundary.
      const cosine = (space.distance(space.image) - space.distance(input)) / distance;
      expect(cosine).toBeGreaterThan(0.97);
      expect(distance).toBeGreaterThan(0.6);
      expect(distance).toBeLessThan(1.05);
    }
    await attack.close();
  });

  it('stays in the ball, and takes its worst point', async () => {
    const space = await halfSpace(4, 0.8);
    const attack = await openGradientAttack(space.classifier, space.input, {
      ...{ ...OPTIONS, rows: 3, draws, sigma },
    });
    const start = { image: space.image, index: 5, goal: { from: 0, to: null } };
    const starts = [0, 1, 2].map((k) => ({ ...start, start: k }));
    const radii = [0.1, 0.5, 0.79];
    for (const [i, { input, distance }] of (await attack.worstInBall(starts, radii, 20)).entries()) {
      expect(distanceUp(space.image, input, 'l2')).toBe(distance);
      expect(distance).toBeLessThanOrEqual(radii[i] as number);
      expect(space.distance(input)).toBeLessThan(0.8 - 0.95 * (radii[i] as number));
    }
    await attack.close();
  });
});

describe('on a half-space in l1', () => {
  it('finds the distance of the boundary: along the pixel of the largest weight', async () => {
    const space = await halfSpace(3, 0.8);
    const exact = space.distance(space.image, 'l1');
    const attack = await openGradientAttack(space.classifier, space.input, {
      ...{ ...OPTIONS, norm: 'l1', rows: 1, draws: 0, sigma: 0 },
    });
    const goal = { from: 0, to: null };
    const starts = [{ image: space.image, index: 5, start: 0, goal }];
    const [near] = await attack.nearest(starts, [1], 60);
    expect(near?.distance).toBeGreaterThan(0.9 * exact);
    expect(near?.distance).toBeLessThan(1.15 * exact);
    const [inside] = await attack.worstInBall(starts, [0.9 * exact], 30);
    expect(inside?.distance).toBeLessThanOrEqual(0.9 * exact);
    expect(inside?.distance).toBe(distanceUp(space.image, inside?.input ?? new Float32Array(), 'l1'));
    expect(space.distance(inside?.input ?? space.image, 'l1')).toBeLessThan(0.15 * exact);
    await attack.close();
  });
});

it('gives the same bytes for the same seed, and others for another', async () => {
  const space = await halfSpace(5, 0.5);
  const found: Float32Array[] = [];
  for (const seed of [1n, 1n, 2n]) {
    const attack = await openGradientAttack(space.classifier, space.input, {
      ...{ ...OPTIONS, seed, rows: 1, draws: 8, sigma: 0.3 },
    });
    const start = { image: space.image, index: 0, start: 1, goal: { from: 0, to: null } };
    found.push((await attack.nearest([start], [0.4], 10))[0]!.input);
    await attack.close();
  }
  expect(found[1]).toEqual(found[0]);
  expect(found[2]).not.toEqual(found[0]);
});

it('ends between two steps when it is aborted', async () => {
  const space = await halfSpace(6, 0.5);
  const attack = await openGradientAttack(space.classifier, space.input, {
    ...{ ...OPTIONS, rows: 1, draws: 0, sigma: 0 },
  });
  const controller = new AbortController();
  controller.abort(new Error('stop'));
  const start = { image: space.image, index: 0, start: 0, goal: { from: 0, to: null } };
  await expect(attack.nearest([start], [0.4], 10, controller.signal)).rejects.toThrow('stop');
  await attack.close();
});

it('is not led astray by gradients that are not numbers', async () => {
  const attack = createGradientAttack(
    {
      description: 'broken',
      run: async () =>
        new Map([
          ['gradient', new Float32Array(4).fill(Number.NaN)],
          ['logits', Float32Array.of(1, 0)],
        ]),
      read: async () => new Map(),
      write: async () => undefined,
      close: async () => undefined,
    },
    { rows: 1, draws: 0, classes: 2, latentSize: 4, sigma: 0, seed: 0n, range: null, norm: 'l2' },
  );
  const image = new Float32Array(4);
  const start = { image, index: 0, start: 0, goal: { from: 0, to: null } };
  const [found] = await attack.nearest([start], [1], 5);
  expect(found?.input).toEqual(image);
});
