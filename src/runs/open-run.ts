/** Opens what every command on images needs: the model with its preprocessing, and the data set, checked together. */
import { basename } from 'node:path';
import type { Dataset, Subset } from '../datasets/dataset.ts';
import { isKindOnly, openDataset } from '../datasets/open-dataset.ts';
import { UsageError } from '../ground/errors.ts';
import { forceEval } from '../onnx/intake/force-eval.ts';
import { type PreparedClassifier, prepareClassifier } from '../onnx/intake/prepare-classifier.ts';
import { loadModel } from '../onnx/model/load.ts';
import { withBatchMeasured } from '../onnx/preflight/checks/fixed-batch.ts';
import { withRewrites } from '../onnx/preflight/checks/rewritten.ts';
import { bySeverity, type Finding } from '../onnx/preflight/finding.ts';
import { findingsOf } from '../onnx/preflight/registry.ts';
import { subjectOfModel } from '../onnx/preflight/subject.ts';
import {
  type PreprocessingFlags,
  type PreprocessingSettings,
  preprocessingOf,
  preprocessingSettings,
} from './certify-settings.ts';
import { classNamesFor } from './class-names.ts';
import { checkScale } from './scale-check.ts';

export interface RunFlags extends PreprocessingFlags {
  readonly model: string;
  readonly output?: string | undefined;
  readonly data?: string | undefined;
  readonly subset: Subset;
  readonly labels?: string | undefined;
  readonly forceEval?: boolean | undefined;
  readonly classNames?: string | undefined;
}

export interface OpenedRun {
  readonly classifier: PreparedClassifier;
  readonly data: Dataset;
  readonly preprocessing: PreprocessingSettings;
  /** By class index, for people; null where nothing tells them. */
  readonly classNames: readonly string[] | null;
  /** What preflight found in the model file, and in the answers on some images. */
  readonly findings: readonly Finding[];
}

export async function openRun(flags: RunFlags): Promise<OpenedRun> {
  const loaded = await loadModel(flags.model);
  const source = flags.forceEval === true ? forceEval(loaded) : loaded;
  const spec = flags.data ?? source.metadata.get('splitz.dataset');
  if (spec === undefined) {
    throw new UsageError({
      what: 'no data to certify',
      why: 'neither --data nor the model (metadata splitz.dataset) names a data set',
      remedy: 'Add --data mnist:FOLDER, cifar10:FOLDER, images:FOLDER, npz:FILE or glyphs.',
    });
  }
  if (flags.data === undefined && isKindOnly(spec)) {
    throw new UsageError({
      what: `the model was trained on ${spec}, and this tool has to be told where the data are`,
      where: flags.model,
      remedy: `Add --data ${spec}:FOLDER.`,
    });
  }
  const data = await openDataset(spec, {
    subset: flags.subset,
    ...(flags.labels === undefined ? {} : { labels: flags.labels }),
  });
  const preprocessing = preprocessingSettings(flags, source);
  const classifier = await prepareClassifier(source, flags.output, preprocessingOf(preprocessing, data));
  checkLabels(data, classifier.classes);
  const classNames = await classNamesFor(flags.classNames, source, data, classifier.classes);
  const name = basename(flags.model);
  const ofFile = findingsOf(subjectOfModel(source, name, preprocessing.scale.value));
  const measured = withBatchMeasured(ofFile, classifier.whyNotBatchable, classifier.input.name);
  const told = withRewrites(measured, classifier.rewrites, name);
  const scale = await checkScale(classifier, data, preprocessing.scale.value);
  const findings = scale === null ? told : bySeverity([...told, scale]);
  return { classifier, data, preprocessing, classNames, findings };
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
