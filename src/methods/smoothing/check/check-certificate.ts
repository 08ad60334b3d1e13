/**
 * Whether a certificate follows from its own counts (docs/certificates.md, sections 2, 3 and 5), recomputed without the code
 * that made it: p_A (and p_B) by `check-probabilities.ts`, R_u by `normal-series.ts`, and the radius from R_u.
 * Every bound is checked from both sides: not beyond what the counts allow, and not short of it by more than rounding
 * explains, so that an edit downwards shows as well.
 *
 * The error of the noise is the exception: its bound is a proof (`noise-error.ts`), so there is nothing to compute in another way.
 *
 * What the counts cannot tell (that the votes were drawn) is not checked here.
 */
import { sizeOf } from '../../../onnx/model/graph.ts';
import type { RunHeader, SeriesCertificate, Sourced } from '../../../records/record.ts';
import { coordinateError } from '../../../smoothing/noise/noise-error.ts';
import { LARGEST_SIGMA, NOISE_ID, SMALLEST_SIGMA } from '../../../smoothing/noise/rounded-noise.ts';
import { MOST_DRAWS } from '../../../smoothing/votes/looks.ts';
import type { Certificate, Series, WithOrigins } from '../../method.ts';
import type { SmoothingChecks, SmoothingFacts, SmoothingSettings } from '../open.ts';
import type { VoteSettings } from '../settings.ts';
import type { VoteEvidence } from '../votes.ts';
import type { Enclosure } from './binomial-sum.ts';
import { mayEndEarly, probabilityFault } from './check-probabilities.ts';
import { ruleFault, stoppingFault, stoppingOf } from './check-stopping.ts';
import type { CheckedLaw } from './checked-law.ts';
import { distributionMinus, LARGEST_QUANTILE, quantileEnclosure } from './normal-series.ts';

/** Settings of a series that votes, as its header has them. */
type VotedSettings = WithOrigins<VoteSettings> & { readonly sigma: Sourced<number> };

/** Rounding down of R_u and of a radius stays within this. */
export const ROUNDING = 1e-9;

/** The first impossible value in the header of a series that votes, or null. `sigma` is the scale of the noise. */
export function settingsFault(
  { sigma, n0, n, alpha }: Pick<VotedSettings, 'sigma' | 'n0' | 'n' | 'alpha'>,
  noise: string,
  { batch }: Pick<SmoothingChecks, 'batch'>,
  law: CheckedLaw = GAUSSIAN_CHECK,
): string | null {
  if (!(sigma.value >= SMALLEST_SIGMA && sigma.value <= LARGEST_SIGMA))
    return `${law.scale} is ${sigma.value}`;
  if (n0.value < 1 || n.value < 1) return `n0 is ${n0.value} and n is ${n.value}`;
  if (n.value > MOST_DRAWS) return `n is ${n.value}, more than can be drawn`;
  if (!(alpha.value > 0 && alpha.value < 0.5)) return `alpha is ${alpha.value}`;
  if (noise !== law.noise) return `noise is ${noise}: certificates rest on ${law.noise} alone`;
  return batch < 1 ? `checks.batch is ${batch}` : null;
}

export function headerFault({
  settings,
  facts,
  checks,
  guarantee,
}: Series<SmoothingSettings, SmoothingFacts>): string | null {
  if (guarantee !== 'certificate') return `guarantee is "${guarantee}", but nothing is estimated`;
  return settingsFault(settings, facts.noise, checks as SmoothingChecks) ?? ruleFault(settings);
}

/** The first thing in a certificate of plain smoothing that is wrong, or null. */
export const smoothingFault = (
  certificate: Certificate<VoteEvidence>,
  { settings }: Series<SmoothingSettings, SmoothingFacts>,
  header: RunHeader,
): string | null => inputFault(certificate, settings, header);

/** The same of noise of any law at the input. `sigma` is the scale of the noise. */
export function inputFault(
  { evidence, ...verdict }: Certificate<VoteEvidence>,
  settings: VotedSettings,
  { data, model }: RunHeader,
  law: CheckedLaw = GAUSSIAN_CHECK,
): string | null {
  const voted =
    targetFault(evidence, settings) ??
    voteFault(verdict, evidence, settings, sizeOf(data.shape), model.classes, law);
  if (voted !== null) return voted;
  if (verdict.failureProbability !== settings.alpha.value)
    return `failureProbability is ${verdict.failureProbability}, but alpha is ${settings.alpha.value}`;
  if (verdict.prediction === null) return null;
  const { radius } = verdict;
  if (radius > evidence.latentRadius) return `radius is ${radius}, above R_u = ${evidence.latentRadius}`;
  return radius >= evidence.latentRadius * (1 - ROUNDING)
    ? null
    : `radius is ${radius}, below R_u = ${evidence.latentRadius}`;
}

/** At the input a radius needs itself. */
function targetFault({ target }: VoteEvidence, settings: VotedSettings): string | null {
  const rule = stoppingOf(settings);
  if (rule?.kind !== 'radius') return null;
  return target != null && Math.abs(target - rule.radius) <= ROUNDING * rule.radius
    ? null
    : `target is ${target}, but radius ${rule.radius} is to be decided at the input`;
}

/**
 * What is wrong with votes and with what is made of them up to R_u, or null.
 * @param latentSize numbers in the tensor that noise is added to
 */
