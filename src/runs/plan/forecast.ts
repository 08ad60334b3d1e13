/**
 * How long `certify` would take, by doing what it does for a few images: the same workers, batch and sessions, left half
 * bounded once and per image, the draws, and plain smoothing beside it. Nothing is assumed of the machine but that it stays as
 * loaded as it was.
 */

import {
  type Draw,
  openSmoothedClassifier,
  probesOf,
  type SamplingResources,
  type SmoothedClassifier,
  type SmoothingSettings,
} from '../../methods/smoothed-classifier.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import type { SmoothingCertificate } from '../../records/record.ts';
import { Stage } from '../../smoothing/noise/philox.ts';
import type { StatisticalSettings } from '../certify-settings.ts';
import { boundAt, cutFor, globalLipschitz } from '../choose-cut.ts';
import { correctness, FIRST_PILOT_INDEX, type GridPoint, reachOf } from './grid.ts';
import type { PilotImages } from './pilot-images.ts';

/** Seconds, each for one image at the number of draws planned. */
export interface ImageTimes {
  readonly own: number;
  readonly baseline: number;
}

export interface Forecast {
  /** Process start, model, data, bound of the left half, sessions. */
  readonly startSeconds: number;
  readonly perImage: readonly ImageTimes[];
  /** Of which the left half's evaluation and bound. */
  readonly boundSeconds: number;
  /** Draws of the right half per second, all workers together. */
  readonly drawsPerSecond: number;
  /** Largest memory of this process so far, bytes. */
  readonly memory: number;
  /** The images timed, with the counts of their draws. */
  readonly point: GridPoint;
}

/** Longest that one image's draws may take here, about; what is more is extrapolated. */
const SECONDS_PER_IMAGE = 2;
const TIMED_IMAGES = 12;
/** Draws of the first, untimed certificate; twice as many find out how many fit. */
const WARMING_DRAWS = 500;

/** @param openedSeconds from the start of the process to the model and data open */
export async function forecast(
  classifier: PreparedClassifier,
  point: GridPoint,
  baselineSigma: number | null,
  pilot: PilotImages,
  statistics: StatisticalSettings,
  resources: SamplingResources,
  openedSeconds: number,
  signal: AbortSignal,
): Promise<Forecast> {
  const { cut, sigma } = point;
  const probes = pilot.images.slice(0, 2);
  const started = performance.now();
  const left = boundAt(classifier, cut, statistics.lipschitz.value);
  globalLipschitz(left, statistics.seed.value);
  const main = await openSmoothedClassifier(classifier, cut, left, resources, probes, 'certified');
  let plain: SmoothedClassifier | null = null;
  try {
    if (baselineSigma !== null) {
      const input = cutFor(classifier, 'input');
      plain = await openSmoothedClassifier(classifier, input, null, resources, probes, 'baseline');
    }
    const startSeconds = openedSeconds + (performance.now() - started) / 1000;
    const seed = BigInt(statistics.seed.value);
    const settingsAt = (level: number, n: number): SmoothingSettings => ({
      sigma: level,
      n0: statistics.n0.value,
      n,
      alpha: statistics.alpha.value,
      bound: statistics.bound.value,
      seed,
    });
    const n = statistics.n.value;
    const images = pilot.images.slice(0, TIMED_IMAGES);
    const [first] = images;
    if (first === undefined) throw new Error('a pilot has images');
    const warming = Math.min(n, WARMING_DRAWS);
    await main.certify(first, FIRST_PILOT_INDEX, null, settingsAt(sigma, warming), signal);
    if (plain !== null && baselineSigma !== null)
      await plain.certify(first, FIRST_PILOT_INDEX, null, settingsAt(baselineSigma, warming), signal);
    const fitting = Math.floor(
      SECONDS_PER_IMAGE / (await secondsPerDraw(main, [first], { sigma, seed, draws: 2 * warming }, signal)),
    );
    const draws = Math.min(n, Math.max(2 * WARMING_DRAWS, fitting));
    /** Certificates at the draws that fit; the seconds are those of n, the most that a bound which may end early can take. */
    const timer = async (smoothed: SmoothedClassifier, level: number) => {
      let perDraw: number | null = null;
      return async (k: number) => {
        const image = images[k];
        if (image === undefined) throw new Error('one image per index');
        const index = FIRST_PILOT_INDEX + k;
        const certificate = await smoothed.certify(image, index, null, settingsAt(level, draws), signal);
        const left = n - certificate.n;
        if (left === 0) return { certificate, seconds: certificate.seconds };
        perDraw ??= await secondsPerDraw(smoothed, images.slice(0, 3), { sigma: level, seed, draws }, signal);
        return { certificate, seconds: certificate.seconds + perDraw * left };
      };
    };
    const timeOwn = await timer(main, sigma);
    const timeBeside = plain === null || baselineSigma === null ? null : await timer(plain, baselineSigma);
    const perImage: ImageTimes[] = [];
    const pilots: SmoothingCertificate[] = [];
    for (const k of images.keys()) {
      const own = await timeOwn(k);
      const beside = await timeBeside?.(k);
      perImage.push({ own: own.seconds, baseline: beside?.seconds ?? 0 });
      pilots.push(own.certificate);
      signal.throwIfAborted();
    }
    const boundSeconds = timeBound(main, images, pilots, seed);
    const meanOwn = perImage.reduce((sum, { own }) => sum + own, 0) / perImage.length;
    const judged = pilots.map((certificate, k) => ({
      ...certificate,
      reach: reachOf(certificate),
      correct: correctness(certificate.selected, pilot.labels[k] ?? null),
    }));
    return {
      startSeconds,
      perImage,
      boundSeconds,
      drawsPerSecond: (n + statistics.n0.value) / Math.max(1e-9, meanOwn - boundSeconds),
      memory: process.resourceUsage().maxRSS * 1024,
      point: { ...point, pilots: judged },
    };
  } finally {
    await main.close();
    await plain?.close();
  }
}

