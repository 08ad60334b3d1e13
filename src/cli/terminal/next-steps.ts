/**
 * What to do after a run that certified little, or whose split lost to what it is compared with: in order, each with a
 * command that works as printed. Nothing after a run that needs no advice.
 */
import { methodOf, ownSeries } from '../../methods/index.ts';
import { DEFAULT_INPUT_SIGMA } from '../../methods/smoothing/settings.ts';
import type { RunHeader, SeriesHeader } from '../../records/record.ts';
import { shippedDenoiser } from '../../runs/shipped-denoisers.ts';
import { LEVEL, mcNemar } from '../../statistics/comparison.ts';
import type { RunSummary } from '../../statistics/summary.ts';
import { DENOISERS } from '../../training/architectures/names.ts';
import type { Again } from '../again.ts';

export interface NextStep {
  readonly why: string;
  readonly command: string;
}

/** Findings that explain a run without certificates better than its noise does. */
const OF_PIXELS = ['SPLITZ025', 'SPLITZ026', 'SPLITZ031', 'SPLITZ032'];
/** Fewer images say nothing about a network. */
const FEWEST = 5;

export function nextSteps(header: RunHeader, summary: RunSummary, again: Again): NextStep[] {
  const [own] = summary.series;
  if (own === undefined || summary.images < FEWEST) return [];
  // Abstentions, and under much noise the one class that is left for all images.
  const silent = 2 * own.score.radii.length < summary.images;
  const better = clearlyBetter(header, summary);
  const bare = betterWithout(header, summary);
  if (!silent && better === null && bare === null) return [];
  const doubtful = header.findings.some(({ id, severity }) => severity !== 'note' && OF_PIXELS.includes(id));
  const poor = summary.right !== null && 2 * summary.right < summary.images;
  return [
    ...(doubtful || poor ? [ofPixels(doubtful, again)] : []),
    ...(bare === null ? [] : [ofBare(header, bare, again)]),
    ...(better === null ? [] : [ofComparison(header, better, again)]),
    ...(silent ? ofNoise(header, better, again) : []),
  ];
}

/** Number of the fair comparison where it certifies larger radii, and chance does not explain it; else null. */
function clearlyBetter(header: RunHeader, { series, images }: RunSummary): number | null {
  const [own] = series;
  const fair = methodOf(ownSeries(header)).fairness(ownSeries(header), own?.medianLocalLipschitz ?? null);
  const isFair = (one: SeriesHeader): boolean =>
    one.denoised !== false && (fair === null || fair.matches(one));
  const beside = header.series.findIndex((one, k) => k > 0 && isFair(one));
  // Where nothing was certified, no median local bound says which level is fair: what ran alongside is.
  const alongside = header.series[1] !== undefined && header.series[1].denoised !== false;
  const at = beside > 0 ? beside : alongside && own?.score.radii.length === 0 ? 1 : -1;
  return isClearlyBetter(at, series, images) ? at : null;
}

/** Number of the series without the denoiser where it is the better one; else null. */
function betterWithout(header: RunHeader, { series, images }: RunSummary): number | null {
  const at = header.series.findIndex(({ denoised }) => denoised === false);
  return isClearlyBetter(at, series, images) ? at : null;
}

/** Whether a series certifies larger radii than the first, and chance does not explain it. */
function isClearlyBetter(at: number, series: RunSummary['series'], images: number): boolean {
  const [own, other] = [series[0], series[at]];
  if (own === undefined || other === undefined) return false;
  const pairs = Array.from({ length: images }, (_, k) => [
    own.score.credited[k] ?? 0,
    other.score.credited[k] ?? 0,
  ]);
  const ahead = pairs.filter(([mine = 0, its = 0]) => its > mine).length;
  const behind = pairs.filter(([mine = 0, its = 0]) => its < mine).length;
  return (
    ahead > behind && mcNemar(ahead, behind) <= LEVEL && other.averageRadius.mean > own.averageRadius.mean
  );
}

