/**
 * A training run: epochs of steps on an engine, validation on held-out images, a checkpoint after every epoch. What a
 * step is fed is a pure function of (seed, epoch, step), so a run that was killed and resumed ends with the same weights.
 */
import { ToolError } from '../ground/errors.ts';
import type { TrainingBatches } from './batches.ts';
import { type Checkpoint, type Position, type RunIdentity, saveCheckpoint } from './checkpoint.ts';
import type { Engine } from './engines/engine.ts';
import type { SmoothingLoss } from './losses/loss.ts';
import type { TrainingNoise } from './noise.ts';
import type { Optimizer } from './optimizers.ts';
import type { Schedule } from './schedules.ts';
import { Feed } from './step.ts';

/** What happened in one epoch. */
export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  /** Means over the epoch's steps: training loss, share of noisy copies classified right, L, noise level at the cut. */
  readonly loss: number;
  readonly accuracy: number;
  readonly lipschitz: number;
  readonly sigma: number;
  /** Means over held-out images with one noise draw each. */
  readonly validation: {
    readonly accuracy: number;
    readonly crossEntropy: number;
    readonly lipschitz: number;
    readonly sigma: number;
  };
  /**
   * Wall time of the epoch (of what was left of it, after a resume), validation and checkpoint excluded from the speed.
   */
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/** What a running epoch looks like, for progress. */
export interface StepReport {
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  /** Images per step. */
  readonly batch: number;
  /** Means since the epoch began (or was resumed). */
  readonly loss: number;
  readonly accuracy: number;
  readonly lipschitz: number;
  readonly imagesPerSecond: number;
}

export interface TrainingRun {
  readonly engine: Engine;
  readonly batches: TrainingBatches;
  readonly noise: TrainingNoise;
  readonly loss: SmoothingLoss;
  readonly optimizer: Optimizer;
  readonly epochs: number;
  readonly sigma: number;
  /** Share of sigma that training has. */
  readonly noiseScale: Schedule;
  readonly lambda: Schedule;
  /** Weight of what the loss adds to the cross-entropy. */
  readonly strength: Schedule;
  readonly radius: Schedule;
  readonly learningRate: Schedule;
  /** θ_L when it is fed; null when it is learned. */
  readonly threshold: number | null;
  readonly identity: RunIdentity;
  readonly checkpointPath: string;
}

export interface TrainingEvents {
  readonly step: (report: StepReport) => void;
  readonly epoch: (report: EpochReport) => void;
}

/** The end of a run. */
export interface TrainedState {
  readonly state: ReadonlyMap<string, Float32Array>;
  readonly history: readonly EpochReport[];
}

/**
 * Trains from `start` (null: from the engine's initial state) to the end.
 * @throws ToolError when the loss is not finite: the last checkpoint is left as it is
 * @throws the signal's reason after an abort, with a checkpoint of the step reached
 */
export async function train(
  run: TrainingRun,
  start: Checkpoint | null,
  events: TrainingEvents,
  signal: AbortSignal,
): Promise<TrainedState> {
  const { engine, epochs, batches } = run;
  if (start !== null) await engine.write(start.state);
  const history: EpochReport[] = [...((start?.history ?? []) as EpochReport[])];
  let sums = new Means(start?.sums);
  const save = async (position: Position): Promise<void> => {
    const state = await engine.read();
    await saveCheckpoint(run.checkpointPath, {
      identity: run.identity,
      engine: engine.description,
      position,
      sums: sums.record(),
      history,
      state,
    });
  };
  let first = start?.position.step ?? 0;
  for (let epoch = start?.position.epoch ?? 0; epoch < epochs; epoch++) {
    const began = performance.now();
    for (let step = first; step < batches.steps; step++) {
      const results = await engine.run('train', await trainFeeds(run, epoch, step));
      const loss = results.get('loss')?.[0] as number;
      if (!Number.isFinite(loss)) throw diverged(run, epoch, step);
      sums.add(results);
      const seconds = (performance.now() - began) / 1000;
      events.step({
        epoch: epoch + 1,
        step: step + 1,
        steps: batches.steps,
        batch: batches.size,
        loss: sums.mean('loss'),
        accuracy: sums.mean('accuracy'),
        lipschitz: sums.mean('lipschitz'),
        imagesPerSecond: ((step + 1 - first) * batches.size) / seconds,
      });
      // The engine works without pause: timers and signals are handled here.
      await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) {
        await save({ epoch, step: step + 1 });
        throw signal.reason;
      }
    }
    const trainSeconds = (performance.now() - began) / 1000;
    const imagesPerSecond = ((batches.steps - first) * batches.size) / trainSeconds;
    first = 0;
    const validation = await validate(run, epoch);
    const report: EpochReport = {
      epoch: epoch + 1,
      loss: sums.mean('loss'),
      accuracy: sums.mean('accuracy'),
      lipschitz: sums.mean('lipschitz'),
      sigma: sums.mean('sigma'),
      validation,
      seconds: (performance.now() - began) / 1000,
      imagesPerSecond,
    };
    history.push(report);
    sums = new Means();
    await save({ epoch: epoch + 1, step: 0 });
    events.epoch(report);
  }
  return { state: await engine.read(), history };
}

