/** Runs whose records follow from their counts, made with the functions `certify` uses, from a seed. */

import type { VoteBoundName } from '../../src/ground/vote-bound-names.ts';
import { valuesOf, type WithOrigins } from '../../src/methods/method.ts';
import type { SmoothingSettings } from '../../src/methods/smoothing/open.ts';
import { roundedDown, type VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import type { SplitzEvidence, SplitzFacts, SplitzSettings } from '../../src/methods/splitz/schema.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import type {
  CertificateRecord,
  RunHeader,
  SeriesCertificate,
  SeriesHeader,
} from '../../src/records/record.ts';
import { totalVariation } from '../../src/smoothing/noise/noise-error.ts';
import { gridOf } from '../../src/smoothing/noise/rounded-noise.ts';
import { radiusAsked } from '../../src/smoothing/stopping/until.ts';
import { votingOf } from '../../src/smoothing/stopping/voting.ts';
import { latentRadius, lessTau, radiusAtProbability } from '../../src/smoothing/votes/latent-radius.ts';
import type { VoteCounts } from '../../src/smoothing/votes/vote-counts.ts';
import { randomSource } from '../operators/random.ts';
import {
  chainedLines,
  endOf,
  exampleHeader,
  LINES,
  linesOf,
  pictureDigest,
  setting,
  smoothingSeries,
  splitzSeries,
  withSelection,
} from '../records/run.ts';

export const honestHeader = (
  bound: VoteBoundName = 'clopper-pearson',
  n = 10_000,
  until?: string,
): RunHeader => {
  const rule = until === undefined ? {} : { until: setting(until, 'flag') };
  const draws = { bound: setting(bound, 'flag'), n: setting(n, 'flag'), ...rule };
  const series = [splitzSeries(draws), smoothingSeries({ ...draws, sigma: setting(0.43) })];
  return withSelection(exampleHeader({ series }), { skip: setting(1), max: setting(null) });
};

/** Votes of so many draws: a share for one class, the rest spread over all. */
function votesLike(drawn: number, nonFinite: number, top: number, share: number): VoteCounts {
  const counts = Array.from({ length: 10 }, () => 0);
  let left = drawn - nonFinite;
  counts[top] = Math.floor(left * share);
  left -= counts[top] ?? 0;
  for (let c = 0; c < 10; c++) {
    const part = c === 9 ? left : Math.floor(left / 3);
    counts[c] = (counts[c] ?? 0) + part;
    left -= part;
  }
  return { counts, nonFinite };
}

/** One certificate from votes: the k-th image of a run with this header. */
export function honestRecord(k: number, header: RunHeader): CertificateRecord {
  const random = randomSource(k + 1);
  const label = random.integer(0, 9);
  const votesOf = (
    { sigma, n, alpha, bound, until }: SmoothingSettings,
    shape: readonly number[],
    target: number,
  ): { prediction: number | null; evidence: VoteEvidence } => {
    const tau = totalVariation(new Float64Array(sizeOf(shape)).fill(sigma), sigma);
    const nonFinite = random.integer(0, 3);
    const certain = random.pick([1, 0.999, 0.9, 0.7, 0.5]);
    const top = random.pick([label, label, label, random.integer(0, 9)]);
    const share = certain * (certain === 1 ? 1 : 1 - random.integer(0, 999) / 10_000);
    const votesAfter = (drawn: number): VoteCounts =>
      votesLike(drawn, drawn === 0 ? 0 : nonFinite, top, share);
    const voting = votingOf({ n, bound, until });
    // Where drawing may end early it did: where its rule says, or for the bound that holds everywhere, somewhere.
    let drawn = bound === 'anytime' ? random.integer(Math.min(300, n), n) : 0;
    const purpose = {
      ...{ n, alpha, target },
      radiusAt: (p: number) => radiusAtProbability(lessTau(p, tau), sigma),
    };
    if (bound !== 'anytime')
      for (let more = n; more > 0; drawn += more) more = voting.next(votesAfter(drawn), top, purpose);
    const { counts } = votesAfter(drawn);
    const latent = latentRadius({ counts, nonFinite }, top, { sigma, alpha, bound: voting, tau });
    return {
      prediction: latent.abstained ? null : top,
      evidence: {
        ...{ selected: top, counts, nonFinite, grid: gridOf(sigma), tau },
        ...{ pA: latent.pA, pB: latent.pB, latentRadius: latent.radius },
        ...(radiusAsked(until) === null ? {} : { target }),
      },
    };
  };
  const atCut = ({ settings, facts }: SeriesHeader): SeriesCertificate => {
    const values = valuesOf<SplitzSettings>(settings as WithOrigins<SplitzSettings>);
    const [eta, nearby] = [1e-7, 3e-7];
    const asked = radiusAsked(values.until) ?? 0;
    const needed = (asked * 1.15 + eta + nearby) * 1.001;
    const { prediction, evidence } = votesOf(values, (facts as SplitzFacts).latentShape, needed);
    const displacement =
      prediction === null ? 0 : (evidence.latentRadius - eta - nearby) * (1 - 2 ** -50) * 0.9994;
    const radius = displacement / 1.15;
    const cut: SplitzEvidence = {
      ...evidence,
      displacement: prediction === null ? null : displacement,
      localLipschitz: prediction === null ? null : (displacement / radius) * (1 + 2 ** -52),
      forwardError: eta,
      forwardErrorNearby: prediction === null ? null : nearby,
    };
    return {
      ...{ prediction, radius, failureProbability: values.alpha + values.delta, evidence: cut },
      seconds: 0.25,
    };
  };
  const atInput = ({ settings }: SeriesHeader): SeriesCertificate => {
    const values = valuesOf<SmoothingSettings>(settings as WithOrigins<SmoothingSettings>);
    const { prediction, evidence } = votesOf(values, header.data.shape, radiusAsked(values.until) ?? 0);
    const radius = prediction === null ? 0 : roundedDown(evidence.latentRadius);
    return { ...{ prediction, radius, failureProbability: values.alpha, evidence }, seconds: 0.25 };
  };
  const index = header.selection.start.value + k;
  return {
    kind: 'certificate',
    ...{ index, name: null, sha256: pictureDigest(index), label, answer: label, environment: 0 },
    series: header.series.map((series) => (series.method === 'splitz' ? atCut(series) : atInput(series))),
  };
}

/** The lines of a finished run, newlines included. */
export function honestLines(records: number, header: RunHeader = honestHeader()): string[] {
  const all = Array.from({ length: records }, (_, k) => honestRecord(k, header));
  return chainedLines([...linesOf(all, header), LINES.lineOf(endOf(all, header))]);
}

/** The lines with their chain built again, as a forger would: the closing line's figures stay as they are. */
export function rechained(lines: readonly string[]): string[] {
  return chainedLines(lines.map((line) => line.replace(/,"chain":"[0-9a-f]{64}"\}\n$/u, '}\n')));
}
