/** `train`: SPLITZ training. An ONNX file goes in as the model definition and comes out with trained weights. */
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { UsageError } from '../../ground/errors.ts';
import { shortened } from '../../methods/smoothing/settings.ts';
import { requireCount } from '../../methods/sourced.ts';
import { MARGIN_METHOD } from '../../methods/summaries.ts';
import { modelDigest } from '../../onnx/model/codec.ts';
import { sizeOf } from '../../onnx/model/graph.ts';
import { saveModel } from '../../onnx/model/save.ts';
import { lockRun } from '../../records/run-lock.ts';
import { type OpenedTraining, openTraining } from '../../runs/open-training.ts';
import { relevant, schedulesOf, trainingSettings } from '../../runs/training-settings.ts';
import { packageVersion } from '../../runs/version.ts';
import { ARCHITECTURES } from '../../training/architectures/names.ts';
import { openTrainingBatches, type TrainingBatches } from '../../training/batches.ts';
import type { RunIdentity } from '../../training/checkpoint.ts';
import { projected } from '../../training/constraints.ts';
import { marginFeeds, type StepFeeds, smoothingFeeds } from '../../training/feeds.ts';
import { createLoss, parseLoss } from '../../training/losses/index.ts';
import type { MarginLossName } from '../../training/losses/margin.ts';
import { marginLayers } from '../../training/margin-layers.ts';
import { marginProgram } from '../../training/margin-step.ts';
import { withTrainingRecord } from '../../training/metadata.ts';
import { createTrainingNoise } from '../../training/noise.ts';
import type { Optimizer } from '../../training/optimizers.ts';
import { writeBack } from '../../training/parameters.ts';
import type { HostTensor, Program } from '../../training/program.ts';
import { splitzProgram } from '../../training/step.ts';
import type { TrainedState } from '../../training/train.ts';
import { trainedValues } from '../../training/trained-tensors.ts';
import { dataNotes } from '../data-notes.ts';
import type { TrainFlags } from '../declarations/train.ts';
import { modelStem } from '../default-names.ts';
import { interruptible } from '../interrupt.ts';
import { refuseToOverwrite } from '../output-file.ts';
import { trainDenoiserInto } from './train-denoiser.ts';
import {
  type Assembled,
  noteTo,
  optimizerOf,
  parameterCount,
  preprocessingRecord,
  trainToTheEnd,
} from './training-run.ts';

/** The flags once it is known which network is trained: `model` is the path of its file, or the name of an architecture. */
type Flags = TrainFlags & { readonly model: string };

export async function run(given: TrainFlags): Promise<void> {
  requireCount('--seed', given.seed, 0);
  requireCount('--threads', given.threads, 1);
  requireCount('--validation', given.validation, 1);
  if (given.max !== undefined) requireCount('--max', given.max, 1);
  const { name, into } = taskOf(given);
  const out = resolve(given.out ?? name);
  // Before an hour of training rather than after it.
  refuseToOverwrite(out, [], given.force);
  const remedy = 'Run the same command again: it continues at this step.';
  await interruptible(remedy, async (signal) => {
    const lock = await lockRun(out, 'model file');
    try {
      await into(out, signal);
    } finally {
      await lock.release();
    }
  });
}

/** What is trained, and the file it goes to by default. */
interface Task {
  readonly name: string;
  readonly into: (out: string, signal: AbortSignal) => Promise<void>;
}

function taskOf(given: TrainFlags): Task {
  const { denoiser } = given;
  if (denoiser !== undefined) {
    return {
      name: `${modelStem(given.model ?? denoiser)}.${given.model === undefined ? 'trained' : 'denoiser'}.onnx`,
      into: (out, signal) => trainDenoiserInto(out, { ...given, denoiser }, signal),
    };
  }
  const flags: Flags = { ...given, model: networkOf(given) };
  return {
    name: `${modelStem(flags.model)}.trained.onnx`,
    into: (out, signal) => trainInto(out, flags, signal),
  };
}

/** @throws UsageError where there is not exactly one network to train */
function networkOf({ model, architecture }: TrainFlags): string {
  if (model !== undefined && architecture !== undefined) {
    throw new UsageError({
      what: `there are two networks to train: ${model} and --architecture ${architecture}`,
      remedy: 'Omit one of them.',
    });
  }
  const name = model ?? architecture;
  if (name === undefined) {
    throw new UsageError({
      what: 'there is no network to train',
      remedy: `Name a model file, or an untrained network: --architecture ${ARCHITECTURES.join(', ')}.`,
    });
  }
  const meant = ARCHITECTURES.find((known) => known === basename(name).replace(/\.onnx$/iu, ''));
  if (architecture === undefined && meant !== undefined && !existsSync(name)) {
    throw new UsageError({
      what: `there is no file ${name}`,
      remedy: `Write --architecture ${meant} for the untrained network of that name.`,
    });
  }
  return name;
}

