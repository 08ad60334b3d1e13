/** `train --denoiser`: a denoiser in front of a network that is left as it is, or for the images alone. */
import { basename } from 'node:path';
import { modelDigest } from '../../onnx/model/codec.ts';
import { sizeOf } from '../../onnx/model/graph.ts';
import { saveModel } from '../../onnx/model/save.ts';
import { denoiserSettings, type SourcedDenoiserSettings } from '../../runs/denoiser-settings.ts';
import {
  type FrozenNetwork,
  type OpenedDenoiserTraining,
  openDenoiserTraining,
} from '../../runs/open-denoiser-training.ts';
import { packageVersion } from '../../runs/version.ts';
import { openTrainingBatches, type TrainingBatches } from '../../training/batches.ts';
import { denoisingProgram } from '../../training/denoising-step.ts';
import type { Engine } from '../../training/engines/engine.ts';
import { denoisingFeeds } from '../../training/feeds.ts';
import { withTrainingRecord } from '../../training/metadata.ts';
import { createTrainingNoise } from '../../training/noise.ts';
import { writeBack } from '../../training/parameters.ts';
import { heldOutMeans, type TrainedState } from '../../training/train.ts';
import { trainedValues } from '../../training/trained-tensors.ts';
import { dataNotes } from '../data-notes.ts';
import type { TrainFlags } from '../declarations/train.ts';
import {
  type Assembled,
  noteTo,
  optimizerOf,
  parameterCount,
  preprocessingRecord,
  trainToTheEnd,
} from './training-run.ts';

type Flags = TrainFlags & { readonly denoiser: string };

interface Opened extends OpenedDenoiserTraining {
  readonly settings: SourcedDenoiserSettings;
}

/** The network on held-out images, as shares of right answers: without noise, and with one draw each. */
interface Undefended {
  readonly clean: number;
  readonly noisy: number;
}

interface Outcome {
  readonly trained: TrainedState;
  readonly undefended: Undefended | null;
}

export async function trainDenoiserInto(out: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const training = await openDenoiserTraining(flags);
  const { data, frozen } = training;
  const opened: Opened = {
    ...training,
    settings: denoiserSettings(flags, {
      dataset: data.kind,
      hasNetwork: frozen !== null,
      trainedBefore: training.source.metadata.get('splitz.trained') !== 'false',
    }),
  };
  const { values } = opened.settings;
  const batches = await openTrainingBatches(data, {
    classes: frozen === null || data.labels === null ? null : frozen.classifier.classes,
    oneClass: true,
    batch: values.batch,
    validation: flags.validation,
    augment: values.augment,
    seed: flags.seed,
    ...(flags.max === undefined ? {} : { max: flags.max }),
  });
  noteStart(opened, batches, flags);
  const assembled = assemble(opened, batches, flags, out);
  const outcome = await trainToTheEnd(assembled, 'denoiser', flags, signal, async (trained, engine) => {
    const undefended = frozen === null ? null : await undefendedAt(assembled, engine);
    await write(out, opened, { trained, undefended }, engine.description, flags);
    return { trained, undefended };
  });
  report(out, opened, outcome, flags);
}

function noteStart(
  { data, frozen, denoiser, latentDims, settings }: Opened,
  batches: TrainingBatches,
  flags: Flags,
): void {
  const note = noteTo(flags);
  note(
    `model  ${basename(flags.denoiser)}, ${parameterCount(denoiser.parameters)}, of [${latentDims.join(',')}]`,
  );
  note(
    frozen === null
      ? 'for    the images alone: it serves any network'
      : `for    ${basename(frozen.source.path)}, left as it is; ${frozen.cut.index === 0 ? 'in front of it' : `behind '${frozen.cut.name}'`}`,
  );
  note(`data   ${data.describe()}`);
  for (const text of dataNotes(data)) note(text);
  note(`steps  ${batches.describe()}`);
  for (const { name, value, origin } of settings.shown) note(`       ${name} = ${value} (${origin})`);
}

