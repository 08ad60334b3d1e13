/**
 * A run as its result file tells it, opened again: the same model, data and cut, proven by digest. For commands that look
 * at certificates after they were made.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type CertificateRecord,
  headerViolation,
  type RunHeader,
  recordViolation,
} from '../certificate/record.ts';
import type { Subset } from '../datasets/dataset.ts';
import { UsageError } from '../errors.ts';
import type { LeftHalfBound } from '../lipschitz/input-radius.ts';
import type { Cut } from '../onnx/cuts.ts';
import { boundAt, cutFor } from './choose-cut.ts';
import { type OpenedRun, openRun } from './open-run.ts';

export interface RecordedRun {
  readonly path: string;
  readonly header: RunHeader;
  readonly records: readonly CertificateRecord[];
}

/** Throws UsageError naming the first line that is none of a result file. A torn last line is left out. */
export function readRecordedRun(path: string): RecordedRun {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError({
      what: 'the result file cannot be read',
      where: path,
      why: (cause as Error).message,
      remedy: 'Name a file that `splitz-onnx certify` wrote.',
      cause,
    });
  }
  const broken = (line: number, why: string): UsageError =>
    new UsageError({
      what: 'this is no result file of splitz-onnx certify',
      where: `${path}, line ${line}`,
      why,
      remedy: 'Name a file that `splitz-onnx certify` wrote, or an ONNX model.',
    });
  const values = content
    .split('\n')
    .slice(0, -1)
    .map((line, k): unknown => {
      try {
        return JSON.parse(line);
      } catch (cause) {
        throw broken(k + 1, (cause as Error).message);
      }
    });
  const [header, ...records] = values;
  const problem = header === undefined ? 'it has no whole line' : headerViolation(header);
  if (problem !== null) throw broken(1, problem);
  records.forEach((record, k) => {
    const wrong = recordViolation(record);
    if (wrong !== null) throw broken(k + 2, wrong);
  });
  return { path, header: header as RunHeader, records: records as CertificateRecord[] };
}

export interface ReopenFlags {
  /** The model file, where it is neither beside the result file nor in the current folder. */
  readonly model?: string | undefined;
  readonly output?: string | undefined;
  readonly data?: string | undefined;
  readonly labels?: string | undefined;
}

export interface ReopenedRun extends OpenedRun {
  readonly cut: Cut;
  readonly left: LeftHalfBound | null;
}

/** Throws UsageError when model or data are not there, or are others than those of the run. */
export async function reopenRun({ path, header }: RecordedRun, flags: ReopenFlags): Promise<ReopenedRun> {
  const { settings } = header;
  const model = flags.model ?? modelBeside(path, header.model.name);
  const list = (values: readonly number[] | null): string | undefined => values?.join(',');
  const opened = await openRun({
    model,
    output: flags.output,
    data: flags.data,
    labels: flags.labels,
    subset: (header.data.subset ?? 'test') as Subset,
    layout: settings.layout.value,
    scale: settings.scale.value,
    mean: list(settings.mean.value),
    std: list(settings.std.value),
    forceEval: header.model.modified !== undefined,
  });
  const expected = header.model.files.map(({ sha256 }) => sha256).join(' ');
  const found = opened.classifier.source.files.map(({ sha256 }) => sha256).join(' ');
  if (expected !== found)
    throw new UsageError({
      what: 'the model is not the one of the run',
      where: model,
      why: `its sha256 is ${found}, that of the run ${expected}`,
      remedy: 'Name the file that was certified with --model.',
    });
  if (opened.data.digest !== header.data.digest)
    throw new UsageError({
      what: 'the images are not those of the run',
      where: opened.data.describe(),
      why: `their digest is ${opened.data.digest}, that of the run (${header.data.name}) ${header.data.digest}`,
      remedy: 'Name the data set that was certified with --data, its labels with --labels.',
    });
  const cut = cutFor(opened.classifier, header.split.cut);
  if (cut.value.name !== header.split.tensor)
    throw new UsageError({
      what: `the cut '${header.split.cut}' is another tensor than in the run`,
      where: model,
      why: `'${cut.value.name}' here, '${header.split.tensor}' there`,
      remedy: 'Use the version of splitz-onnx that made the run.',
    });
  return { ...opened, cut, left: boundAt(opened.classifier, cut, settings.lipschitz.value) };
}

function modelBeside(path: string, name: string): string {
  const places = [join(dirname(path), name), name];
  const found = places.find(existsSync);
  if (found !== undefined) return found;
  throw new UsageError({
    what: `the model ${name} is neither beside the result file nor in this folder`,
    where: path,
    remedy: 'Say where it is with --model FILE.',
  });
}
