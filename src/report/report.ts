/** A report as data: what every format is a rendering of. */

import type { SegmentNorm } from '../inspection/boundability.ts';
import { roundRadii } from '../statistics/accuracy.ts';
import { type AuditedRun, type NamedSeries, namedSeries } from './audited-run.ts';
import type { Figure } from './figure.ts';
import { certifiedCurve } from './figures/certified-curve.ts';
import { type DisplacementCurves, displacementCurves } from './figures/displacement-curves.ts';
import { latentRadius } from './figures/latent-radius.ts';
import { localLipschitz } from './figures/local-lipschitz.ts';
import { radiusHistogram } from './figures/radius-histogram.ts';
import { segmentNorms } from './figures/segment-norms.ts';
import { unusedLatentRadius } from './figures/unused-latent-radius.ts';
import type { PerturbedExample } from './perturbed-example.ts';
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
  readonly series: readonly NamedSeries[];
  /** Radii of the tables, input units. */
  readonly radii: readonly number[];
  readonly curve: Figure;
  readonly sections: readonly RunSection[];
}

const MOST_RADII = 10;
const USUAL_STEP = 0.25;
const MOST_USUAL = 16;

/** @param tool name and version of the program that writes the report */
export function buildReport(
  runs: readonly AuditedRun[],
  sources: readonly RunSources[],
  tool: string,
  title?: string,
): Report {
  const series = namedSeries(runs);
  const largest = Math.max(0, ...series.map(({ series: { score } }) => score.radii.at(-1) ?? 0));
  const radii = tableRadii(largest);
  return {
    title: title ?? defaultTitle(runs),
    tool,
    series,
    radii,
    curve: certifiedCurve(series, radii),
    sections: runs.map((run, k): RunSection => {
      const its = sources[k] ?? {
        segments: 'not asked for',
        curves: 'not asked for',
        pictures: 'not asked for',
      };
      const prefix = runs.length > 1 ? `run-${k + 1}-` : '';
      const own = <F extends Figure | string | null>(figure: F): F =>
        (figure !== null && typeof figure === 'object' ? { ...figure, id: prefix + figure.id } : figure) as F;
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

/** The field's radii, multiples of 0.25, where they are neither too few nor too many; otherwise round numbers. */
function tableRadii(largest: number): number[] {
  if (!(largest >= 2 * USUAL_STEP && largest <= MOST_USUAL * USUAL_STEP))
    return roundRadii(largest, MOST_RADII);
  return Array.from({ length: Math.floor(largest / USUAL_STEP) + 1 }, (_, k) => k * USUAL_STEP);
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
