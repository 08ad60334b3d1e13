/** What training runs of classifiers and of denoisers have in common on the command line. */
import { rm } from 'node:fs/promises';
import { visible } from '../../ground/visible.ts';
import type { IntakeSettings } from '../../runs/intake-settings.ts';
import { loadCheckpoint } from '../../training/checkpoint.ts';
import type { Engine } from '../../training/engines/engine.ts';
import { openEngine } from '../../training/engines/select-engine.ts';
import { ADAM, createOptimizer, type Optimizer, SGD } from '../../training/optimizers.ts';
import type { HostTensor, Program } from '../../training/program.ts';
import { type TrainedState, type TrainingRun, train } from '../../training/train.ts';
import type { TrainFlags } from '../declarations/train.ts';
import { type Shown, startTrainingProgress } from '../terminal/training-progress.ts';

/** The program of the run and everything that feeds it. */
export interface Assembled {
  readonly program: Program;
  readonly run: Omit<TrainingRun, 'engine'>;
}

/** Lines at the start of a run, on stderr. */
export const noteTo =
  ({ quiet }: Pick<TrainFlags, 'quiet'>) =>
  (text: string): void => {
    if (!quiet) process.stderr.write(`${visible(text)}\n`);
  };

/**
 * Trains to the end, from the checkpoint where there is one, which goes once `write` has written the result.
 * @returns what `write` returns
 * @throws the signal's reason after an abort, with a checkpoint
 */
export async function trainToTheEnd<T>(
  { program, run }: Assembled,
  shown: Shown,
  flags: TrainFlags,
  signal: AbortSignal,
  write: (trained: TrainedState, engine: Engine) => Promise<T>,
): Promise<T> {
  const note = noteTo(flags);
  const start = flags.restart ? null : await loadCheckpoint(run.checkpointPath, run.identity, program.state);
  const engine = await openEngine(program, flags.engine, flags.device, flags.threads);
  try {
    note(`engine ${engine.description}; the first step takes longer, as it is prepared for the engine`);
    if (start !== null) {
      const { epoch, step } = start.position;
      note(`resume ${run.checkpointPath}: ${epoch} epochs and ${step} steps are done`);
      if (start.engine !== engine.description)
        note(
          `note   it was computed by ${start.engine}: the last bits will differ from an uninterrupted run`,
        );
    }
    const progress = startTrainingProgress(process.stderr, run.epochs, shown, flags.quiet);
    let trained: TrainedState;
    try {
      trained = await train({ ...run, engine }, start, progress, signal);
    } finally {
      progress.finish();
    }
    const written = await write(trained, engine);
    await rm(run.checkpointPath, { force: true });
    return written;
  } finally {
    await engine.close();
  }
}

/** Kernels decay; biases, normalisation and clip levels do not. */
export function optimizerOf(
  settings: {
    readonly optimizer: 'adam' | 'sgd';
    readonly weightDecay: number;
    readonly clipNorm: number | null;
  },
  parameters: ReadonlyMap<string, HostTensor>,
): Optimizer {
  const { optimizer, weightDecay, clipNorm } = settings;
  const decays = (name: string): boolean => (parameters.get(name)?.dims.length ?? 0) >= 2;
  return createOptimizer({ ...(optimizer === 'adam' ? ADAM : SGD), weightDecay, clipNorm }, decays);
}

/** "431,080 parameters". */
export function parameterCount(parameters: ReadonlyMap<string, HostTensor>): string {
  const count = [...parameters.values()].reduce((sum, { values }) => sum + values.length, 0);
  return `${count.toLocaleString('en-US')} parameters`;
}

/** What a model expects of its pixels, as flags; only what differs from pixels in [0,1], NCHW. */
export function preprocessingRecord({ layout, channelOrder, scale, mean, std }: IntakeSettings): {
  [key: string]: string;
} {
  return {
    ...(layout.value === 'nchw' ? {} : { layout: layout.value }),
    ...(channelOrder.value === 'rgb' ? {} : { channels: channelOrder.value }),
    ...(scale.value === 1 ? {} : { scale: String(scale.value) }),
    ...(mean.value === null ? {} : { mean: mean.value.join(',') }),
    ...(std.value === null ? {} : { std: std.value.join(',') }),
  };
}
