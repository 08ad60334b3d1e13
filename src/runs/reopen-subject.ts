/** From a result file back to its model and data, each checked against the header. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import { methodOf } from '../methods/index.ts';
import { originOf, type RequestOrigins } from '../methods/sourced.ts';
import type { Model } from '../onnx/model/model.ts';
import type { RunHeader } from '../records/record.ts';
import type { Environment } from './environment.ts';
import { describedDenoiser } from './open-denoiser.ts';
import { recordedModelRequest } from './open-model.ts';
import { type OpenedSubject, openSubject } from './open-subject.ts';
import { subjectOf } from './subject-of-series.ts';

/** Where to find again what a result file names only by digest. */
export interface SourceFlags extends RequestOrigins {
  /** Path of the result file. */
  readonly run: string;
  readonly model?: string | undefined;
  readonly denoiser?: string | undefined;
  readonly data?: string | undefined;
  readonly labels?: string | undefined;
  readonly output?: string | undefined;
  /** As for `ModelRequest`. */
  readonly followLinks?: boolean | undefined;
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
    why: 'it is neither beside the result file nor in the working folder',
    remedy: 'Name it after the result file: RUN.jsonl MODEL.onnx.',
  });
}

/**
 * Likewise the denoiser of a run that has one; undefined for another.
 * @throws UsageError where it is not found, and for a denoiser that the run does not have
 */
export function denoiserPath({ run, denoiser, origins }: SourceFlags, header: RunHeader): string | undefined {
  const recorded = header.model.denoiser;
  if (recorded === undefined) {
    // A config file or the environment may name one for other commands.
    if (denoiser === undefined || originOf({ origins }, 'denoiser') !== 'flag') return undefined;
    throw new UsageError({
      what: 'the run has no denoiser',
      where: run,
      why: 'it certified the network alone',
      remedy: 'Omit --denoiser.',
    });
  }
  if (denoiser !== undefined) return denoiser;
  const { name } = recorded;
  const found = [join(dirname(run), name), name].find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new UsageError({
    what: `the denoiser '${name}' is needed and was not found`,
    where: run,
    why: 'it is neither beside the result file nor in the working folder',
    remedy: `Name it: --denoiser FOLDER/${name}.`,
  });
}

/** The output that the run certified. Throws UsageError when the user names another. */
export function outputOf(
  { run, output }: Pick<SourceFlags, 'run' | 'output'>,
  { intake }: RunHeader,
): string | undefined {
  const recorded = intake.output.value ?? undefined;
  if (output === undefined || recorded === undefined || output === recorded) return output ?? recorded;
  throw new UsageError({
    what: `the run certified the output '${recorded}', not '${output}'`,
    where: run,
    remedy: 'Omit --output: the result file records which.',
  });
}

/** The label file the user names, else one of the recorded name beside the result file or in the working folder. */
export function labelsPath(
  { run, labels }: Pick<SourceFlags, 'run' | 'labels'>,
  { intake }: RunHeader,
): string | undefined {
  if (labels !== undefined || intake.labels.value === null) return labels;
  const name = basename(intake.labels.value);
  return [join(dirname(run), name), name].find((path) => existsSync(path));
}

/** What distinguishes a model, its external data included, from the one of the run, or null. */
export function modelDifference(header: RunHeader, source: Model): string | null {
  const digests = (files: readonly { readonly sha256: string }[]): string =>
    files.map(({ sha256 }) => sha256).join(', ');
  const [now, then] = [digests(source.files), digests(header.model.files)];
  return now === then ? null : `sha256 ${now} now, ${then} in the result file`;
}

/**
 * Opens model and data of a run as its header states.
 * @throws UsageError when model or data are not those of the run; what `openSubject` throws
 */
