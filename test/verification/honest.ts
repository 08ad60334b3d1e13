/** Runs whose records follow from their counts, made with the functions `certify` uses, from a seed. */

import { sizeOf } from '../../src/onnx/model/graph.ts';
import {
  type CertificateRecord,
  lineOf,
  outcomeOf,
  type RunHeader,
  type SmoothingCertificate,
} from '../../src/records/record.ts';
import { totalVariation } from '../../src/smoothing/noise/noise-error.ts';
import { gridOf } from '../../src/smoothing/noise/rounded-noise.ts';
import { VOTE_BOUNDS } from '../../src/smoothing/votes/index.ts';
import { latentRadius } from '../../src/smoothing/votes/latent-radius.ts';
import { runEnd } from '../../src/statistics/run-end.ts';
import { randomSource } from '../operators/random.ts';
import { chainedLines, exampleHeader } from '../records/run.ts';

export type Bound = RunHeader['settings']['bound']['value'];

export const honestHeader = (bound: Bound = 'clopper-pearson', n = 10_000): RunHeader =>
  exampleHeader({
    bound: { value: bound, origin: 'flag' },
    n: { value: n, origin: 'flag' },
    skip: { value: 1, origin: 'default' },
    baselineSigma: { value: 0.43, origin: 'derived' },
    max: { value: null, origin: 'default' },
  });

/** One certificate from votes: the k-th image of a run with this header. */
export function honestRecord(k: number, header: RunHeader): CertificateRecord {
  const random = randomSource(k + 1);
  const { n, n0, alpha, bound, delta, sigma, baselineSigma } = header.settings;
  const label = random.integer(0, 9);
  const certificate = (
    level: number,
    shape: readonly number[],
    lipschitz: number,
    eta: number,
  ): SmoothingCertificate => {
    const tau = totalVariation(new Float64Array(sizeOf(shape)).fill(level), level);
    // Where drawing may end early it did, somewhere.
    const drawn = bound.value === 'anytime' ? random.integer(Math.min(300, n.value), n.value) : n.value;
    const counts = Array.from({ length: 10 }, () => 0);
    const nonFinite = random.integer(0, 3);
    const certain = random.pick([1, 0.999, 0.9, 0.7, 0.5]);
    const top = random.pick([label, label, label, random.integer(0, 9)]);
    let left = drawn - nonFinite;
    counts[top] = Math.floor(left * certain * (certain === 1 ? 1 : 1 - random.integer(0, 999) / 10_000));
    left -= counts[top] ?? 0;
    for (let c = 0; c < 10; c++) {
      const part = c === 9 ? left : Math.floor(left / 3);
      counts[c] = (counts[c] ?? 0) + part;
      left -= part;
    }
    const {
      pA,
      pB,
      radius: latent,
      abstained,
    } = latentRadius({ counts, nonFinite }, top, {
      ...{ sigma: level, alpha: alpha.value, bound: VOTE_BOUNDS[bound.value], tau },
    });
    const nearby = 3 * eta;
    const usable = (latent - eta - nearby) * (1 - 2 ** -50);
    const displacement = abstained ? 0 : eta === 0 ? usable : usable * 0.9994;
    const radius = eta === 0 ? displacement : displacement / lipschitz;
    const identity = eta === 0;
    return {
      prediction: abstained ? null : top,
      radius,
      abstained,
      correct: !abstained && top === label,
      selected: top,
      counts,
      nonFinite,
      n0: n0.value,
      n: drawn,
      grid: gridOf(level),
      tau,
      pA,
      pB,
      latentRadius: latent,
      displacementBound: identity ? 'identity' : 'secant',
      displacement: abstained ? null : displacement,
      localLipschitz: abstained ? null : identity ? 1 : (displacement / radius) * (1 + 2 ** -52),
      forwardError: eta,
      forwardErrorNearby: abstained ? null : nearby,
      alphaTotal: alpha.value + (identity ? 0 : delta.value),
      seconds: 0.25,
    };
  };
  const { value: plain } = baselineSigma;
  return {
    kind: 'certificate',
    index: header.settings.start.value + k,
    label,
    ...certificate(sigma.value, header.split.latentShape, 1.15, 1e-7),
    baseline: plain === null ? null : certificate(plain, header.data.shape, 1, 0),
  };
}

/** The lines of a finished run, newlines included. */
export function honestLines(records: number, header: RunHeader = honestHeader()): string[] {
  const all = Array.from({ length: records }, (_, k) => honestRecord(k, header));
  const outcomes = all.map(outcomeOf);
  return chainedLines([lineOf(header), ...all.map(lineOf), lineOf(runEnd(header, outcomes))]);
}

/** The lines with their chain built again, as a forger would: the closing line's figures stay as they are. */
export function rechained(lines: readonly string[]): string[] {
  return chainedLines(lines.map((line) => line.replace(/,"chain":"[0-9a-f]{64}"\}\n$/u, '}\n')));
}
