/** What a report shows beyond the result file, where it is at hand and is what the run was made of: the model and the data. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Dataset } from '../datasets/dataset.ts';
import { openDataset } from '../datasets/open-dataset.ts';
import { SplitzError, UsageError } from '../ground/errors.ts';
import { boundability } from '../inspection/boundability.ts';
import { DEFAULT_DELTA } from '../lipschitz/input-radius.ts';
import { type DisplacementPoint, displacementCurve } from '../methods/displacement-curve.ts';
import { leftHalfBoundAt } from '../methods/smoothed-classifier.ts';
import { findCut } from '../onnx/cuts.ts';
import { forceEval } from '../onnx/intake/force-eval.ts';
import { type PreparedClassifier, prepareClassifier } from '../onnx/intake/prepare-classifier.ts';
import { loadModel } from '../onnx/model/load.ts';
import type { RunHeader } from '../records/record.ts';
import type { AuditedRun } from '../report/audited-run.ts';
import { extremes } from '../report/extremes.ts';
import { curveImages } from '../report/figures/displacement-curves.ts';
import type { RunSources } from '../report/report.ts';
import { thumbnail } from '../report/thumbnail.ts';
import { globalLipschitz } from './choose-cut.ts';
import { labelsPath, outputOf } from './reopen-run.ts';

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
  note: (text: string) => void,
): Promise<RunSources[]> {
  const opened: Opened = new Map();
  const sources: RunSources[] = [];
  for (const [k, run] of runs.entries()) {
    if (run.kind === 'log') {
      const none = 'a log names neither model nor data';
      sources.push({ segments: none, curves: none, pictures: none, classNames: null });
      continue;
    }
    const data = await dataOf(run.header, paths[k] ?? '', flags, opened);
    const model = await modelOf(run.header, paths[k] ?? '', flags);
    sources.push({
      segments: typeof model === 'string' ? model : segmentsOf(run.header, model, flags),
      curves:
        typeof model === 'string'
          ? model
          : typeof data === 'string'
            ? data
            : await curvesOf(run, model, data, note),
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

const NO_MODEL = 'the model was not at hand (name it by --model)';
const OTHER_DATA = 'the data named by --data are not those of this run (another digest)';
const OTHER_MODEL = 'the model named by --model is not that of this run (another digest)';

async function dataOf(
  header: RunHeader,
  runPath: string,
  flags: ReportSourceFlags,
  opened: Opened,
): Promise<Dataset | string> {
  const { data, settings } = header;
  const builtIn = /^glyphs /u.test(data.name);
  const spec = flags.data ?? (builtIn ? 'glyphs' : undefined);
  if (spec === undefined) return 'name the data by --data, as for certify, to see them';
  const subset = data.subset === 'train' ? 'train' : 'test';
  const labels = labelsPath({ run: runPath, labels: flags.labels }, header);
  if (labels === undefined && settings.labels !== undefined)
    return `name their label file (${settings.labels.value}) by --labels, as for certify, to see them`;
  const key = `${subset} ${labels ?? ''}`;
  const known = opened.get(key);
  const dataset = known ?? (await openDataset(spec, { subset, ...(labels === undefined ? {} : { labels }) }));
  if (flags.data !== undefined) opened.set(key, dataset);
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

/** The run's model with its preprocessing; or why it is not there. */
async function modelOf(
  header: RunHeader,
  runPath: string,
  flags: ReportSourceFlags,
): Promise<PreparedClassifier | string> {
  const { settings, data, model } = header;
  const path =
    flags.model ?? [join(dirname(runPath), model.name), model.name].find((file) => existsSync(file));
  if (path === undefined) return NO_MODEL;
  const [channels = 1, rows = 1, columns = 1] = data.shape;
  const { layout, scale, mean, std, channelOrder } = settings;
  try {
    const loaded = await loadModel(path);
    const digests = (files: readonly { readonly sha256: string }[]): string =>
      files.map(({ sha256 }) => sha256).join(' ');
    if (digests(loaded.files) !== digests(model.files))
      return flags.model === undefined ? NO_MODEL : OTHER_MODEL;
    const source = model.modified === undefined ? loaded : forceEval(loaded);
    return await prepareClassifier(source, outputOf({ run: runPath, output: flags.output }, header), {
      ...{ layout: layout.value, scale: scale.value, imageShape: [channels, rows, columns] },
      channelOrder: channelOrder?.value ?? 'rgb',
      ...(mean.value === null ? {} : { mean: mean.value }),
      ...(std.value === null ? {} : { std: std.value }),
    });
  } catch (error) {
    // A file that lies there by chance must not stop the report; one that was named must say why it cannot be used.
    if (flags.model !== undefined || !(error instanceof SplitzError)) throw error;
    return `${model.name} beside the result file cannot be used (${error.report.what})`;
  }
}

/** Norms of the segments: those before the cut, or all of them. */
function segmentsOf(
  { split }: RunHeader,
  classifier: PreparedClassifier,
  flags: ReportSourceFlags,
): Exclude<RunSources['segments'], string> {
  const upTo = (last: number) => {
    const cuts = classifier.cuts.cuts.filter(({ index }) => index <= last);
    // No limit of time: the same command gives the same report on a slow day.
    return boundability({ ...classifier, cuts: { ...classifier.cuts, cuts } }, Number.POSITIVE_INFINITY)
      .segments;
  };
  const left = upTo(split.index);
  return { norms: flags.segments === 'left' ? left : upTo(Number.POSITIVE_INFINITY), left: left.length };
}

/** Of a report that takes longer than this, the user hears what it is at. */
const SILENT_MS = 1000;

/** D(r) of a few images, bounded as `certify` did. */
async function curvesOf(
  run: AuditedRun,
  classifier: PreparedClassifier,
  data: Dataset,
  note: (text: string) => void,
): Promise<RunSources['curves']> {
  const images = curveImages(run);
  if (run.kind !== 'result' || images.length === 0) return new Map();
  const { split, settings } = run.header;
  const cut = findCut(classifier.cuts, split.cut);
  const left = leftHalfBoundAt(classifier, cut, settings.lipschitz.value, DEFAULT_DELTA);
  if (left === null) return new Map();
  const seed = settings.seed.value;
  // Before the first image, as certify does: norms of large left halves are proved once and shared.
  globalLipschitz(left, seed);
  const curves = new Map<number, DisplacementPoint[]>();
  const started = performance.now();
  for (const { record } of images) {
    if (performance.now() - started > SILENT_MS)
      note(`note   bounding D(r) around image ${record.index} (${curves.size + 1} of ${images.length})`);
    const { index, radius } = record;
    curves.set(index, displacementCurve(left, await data.image(index), radius, BigInt(seed), index));
  }
  return curves;
}
