/** What a report shows beyond the result file, where it is found and belongs to the run: the model and the data. */
import type { Dataset } from '../datasets/dataset.ts';
import { openDataset } from '../datasets/open-dataset.ts';
import { SplitzError, UsageError } from '../ground/errors.ts';
import { boundability } from '../inspection/boundability.ts';
import { type Context, note } from '../methods/context.ts';
import { methodOf, ownSeries } from '../methods/index.ts';
import { type DisplacementPoint, type Subject, valuesOf, type WithOrigins } from '../methods/method.ts';
import { repeatsGrey } from '../onnx/intake/pixel-layout.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import type { RunHeader } from '../records/record.ts';
import type { AuditedRun } from '../report/audited-run.ts';
import { extremes } from '../report/extremes.ts';
import { curveImages } from '../report/figures/displacement-curves.ts';
import type { RunSources } from '../report/report.ts';
import { thumbnail } from '../report/thumbnail.ts';
import { openDenoised } from './open-denoiser.ts';
import { openModel, recordedModelRequest, sourceOf } from './open-model.ts';
import { perturbedExample } from './perturbed-example.ts';
import { denoiserPath, labelsPath, modelDifference, modelPath } from './reopen-subject.ts';

export interface ReportSourcesRequest {
  /** The result files and logs, by path. */
  readonly runs: readonly string[];
  /** Path of the model; one of the recorded name alongside the result file unless given. */
  readonly model?: string | undefined;
  /** As for `ModelRequest`. */
  readonly followLinks?: boolean | undefined;
  /** As for `certify`; only data that are built in unless given. */
  readonly data?: string | undefined;
  /** Path of the label file, where the run had one. */
  readonly labels?: string | undefined;
  /** Whose norms are proved: of the segments before the cut, or of all. */
  readonly segments: 'left' | 'all';
}

/** Data sets are opened once, however many runs are of them. */
type Opened = Map<string, Dataset>;

/**
 * Sources of every run. A source that is not found, or not that of the run, is omitted with the reason in words.
 * Throws UsageError when the user names a model or data that no run was made of.
 */
export async function reportSources(
  runs: readonly AuditedRun[],
  request: ReportSourcesRequest,
  context: Pick<Context, 'tell'>,
): Promise<RunSources[]> {
  const opened: Opened = new Map();
  const sources: RunSources[] = [];
  for (const [k, run] of runs.entries()) {
    if (run.kind === 'log') {
      const none = 'a log names neither model nor data';
      sources.push({ segments: none, curves: none, pictures: none });
      continue;
    }
    const path = request.runs[k] ?? '';
    const data = await dataOf(run.header, path, request, opened);
    const classifier = await classifierOf(run.header, path, request);
    sources.push({
      segments: typeof classifier === 'string' ? classifier : segmentsOf(run.header, classifier, request),
      curves:
        typeof classifier === 'string'
          ? classifier
          : typeof data === 'string'
            ? data
            : await curvesOf(run, { classifier, data }, context),
      pictures: typeof data === 'string' ? data : await picturesOf(run, data),
      perturbed:
        typeof classifier === 'string' || typeof data === 'string'
          ? null
          : await perturbedExample(run, classifier, data),
    });
  }
  const named: [flag: string, unmatched: boolean][] = [
    ['--data', request.data !== undefined && sources.every(({ pictures }) => pictures === OTHER_DATA)],
    ['--model', request.model !== undefined && sources.every(({ segments }) => segments === OTHER_MODEL)],
  ];
  for (const [flag, unmatched] of named) {
    if (!unmatched) continue;
    throw new UsageError({
      what: `no result file was made from what ${flag} names`,
      where: `${flag} ${flag === '--data' ? request.data : request.model}`,
      why: 'its digest is in none of them',
      remedy: `Name the one certify was given, with the same --labels, or omit ${flag}.`,
    });
  }
  return sources;
}

const NO_DENOISER = 'the denoiser of the run was not found alongside the result file';
const NO_MODEL = 'the model was not found (name it with --model)';
const OTHER_DATA = 'the data named with --data are not those of this run (another digest)';
const OTHER_MODEL = 'the model named with --model is not that of this run (another digest)';

