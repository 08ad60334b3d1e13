/** Opens what every command on images needs: the model with its preprocessing, and the data set, checked together. */
import { basename } from 'node:path';
import type { Dataset, Subset } from '../datasets/dataset.ts';
import { type DatasetOptions, isKindOnly, openDataset } from '../datasets/open-dataset.ts';
import { UsageError } from '../ground/errors.ts';
import type { Subject } from '../methods/method.ts';
import { repeatsGrey } from '../onnx/intake/pixel-layout.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import type { Model } from '../onnx/model/model.ts';
import { withBatchMeasured } from '../onnx/preflight/checks/fixed-batch.ts';
import { withRewrites } from '../onnx/preflight/checks/rewritten.ts';
import { bySeverity, type Finding } from '../onnx/preflight/finding.ts';
import { findingsOf } from '../onnx/preflight/registry.ts';
import { subjectOfModel } from '../onnx/preflight/subject.ts';
import type { AccuracyAlone } from '../statistics/network-alone.ts';
import { classNamesFor } from './class-names.ts';
import { denoiserFindings } from './denoiser-findings.ts';
import { type IntakeRequest, type IntakeSettings, intakeSettings } from './intake-settings.ts';
import { type DenoiserInUse, type DenoiserRequest, openDenoised } from './open-denoiser.ts';
import { type ModelRequest, openModel, sourceOf } from './open-model.ts';
import { checkPreparation } from './preparation/preparation-check.ts';

export interface SubjectRequest extends ModelRequest, DenoiserRequest {
  /** As for `--data`; by default the data set named in the model's metadata. */
  readonly data?: string | undefined;
  /** `test` unless given. */
  readonly subset?: Subset | undefined;
  /** Path of a label file in place of the data's own labels. */
  readonly labels?: string | undefined;
  /** Names of the classes, or a file of them. */
  readonly classNames?: string | undefined;
}

export interface OpenedSubject extends Subject {
  /** The network alone; `classifier` is the network behind its denoiser, where there is one. */
  readonly network: PreparedClassifier;
  readonly denoiser: DenoiserInUse | null;
  readonly subset: Subset;
  readonly intake: IntakeSettings;
  /** By class index, for people; null where there are none. */
  readonly classNames: readonly string[] | null;
  /** What preflight found in the model file, and in the answers on some images. */
  readonly findings: readonly Finding[];
  /** What the network alone finds of a few labelled images, without noise; null without labels. Not certified. */
  readonly alone: AccuracyAlone | null;
}

/**
 * @param tell hears, in a sentence, of work that may take longer than a second
 * @throws UsageError where data or labels do not fit, what opening model and data throws
 */
export async function openSubject(
  request: SubjectRequest,
  tell?: (text: string) => void,
): Promise<OpenedSubject> {
  const source = await sourceOf(request);
  const subset = request.subset ?? 'test';
  const data = await openDataset(dataSpec(request, source), datasetOptions(request, source, subset));
  const { classifier: network, intake } = await openModel(source, request, data.shape);
  checkLabels(data, network.classes);
  const classNames = await classNamesFor(request.classNames, source, data, network.classes);
  const name = basename(request.model);
  const ofFile = findingsOf(
    subjectOfModel(source, name, { scale: intake.scale.value, normalised: isNormalised(intake, source) }),
  );
  const measured = withBatchMeasured(ofFile, network.whyNotBatchable, network.input.name);
  const told = withRewrites(measured, network.rewrites, name);
  const { alone, finding, ties } = await checkPreparation(network, data, intake, tell);
  const denoised = await openDenoised(request, network);
  const denoiser = denoised?.denoiser ?? null;
  const findings = bySeverity([
    ...told,
    ...[finding, ties].filter((one) => one !== null),
    ...(denoiser === null ? [] : denoiserFindings(denoiser.source)),
  ]);
  const classifier = denoised?.classifier ?? network;
  return { classifier, network, denoiser, data, subset, intake, classNames, findings, alone };
}

/** Whether the user has pixels normalised; what the model's metadata state is the model's own. */
const isNormalised = ({ mean, std }: IntakeSettings, { metadata }: Model): boolean =>
  (mean.value !== null && !metadata.has('splitz.mean')) ||
  (std.value !== null && !metadata.has('splitz.std'));

/** How the data are read for a model: also whether its --channels ask for grey images as colour ones. */
export function datasetOptions(
  request: Pick<SubjectRequest, 'labels'> & IntakeRequest,
  source: Pick<Model, 'metadata'>,
  subset: Subset,
): DatasetOptions {
  const { channelOrder } = intakeSettings(request, source);
  return {
    subset,
    ...(request.labels === undefined ? {} : { labels: request.labels }),
    greyAsRgb: repeatsGrey(channelOrder.value),
  };
}

/**
 * The data asked for, or those that the model names. Throws UsageError where neither names them, or their location is not
 * given.
 */
export function dataSpec({ data, model }: SubjectRequest, { metadata }: Model): string {
  const spec = data ?? metadata.get('splitz.dataset');
  if (spec === undefined) {
    throw new UsageError({
      what: 'no data to certify',
      why: 'neither --data nor the model (metadata splitz.dataset) names a data set',
      remedy: 'Add --data mnist:FOLDER, fashion:FOLDER, cifar10:FOLDER, images:FOLDER, npz:FILE or glyphs.',
    });
  }
  if (data === undefined && isKindOnly(spec)) {
    throw new UsageError({
      what: `the model was trained on ${spec}, but where these data are is not given`,
      where: model,
      remedy: `Add --data ${spec}:FOLDER.`,
    });
  }
  return spec;
}

/** Labels must be classes of the model; a wrong data set or a shifted label file shows here. */
function checkLabels(data: Dataset, classes: number): void {
  const at = data.labels?.findIndex((label) => label < 0 || label >= classes) ?? -1;
  if (at < 0) return;
  throw new UsageError({
    what: `image ${at} has label ${data.labels?.[at]}, but the model has ${classes} classes (0..${classes - 1})`,
    where: data.describe(),
    remedy: 'Check that the data belong to the model; --labels takes a label file of your own.',
  });
}
