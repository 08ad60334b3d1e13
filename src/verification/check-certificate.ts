/**
 * Whether one certificate follows from its own counts (docs/certificates.md, sections 2, 3 and 5), recomputed without the code
 * that made it: p_A (and p_B) by `check-probabilities.ts`, R_u by `normal-series.ts`, and what relates R_u, η, D and the radius.
 * Every bound is checked from both sides: not beyond what the counts allow, and not short of it by more than rounding
 * explains, so that an edit downwards shows as well.
 *
 * The error of the noise is the exception: its bound is a proof (`noise-error.ts`), with nothing to compute another way.
 *
 * What the counts cannot tell (that D(radius) bounds the left half, that the votes were drawn) is not checked here.
 */

import { usableLatentRadius } from '../methods/usable-radius.ts';
import { sizeOf } from '../onnx/model/graph.ts';
import type { CertificateRecord, RunHeader, SmoothingCertificate } from '../records/record.ts';
import { coordinateError } from '../smoothing/noise/noise-error.ts';
import { LARGEST_SIGMA, SMALLEST_SIGMA } from '../smoothing/noise/rounded-noise.ts';
import { mayEndEarly, probabilityFault } from './check-probabilities.ts';
import { quantileEnclosure } from './normal-series.ts';

/** What the header says of all certificates of one kind. */
export interface Expected {
  readonly sigma: number;
  /** Numbers in the tensor that noise is added to. */
  readonly latentSize: number;
  readonly alpha: number;
  readonly delta: number;
  readonly bound: RunHeader['settings']['bound']['value'];
  readonly n0: number;
  /** Draws that count votes; the most of them where the bound may end early. */
  readonly n: number;
  readonly displacementBound: SmoothingCertificate['displacementBound'];
}

export function expectedOf(header: RunHeader): {
  readonly own: Expected;
  readonly baseline: Expected | null;
} {
  const { settings, split } = header;
  const plain = split.cut === 'input';
  const { value: lipschitz } = settings.lipschitz;
  const common = {
    alpha: settings.alpha.value,
    bound: settings.bound.value,
    n0: settings.n0.value,
    n: settings.n.value,
  };
  const level = settings.baselineSigma.value;
  return {
    own: {
      ...common,
      sigma: settings.sigma.value,
      latentSize: sizeOf(split.latentShape),
      delta: plain ? 0 : settings.delta.value,
      displacementBound: plain
        ? 'identity'
        : lipschitz === 'power'
          ? 'power estimate, not a bound'
          : lipschitz,
    },
    baseline:
      level === null
        ? null
        : {
            ...common,
            sigma: level,
            latentSize: sizeOf(header.data.shape),
            delta: 0,
            displacementBound: 'identity',
          },
  };
}

/** Draws beyond which no run can go: the sampler's counter. */
const MOST_DRAWS = 2 ** 30;
/** Rounding down of R_u and of a radius stays within this. */
const ROUNDING = 1e-9;

/** The first thing that is wrong with a record, or null. `classes` is the number of classes of the run. */
export function recordFault(
  record: CertificateRecord,
  expected: ReturnType<typeof expectedOf>,
  labelled: boolean,
  classes: number,
): string | null {
  if ((record.label !== null) !== labelled)
    return `label is ${record.label}, but the data are ${labelled ? '' : 'not '}labelled`;
  if (record.label !== null && record.label >= classes)
    return `label ${record.label} is none of ${classes} classes`;
  if ((record.baseline !== null) !== (expected.baseline !== null)) {
    return record.baseline === null
      ? 'baseline is missing, although the run has a baselineSigma'
      : 'baseline is there, although the run has no baselineSigma';
  }
  const own = certificateFault(record, expected.own, record.label, classes);
  if (own !== null || record.baseline === null || expected.baseline === null) return own;
  const inner = certificateFault(record.baseline, expected.baseline, record.label, classes);
  return inner && `baseline: ${inner}`;
}

/** The first thing that is wrong with a certificate, or null. */
export function certificateFault(
  c: SmoothingCertificate,
  expected: Expected,
  label: number | null,
  classes: number,
): string | null {
  return (
    settingsFault(c, expected, classes) ??
    verdictFault(c, label) ??
    noiseFault(c, expected) ??
    probabilityFault(c, expected.bound, expected.alpha) ??
    latentFault(c, expected) ??
    radiusFault(c)
  );
}

function settingsFault(c: SmoothingCertificate, expected: Expected, classes: number): string | null {
  const { n0, n, alpha, delta, bound, displacementBound } = expected;
  if (c.counts.length !== classes) return `counts are of ${c.counts.length} classes, others of ${classes}`;
  if (n > MOST_DRAWS) return `n is ${n}, more than can be drawn`;
  if (c.n0 !== n0) return `n0 is ${c.n0}, the run's is ${n0}`;
  if (mayEndEarly(bound) ? c.n < 1 || c.n > n : c.n !== n) return `n is ${c.n}, the run's is ${n}`;
  if (c.displacementBound !== displacementBound)
    return `displacementBound is ${c.displacementBound}, the run's is ${displacementBound}`;
  return c.alphaTotal === alpha + delta
    ? null
    : `alphaTotal is ${c.alphaTotal}, but alpha + delta is ${alpha + delta}`;
}

