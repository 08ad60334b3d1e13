/**
 * A training run: epochs of steps on an engine, validation on held-out images, a checkpoint after every epoch. What a
 * step is fed is a pure function of (seed, epoch, step), so a run that was killed and resumed ends with the same weights.
 */
import { ToolError } from '../ground/errors.ts';
import type { TrainingBatches } from './batches.ts';
import { type Checkpoint, type Position, type RunIdentity, saveCheckpoint } from './checkpoint.ts';
import type { Engine } from './engines/engine.ts';
import type { StepFeeds } from './feeds.ts';
import type { Schedule } from './schedules.ts';

/** What happened in one epoch. */
export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  /**
   * Means over the epoch's steps: training loss, share classified right (of noisy copies, where there is noise), L, the noise
   * level at the cut, and the share that a margin verifies; null where the step has no such thing.
   */
  readonly loss: number;
  readonly accuracy: number | null;
  readonly lipschitz: number | null;
  readonly sigma: number | null;
  readonly verified: number | null;
  /** Of a denoiser: the share of the noise's energy that it leaves. */
  readonly noiseLeft?: number;
  /** Means over held-out images, with one noise draw each where there is noise. */
  readonly validation: {
    readonly accuracy: number | null;
    readonly crossEntropy: number | null;
    readonly lipschitz: number | null;
    readonly sigma: number | null;
    readonly verified: number | null;
    /** Of a denoiser; the squared error is in the units of what noise is added to. */
    readonly noiseLeft?: number;
    readonly mse?: number;
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
  readonly accuracy: number | null;
  readonly lipschitz: number | null;
  readonly noiseLeft?: number;
  readonly imagesPerSecond: number;
}

export interface TrainingRun {
  readonly engine: Engine;
  readonly batches: TrainingBatches;
  readonly feeds: StepFeeds;
  readonly epochs: number;
  readonly learningRate: Schedule;
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
    const kind = run.feeds.functionOf?.(epoch) ?? 'train';
    for (let step = first; step < batches.steps; step++) {
      const results = await engine.run(kind, run.feeds.training(epoch, step));
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
        accuracy: sums.meanIfAny('accuracy'),
        lipschitz: sums.meanIfAny('lipschitz'),
        ...sums.onlyIfAny('noiseLeft'),
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
      accuracy: sums.meanIfAny('accuracy'),
      lipschitz: sums.meanIfAny('lipschitz'),
      sigma: sums.meanIfAny('sigma'),
      verified: sums.meanIfAny('verified'),
      ...sums.onlyIfAny('noiseLeft'),
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

async function validate(run: TrainingRun, epoch: number): Promise<EpochReport['validation']> {
  const sums = await heldOutMeans(run, 'validate', epoch);
  return {
    accuracy: sums.meanIfAny('accuracy'),
    crossEntropy: sums.meanIfAny('crossEntropy'),
    lipschitz: sums.meanIfAny('lipschitz'),
    sigma: sums.meanIfAny('sigma'),
    verified: sums.meanIfAny('verified'),
    ...sums.onlyIfAny('noiseLeft'),
    ...sums.onlyIfAny('mse'),
  };
}

/** Means of a function's results over the held-out images, as they are fed after an epoch (from 0). */
export async function heldOutMeans(
  { batches, engine, feeds }: Pick<TrainingRun, 'batches' | 'engine' | 'feeds'>,
  name: string,
  epoch: number,
): Promise<Means> {
  const sums = new Means();
  for (let step = 0; step < batches.validationSteps; step++)
    sums.add(await engine.run(name, feeds.validation(epoch, step)));
  return sums;
}

/** Running means of scalar results. */
export class Means {
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

  /** Null where no step has it. */
  meanIfAny(name: string): number | null {
    return this.#sums.has(name) ? this.mean(name) : null;
  }

  /** Nothing where no step has it. */
  onlyIfAny<const N extends string>(name: N): { readonly [K in N]?: number } {
    return this.#sums.has(name) ? ({ [name]: this.mean(name) } as { readonly [K in N]?: number }) : {};
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
