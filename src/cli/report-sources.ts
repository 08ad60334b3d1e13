/** What a report shows beyond the result file, where it is at hand and is what the run was made of: the model and the data. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { boundability } from '../certificate/boundability.ts';
import { prepareClassifier } from '../certificate/prepare-classifier.ts';
import type { RunHeader } from '../certificate/record.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { openDataset } from '../datasets/open-dataset.ts';
import { SplitzError, UsageError } from '../errors.ts';
import { forceEval } from '../onnx/force-eval.ts';
import { loadModel } from '../onnx/load.ts';
import type { AuditedRun } from '../report/audited-run.ts';
import { extremes } from '../report/extremes.ts';
import type { RunSources } from '../report/report.ts';
import { thumbnail } from '../report/thumbnail.ts';

export interface ReportSourceFlags {
  readonly model?: string | undefined;
  readonly data?: string | undefined;
  readonly labels?: string | undefined;
  readonly output?: string | undefined;
  readonly segments: 'left' | 'all';
}

/** Data sets are opened once, however many runs are of them. */
type Opened = Map<string, Dataset>;

/**
 * Sources of every run. What is not there, or is not what the run was made of, is left out with the reason in words.
 * Throws UsageError when the user names a model or data that no run was made of.
 */
export async function reportSources(
  runs: readonly AuditedRun[],
  paths: readonly string[],
  flags: ReportSourceFlags,
): Promise<RunSources[]> {
  const opened: Opened = new Map();
  const sources: RunSources[] = [];
  for (const [k, run] of runs.entries()) {
    if (run.kind === 'log') {
      const none = 'a log names neither model nor data';
      sources.push({ segments: none, pictures: none, classNames: null });
      continue;
    }
    const data = await dataOf(run.header, flags, opened);
    sources.push({
      segments: await segmentsOf(run.header, paths[k] ?? '', flags),
      pictures: typeof data === 'string' ? data : await picturesOf(run, data),
      classNames: typeof data === 'string' ? null : data.classNames,
    });
  }
  const named: [flag: string, unmatched: boolean][] = [
    ['--data', flags.data !== undefined && sources.every(({ pictures }) => pictures === OTHER_DATA)],
    ['--model', flags.model !== undefined && sources.every(({ segments }) => segments === OTHER_MODEL)],
  ];
  for (const [flag, unmatched] of named) {
    if (!unmatched) continue;
    throw new UsageError({
      what: `no result file was made from what ${flag} names`,
      where: `${flag} ${flag === '--data' ? flags.data : flags.model}`,
      why: 'its digest is in none of them',
      remedy: `Name the one certify was given, with the same --labels, or leave ${flag} away.`,
    });
  }
  return sources;
}

const OTHER_DATA = 'the data named by --data are not those of this run (another digest)';
const OTHER_MODEL = 'the model named by --model is not that of this run (another digest)';

async function dataOf(
  { data }: RunHeader,
  flags: ReportSourceFlags,
  opened: Opened,
): Promise<Dataset | string> {
  const builtIn = /^glyphs /u.test(data.name);
  const spec = flags.data ?? (builtIn ? 'glyphs' : undefined);
  if (spec === undefined) return 'name the data by --data, as for certify, to see them';
  const subset = data.subset === 'train' ? 'train' : 'test';
  const known = opened.get(subset);
  const dataset =
    known ??
    (await openDataset(spec, { subset, ...(flags.labels === undefined ? {} : { labels: flags.labels }) }));
  if (flags.data !== undefined) opened.set(subset, dataset);
  if (dataset.digest === data.digest) return dataset;
  return flags.data === undefined ? 'name the data by --data, as for certify, to see them' : OTHER_DATA;
}

async function picturesOf(run: AuditedRun, data: Dataset): Promise<Map<number, string>> {
  const pictures = new Map<number, string>();
  for (const { images } of extremes(run)) {
    for (const { index } of images) {
      if (!pictures.has(index)) pictures.set(index, await thumbnail(await data.image(index), data.shape));
    }
  }
  return pictures;
}

/** Norms of the segments: those before the cut, or all of them. */
async function segmentsOf(
  header: RunHeader,
  runPath: string,
  flags: ReportSourceFlags,
): Promise<RunSources['segments']> {
  const { settings, data, split, model } = header;
  const path =
    flags.model ?? [join(dirname(runPath), model.name), model.name].find((file) => existsSync(file));
  if (path === undefined) return 'the model was not at hand (name it by --model)';
  const [channels = 1, rows = 1, columns = 1] = data.shape;
  const { layout, scale, mean, std } = settings;
  try {
    const loaded = await loadModel(path);
    const digests = (files: readonly { readonly sha256: string }[]): string =>
      files.map(({ sha256 }) => sha256).join(' ');
    if (digests(loaded.files) !== digests(model.files)) {
      return flags.model === undefined ? 'the model was not at hand (name it by --model)' : OTHER_MODEL;
    }
    const source = model.modified === undefined ? loaded : forceEval(loaded);
    const classifier = await prepareClassifier(source, flags.output, {
      ...{ layout: layout.value, scale: scale.value, imageShape: [channels, rows, columns] },
      ...(mean.value === null ? {} : { mean: mean.value }),
      ...(std.value === null ? {} : { std: std.value }),
    });
    const upTo = (last: number) => {
      const cuts = classifier.cuts.cuts.filter(({ index }) => index <= last);
      // No limit of time: the same command gives the same report on a slow day.
      return boundability({ ...classifier, cuts: { ...classifier.cuts, cuts } }, Number.POSITIVE_INFINITY)
        .segments;
    };
    const left = upTo(split.index);
    return { norms: flags.segments === 'left' ? left : upTo(Number.POSITIVE_INFINITY), left: left.length };
  } catch (error) {
    // A file that lies there by chance must not stop the report; one that was named must say why it cannot be used.
    if (flags.model !== undefined || !(error instanceof SplitzError)) throw error;
    return `${model.name} beside the result file cannot be used (${error.report.what})`;
  }
}