function assemble(
  { data, frozen, source, denoiser, latentDims, settings }: Opened,
  batches: TrainingBatches,
  flags: Flags,
  out: string,
): Assembled {
  const { values, range: sigma, stages, strength, learningRate } = settings;
  const { batch, epochs, temperature } = values;
  const optimizer = optimizerOf(values, denoiser.parameters);
  const count = batch * sizeOf(latentDims);
  const noise = createTrainingNoise(flags.seed, { training: count, validation: count });
  return {
    program: denoisingProgram({
      ...{ denoiser, batch, latentDims, optimizer },
      network: frozen?.network ?? null,
      imageDims: data.shape,
      classes: frozen === null || data.labels === null ? null : frozen.classifier.classes,
    }),
    run: {
      batches,
      feeds: denoisingFeeds({
        ...{ batches, optimizer, noise, epochs, sigma, stages, strength, temperature, learningRate },
      }),
      ...{ epochs, learningRate },
      identity: {
        model: modelDigest(source.proto),
        data: data.digest,
        settings: {
          ...values,
          ...(frozen === null ? { network: null } : networkRecord(frozen)),
          seed: flags.seed,
          validation: flags.validation,
          max: flags.max ?? null,
        },
      },
      checkpointPath: `${out}.checkpoint`,
    },
  };
}

/** The network that a denoiser was trained for. */
const networkRecord = ({ source, intake, cut }: FrozenNetwork) => ({
  network: {
    name: basename(source.path),
    sha256: source.files[0]?.sha256 ?? '',
    ...preprocessingRecord(intake),
  },
  split: cut.name,
});

/** Before the denoiser: with the draws of the last epoch's validation. */
async function undefendedAt({ run }: Assembled, engine: Engine): Promise<Undefended> {
  const means = await heldOutMeans({ ...run, engine }, 'undefended', run.epochs - 1);
  return { clean: means.mean('clean'), noisy: means.mean('noisy') };
}

async function write(
  out: string,
  { source, denoiser, data, frozen, settings }: Opened,
  { trained, undefended }: Outcome,
  engine: string,
  flags: Flags,
): Promise<void> {
  const { history, state } = trained;
  await saveModel(
    withTrainingRecord(writeBack(source.proto, trainedValues(denoiser, state)), {
      split: frozen === null || frozen.cut.index === 0 ? 'input' : frozen.cut.name,
      sigma: settings.values.sigma,
      matchedSigma: null,
      thetas: [],
      preprocessing: {},
      dataset: data.kind,
      dataDigest: data.digest,
      classNames: null,
      training: {
        tool: `splitz-onnx ${packageVersion()}`,
        engine,
        seed: flags.seed,
        ...settings.values,
        ...(frozen === null ? { network: null } : networkRecord(frozen)),
        seconds: Math.round(history.reduce((sum, { seconds }) => sum + seconds, 0)),
        lastEpoch: history.at(-1),
        ...(undefended === null ? {} : { undefended }),
      },
    }),
    out,
  );
}

const percent = (share: number | null | undefined): string => `${((share ?? 0) * 100).toFixed(1)} %`;

function report(
  out: string,
  { data, frozen, settings }: Opened,
  { trained, undefended }: Outcome,
  flags: Flags,
): void {
  const { history } = trained;
  const { values } = settings;
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ out, settings: values, undefended, history })}\n`);
    return;
  }
  const last = history.at(-1)?.validation;
  const answers =
    undefended === null
      ? ''
      : `; ${data.labels === null ? 'its own clean answer' : 'right'} on ${percent(last?.accuracy)} of noisy images, without the denoiser ${percent(undefended.noisy)}${data.labels === null ? '' : `, without noise ${percent(undefended.clean)}`}`;
  process.stdout.write(
    `${out}: sigma ${values.sigma}, ${percent(last?.noiseLeft)} of the noise left on held-out images${answers}\n`,
  );
  if (flags.quiet) return;
  const given = (['output', 'layout', 'channels', 'scale', 'mean', 'std'] as const).flatMap((name) =>
    flags[name] === undefined ? [] : [`--${name} ${flags[name]}`],
  );
  const options = data.kind === 'glyphs' ? given : [`--data ${flags.data ?? data.kind}`, ...given];
  const network = frozen === null ? 'net.onnx' : flags.model;
  process.stderr.write(`next   splitz-onnx certify ${[network, ...options].join(' ')} --denoiser ${out}\n`);
}