async function trainInto(out: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const note = noteTo(flags);
  const opened = await openTraining(flags, (recipe, atInput, dataset) =>
    trainingSettings(flags, recipe, atInput, dataset),
  );
  const { settings, data, classifier, cut } = opened;
  const { values } = settings;
  note(`model  ${basename(flags.model)}, ${parameterCount(opened.network.parameters)}`);
  note(`data   ${data.describe()}`);
  for (const text of dataNotes(data)) note(text);
  const batches = await openTrainingBatches(data, {
    classes: classifier.classes,
    batch: values.batch,
    validation: flags.validation,
    augment: values.augment,
    seed: flags.seed,
    ...(flags.max === undefined ? {} : { max: flags.max }),
  });
  note(
    isMargin(opened)
      ? `steps  ${batches.describe()}`
      : `split  '${cut.name}' [${cut.dims.join(',')}], ${cut.nodesLeft} nodes left, ${cut.nodesRight} right; ${batches.describe()}`,
  );
  note(`recipe ${values.recipe}`);
  for (const { name, value, origin } of settings.shown) note(`       ${name} = ${value} (${origin})`);
  for (const text of opened.notes) note(`note   ${text}`);

  const assembled = assemble(opened, batches, flags, out);
  const shown = isMargin(opened) ? 'margin' : values.regularizer === 'none' ? 'noise' : 'noise and L';
  const trained = await trainToTheEnd(assembled, shown, flags, signal, async (end, engine) => {
    await write(out, opened, end, engine.description, flags);
    return end;
  });
  report(out, opened, trained, flags);
}

/** Whether the network is trained for a margin of its own, without noise and without a cut. */
const endsWithoutNoise = ({ settings: { values } }: OpenedTraining): boolean =>
  schedulesOf(values).noiseScale.at(values.epochs, values.epochs) === 0;

const isMargin = ({ settings }: OpenedTraining): boolean => settings.values.recipe === 'margin';

function assemble(opened: OpenedTraining, batches: TrainingBatches, flags: Flags, out: string): Assembled {
  const { settings, cut, network, data, source } = opened;
  const { values } = settings;
  const optimizer = optimizerOf(values, network.parameters);
  const { program, feeds } = (isMargin(opened) ? marginParts : smoothingParts)(
    opened,
    batches,
    optimizer,
    flags,
  );
  const identity: RunIdentity = {
    model: modelDigest(source.proto),
    data: data.digest,
    settings: {
      ...values,
      split: cut.name,
      seed: flags.seed,
      validation: flags.validation,
      max: flags.max ?? null,
      preprocessing: preprocessingRecord(opened.intake),
    },
  };
  return {
    program,
    run: {
      ...{ batches, feeds, identity },
      epochs: values.epochs,
      learningRate: schedulesOf(values).learningRate,
      checkpointPath: `${out}.checkpoint`,
    },
  };
}

interface ProgramAndFeeds {
  readonly program: Program;
  readonly feeds: StepFeeds;
}

function smoothingParts(
  { settings, classifier, cut, network, segments, constraints }: OpenedTraining,
  batches: TrainingBatches,
  optimizer: Optimizer,
  flags: Flags,
): ProgramAndFeeds {
  const { values } = settings;
  const loss = createLoss(parseLoss(values.loss));
  const latentDims = cut.dims.slice(1);
  const program = splitzProgram({
    ...{ network, segments, constraints, latentDims, loss, optimizer },
    segmentDims: segments.map(({ input }) => classifier.shapes.get(input.name)?.dims.slice(1) ?? []),
    batch: values.batch,
    classes: classifier.classes,
    imageDims: classifier.inputDims.slice(1),
    latentRange: values.recipe === 'smoothing' ? [0, 1] : null,
    regularizer: values.regularizer,
    powerSteps: values.powerSteps,
    boundImages: values.boundImages,
    noise: values.noise,
    learnedThreshold: values.learnThreshold ? values.threshold : null,
  });
  const feeds = smoothingFeeds({
    ...{ batches, loss, optimizer },
    ...schedulesOf(values),
    noise: createTrainingNoise(flags.seed, {
      training: loss.draws * values.batch * sizeOf(latentDims),
      validation: values.batch * sizeOf(latentDims),
    }),
    epochs: values.epochs,
    sigma: values.sigma,
    threshold: values.learnThreshold ? null : values.threshold,
  });
  return { program, feeds };
}

