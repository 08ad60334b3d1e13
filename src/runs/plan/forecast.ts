/**
 * How long `certify` would take, by doing what it does for a few images: the same workers, batch and sessions, every series
 * settled, opened and run. It assumes only that the load of the machine stays the same.
 */
import type { Context } from '../../methods/context.ts';
import {
  type Certificate,
  type Certifier,
  type Image,
  type Pilot,
  type Subject,
  valuesOf,
} from '../../methods/method.ts';
import { Stage } from '../../smoothing/noise/philox.ts';
import { drawsOf } from '../../smoothing/votes/vote-counts.ts';
import { type SeriesRequests, type SettledSeries, settle } from '../settle.ts';

/** Seconds, each for one image at the number of draws planned: of the series planned, and of those alongside. */
export interface ImageTimes {
  readonly own: number;
  readonly beside: number;
}

export interface Forecast {
  /** Settings, proofs, sessions; what comes before is for the caller to add. */
  readonly startSeconds: number;
  readonly perImage: readonly ImageTimes[];
  /** What a further draw of one image takes in the series planned, all workers together. */
  readonly drawSeconds: number;
  /** Largest memory of this process so far, bytes. */
  readonly memory: number;
  /** Of the series planned, for the images timed. */
  readonly certificates: readonly Certificate<object>[];
}

/** About the longest that one image's draws may take here; the rest is extrapolated. */
const SECONDS_PER_IMAGE = 2;
const TIMED_IMAGES = 12;
/** Draws of the first, untimed answer; twice as many find out how many fit. */
const WARMING_DRAWS = 500;

/** A series to be timed. */
interface Timed {
  readonly series: SettledSeries;
  readonly certifier: Certifier<object>;
  readonly images: readonly Image[];
  readonly seed: bigint;
}

interface SeriesTimes {
  readonly seconds: readonly number[];
  readonly drawSeconds: number;
  readonly certificates: readonly Certificate<object>[];
}

/**
 * @param request of the run that is planned, with the seed of the noise of what is timed
 * @param images of the pilot
 * @throws the signal's reason when aborted
 */
export async function forecast(
  { seed, ...request }: SeriesRequests & { readonly seed: bigint },
  subject: Subject,
  images: readonly Image[],
  { withDraws }: Pick<Pilot, 'withDraws'>,
  context: Context,
): Promise<Forecast> {
  const started = performance.now();
  const { series } = await settle(request, subject, context);
  const certifiers: Certifier<object>[] = [];
  const open = (one: SettledSeries, number: number): Promise<Certifier<object>> => {
    const probes = images.slice(0, 2).map(({ pixels }) => pixels);
    return one.method.open(subject, valuesOf(one.settings), { seed, series: number }, probes, context);
  };
  try {
    for (const [k, one] of series.entries()) certifiers.push(await open(one, k));
    const startSeconds = (performance.now() - started) / 1000;
    const times: SeriesTimes[] = [];
    for (const [number, certifier] of certifiers.entries()) {
      const one = series[number];
      if (one === undefined) throw new Error('one certifier per series');
      const timed = { series: one, certifier, images: images.slice(0, TIMED_IMAGES), seed };
      const reopened = (draws: number) => open({ ...one, settings: withDraws(one.settings, draws) }, number);
      times.push(await timeSeries(timed, reopened, context));
    }
    const [own, ...others] = times;
    if (own === undefined) throw new Error('a run has a series');
    return {
      startSeconds,
      perImage: own.seconds.map((seconds, k) => ({
        own: seconds,
        beside: others.reduce((sum, other) => sum + (other.seconds[k] ?? 0), 0),
      })),
      drawSeconds: own.drawSeconds,
      memory: process.resourceUsage().maxRSS * 1024,
      certificates: own.certificates,
    };
  } finally {
    for (const certifier of certifiers) await certifier.close();
  }
}

/**
 * Certificates at the draws that fit; the seconds are those of all draws planned, the most that a bound which may end early
 * can take.
 * @param reopened the same series with fewer draws
 */
async function timeSeries(
  { series: { method, settings }, certifier, images, seed }: Timed,
  reopened: (draws: number) => Promise<Certifier<object>>,
  context: Context,
): Promise<SeriesTimes> {
  const [first] = images;
  if (first === undefined) throw new Error('a pilot has images');
  const { draws: n, alpha } = method.poll(valuesOf(settings));
  const ask = async (image: Image, draws: number): Promise<number> => {
    const started = performance.now();
    await certifier.answer(image, { stage: Stage.prediction, number: 0, draws, alpha, seed }, context);
    return (performance.now() - started) / 1000;
  };
  const warming = Math.min(n, WARMING_DRAWS);
  await ask(first, warming);
  const fitting = Math.floor(SECONDS_PER_IMAGE / (await secondsPerDraw(ask, [first], 2 * warming)));
  const draws = Math.min(n, Math.max(2 * WARMING_DRAWS, fitting));
  const drawSeconds = await secondsPerDraw(ask, images.slice(0, 3), Math.max(draws, 2));
  const shortened = draws < n ? await reopened(draws) : null;
  try {
    const { times, certificates } = await timeStream(shortened ?? certifier, images, context);
    const seconds = times.map((time, k) => {
      const votes = method.votes(certificates[k]?.evidence ?? {});
      return time + (votes === null ? 0 : (n - drawsOf(votes)) * drawSeconds);
    });
    return { seconds, drawSeconds, certificates };
  } finally {
    await shortened?.close();
  }
}

/** Several images may be in work at once: what counts is when each is done. */
async function timeStream(
  certifier: Certifier<object>,
  images: readonly Image[],
  context: Context,
): Promise<{ readonly times: readonly number[]; readonly certificates: readonly Certificate<object>[] }> {
  async function* stream(): AsyncGenerator<Image> {
    yield* images;
  }
  const times: number[] = [];
  const certificates: Certificate<object>[] = [];
  let before = performance.now();
  for await (const certificate of certifier.certify(stream(), context)) {
    const now = performance.now();
    times.push((now - before) / 1000);
    before = now;
    certificates.push(certificate);
  }
  return { times, certificates };
}

/**
 * Seconds per further draw: those of `draws` less those of half as many, as what comes before the first draw is the same.
 * Not taken from whole certificates: at fewer draws an image may abstain, which spares its bound.
 */
async function secondsPerDraw(
  ask: (image: Image, draws: number) => Promise<number>,
  images: readonly Image[],
  draws: number,
): Promise<number> {
  let seconds = 0;
  for (const image of images) seconds += (await ask(image, draws)) - (await ask(image, draws >> 1));
  return Math.max(1e-9, seconds / (images.length * (draws - (draws >> 1))));
}

/** Seconds for `images` images: the whole, and the half-width of what the pilot's spread makes likely (95 %). */
export function totalSeconds(
  { startSeconds, perImage }: Pick<Forecast, 'startSeconds' | 'perImage'>,
  images: number,
): { readonly seconds: number; readonly halfWidth: number } {
  const each = perImage.map(({ own, beside }) => own + beside);
  const mean = each.reduce((sum, t) => sum + t, 0) / each.length;
  const variance = each.reduce((sum, t) => sum + (t - mean) ** 2, 0) / Math.max(1, each.length - 1);
  return {
    seconds: startSeconds + images * mean,
    halfWidth: 1.96 * images * Math.sqrt(variance / each.length),
  };
}
