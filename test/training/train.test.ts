import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { TrainingBatches } from '../../src/training/batches.ts';
import type { Engine } from '../../src/training/engines/engine.ts';
import { smoothingFeeds } from '../../src/training/feeds.ts';
import { createLoss, parseLoss } from '../../src/training/losses/index.ts';
import { createTrainingNoise } from '../../src/training/noise.ts';
import { ADAM, createOptimizer } from '../../src/training/optimizers.ts';
import { parseSchedule } from '../../src/training/schedules.ts';
import { Feed } from '../../src/training/step.ts';
import { train } from '../../src/training/train.ts';

const batches: TrainingBatches = {
  size: 1,
  steps: 2,
  validationSteps: 1,
  heldOut: Int32Array.of(2),
  training: () => ({ images: Float32Array.of(0.5), labels: Float32Array.of(1, 0) }),
  validation: () => ({ images: Float32Array.of(0.5), labels: Float32Array.of(1, 0) }),
  describe: () => 'three images',
};

/** Learns nothing and writes down the noise level of every call. */
function listeningEngine(): { engine: Engine; levels: { function: string; sigma: number }[] } {
  const levels: { function: string; sigma: number }[] = [];
  const engine: Engine = {
    description: 'a listener',
    run: async (name, feeds) => {
      levels.push({ function: name, sigma: feeds.get(Feed.sigma)?.[0] as number });
      return new Map([['loss', Float32Array.of(1)]]);
    },
    read: async () => new Map(),
    write: async () => undefined,
    close: async () => undefined,
  };
  return { engine, levels };
}

it('noise grows over the run as scheduled, and held-out images always have all of it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'splitz-train-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { engine, levels } = listeningEngine();
  const constant = parseSchedule('1', { option: '--test', least: 0, most: 1 });
  await train(
    {
      ...{ engine, batches },
      feeds: smoothingFeeds({
        batches,
        noise: createTrainingNoise(0, { training: 1, validation: 1 }),
        loss: createLoss(parseLoss('gaussian')),
        optimizer: createOptimizer(ADAM, () => false),
        epochs: 3,
        sigma: 0.5,
        noiseScale: parseSchedule('0:1@2', { option: '--noise-scale', least: 0, most: 1 }),
        lambda: constant,
        strength: constant,
        radius: constant,
        learningRate: constant,
        threshold: null,
      }),
      epochs: 3,
      learningRate: constant,
      identity: { model: 'm', data: 'd', settings: null },
      checkpointPath: join(folder, 'checkpoint'),
    },
    null,
    { step: () => undefined, epoch: () => undefined },
    new AbortController().signal,
  );
  const of = (name: string): number[] => levels.filter((l) => l.function === name).map((l) => l.sigma);
  expect(of('train')).toEqual([0, 0.125, 0.25, 0.375, 0.5, 0.5]);
  expect(of('validate')).toEqual([0.5, 0.5, 0.5]);
});