/**
 * Seconds per further draw: those of `draws` less those of half as many, as what comes before the first draw is the same.
 * Not taken from whole certificates: at fewer draws an image may abstain, which spares its bound.
 */
async function secondsPerDraw(
  smoothed: SmoothedClassifier,
  images: readonly Float32Array[],
  { draws, ...noise }: Pick<Draw, 'sigma' | 'seed' | 'draws'>,
  signal: AbortSignal,
): Promise<number> {
  const timed = async (image: Float32Array, count: number): Promise<number> => {
    const started = performance.now();
    const draw = { ...noise, stage: Stage.estimation, draws: count };
    await smoothed.votes(image, FIRST_PILOT_INDEX, draw, signal);
    return (performance.now() - started) / 1000;
  };
  let seconds = 0;
  for (const image of images) seconds += (await timed(image, draws)) - (await timed(image, draws >> 1));
  return Math.max(1e-9, seconds / (images.length * (draws - (draws >> 1))));
}

/** Mean seconds of evaluating and bounding the left half, over images that are certified. */
function timeBound(
  { left }: SmoothedClassifier,
  images: readonly Float32Array[],
  pilots: readonly SmoothingCertificate[],
  seed: bigint,
): number {
  if (left === null) return 0;
  const started = performance.now();
  for (const [k, image] of images.entries()) {
    const evaluation = left.evaluate(Float64Array.from(image));
    const { abstained, latentRadius, forwardError } = pilots[k] ?? { abstained: true };
    if (abstained || latentRadius === undefined) continue;
    const usable = latentRadius - (forwardError ?? 0);
    if (usable > 0) left.inputRadius(evaluation, usable, probesOf(seed, FIRST_PILOT_INDEX + k));
  }
  return (performance.now() - started) / 1000 / images.length;
}

/** Seconds for `images` images: the whole, and the half-width of what the pilot's spread makes likely (95 %). */
export function totalSeconds(
  { startSeconds, perImage }: Pick<Forecast, 'startSeconds' | 'perImage'>,
  images: number,
): { readonly seconds: number; readonly halfWidth: number } {
  const each = perImage.map(({ own, baseline }) => own + baseline);
  const mean = each.reduce((sum, t) => sum + t, 0) / each.length;
  const variance = each.reduce((sum, t) => sum + (t - mean) ** 2, 0) / Math.max(1, each.length - 1);
  return {
    seconds: startSeconds + images * mean,
    halfWidth: 1.96 * images * Math.sqrt(variance / each.length),
  };
}
