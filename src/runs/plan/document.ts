/** A plan as data: the table on the screen and the `--json` document are two renderings of it. */
import type { Pilot, PilotEstimate, PilotOutlook } from '../../methods/method.ts';
import type { Norm } from '../../records/norm.ts';
import type { AccuracyAlone } from '../../statistics/network-alone.ts';
import { type Forecast, type ImageTimes, totalSeconds } from './forecast.ts';

/** What one change of the settings costs and buys. */
export interface Lever {
  readonly name: string;
  readonly seconds: number;
  /** Null where it does not change. */
  readonly averageRadius: number | null;
}

export interface Plan {
  readonly pilot: { readonly from: string; readonly images: number; readonly draws: number };
  readonly labelled: boolean;
  /** Of the radii. */
  readonly norm: Norm;
  /** What the network alone finds of a few labelled images of the data, without noise; null without labels. */
  readonly alone: AccuracyAlone | null;
  /** Whether the best setting certifies anything; where it does not, nothing is recommended. */
  readonly certifies: boolean;
  readonly n: number;
  readonly grid: readonly PilotEstimate[];
  readonly best: PilotEstimate;
  /** Null when the input was not tried. */
  readonly bestAtInput: PilotEstimate | null;
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

/** @param images that the planned run certifies */
export function planDocument(
  { pilot, labelled, norm, alone }: Pick<Plan, 'pilot' | 'labelled' | 'norm' | 'alone'>,
  found: Pilot,
  outlook: PilotOutlook,
  measured: Forecast,
  images: number,
): Plan {
  const { grid, best, bestAtInput } = found;
  const n = found.n.value;
  const most = outlook.averageRadius(LADDER.at(-1) ?? n);
  const usefulN = LADDER.find((draws) => outlook.averageRadius(draws) >= ENOUGH * most) ?? n;
  const { seconds, halfWidth } = totalSeconds(measured, images);
  const { own, beside, sampling } = meanTimes(found, outlook, measured);
  return {
    ...{
      pilot,
      labelled,
      norm,
      alone,
      certifies: best.averageRadius > 0,
      n,
      grid,
      best,
      bestAtInput,
      usefulN,
    },
    forecast: {
      ...{ images, seconds, halfWidth, startSeconds: measured.startSeconds },
      secondsPerImage: own + beside,
      boundSecondsPerImage: outlook.boundSeconds,
      drawsPerSecond: found.drawsAt(n) / sampling,
      memoryBytes: measured.memory,
    },
    levers: leversOf(found, usefulN, outlook, measured, images),
  };
}

/** Mean seconds of an image: of the series planned and those alongside, and the part of the former that drawing takes. */
function meanTimes(
  found: Pilot,
  { boundSeconds }: PilotOutlook,
  { perImage, drawSeconds }: Forecast,
): ImageTimes & { readonly sampling: number } {
  const own = mean(perImage.map((times) => times.own));
  const beside = mean(perImage.map((times) => times.beside));
  // Bounds are computed while the workers draw: the draws may take more than what the bounds leave.
  const drawing = Math.max(own - boundSeconds, found.drawsAt(found.n.value) * drawSeconds);
  return { own, beside, sampling: Math.max(1e-9, Math.min(own, drawing)) };
}

function leversOf(
  found: Pilot,
  usefulN: number,
  outlook: PilotOutlook,
  measured: Forecast,
  images: number,
): Lever[] {
  const n = found.n.value;
  const { startSeconds } = measured;
  const { seconds } = totalSeconds(measured, images);
  const { own, beside, sampling } = meanTimes(found, outlook, measured);
  const secondsAt = (draws: number): number => {
    const share = found.drawsAt(draws) / found.drawsAt(n);
    return startSeconds + images * (own - sampling + share * (sampling + beside));
  };
  const radius = outlook.averageRadius(n);
  const rungs = [...new Set([usefulN, n / 10, n * 10])].filter((draws) => draws >= 100 && draws !== n);
  return [
    { name: 'as planned', seconds, averageRadius: radius },
    ...rungs
      .sort((a, b) => a - b)
      .map((draws) => ({
        name: `--n ${draws}${draws === usefulN ? ' (smallest useful)' : ''}`,
        seconds: secondsAt(draws),
        averageRadius: outlook.averageRadius(draws),
      })),
    ...(beside > 0
      ? [{ name: '--no-baseline', seconds: startSeconds + images * own, averageRadius: radius }]
      : []),
    ...outlook.levers.map(({ name, savedSeconds, averageRadius }) => ({
      ...{ name, averageRadius },
      seconds: startSeconds + images * (Math.max(own - savedSeconds, sampling) + beside),
    })),
    {
      name: '--skip 10 (every tenth image)',
      seconds: startSeconds + Math.ceil(images / 10) * (own + beside),
      averageRadius: null,
    },
  ];
}

const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