const ofPixels = (doubtful: boolean, again: Again): NextStep => ({
  why: doubtful
    ? 'A finding says that the network may not see its pixels as it was trained to. Look at that first'
    : 'Without noise, too, the network is right on few images. Check data, labels and pixels first',
  command: again.other('inspect', {}),
});

function ofBare(header: RunHeader, k: number, again: Again): NextStep {
  const { method, settings } = header.series[k] ?? ownSeries(header);
  const { sigma, split } = settings as Readonly<
    Record<string, { readonly value: string | number } | undefined>
  >;
  return {
    why: 'The network certifies more without the denoiser. Omit it',
    command: again.undenoised({
      method,
      ...(split === undefined ? {} : { split: split.value }),
      ...(sigma === undefined ? {} : { sigma: sigma.value }),
      out: `${again.stem}.undenoised.jsonl`,
    }),
  };
}

function ofComparison(header: RunHeader, k: number, again: Again): NextStep {
  const series = header.series[k];
  if (series === undefined) throw new RangeError(`no series ${k}`);
  const sigma = sigmaOf(series.settings);
  return {
    why: 'The split certifies less than what it is compared with; use that instead',
    command: again.certify({
      method: series.method,
      ...(sigma === null ? {} : { sigma, out: `${again.stem}.${series.method}-${sigma}.jsonl` }),
    }),
  };
}

/** What helps where most images are not certified: less noise, or a network that bears it. */
function ofNoise(header: RunHeader, better: number | null, again: Again): NextStep[] {
  const series = header.series[better ?? header.series.findLastIndex(({ denoised }) => denoised !== false)];
  const sigma = series === undefined ? null : sigmaOf(series.settings);
  if (series === undefined || sigma === null) return [];
  const less = Number((sigma / 2).toPrecision(3));
  const { split } = series.settings as { readonly split?: { readonly value: string } };
  return [
    {
      why: 'Most images have no certificate of the right answer. Half the noise leaves more of them, at half the radius',
      command: again.certify({
        method: series.method,
        ...(split === undefined ? {} : { split: split.value }),
        sigma: less,
        out: `${again.stem}.${series.method}-${less}.jsonl`,
      }),
    },
    { why: 'Or have cut and noise chosen by a pilot run', command: again.other('plan', {}) },
    ofDenoiser(header, again, split === undefined || split.value === 'input' ? sigma : DEFAULT_INPUT_SIGMA),
    {
      why: 'Or, with training images, train the network itself with noise',
      command: again.train({ split: 'input', sigma, out: `${again.stem}-noise-${sigma}.onnx` }),
    },
  ];
}

/** A denoiser leaves the network as it is: the one that is shipped for such images, else one of their own. */
function ofDenoiser({ model, data }: RunHeader, again: Again, sigma: number): NextStep {
  const out = `${again.stem}-denoiser-${sigma}.onnx`;
  if (model.denoiser !== undefined) {
    const start = model.denoiser.diffusion === null && model.denoiser.at === null ? again.denoiser : null;
    return {
      why: 'A denoiser knows a network better that it was trained for. With training images, train it for this one, which is left as it is',
      command: again.train({
        denoiser: start ?? UNTRAINED,
        loss: start === null ? 'mse,stability' : 'stability',
        sigma,
        out,
      }),
    };
  }
  const why =
    'A network that was not trained with noise does not survive much of it. A denoiser in front of it helps, and leaves it as it is';
  const shipped = shippedDenoiser(data.shape);
  if (shipped === null)
    return {
      why: `${why}: train one, then certify with --denoiser`,
      command: again.train({ denoiser: UNTRAINED, sigma, out }),
    };
  return {
    why,
    command: again.certify({ denoiser: shipped, sigma, out: `${again.stem}.denoised-${sigma}.jsonl` }),
  };
}

/** What `train --denoiser` starts from. */
const UNTRAINED = DENOISERS[0];

function sigmaOf(settings: object): number | null {
  const { sigma } = settings as { readonly sigma?: { readonly value: unknown } };
  return typeof sigma?.value === 'number' ? sigma.value : null;
}
