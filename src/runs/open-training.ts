/** Opens what `train` needs: data, the model rewritten as the recipe wants it, the cut, and the network to train. */

import type { Dataset } from '../datasets/dataset.ts';
import { openDataset } from '../datasets/open-dataset.ts';
import { ModelRefused, UsageError } from '../ground/errors.ts';
import { cutFor } from '../methods/splitz/cut-for.ts';
import type { Cut } from '../onnx/cuts.ts';
import { takesBgr } from '../onnx/intake/pixel-layout.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../onnx/model/codec.ts';
import { modelFromBytes } from '../onnx/model/load.ts';
import type { Model } from '../onnx/model/model.ts';
import { buildArchitecture } from '../training/architectures/index.ts';
import type { ArchitectureName } from '../training/architectures/names.ts';
import { type Constraint, constraintsOf } from '../training/constraints.ts';
import { ISOMETRY_CUT, withIsometry } from '../training/isometry.ts';
import { type Network, type Segment, trainableNetwork } from '../training/network.ts';
import { clipLeftRelus, hasLeftRelu } from '../training/parameters.ts';
import type { RecipeName } from '../training/recipes.ts';
import { type IntakeSettings, intakeSettings } from './intake-settings.ts';
import { type ModelRequest, openModel, sourceOf } from './open-model.ts';
import { datasetOptions } from './open-subject.ts';
import { recipeOf, type SourcedTrainingSettings } from './training-settings.ts';

export interface TrainingFlags extends ModelRequest {
  /** An untrained network in place of a file; `model` is then its name. */
  readonly architecture?: ArchitectureName | undefined;
  readonly data?: string | undefined;
  readonly labels?: string | undefined;
  readonly split?: string | undefined;
  readonly recipe?: RecipeName | undefined;
  readonly loss?: string | undefined;
  readonly reluTheta?: number | undefined;
  readonly learnTheta?: boolean | undefined;
}

export interface OpenedTraining {
  readonly data: Dataset;
  readonly intake: IntakeSettings;
  readonly settings: SourcedTrainingSettings;
  /** The file as it will be written back: rewritten by the recipe, weights as they were. */
  readonly source: Model;
  readonly classifier: PreparedClassifier;
  readonly cut: Cut;
  readonly network: Network;
  readonly segments: readonly Segment[];
  /** Kernels that training keeps under a constraint, by name. */
  readonly constraints: ReadonlyMap<string, Constraint>;
  /** What the user should know about the run. */
  readonly notes: readonly string[];
}

/**
 * @param settingsFor the run's settings, once it is known whether the cut is the input and what the data are
 * @throws ModelRefused, UsageError as the passes do: no classifier, no such cut, operators that cannot be trained
 */
export async function openTraining(
  flags: TrainingFlags,
  settingsFor: (recipe: RecipeName, atInput: boolean, dataset: string) => SourcedTrainingSettings,
): Promise<OpenedTraining> {
  const loaded = flags.architecture === undefined ? await sourceOf(flags) : untrained(flags.architecture);
  const data = await openDataset(dataSpec(flags, loaded), datasetOptions(flags, loaded, 'train'));
  const ownCut = loaded.metadata.get('splitz.split');
  const wanted = recipeOf(flags, loaded.metadata.get('splitz.recipe'), (flags.split ?? ownCut) === 'input');
  const split = splitFor(wanted, flags.split, ownCut);
  const settings = settingsFor(wanted, split === 'input', data.kind);
  const intake = intakeSettings(flags, loaded);
  const prepare = async (model: Model): Promise<PreparedClassifier> =>
    (await openModel(model, flags, data.shape, 'as delivered')).classifier;
  const { recipe, reluTheta, learnTheta, regularizer } = settings.values;

  let source = loaded;
  if (recipe === 'warm') {
    refusePreprocessing(intake);
    source = withIsometry(loaded, data.shape);
  }
  let classifier = await prepare(source);
  let cut = cutFor(classifier, split);
  // A recipe's clip level is for networks that have Relus there; a flag that does nothing is an error.
  if (reluTheta !== null && (flags.reluTheta !== undefined || hasLeftRelu(source, cut.value.name))) {
    source = clipLeftRelus(source, cut.value.name, reluTheta);
    classifier = await prepare(source);
    cut = cutFor(classifier, cut.name);
  }
  if (classifier.whyNotBatchable !== null) {
    throw new ModelRefused({
      what: 'the network cannot be trained in batches',
      where: flags.model,
      why: classifier.whyNotBatchable,
      remedy: 'Export it with a free batch axis (dynamic_axes or dynamic_shapes).',
    });
  }
  // Before operator set 11 a clip level is an attribute, which no gradient reaches: requesting it is an error, a recipe's default
  // is not.
  const fixedLimits = (source.opsets.get('') ?? 0) < 11 && flags.learnTheta !== true;
  const network = trainableNetwork(classifier.model, cut.value, { trainLimits: learnTheta && !fixedLimits });
  const segments = regularizer === 'none' ? [] : network.segments();
  const constraints = constraintsOf(source.metadata, network.parameters);
  if (recipe === 'orthogonal') requireOrthogonal(network, constraints, flags.model);
  const notes = learnTheta && fixedLimits ? ['clip levels are not learned: that needs operator set 11'] : [];
  return { data, intake, settings, source, classifier, cut, network, segments, constraints, notes };
}

