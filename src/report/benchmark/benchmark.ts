/**
 * Methods side by side: every series of several runs over the same images, as data. What is asked of a method is asked of its seam
 * (methods/method.ts), so that any method has its row.
 */
import { UsageError } from '../../ground/errors.ts';
import { methodOf } from '../../methods/index.ts';
import { type Method, valuesOf, type WithOrigins } from '../../methods/method.ts';
import type { Norm } from '../../records/norm.ts';
import type { SeriesHeader } from '../../records/record.ts';
import { drawsOf } from '../../smoothing/votes/vote-counts.ts';
import { type CertifiedShare, certifiedShare, type Measure, meanRadius } from '../../statistics/accuracy.ts';
import { imagesDifference } from '../../statistics/same-images.ts';
import { type AuditedRun, type NamedSeries, namedSeries, type ResultRun } from '../audited-run.ts';
import { tableRadii } from '../table-radii.ts';
import { type Alike, differing } from './alike.ts';
import { type Distribution, distributionOf } from './distribution.ts';

/** What a certificate claims: for certain, or for each image with probability 1 - α over the draws. */
export type Kind = 'certain' | 'per image' | 'estimate, not a bound';

/** One method with its settings over the images of one run. */
export interface BenchmarkEntry extends Alike {
  /** As in tables; no two have the same. */
  readonly name: string;
  readonly file: string;
  /** Number of the series in its run. */
  readonly series: number;
  readonly method: string;
  readonly finished: boolean;
  readonly measure: Measure;
  /** Null without images. */
  readonly kind: Kind | null;
  /** Largest failure probability of a certificate: α, and what else may fail. */
  readonly failureProbability: number;
  readonly images: number;
  readonly abstained: number;
  /** Images whose label the network alone answers, without noise; null without labels. Not certified. */
  readonly right: number | null;
  /** At the radii of its norm. */
  readonly shares: readonly CertifiedShare[];
  /** Of p_A over the images; null where nothing is drawn. */
  readonly pA: Distribution | null;
  /** Images all of whose counted draws agree: the draws, not the network, limit their p_A. Null where nothing is drawn. */
  readonly unanimous: number | null;
  /** Draws counted per image, on average; null where nothing is drawn. */
  readonly samples: number | null;
  /** Wall time per image, on average. */
  readonly seconds: number | null;
  /** Bytes of a certificate in the result file, on average. */
  readonly bytes: number | null;
  /** Of these images: no bound. */
  readonly averageRadius: number;
}

/** The entries whose radii are in one norm: they alone share a curve. */
export interface NormGroup {
  readonly norm: Norm;
  /** Of the tables, input units. */
  readonly radii: readonly number[];
  readonly entries: readonly BenchmarkEntry[];
  readonly series: readonly NamedSeries[];
}

export interface Benchmark {
  readonly groups: readonly NormGroup[];
  /** Why the runs are not over the same images, a sentence per run that differs from the first; empty where they are. */
  readonly otherImages: readonly string[];
  /** What the methods do not have in common, of what a reader may take for the same. */
  readonly differing: readonly (keyof Alike)[];
}

export interface BenchmarkRequest {
  /** Ascending, input units; round numbers up to the largest certified radius unless given. */
  readonly radii?: readonly number[] | undefined;
  /** Whether runs over different images or labels are allowed. */
  readonly differentImages?: boolean | undefined;
}

/** @throws UsageError for a log, which states neither data nor method, and for runs over different images unless asked for */
export function benchmarkOf(runs: readonly AuditedRun[], request: BenchmarkRequest = {}): Benchmark {
  const results = runs.map(requireResult);
  const otherImages = differencesOf(results, request.differentImages ?? false);
  const all = namedSeries(results);
  const norms = [...new Set(all.map(({ series }) => series.norm))].sort().reverse();
  const groups = norms.map((norm): NormGroup => {
    const series = all.filter((one) => one.series.norm === norm);
    const largest = Math.max(0, ...series.map(({ series: { score } }) => score.radii.at(-1) ?? 0));
    const radii = request.radii ?? tableRadii(largest);
    return { norm, radii, series, entries: series.map((one) => entryOf(one, radii)) };
  });
  const entries = groups.flatMap((group) => group.entries);
  return { groups, otherImages, differing: differing(entries) };
}