export async function reopenSubject(sources: SourceFlags, header: RunHeader): Promise<OpenedSubject> {
  const { intake, data } = header;
  const labels = labelsPath(sources, header);
  if (labels === undefined && intake.labels.value !== null) {
    throw new UsageError({
      what: `the label file '${intake.labels.value}' is needed and was not found`,
      where: sources.run,
      why: 'the run was made with it, and it is neither beside the result file nor in the working folder',
      remedy: `Add --labels FOLDER/${intake.labels.value}.`,
    });
  }
  const opened = await openSubject({
    ...recordedModelRequest(header),
    model: modelPath(sources, header),
    denoiser: denoiserPath(sources, header),
    recorded: header.model.denoiser,
    followLinks: sources.followLinks,
    output: outputOf(sources, header),
    data: sources.data,
    subset: data.subset === 'train' ? 'train' : 'test',
    labels,
  });
  const { source } = opened.classifier;
  const other = modelDifference(header, source);
  if (other !== null) throw otherModel(source.path, other, header);
  if (opened.data.digest !== data.digest) {
    throw new UsageError({
      code: 'other-data',
      what: 'these are not the data of the result file',
      where: opened.data.describe(),
      why: `digest ${opened.data.digest} now, ${data.digest} in the result file`,
      remedy: `Name the data the run was made with (${data.name}) by --data, and its --labels if it had a file of its own.`,
    });
  }
  return { ...opened, classNames: header.model.classNames ?? opened.classNames };
}

const otherModel = (where: string, why: string, { model }: RunHeader): UsageError =>
  new UsageError({
    code: 'other-model',
    what: 'this is not the model of the result file',
    where,
    why,
    remedy: `Name the model the run was made with (${model.name}).`,
  });

/** The denoiser as a header states it; its name may be another. */
const described = ({ denoiser }: OpenedSubject): unknown =>
  denoiser === null ? undefined : { ...describedDenoiser(denoiser), name: '' };

const INTAKE = ['layout', 'channelOrder', 'scale', 'mean', 'std'] as const;

/** What a header states of model, data and methods that does not match them, as "data.length: 10 in the file, 20 of …". */
export function sourceDifferences(header: RunHeader, subject: OpenedSubject): string[] {
  const { classifier, data } = subject;
  const { source } = classifier;
  const opsets = [...source.opsets].map(([domain, version]) => ({ domain, version }));
  const facts: [name: string, then: unknown, now: unknown][] = [
    ['model.producer', header.model.producer, source.producer],
    ['model.irVersion', header.model.irVersion, source.irVersion],
    ['model.opsets', header.model.opsets, opsets],
    ['model.modified', header.model.modified, source.modifications],
    ['model.classes', header.model.classes, classifier.classes],
    ['model.denoiser', header.model.denoiser && { ...header.model.denoiser, name: '' }, described(subject)],
    ['data.length', header.data.length, data.length],
    ['data.shape', header.data.shape, data.shape],
    ['data.labelled', header.data.labelled, data.labels !== null],
    ['data.subset', header.data.subset, subject.subset],
    ...INTAKE.map((name): [string, unknown, unknown] => [
      `intake.${name}`,
      header.intake[name].value,
      subject.intake[name].value,
    ]),
  ];
  const general = facts
    .map(([name, then, now]) => [name, JSON.stringify(then), JSON.stringify(now)] as const)
    .filter(([, then, now]) => then !== now)
    .map(([name, then, now]) => `${name}: ${then} in the file, ${now} of this model and these data`);
  const ofMethods = header.series.flatMap((series, k) =>
    methodOf(series)
      .differences(series, subjectOf(series, subject))
      .map((text) => `series[${k}]: ${text}`),
  );
  return [...general, ...ofMethods];
}

/** How the machine here differs from the one there, in words; each difference may change the last bits of logits. */
export function environmentDifferences(there: Environment, here: Environment): string[] {
  const facts: [name: string, then: string, now: string][] = [
    ['provider', there.provider, here.provider],
    ['ONNX Runtime', there.onnxruntime, here.onnxruntime],
    ['CPU', there.cpu, here.cpu],
    ['platform', there.platform, here.platform],
  ];
  return facts
    .filter(([, then, now]) => then !== now)
    .map(([name, then, now]) => `${name}: ${then} then, ${now} here`);
}
