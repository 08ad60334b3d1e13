/** Opens what `train --denoiser` needs: data, the frozen network and its cut, and the denoiser to train. */
import type { Dataset } from '../datasets/dataset.ts';
import { openDataset } from '../datasets/open-dataset.ts';
import { ModelRefused, UsageError } from '../ground/errors.ts';
import { originOf } from '../methods/sourced.ts';
import { cutFor } from '../methods/splitz/cut-for.ts';
import { AS_IT_IS } from '../onnx/compose/conditioning.ts';
import { denoiserOf } from '../onnx/compose/denoiser.ts';
import type { Cut } from '../onnx/cuts.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../onnx/model/codec.ts';
import { loadModel, modelFromBytes } from '../onnx/model/load.ts';
import type { Model } from '../onnx/model/model.ts';
import { buildDenoiser } from '../training/architectures/denoisers.ts';
import { DENOISERS } from '../training/architectures/names.ts';
import { type Network, trainableNetwork } from '../training/network.ts';
import type { IntakeSettings } from './intake-settings.ts';
import { refuseOtherPixels } from './open-denoiser.ts';
import { type ModelRequest, openModel, sourceOf } from './open-model.ts';
import { datasetOptions } from './open-subject.ts';

export interface DenoiserTrainingRequest extends Omit<ModelRequest, 'model'> {
  /** The network it is trained for; undefined: none, and only the images are looked at. */
  readonly model?: string | undefined;
  /** A file, or the name of an untrained denoiser. */
  readonly denoiser: string;
  readonly data?: string | undefined;
  readonly labels?: string | undefined;
  readonly split?: string | undefined;
}

/** The network behind a denoiser, whose weights stay as they are. */
export interface FrozenNetwork {
  readonly source: Model;
  readonly intake: IntakeSettings;
  readonly classifier: PreparedClassifier;
  readonly cut: Cut;
  readonly network: Network;
}

export interface OpenedDenoiserTraining {
  readonly data: Dataset;
  readonly frozen: FrozenNetwork | null;
  /** The denoiser as it will be written back, weights as they were. */
  readonly source: Model;
  readonly denoiser: Network;
  /** Shape of what noise is added to, without the batch axis. */
  readonly latentDims: readonly number[];
}

/**
 * @throws UsageError, ModelRefused for a network without gradients, a model that is not a denoiser, or shapes that do not fit
 */
export async function openDenoiserTraining(
  request: DenoiserTrainingRequest,
): Promise<OpenedDenoiserTraining> {
  const { model } = request;
  const source = model === undefined ? null : await sourceOf({ ...request, model });
  if (source === null) refuseWithoutNetwork(request);
  const data = await openDataset(
    dataSpec(request, source),
    datasetOptions(request, source ?? NO_METADATA, 'train'),
  );
  const frozen = source === null ? null : await frozenNetwork(request, source, data.shape);
  const latentDims = frozen === null ? data.shape : frozen.cut.dims.slice(1);
  const at = frozen === null || frozen.cut.index === 0 ? null : frozen.cut.name;
  return { data, frozen, latentDims, ...(await denoiserFor(request, latentDims, at)) };
}

const NO_METADATA: Pick<Model, 'metadata'> = { metadata: new Map() };

/** Throws UsageError for options that say something of a network where there is none. */
function refuseWithoutNetwork(request: DenoiserTrainingRequest): void {
  const given: Record<string, unknown> = { ...request };
  const lone = ['split', 'output', 'layout', 'channels', 'scale', 'mean', 'std'].find(
    (name) => given[name] !== undefined && originOf(request, name) === 'flag',
  );
  if (lone === undefined || (lone === 'split' && request.split === 'input')) return;
  throw new UsageError({
    what: `--${lone} needs a network`,
    why: 'a denoiser of images gets pixels in [0,1], channels first, and what else is done to them belongs to the network behind it',
    remedy: `Name the network, as in \`train net.onnx --denoiser ${request.denoiser}\`, or omit --${lone}.`,
  });
}

function dataSpec({ data, model }: DenoiserTrainingRequest, source: Model | null): string {
  const own = source?.metadata.get('splitz.dataset');
  const spec = data ?? (own === 'glyphs' ? own : undefined);
  if (spec !== undefined) return spec;
  throw new UsageError({
    what: 'no data to train on',
    ...(model === undefined ? {} : { where: model }),
    remedy: 'Add --data mnist:FOLDER, cifar10:FOLDER, images:FOLDER, npz:FILE or glyphs.',
  });
}

async function frozenNetwork(
  request: DenoiserTrainingRequest,
  source: Model,
  shape: readonly number[],
): Promise<FrozenNetwork> {
  const { classifier, intake } = await openModel(source, { ...request, model: source.path }, shape);
  if (classifier.whyNotBatchable !== null) {
    throw new ModelRefused({
      what: 'a denoiser cannot be trained for the network in batches',
      where: source.path,
      why: classifier.whyNotBatchable,
      remedy:
        'Export the network with a free batch axis (dynamic_axes or dynamic_shapes), or train without it: omit its file, with --loss mse.',
    });
  }
  const cut = cutFor(classifier, request.split ?? 'input');
  return { source, intake, classifier, cut, network: frozenOrRefused(classifier, cut, source.path) };
}

function frozenOrRefused({ model }: PreparedClassifier, cut: Cut, where: string): Network {
  try {
    return trainableNetwork(model, cut.value, { frozen: true });
  } catch (error) {
    if (!(error instanceof ModelRefused)) throw error;
    throw new ModelRefused({
      ...error.report,
      where,
      remedy:
        'Train without the gradients of the network: omit its file, with --loss mse. The denoiser serves it all the same.',
    });
  }
}

async function denoiserFor(
  { denoiser: asked, followLinks = false }: DenoiserTrainingRequest,
  dims: readonly number[],
  at: string | null,
): Promise<{ readonly source: Model; readonly denoiser: Network }> {
  const name = DENOISERS.find((known) => known === asked);
  if (name !== undefined && dims.length !== 3) {
    throw new UsageError({
      what: `${name} denoises images, and '${at}' is [${dims.join(',')}]`,
      where: '--split',
      remedy: 'Choose a cut of shape [channels, height, width], or --split input.',
    });
  }
  const source =
    name === undefined
      ? await loadModel(asked, { followLinks })
      : modelFromBytes(encodeModel(buildDenoiser(name, dims)), name);
  refuseOtherPixels(source);
  const what = at === null ? 'the images' : `the latents at '${at}'`;
  const shaped = await denoiserOf(source, AS_IT_IS, { what, dims });
  const [input] = shaped.graph.inputs;
  if (input === undefined || typeof input.declaredShape?.[0] === 'number') {
    throw new ModelRefused({
      what: 'the denoiser takes one image at a time, and cannot be trained in batches',
      where: source.path,
      remedy: 'Export it with a dynamic batch axis: dynamic_axes={"input": {0: "batch"}}.',
    });
  }
  const denoiser = trainableNetwork(shaped, input);
  if (denoiser.ending !== null || denoiser.parameters.size === 0) {
    throw new ModelRefused({
      what:
        denoiser.ending === null
          ? 'the denoiser has no weights to train'
          : `the denoiser ends with ${denoiser.ending}, which is for classifiers`,
      where: source.path,
      remedy: `Start from another denoiser, or an untrained one: --denoiser ${DENOISERS.join(' or ')}.`,
    });
  }
  return { source, denoiser };
}