function splitFor(recipe: RecipeName, asked: string | undefined, own: string | undefined): string {
  if (recipe === 'warm') return isometryCut(asked);
  if (recipe !== 'margin') return asked ?? own ?? 'first';
  if (asked === undefined || asked === 'input') return 'input';
  throw new UsageError({
    what: `--split ${asked} does not go with the recipe margin`,
    why: 'it trains the whole network, without noise',
    remedy: 'Omit --split, or use another recipe.',
  });
}

/** Without noise that grows with L, kernels that are free would grow against the noise. */
function requireOrthogonal(
  { leftNames, parameters }: Network,
  constraints: ReadonlyMap<string, Constraint>,
  model: string,
): void {
  const free = [...leftNames].find(
    (name) => (parameters.get(name)?.dims.length ?? 0) > 1 && constraints.get(name) !== 'orthonormal',
  );
  if (free === undefined) return;
  throw new UsageError({
    what: `--recipe orthogonal needs a left half of orthonormal kernels, and '${free}' is not kept so`,
    where: model,
    remedy: 'Use --architecture orthogonal-mnist or orthogonal-cifar10, or --recipe matched.',
  });
}

const untrained = (name: ArchitectureName): Model =>
  modelFromBytes(encodeModel(buildArchitecture(name)), name);

function dataSpec(flags: TrainingFlags, model: Model): string {
  if (flags.data !== undefined) return flags.data;
  if (model.metadata.get('splitz.dataset') === 'glyphs') return 'glyphs';
  throw new UsageError({
    what: 'no data to train on',
    where: flags.model,
    remedy: 'Add --data mnist:FOLDER, cifar10:FOLDER, images:FOLDER, npz:FILE or glyphs.',
  });
}

/** The recipe warm makes its own cut. */
function isometryCut(split: string | undefined): string {
  if (split === undefined || split === ISOMETRY_CUT) return ISOMETRY_CUT;
  throw new UsageError({
    what: `--split ${split} does not go with --recipe warm`,
    why: `it cuts behind the isometric left half that it puts in front of the network, at '${ISOMETRY_CUT}'`,
    remedy: 'Omit --split, or use another recipe.',
  });
}

/** The isometry keeps pixels in [0,1] apart from its clip; behind a normalisation it would not be an isometry. */
function refusePreprocessing({ layout, channelOrder, scale, mean, std }: IntakeSettings): void {
  const asStored = layout.value === 'nchw' && !takesBgr(channelOrder.value);
  if (asStored && scale.value === 1 && mean.value === null && std.value === null) return;
  throw new UsageError({
    what: '--recipe warm takes a model of pixels in [0,1], layout nchw',
    why: 'its isometric left half stands in front of the network, where --layout, --channels, --scale, --mean and --std would come between',
    remedy: 'Start from a model that normalises inside its graph, or use --recipe matched.',
  });
}