async function trainFeeds(
  run: TrainingRun,
  epoch: number,
  step: number,
): Promise<ReadonlyMap<string, Float32Array>> {
  const { batches, noise, loss, optimizer, epochs, threshold } = run;
  const now = epoch + step / batches.steps;
  const { images, labels } = batches.training(epoch, step);
  const number = epoch * batches.steps + step + 1;
  const feeds = new Map<string, Float32Array>([
    [Feed.images, images],
    [Feed.labels, labels],
    [Feed.noise, noise.training(epoch, step)],
    [Feed.sigma, Float32Array.of(run.sigma * run.noiseScale.at(now, epochs))],
    [Feed.lambda, Float32Array.of(run.lambda.at(now, epochs))],
    [Feed.strength, Float32Array.of(run.strength.at(now, epochs))],
    [Feed.radius, Float32Array.of(run.radius.at(now, epochs))],
  ]);
  if (threshold !== null) feeds.set(Feed.threshold, Float32Array.of(threshold));
  let stream = 0;
  for (const [name, dims] of loss.uniforms(batches.size)) {
    const size = dims.reduce((product, d) => product * d, 1);
    feeds.set(name, noise.uniforms(epoch, step, stream++, size));
  }
  for (const [name, value] of optimizer.scalars(number, run.learningRate.at(now, epochs)))
    feeds.set(name, Float32Array.of(value));
  return feeds;
}

async function validate(run: TrainingRun, epoch: number): Promise<EpochReport['validation']> {
  const { batches, engine, noise, epochs } = run;
  const sums = new Means();
  for (let step = 0; step < batches.validationSteps; step++) {
    const { images, labels } = batches.validation(step);
    const feeds = new Map<string, Float32Array>([
      [Feed.images, images],
      [Feed.labels, labels],
      [Feed.noise, noise.validation(epoch, step)],
      [Feed.sigma, Float32Array.of(run.sigma)],
      [Feed.radius, Float32Array.of(run.radius.at(epoch + 1, epochs))],
    ]);
    sums.add(await engine.run('validate', feeds));
  }
  return {
    accuracy: sums.mean('accuracy'),
    crossEntropy: sums.mean('crossEntropy'),
    lipschitz: sums.mean('lipschitz'),
    sigma: sums.mean('sigma'),
  };
}

/** Running means of scalar results. */
class Means {
  readonly #sums: Map<string, number>;
  #count: number;

  constructor(record: Checkpoint['sums'] = { count: 0, sums: {} }) {
    this.#sums = new Map(Object.entries(record.sums));
    this.#count = record.count;
  }

  add(results: ReadonlyMap<string, Float32Array>): void {
    this.#count++;
    for (const [name, [value = Number.NaN]] of results)
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + value);
  }

  mean(name: string): number {
    return (this.#sums.get(name) ?? Number.NaN) / this.#count;
  }

  record(): Checkpoint['sums'] {
    return { count: this.#count, sums: Object.fromEntries(this.#sums) };
  }
}

function diverged(run: TrainingRun, epoch: number, step: number): ToolError {
  const rate = run.learningRate.at(epoch, run.epochs);
  return new ToolError({
    what: `the loss is not a finite number in epoch ${epoch + 1}, step ${step + 1}`,
    where: run.engine.description,
    why: 'the weights have diverged; the state of the last finished epoch is kept',
    remedy: `Lower the learning rate (now ${rate.toExponential(1)}) or clip gradients with --clip-norm 1, and start anew with --restart. The last good checkpoint is ${run.checkpointPath}.`,
  });
}
