/** A plan as data: the table on the screen and the `--json` document are two renderings of it. */
import { expectedGlobalRadius } from '../../statistics/expected-radius.ts';
import type { StatisticalSettings } from '../certify-settings.ts';
import { type Forecast, totalSeconds } from './forecast.ts';
import { bestOf, expectedOf, type GridPoint, shareAt } from './grid.ts';

export interface PlannedPoint {
  readonly cut: string;
  /** Noise at the cut, and at the input (divided by the bound). */
  readonly sigma: number;
  readonly inputSigma: number;
  readonly lipschitz: number;
  readonly averageRadius: number;
  /** Certified (and, with labels, right) at radius 0. */
  readonly certified: number;
  /** Expected radius per pilot image; 0 where it would not count. */
  readonly credited: readonly number[];
}

/** What one change of the settings costs and buys. */
export interface Lever {
  readonly name: string;
  readonly seconds: number;
  readonly averageRadius: number | null;
}

export interface Plan {
  readonly pilot: { readonly from: string; readonly images: number; readonly draws: number };
  readonly labelled: boolean;
  readonly n: number;
  readonly grid: readonly PlannedPoint[];
  readonly best: PlannedPoint;
  /** Null when the input was not tried. */
  readonly bestAtInput: PlannedPoint | null;
  readonly usefulN: number;
  readonly forecast: {
    readonly images: number;
    readonly seconds: number;
    readonly halfWidth: number;
    readonly startSeconds: number;
    readonly secondsPerImage: number;
    readonly boundSecondsPerImage: number;
    readonly drawsPerSecond: number;
    readonly memoryBytes: number;
  };
  readonly levers: readonly Lever[];
}

const LADDER = [1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];
/** Share of what a million draws would buy that is enough. */
const ENOUGH = 0.95;

export function planDocument(
  pilot: Plan['pilot'],
  labelled: boolean,
  points: readonly GridPoint[],
  best: GridPoint,
  measured: Forecast,
  images: number,
  statistics: StatisticalSettings,
  at: number | null,
): Plan {
  const n = statistics.n.value;
  const planned = (point: GridPoint): PlannedPoint => {
    const expected = expectedOf(point, n, statistics);
    const { cut, sigma, inputSigma, lipschitz } = point;
    return {
      ...{ cut: cut.name, sigma, inputSigma, lipschitz },
      averageRadius: expected.averageRadius,
      certified: shareAt(expected, 0),
      credited: expected.credited,
    };
  };
  const radiusAt = (draws: number): number => expectedOf(measured.point, draws, statistics).averageRadius;
  const most = radiusAt(LADDER.at(-1) ?? n);
  const usefulN = LADDER.find((draws) => radiusAt(draws) >= ENOUGH * most) ?? n;
  const { perImage, drawsPerSecond, boundSeconds, startSeconds, memory } = measured;
  const ownMean = mean(perImage.map(({ own }) => own));
  const besideMean = mean(perImage.map(({ baseline }) => baseline));
  const { seconds, halfWidth } = totalSeconds(measured, images);
  const drawsNow = n + statistics.n0.value;
  const secondsAt = (draws: number): number => {
    const share = (draws + statistics.n0.value) / drawsNow;
    const sampling = (ownMean - boundSeconds) * share + besideMean * share;
    return startSeconds + images * (boundSeconds + sampling);
  };
  const rungs = [...new Set([usefulN, n / 10, n * 10])].filter((d) => d >= 100 && d !== n);
  const atInput = points.filter(({ cut }) => cut.index === 0);
  return {
    pilot,
    labelled,
    n,
    grid: points.map(planned),
    best: planned(best),
    bestAtInput: atInput.length === 0 ? null : planned(bestOf(atInput, n, statistics, at)),
    usefulN,
    forecast: {
      images,
      seconds,
      halfWidth,
      startSeconds,
      secondsPerImage: ownMean + besideMean,
      boundSecondsPerImage: boundSeconds,
      drawsPerSecond,
      memoryBytes: memory,
    },
    levers: [
      { name: 'as planned', seconds, averageRadius: radiusAt(n) },
      ...rungs
        .sort((a, b) => a - b)
        .map((draws) => ({
          name: `--n ${draws}${draws === usefulN ? ` (smallest useful)` : ''}`,
          seconds: secondsAt(draws),
          averageRadius: radiusAt(draws),
        })),
      ...(besideMean > 0
        ? [
            {
              name: '--no-baseline',
              seconds: startSeconds + images * ownMean,
              averageRadius: radiusAt(n),
            },
          ]
        : []),
      ...(best.cut.index > 0 && statistics.lipschitz.value !== 'global'
        ? [
            {
              name: '--lipschitz global',
              seconds: seconds - images * boundSeconds,
              averageRadius: expectedOf(measured.point, n, statistics, expectedGlobalRadius).averageRadius,
            },
          ]
        : []),
      {
        name: '--skip 10 (every tenth image)',
        seconds: startSeconds + Math.ceil(images / 10) * (ownMean + besideMean),
        averageRadius: null,
      },
    ],
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