function marginParts(
  { settings, classifier, network, constraints }: OpenedTraining,
  batches: TrainingBatches,
  optimizer: Optimizer,
): ProgramAndFeeds {
  const { values } = settings;
  const { batch, epochs, epsilon, powerSteps } = values;
  const dimsOf = (value: string): readonly number[] => classifier.shapes.get(value)?.dims.slice(1) ?? [];
  const program = marginProgram({
    ...{ network, constraints, optimizer, batch, powerSteps },
    layers: marginLayers(classifier.model, network, constraints, dimsOf),
    loss: values.loss as MarginLossName,
    classes: classifier.classes,
    imageDims: classifier.inputDims.slice(1),
  });
  return {
    program,
    feeds: marginFeeds({ ...{ batches, optimizer, epochs, epsilon }, ...schedulesOf(values) }),
  };
}

/** The noise at the cut that the file was made for; null where it has learned to do without noise, or never met any. */
function finalSigma(opened: OpenedTraining, { history }: TrainedState): number | null {
  if (isMargin(opened) || endsWithoutNoise(opened)) return null;
  const { noise, sigma } = opened.settings.values;
  return noise === 'fixed' ? sigma : shortened(history.at(-1)?.validation.sigma ?? sigma);
}

/** Clip levels of the left half: learned, or as set. */
function thetasOf(
  { network, settings }: OpenedTraining,
  named: ReadonlyMap<string, HostTensor>,
): readonly number[] {
  const learned = [...network.limits].map((name) => named.get(name)?.values[0] ?? 0);
  const { reluTheta } = settings.values;
  return learned.length > 0 || reluTheta === null ? learned : [reluTheta];
}

async function write(
  out: string,
  opened: OpenedTraining,
  trained: TrainedState,
  engine: string,
  flags: Flags,
): Promise<void> {
  const { network, source, settings, cut, data, constraints } = opened;
  const named = trainedValues(network, trained.state);
  for (const [name, constraint] of constraints) {
    const { dims, values } = named.get(name) as HostTensor;
    named.set(name, { dims, values: projected(constraint, dims, values) });
  }
  const { values } = settings;
  const last = trained.history.at(-1);
  const sigma = finalSigma(opened, trained);
  await saveModel(
    withTrainingRecord(writeBack(source.proto, named), {
      split: sigma === null ? null : cut.name,
      sigma: sigma === null ? null : String(sigma),
      // Behind an orthogonal encoder the noise is that at the input.
      matchedSigma: values.noise === 'matched' || values.recipe === 'orthogonal' ? values.sigma : null,
      thetas: thetasOf(opened, named),
      preprocessing: preprocessingRecord(opened.intake),
      dataset: data.kind,
      dataDigest: data.digest,
      classNames: data.classNames,
      training: {
        tool: `splitz-onnx ${packageVersion()}`,
        engine,
        seed: flags.seed,
        ...relevant(values),
        seconds: Math.round(trained.history.reduce((sum, { seconds }) => sum + seconds, 0)),
        lastEpoch: last,
      },
    }),
    out,
  );
}

function report(out: string, opened: OpenedTraining, trained: TrainedState, flags: Flags): void {
  const sigma = finalSigma(opened, trained);
  const { epsilon } = opened.settings.values;
  const last = trained.history.at(-1);
  const percent = (share: number | null | undefined): string => ((share ?? 0) * 100).toFixed(1);
  const [how, text, certify] = isMargin(opened)
    ? [
        { epsilon },
        `, ${percent(last?.validation.verified)} % verified at epsilon ${epsilon}, by an estimate of the norms`,
        ` --method ${MARGIN_METHOD}`,
      ]
    : sigma === null
      ? [{ split: null, sigma }, ', without noise', '']
      : [{ split: opened.cut.name, sigma }, ` under noise: split '${opened.cut.name}', sigma ${sigma}`, ''];
  if (flags.json) {
    const settings = relevant(opened.settings.values);
    process.stdout.write(`${JSON.stringify({ out, ...how, settings, history: trained.history })}\n`);
    return;
  }
  process.stdout.write(`${out}: ${percent(last?.validation.accuracy)} % of held-out images right${text}\n`);
  if (flags.quiet) return;
  const data = opened.data.kind === 'glyphs' ? '' : ` --data ${flags.data ?? opened.data.kind}`;
  process.stderr.write(`next   splitz-onnx certify ${out}${certify}${data}\n`);
}