function requireResult(run: AuditedRun): ResultRun {
  if (run.kind === 'result') return run;
  throw new UsageError({
    what: 'a log cannot be put beside other runs',
    where: run.file,
    why: 'it states neither which images its numbers are of, nor the method, its settings or its failure probability',
    remedy: 'Draw its curve with `splitz-onnx report`, or certify with this program.',
  });
}

function differencesOf([first, ...others]: readonly ResultRun[], allowed: boolean): string[] {
  if (first === undefined) return [];
  const imagesOf = ({ header, records }: ResultRun) => ({ header, outcomes: records });
  return others.flatMap((run) => {
    const difference = imagesDifference(imagesOf(first), imagesOf(run));
    if (difference === null) return [];
    if (!allowed)
      throw new UsageError({
        ...{ what: difference.what, where: `${first.file}, ${run.file}`, why: difference.why },
        remedy: `${difference.remedy} Or give --different-images: then no difference between methods can be told from one between images.`,
      });
    return [`${first.name}, ${run.name}: ${difference.what}: ${difference.why}`];
  });
}

function entryOf({ name, series, run }: NamedSeries, radii: readonly number[]): BenchmarkEntry {
  // `benchmarkOf` lets in nothing else.
  const { header, records, right, finished, file } = run as ResultRun;
  const own = header.series[series.number];
  if (own === undefined) throw new RangeError(`no series ${series.number}`);
  const method = methodOf(own);
  const { score } = series;
  const certificates = records.flatMap((record) => record.series[series.number] ?? []);
  const { alpha: level, draws } = method.poll(valuesOf(own.settings as WithOrigins<object>));
  const drawn = level > 0;
  return {
    ...{ name, file, series: series.number, method: method.title, finished, right },
    ...{ model: modelOf(run as ResultRun), machine: machinesOf(run as ResultRun), norm: series.norm },
    ...{ n: drawn ? draws : null, alpha: drawn ? level : null, measure: score.measure },
    ...{
      kind: kindOf(own, score.images, score.alpha),
      failureProbability: score.alpha,
      images: score.images,
      abstained: score.abstained,
    },
    shares: radii.map((radius) => certifiedShare(score, radius)),
    pA: distributionOf(certificates.flatMap(({ evidence }) => method.probability(evidence) ?? [])),
    ...votesOf(
      method,
      certificates.map(({ evidence }) => evidence),
    ),
    seconds: meanOf(certificates.map(({ seconds }) => seconds)),
    bytes: meanOf(certificates.map((certificate) => Buffer.byteLength(JSON.stringify(certificate)))),
    averageRadius: meanRadius(score),
  };
}

/** With its digest: two files of one name may be two networks. */
const modelOf = ({ header: { model } }: ResultRun): string =>
  `${model.name} (${model.files.map(({ sha256 }) => sha256.slice(0, 8)).join(', ')})`;

const machinesOf = ({ header }: ResultRun): string =>
  header.environments
    .map(({ cpu, provider, workers }) => `${cpu}, ${provider}, ${workers} workers`)
    .join('; ');

function kindOf({ guarantee }: SeriesHeader, images: number, alpha: number): Kind | null {
  if (guarantee !== 'certificate') return guarantee;
  if (images === 0) return null;
  return alpha > 0 ? 'per image' : 'certain';
}

function votesOf(method: Method, evidence: readonly object[]): Pick<BenchmarkEntry, 'samples' | 'unanimous'> {
  const votes = evidence.flatMap((one) => method.votes(one) ?? []);
  if (votes.length === 0) return { samples: null, unanimous: null };
  return {
    samples: meanOf(votes.map(drawsOf)),
    unanimous: votes.filter((one) => Math.max(...one.counts) === drawsOf(one)).length,
  };
}

const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