async function dataOf(
  header: RunHeader,
  runPath: string,
  request: ReportSourcesRequest,
  opened: Opened,
): Promise<Dataset | string> {
  const { data, intake } = header;
  const builtIn = /^glyphs /u.test(data.name);
  const spec = request.data ?? (builtIn ? 'glyphs' : undefined);
  if (spec === undefined) return 'name the data with --data, as for certify, to see them';
  const subset = data.subset === 'train' ? 'train' : 'test';
  const labels = labelsPath({ run: runPath, labels: request.labels }, header);
  if (labels === undefined && intake.labels.value !== null)
    return `name their label file (${intake.labels.value}) with --labels, as for certify, to see them`;
  const greyAsRgb = repeatsGrey(intake.channelOrder.value);
  const key = `${subset} ${greyAsRgb} ${labels ?? ''}`;
  const options = { subset, greyAsRgb, ...(labels === undefined ? {} : { labels }) } as const;
  const dataset = opened.get(key) ?? (await openDataset(spec, options));
  if (request.data !== undefined) opened.set(key, dataset);
  if (dataset.digest === data.digest) return dataset;
  return request.data === undefined ? 'name the data with --data, as for certify, to see them' : OTHER_DATA;
}

async function picturesOf(run: AuditedRun, data: Dataset): Promise<Map<number, string>> {
  const pictures = new Map<number, string>();
  const indices = extremes(run).flatMap(({ images }) => images.map(({ index }) => index));
  for (const index of new Set(indices))
    pictures.set(index, await thumbnail(await data.image(index), data.shape));
  return pictures;
}

/** The run's model with its preprocessing; or why it is not there. */
async function classifierOf(
  header: RunHeader,
  runPath: string,
  { model, followLinks }: ReportSourcesRequest,
): Promise<PreparedClassifier | string> {
  const path = foundAt(() => modelPath({ run: runPath, model }, header));
  if (path === null) return NO_MODEL;
  const request = { ...recordedModelRequest(header), model: path, followLinks };
  try {
    const source = await sourceOf(request);
    if (modelDifference(header, source) !== null) return model === undefined ? NO_MODEL : OTHER_MODEL;
    const { classifier } = await openModel(source, request, header.data.shape);
    const recorded = header.model.denoiser;
    const denoiser = foundAt(() => denoiserPath({ run: runPath }, header)) ?? undefined;
    if (recorded !== undefined && denoiser === undefined) return NO_DENOISER;
    const denoised = await openDenoised({ denoiser, recorded, followLinks }, classifier);
    return denoised?.classifier ?? classifier;
  } catch (error) {
    if (error instanceof UsageError && error.report.code === 'other-denoiser') return NO_DENOISER;
    if (error instanceof UsageError && error.report.code === 'other-model')
      return model === undefined ? NO_MODEL : OTHER_MODEL;
    // A file that is there by chance must not stop the report; for one that was named, the reason must be reported.
    if (model !== undefined || !(error instanceof SplitzError)) throw error;
    return `${header.model.name} alongside the result file cannot be used (${error.report.what})`;
  }
}

/** Null where a file is not found; the report then omits what needs it. */
function foundAt(path: () => string | undefined): string | null {
  try {
    return path() ?? null;
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}

/** Norms of the segments: those before the cut of the run's own series, or all of them. */
function segmentsOf(
  header: RunHeader,
  classifier: PreparedClassifier,
  { segments }: ReportSourcesRequest,
): RunSources['segments'] {
  const series = ownSeries(header);
  const noise = methodOf(series).surrogate(valuesOf(series.settings as WithOrigins<object>), { classifier });
  if (noise === null) return 'the method adds no noise behind a cut';
  const upTo = (last: number) => {
    const cuts = classifier.cuts.cuts.filter(({ index }) => index <= last);
    // No time limit, so that the same command gives the same report on a slow machine.
    return boundability({ ...classifier, cuts: { ...classifier.cuts, cuts } }, Number.POSITIVE_INFINITY)
      .segments;
  };
  const left = upTo(noise.cut.index);
  return { norms: segments === 'left' ? left : upTo(Number.POSITIVE_INFINITY), left: left.length };
}

/** Reports slower than this print progress. */
const SILENT_MS = 1000;

/** D(r) of a few images, bounded as `certify` did. */
async function curvesOf(
  run: AuditedRun,
  subject: Subject,
  context: Pick<Context, 'tell'>,
): Promise<RunSources['curves']> {
  const images = curveImages(run);
  const curves = new Map<number, readonly DisplacementPoint[]>();
  if (run.kind !== 'result') return curves;
  const series = ownSeries(run.header);
  const seed = BigInt(run.header.seed.value);
  const started = performance.now();
  for (const [k, { image }] of images.entries()) {
    const { index, radius } = image;
    if (performance.now() - started > SILENT_MS)
      note(context, `note   bounding D(r) around image ${index} (${k + 1} of ${images.length})`);
    const pixels = await subject.data.image(index);
    const points = methodOf(series).curve({ index, pixels }, radius, series, subject, seed);
    if (points !== null) curves.set(index, points);
  }
  return curves;
}
