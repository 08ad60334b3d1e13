/** A report as data: what every format is a rendering of. */

import type { SegmentNorm } from '../inspection/boundability.ts';
import type { Norm } from '../records/norm.ts';
import { type AuditedRun, commonNorm, type NamedSeries, namedSeries } from './audited-run.ts';
import type { Figure } from './figure.ts';
import { certifiedCurve } from './figures/certified-curve.ts';
import { type DisplacementCurves, displacementCurves } from './figures/displacement-curves.ts';
import { latentRadius } from './figures/latent-radius.ts';
import { localLipschitz } from './figures/local-lipschitz.ts';
import { radiusHistogram } from './figures/radius-histogram.ts';
import { segmentNorms } from './figures/segment-norms.ts';
import { unusedLatentRadius } from './figures/unused-latent-radius.ts';
import type { PerturbedExample } from './perturbed-example.ts';
import { tableRadii } from './table-radii.ts';
import { type WorkedExample, workedExample } from './worked-example.ts';

/** What was available besides the result file. */
export interface RunSources {
  /** Norms of the affine segments, how many lie before the cut; or why there are none. */
  readonly segments: { readonly norms: readonly SegmentNorm[]; readonly left: number } | string;
  /** D(r) of the images of `curveImages`; or why there is none. */
  readonly curves: DisplacementCurves | string;
  /** Pictures by image index, as data URIs; or why there are none. */
  readonly pictures: ReadonlyMap<number, string> | string;
  /** One image moved by the median radius; null where model or data are not there, or nothing is certified. */
  readonly perturbed?: PerturbedExample | null;
}

export interface RunSection {
  readonly run: AuditedRun;
  readonly sources: RunSources;
  readonly histogram: Figure | null;
  readonly segments: Figure | string | null;
  readonly lipschitz: Figure | string | null;
  readonly latent: Figure | null;
  readonly curves: Figure | null;
  readonly unused: Figure | null;
  readonly example: WorkedExample | null;
}

export interface Report {
  readonly title: string;
  readonly tool: string;
  /** Of all radii. */
  readonly norm: Norm;
  readonly series: readonly NamedSeries[];
  /** Radii of the tables, input units. */
  readonly radii: readonly number[];
  readonly curve: Figure;
  readonly sections: readonly RunSection[];
}

/**
 * @param tool name and version of the program that writes the report
 * @throws UsageError for runs whose radii are in different norms
 */
export function buildReport(
  runs: readonly AuditedRun[],
  sources: readonly RunSources[],
  tool: string,
  title?: string,
): Report {
  const norm = commonNorm(runs);
  const series = namedSeries(runs);
  const largest = Math.max(0, ...series.map(({ series: { score } }) => score.radii.at(-1) ?? 0));
  const radii = tableRadii(largest);
  return {
    norm,
    title: (title ?? defaultTitle(runs)) + unfinishedRuns(runs),
    tool,
    series,
    radii,
    curve: marked(certifiedCurve(series, radii, norm), unfinishedRuns(runs)),
    sections: runs.map((run, k): RunSection => {
      const its = sources[k] ?? {
        segments: 'not asked for',
        curves: 'not asked for',
        pictures: 'not asked for',
      };
      const prefix = runs.length > 1 ? `run-${k + 1}-` : '';
      const own = <F extends Figure | string | null>(figure: F): F =>
        (figure !== null && typeof figure === 'object'
          ? marked({ ...figure, id: prefix + figure.id }, unfinishedMark(run))
          : figure) as F;
      return {
        run,
        sources: its,
        histogram: own(radiusHistogram(run)),
        segments:
          typeof its.segments === 'string' ? null : own(segmentNorms(its.segments.norms, its.segments.left)),
        lipschitz: own(localLipschitz(run)),
        latent: own(latentRadius(run)),
        curves: typeof its.curves === 'string' ? null : own(displacementCurves(run, its.curves)),
        unused: own(unusedLatentRadius(run)),
        example: workedExample(run),
      };
    }),
  };
}

function defaultTitle(runs: readonly AuditedRun[]): string {
  const [only] = runs;
  if (only === undefined || runs.length > 1) return `Robustness audit of ${runs.length} runs`;
  return `Robustness audit of ${only.kind === 'result' ? only.header.model.name : only.name}`;
}

const marked = (figure: Figure, mark: string): Figure => ({ ...figure, title: figure.title + mark });

/** A run without its end is called that wherever its figures are read; nothing for one that has it. */
export const unfinishedMark = (run: AuditedRun): string =>
  run.kind === 'result' && !run.finished ? ' (unfinished run)' : '';

/** The same of all runs of a report. */
function unfinishedRuns(runs: readonly AuditedRun[]): string {
  const [first] = runs;
  if (first !== undefined && runs.length === 1) return unfinishedMark(first);
  const open = runs.filter((run) => unfinishedMark(run) !== '').length;
  return open === 0 ? '' : ` (${open} of ${runs.length} runs unfinished)`;
}

/** Whether there is any image, so that a curve can be drawn. */
export const drawable = ({ series }: Report): boolean =>
  series.some(({ series: { score } }) => score.images > 0);

/** What there is to see of the left half, in reading order: figures, or sentences in their place. */
export const leftHalfFigures = ({
  segments,
  lipschitz,
  curves,
  unused,
  latent,
}: RunSection): (Figure | string)[] =>
  [segments, lipschitz, curves, unused, latent].filter((figure) => figure !== null);

/** Every figure of the report, in reading order. */
export const figuresOf = (report: Report): Figure[] => [
  ...(drawable(report) ? [report.curve] : []),
  ...report.sections.flatMap((section) => [
    ...[section.histogram].filter((figure) => figure !== null),
    ...leftHalfFigures(section).filter((figure) => typeof figure === 'object'),
  ]),
];