function verdictFault(c: SmoothingCertificate, label: number | null): string | null {
  if (c.selected !== null && c.selected >= c.counts.length)
    return `selected is ${c.selected}, none of ${c.counts.length} classes`;
  if (!c.abstained && c.prediction !== c.selected)
    return `prediction is ${c.prediction}, but the class selected is ${c.selected}`;
  const correct = label === null ? null : !c.abstained && c.prediction === label;
  return c.correct === correct
    ? null
    : `correct is ${c.correct}, but the prediction is ${c.prediction} and the label ${label}`;
}

/**
 * q is the largest power of two <= sigma / 256, and τ at least what it is around a latent of zeros: more where the latent
 * is large, which the file does not say.
 */
function noiseFault(c: SmoothingCertificate, { sigma, latentSize }: Expected): string | null {
  if (!(sigma >= SMALLEST_SIGMA && sigma <= LARGEST_SIGMA)) return `sigma is ${sigma}`;
  const steps = sigma / c.grid;
  if (!(Number.isInteger(Math.log2(c.grid)) && steps >= 256 && steps < 512))
    return `grid is ${c.grid}, not the largest power of two up to sigma / 256`;
  const least = Math.min(1, latentSize * coordinateError(steps).atZero);
  return c.tau >= least * (1 - 1e-9)
    ? null
    : `tau is ${c.tau}, below ${least}, what ${latentSize} coordinates near 0 give`;
}

/** Proved enclosures of Φ⁻¹, remembered: the same counts come again and again. */
const quantiles = new Map<number, ReturnType<typeof quantileEnclosure>>();
const REMEMBERED = 100_000;

function quantile(p: number): ReturnType<typeof quantileEnclosure> {
  const known = quantiles.get(p);
  if (known !== undefined) return known;
  if (quantiles.size >= REMEMBERED) quantiles.clear();
  const value = quantileEnclosure(p);
  quantiles.set(p, value);
  return value;
}

/** R_u = σ Φ⁻¹(p_A), or σ/2 (Φ⁻¹(p_A) - Φ⁻¹(p_B)), rounded down; abstention exactly where that is not positive. */
function latentFault(c: SmoothingCertificate, { sigma }: Expected): string | null {
  const unbounded = c.pA <= 0 || (c.pB !== null && c.pB >= 1);
  const a = unbounded ? null : quantile(c.pA);
  const b = unbounded || c.pB === null ? null : quantile(c.pB);
  const lower = a === null ? -1 : b === null ? sigma * a.lower : (sigma / 2) * (a.lower - b.upper);
  const upper = a === null ? -1 : b === null ? sigma * a.upper : (sigma / 2) * (a.upper - b.lower);
  const from = c.pB !== null ? `pA = ${c.pA}, pB = ${c.pB}` : `pA = ${c.pA}`;
  if (c.abstained) {
    if (c.latentRadius !== 0) return `latentRadius is ${c.latentRadius} although it abstained`;
    return lower > sigma * ROUNDING ? `it abstained, although ${from} certify a latent radius` : null;
  }
  if (!(c.latentRadius > 0)) return 'latentRadius is 0 although it did not abstain';
  if (c.latentRadius > upper) return `latentRadius is ${c.latentRadius}, above ${upper}, which ${from} give`;
  return c.latentRadius < lower - ROUNDING * Math.max(lower, sigma * 1e-3)
    ? `latentRadius is ${c.latentRadius}, below ${lower}, which ${from} give`
    : null;
}

/** D(radius) <= R_u - η - η′ and D(radius)/radius is the local Lipschitz constant; at the input D(r) = r. */
function radiusFault(c: SmoothingCertificate): string | null {
  if (c.abstained) {
    if (c.displacement !== null) return 'displacement is given although it abstained';
    return c.localLipschitz === null ? null : 'localLipschitz is given although it abstained';
  }
  const { radius, displacement, localLipschitz } = c;
  const forwardError = c.forwardError ?? Number.POSITIVE_INFINITY;
  if (displacement === null) return 'displacement is missing';
  // Differences of float64 are rounded to nearest: two roundings may hide here.
  const usable = usableLatentRadius(c) * (1 + 2 ** -51);
  if (radius === 0) {
    if (displacement !== 0) return `displacement is ${displacement} at radius 0`;
    if (localLipschitz !== null) return 'localLipschitz is given at radius 0';
    return c.displacementBound === 'identity' && usable > 0 ? `radius is 0, but R_u - η is ${usable}` : null;
  }
  if (displacement > usable) return `displacement is ${displacement}, above R_u - η - η′ = ${usable}`;
  const nearby = c.forwardErrorNearby ?? Number.NaN;
  // The image itself is in the ball.
  if (!(nearby >= forwardError * (1 - ROUNDING)))
    return `forwardErrorNearby is ${nearby}, below forwardError = ${forwardError}`;
  if (c.displacementBound === 'identity') {
    if (forwardError !== 0) return `forwardError is ${forwardError}, but the cut is the input`;
    if (nearby !== 0) return `forwardErrorNearby is ${nearby}, but the cut is the input`;
    if (radius !== displacement) return `radius is ${radius}, but its displacement ${displacement}`;
    if (localLipschitz !== 1) return `localLipschitz is ${localLipschitz}, but the cut is the input`;
    return radius >= usable * (1 - ROUNDING) ? null : `radius is ${radius}, below R_u = ${usable}`;
  }
  if (localLipschitz === null) return 'localLipschitz is missing';
  // Multiplied out: localLipschitz is the quotient rounded up.
  return localLipschitz * radius >= displacement * (1 - 2 ** -51) &&
    localLipschitz * radius <= displacement * (1 + 2 ** -49)
    ? null
    : `localLipschitz is ${localLipschitz}, but displacement / radius is ${displacement / radius}`;
}