export function voteFault(
  { prediction }: Pick<SeriesCertificate, 'prediction'>,
  evidence: VoteEvidence,
  settings: VotedSettings,
  latentSize: number,
  classes: number,
  law: CheckedLaw = GAUSSIAN_CHECK,
): string | null {
  const sigma = settings.sigma.value;
  return (
    countsFault(prediction, evidence, settings, classes) ??
    noiseFault(evidence, sigma, latentSize, law) ??
    // Where draws ended says at what level p_A holds.
    stoppingFault(evidence, settings, sigma, law) ??
    probabilityFault(evidence, settings) ??
    abstentionFault(prediction, evidence) ??
    latentFault(prediction, evidence, sigma, law)
  );
}

function countsFault(
  prediction: number | null,
  { counts, nonFinite, selected }: VoteEvidence,
  settings: VotedSettings,
  classes: number,
): string | null {
  const n = settings.n.value;
  if (counts.length !== classes) return `counts are of ${counts.length} classes, the model has ${classes}`;
  const votes = counts.reduce((sum, k) => sum + k, nonFinite);
  if (mayEndEarly(settings) ? votes < 1 || votes > n : votes !== n)
    return `counts and nonFinite come to ${votes} draws, the run's n is ${n}`;
  if (selected !== null && selected >= classes)
    return `selected is ${selected}, but there are ${classes} classes`;
  return prediction === null || prediction === selected
    ? null
    : `prediction is ${prediction}, but the class selected is ${selected}`;
}

/** `coordinateError(steps).atZero`, remembered: a series has one sigma. */
const errorsAtZero = new Map<number, number>();

function errorAtZero(steps: number): number {
  const error = errorsAtZero.get(steps) ?? coordinateError(steps).atZero;
  errorsAtZero.set(steps, error);
  return error;
}

/**
 * q is the largest power of two <= sigma / 256, and τ at least what it is around a latent of zeros: more where the latent
 * is large, which the file does not say.
 */
function noiseFault(
  { grid, tau }: VoteEvidence,
  sigma: number,
  latentSize: number,
  law: CheckedLaw,
): string | null {
  const steps = sigma / grid;
  if (!(Number.isInteger(Math.log2(grid)) && steps >= 256 && steps < 512))
    return `grid is ${grid}, not the largest power of two up to ${law.scale} / 256`;
  const least = Math.min(1, latentSize * law.errorAtZero(steps));
  return tau >= least * (1 - 1e-9)
    ? null
    : `tau is ${tau}, below ${least}, what ${latentSize} coordinates near 0 give`;
}

/** Without a class there is nothing to claim. */
const abstentionFault = (prediction: number | null, { selected }: VoteEvidence): string | null =>
  selected === null && prediction !== null ? 'no class was selected, yet something is claimed' : null;

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

/** R_u = σ Φ⁻¹(p_A), or σ/2 (Φ⁻¹(p_A) - Φ⁻¹(p_B)). */
function gaussianRadius(pA: number, pB: number | null, sigma: number): Enclosure {
  // Below and above these 1 - p is no longer told from 1 and 0; neither is near a majority.
  if (pA < 2 ** -52 || (pB !== null && pB > 1 - 2 ** -52)) return { lower: -1, upper: -1 };
  const a = quantile(pA);
  if (pB === null) return { lower: sigma * a.lower, upper: sigma * a.upper };
  const b = quantile(Math.max(pB, 2 ** -52));
  return { lower: (sigma / 2) * (a.lower - b.upper), upper: (sigma / 2) * (a.upper - b.lower) };
}

/** Φ(R / σ) for R > 0. */
function gaussianProbability(radius: number, sigma: number): Enclosure {
  const x = radius / sigma;
  // The series goes no further, and no count of draws reaches it.
  if (!(x < LARGEST_QUANTILE)) return { lower: 1 - 2 ** -53, upper: 1 };
  const { lower, upper } = distributionMinus(x, 0.5);
  return { lower: 0.5 + lower - 2 ** -53, upper: 0.5 + upper + 2 ** -53 };
}

const GAUSSIAN_CHECK: CheckedLaw = {
  ...{ noise: NOISE_ID, scale: 'sigma', errorAtZero, radius: gaussianRadius },
  probabilityAt: gaussianProbability,
};

/** R_u is the law's radius, rounded down; abstention exactly where that is not positive. */
function latentFault(
  prediction: number | null,
  { pA, pB, latentRadius }: VoteEvidence,
  sigma: number,
  law: CheckedLaw,
): string | null {
  const { lower, upper } = law.radius(pA, pB, sigma);
  const from = pB !== null ? `pA = ${pA}, pB = ${pB}` : `pA = ${pA}`;
  if (prediction === null) {
    if (latentRadius !== 0) return `latentRadius is ${latentRadius} although it abstained`;
    return lower > sigma * ROUNDING ? `it abstained, although ${from} certify a latent radius` : null;
  }
  if (!(latentRadius > 0)) return 'latentRadius is 0 although it did not abstain';
  if (latentRadius > upper) return `latentRadius is ${latentRadius}, above ${upper}, which ${from} give`;
  return latentRadius < lower - ROUNDING * Math.max(lower, sigma * 1e-3)
    ? `latentRadius is ${latentRadius}, below ${lower}, which ${from} give`
    : null;
}
