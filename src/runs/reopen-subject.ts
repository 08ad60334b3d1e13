/** From a result file back to what it was made of: model, data, cut and left half, each checked against the header. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import { DEFAULT_DELTA, type LeftHalfBound } from '../lipschitz/input-radius.ts';
import { leftHalfBoundAt } from '../methods/smoothed-classifier.ts';
import { type Cut, findCut } from '../onnx/cuts.ts';
import type { Model } from '../onnx/model/model.ts';
import type { RunHeader } from '../records/record.ts';
import type { Provider } from '../smoothing/providers.ts';
import { globalLipschitz } from './choose-cut.ts';
import { describeEnvironment } from './environment.ts';
import { type OpenedRun, openRun } from './open-run.ts';

/** Where to find again what a result file names only by digest. */
export interface SourceFlags {
  readonly run: string;
  readonly model?: string | undefined;
  readonly data?: string | undefined;
  readonly labels?: string | undefined;
  readonly output?: string | undefined;
}

export interface ReopenedRun {
  readonly opened: OpenedRun;
  readonly cut: Cut;
  readonly left: LeftHalfBound | null;
}

/** The model the user names, else one of the recorded name beside the result file or in the working folder. */
export function modelPath({ run, model }: SourceFlags, header: RunHeader): string {
  if (model !== undefined) return model;
  const { name } = header.model;
  const found = [join(dirname(run), name), name].find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new UsageError({
    what: `the model '${name}' is needed and was not found`,
    where: run,
    why: 'it lies neither beside the result file nor in the working folder',
    remedy: 'Name it behind the result file: RUN.jsonl MODEL.onnx.',
  });
}

/** The output the run was made of. Throws UsageError when the user names another. */
export function outputOf(
  { run, output }: Pick<SourceFlags, 'run' | 'output'>,
  header: RunHeader,
): string | undefined {
  const recorded = header.settings.output?.value;
  if (output === undefined || recorded === undefined || output === recorded) return output ?? recorded;
  throw new UsageError({
    what: `the run was made of the output '${recorded}', not of '${output}'`,
    where: run,
    remedy: 'Leave --output away: the result file says which.',
  });
}

/** The label file the user names, else one of the recorded name beside the result file or in the working folder. */
export function labelsPath(
  { run, labels }: Pick<SourceFlags, 'run' | 'labels'>,
  { settings }: RunHeader,
): string | undefined {
  if (labels !== undefined || settings.labels === undefined) return labels;
  const name = basename(settings.labels.value);
  return [join(dirname(run), name), name].find((path) => existsSync(path));
}

/** What distinguishes a model file from the one of the run, or null. */
export function modelDifference(header: RunHeader, source: Model): string | null {
  const digests = (files: readonly { readonly sha256: string }[]): string =>
    files.map(({ sha256 }) => sha256).join(', ');
  const [now, then] = [digests(source.files), digests(header.model.files)];
  return now === then ? null : `sha256 ${now} now, ${then} in the result file`;
}

/**
 * Opens model and data of a run with the settings of its header.
 * @throws UsageError when model or data are others than those of the run; what `openRun` throws
 */
export async function reopenRun(flags: SourceFlags, header: RunHeader): Promise<ReopenedRun> {
  const { settings, data, split } = header;
  const list = (value: readonly number[] | null): string | undefined => value?.join(',');
  const labels = labelsPath(flags, header);
  if (labels === undefined && settings.labels !== undefined) {
    throw new UsageError({
      what: `the label file '${settings.labels.value}' is needed and was not found`,
      where: flags.run,
      why: 'the run was made with it, and it lies neither beside the result file nor in the working folder',
      remedy: `Add --labels PLACE/${settings.labels.value}.`,
    });
  }
  const opened = await openRun({
    model: modelPath(flags, header),
    output: outputOf(flags, header),
    data: flags.data,
    labels,
    subset: data.subset === 'train' ? 'train' : 'test',
    forceEval: header.model.modified !== undefined,
    layout: settings.layout.value,
    channels: settings.channelOrder?.value,
    scale: settings.scale.value,
    mean: list(settings.mean.value),
    std: list(settings.std.value),
  });
  const { classifier } = opened;
  const other = modelDifference(header, classifier.source);
  if (other !== null) {
    throw new UsageError({
      what: 'this is not the model of the result file',
      where: classifier.source.path,
      why: other,
      remedy: `Name the model the run was made with (${header.model.name}).`,
    });
  }
  if (opened.data.digest !== data.digest) {
    throw new UsageError({
      code: 'other-data',
      what: 'these are not the data of the result file',
      where: opened.data.describe(),
      why: `digest ${opened.data.digest} now, ${data.digest} in the result file`,
      remedy: `Name the data the run was made with (${data.name}) by --data, and its --labels if it had a file of its own.`,
    });
  }
  const cut = findCut(classifier.cuts, split.cut);
  const left = leftHalfBoundAt(classifier, cut, settings.lipschitz.value, DEFAULT_DELTA);
  // certify takes the global norms first; those of large left halves are proved once and shared by all images.
  globalLipschitz(left, settings.seed.value);
  return { opened, cut, left };
}

/** What a header says of model, data and split that is not so, as "split.tensor: 'a' in the file, 'b' now". */
export function sourceDifferences(header: RunHeader, { opened, cut, left }: ReopenedRun): string[] {
  const { source } = opened.classifier;
  const { data } = opened;
  const facts: [name: string, then: unknown, now: unknown][] = [
    ['model.producer', header.model.producer, source.producer],
    ['model.irVersion', header.model.irVersion, source.irVersion],
    [
      'model.opsets',
      header.model.opsets,
      [...source.opsets].map(([domain, version]) => ({ domain, version })),
    ],
    ['model.modified', header.model.modified, source.modifications],
    ['data.length', header.data.length, data.length],
    ['data.shape', header.data.shape, data.shape],
    ['data.labelled', header.data.labelled, data.labels !== null],
    ['split.index', header.split.index, cut.index],
    ['split.tensor', header.split.tensor, cut.value.name],
    ['split.latentShape', header.split.latentShape, cut.dims.slice(1)],
    ['split.nodesLeft', header.split.nodesLeft, cut.nodesLeft],
    ['split.nodesRight', header.split.nodesRight, cut.nodesRight],
    ['delta', header.settings.delta.value, left?.failureProbability ?? 0],
  ];
  const differing = facts
    .map(([name, then, now]) => [name, JSON.stringify(then), JSON.stringify(now)] as const)
    .filter(([, then, now]) => then !== now)
    .map(([name, then, now]) => `${name}: ${then} in the file, ${now} of this model and these data`);
  const { batch } = header.environment;
  const { whyNotBatchable } = opened.classifier;
  return whyNotBatchable === null || batch === 1
    ? differing
    : [
        ...differing,
        `environment.batch: ${batch} rows per run in the file, but rows of this model are run one at a time: ${whyNotBatchable}`,
      ];
}

/** What computes draws here otherwise than in the run, in words; each may move logits in their last bits. */
export function environmentDifferences({ environment }: RunHeader, provider: Provider): string[] {
  const now = describeEnvironment({ provider, workers: 1, batch: 1 });
  const facts: [name: string, then: string, now: string][] = [
    ['provider', environment.provider, now.provider],
    ['ONNX Runtime', environment.onnxruntime, now.onnxruntime],
    ['CPU', environment.cpu, now.cpu],
    ['platform', environment.platform, now.platform],
  ];
  return facts
    .filter(([, then, here]) => then !== here)
    .map(([name, then, here]) => `${name}: ${then} then, ${here} here`);
}
