/**
 * Whether a certificate of Lipschitz-aware smoothing follows from its own sums of scores (docs/certificates.md, section 10), recomputed
 * without the code that made it. What the sums cannot tell (that the scores were drawn, that D and L are bounds) is not checked here.
 */
import { sizeOf } from '../../../onnx/model/graph.ts';
import type { RunHeader } from '../../../records/record.ts';
import { coordinateError } from '../../../smoothing/noise/noise-error.ts';
import type { Certificate, Series } from '../../method.ts';
import { valuesOf } from '../../method.ts';
import { ROUNDING, settingsFault } from '../../smoothing/check/check-certificate.ts';
import { radiusFault } from '../../splitz/check/check-certificate.ts';
import { inSigmas, LARGEST_SHARE } from '../../splitz/left-half-check.ts';
import { leastRoundingLoss } from '../rounding.ts';
import type { LipschitzChecks, LipschitzEvidence, LipschitzFacts, LipschitzSettings } from '../schema.ts';
import { meanFault } from './mean-check.ts';
import { inverse, quantile, windowSlope } from './window-mean.ts';

type LipschitzSeries = Series<LipschitzSettings, LipschitzFacts>;
type Verdict = Pick<Certificate<LipschitzEvidence>, 'prediction' | 'radius'>;

export function lipschitzHeaderFault(
  { settings, facts, guarantee, checks }: LipschitzSeries,
  { model }: RunHeader,
): string | null {
  const { split, scores, temperature, compared, lipschitz, sigma, delta, n } =
    valuesOf<LipschitzSettings>(settings);
  const input = facts.index === 0;
  const estimated = !input && lipschitz === 'power';
  if ((guarantee === 'certificate') === estimated)
    return `guarantee is "${guarantee}", but the left half was bounded by ${lipschitz}`;
  const drawn = settingsFault(settings, facts.noise, checks as LipschitzChecks);
  if (drawn !== null) return drawn;
  if (!(delta < 0.5)) return `delta is ${delta}`;
  if (input !== (split === 'input')) return `split is ${split}, but the cut has the number ${facts.index}`;
  const { leftHalfNorm: norm, leftHalfSigmas: share } = checks as LipschitzChecks;
  if (share !== inSigmas({ norm }, sigma) || share > LARGEST_SHARE)
    return `checks.leftHalfSigmas is ${share}, but leftHalfNorm is ${norm} and sigma ${sigma}`;
  if (scores === 'votes')
    return temperature === null && compared === 0 && facts.scoreLipschitz === null && facts.noGain !== null
      ? null
      : 'votes have no temperature, no Lipschitz constant and nothing to compare';
  if (temperature === null || !(temperature > 0)) return `temperature is ${temperature}`;
  if (compared < 1) return `compared is ${compared}`;
  if (compared > n) return `compared is ${compared}, but only ${n} draws are made`;
  const per = scores === 'softmax' ? 0.25 : 1 - 1 / model.classes;
  const least = ((facts.pairLipschitz ?? Number.POSITIVE_INFINITY) * per) / temperature;
  return facts.scoreLipschitz !== null && facts.scoreLipschitz >= least * (1 - 2 ** -50)
    ? null
    : `facts.scoreLipschitz is ${facts.scoreLipschitz}, but pairLipschitz, scores and temperature give ${least}`;
}

/** The first thing in a certificate that is wrong, or null. */
export function lipschitzFault(
  { evidence, ...verdict }: Certificate<LipschitzEvidence>,
  { settings: sourced, facts }: LipschitzSeries,
  { model }: RunHeader,
): string | null {
  const settings = valuesOf<LipschitzSettings>(sourced);
  const spent = settings.alpha + settings.delta;
  return (
    sumsFault(evidence, settings, model.classes) ??
    lossesFault(evidence, settings, facts) ??
    selectionFault(verdict, evidence, settings) ??
    meansFault(evidence, settings) ??
    latentFault(verdict, evidence, settings, facts) ??
    (verdict.failureProbability === spent
      ? null
      : `failureProbability is ${verdict.failureProbability}, but alpha + delta is ${spent}`) ??
    (facts.index === 0 ? inputFault(verdict, evidence) : radiusFault(verdict, evidence))
  );
}

const drawsOf = (weights: readonly number[]): number => weights.reduce((sum, w) => sum + w, 0) / 1024;

function sumsFault(
  { own, others, nonFinite, selected }: LipschitzEvidence,
  { n, scores }: LipschitzSettings,
  classes: number,
): string | null {
  for (const [name, weights] of Object.entries({ own, others })) {
    if (weights.length !== 65) return `${name} has ${weights.length} weights instead of 65`;
    if (drawsOf(weights) !== n) return `${name} is of ${drawsOf(weights)} draws, the run's n is ${n}`;
    if (scores === 'votes' && weights.some((w, k) => w !== 0 && k !== 0 && k !== 64))
      return `${name} has a score between 0 and 1, but these are votes`;
  }
  if (nonFinite > n || (own[0] ?? 0) < nonFinite * 1024 || (others[64] ?? 0) < nonFinite * 1024)
    return `nonFinite is ${nonFinite}, but own and others do not have as many scores of 0 and 1`;
  const sum =
    [own, others].reduce((all, weights) => all + weights.reduce((s, w, k) => s + w * k, 0), 0) / 65536;
  // Each score was rounded by 2^-17.
  if (sum > n * (1 + 2 ** -15)) return `own and others come to ${sum} of ${n} draws: more than scores can`;
  return selected !== null && selected >= classes
    ? `selected is ${selected}, but there are ${classes} classes`
    : null;
}

/** `coordinateError(steps).atZero`, remembered: a series has one sigma. */
const errorsAtZero = new Map<number, number>();

function errorAtZero(steps: number): number {
  const error = errorsAtZero.get(steps) ?? coordinateError(steps).atZero;
  errorsAtZero.set(steps, error);
  return error;
}

/** What is taken off a mean: at least what it is around a latent of zeros. */
function lossesFault(
  { grid, tau, rounding, difference, deviation, selected }: LipschitzEvidence,
  { sigma, alpha, compared, scores }: LipschitzSettings,
  { latentShape, scoreLipschitz }: LipschitzFacts,
): string | null {
  const steps = sigma / grid;
  if (!(Number.isInteger(Math.log2(grid)) && steps >= 65536 && steps < 131072))
    return `grid is ${grid}, not the largest power of two up to sigma / 65536`;
  const size = sizeOf(latentShape);
  const leastTau = Math.min(1, size * errorAtZero(steps));
  if (!(tau >= leastTau * (1 - 1e-9))) return `tau is ${tau}, below ${leastTau}`;
  if (scoreLipschitz === null)
    return rounding === 0 && difference === 0 && deviation === 0
      ? null
      : 'rounding, difference and deviation are 0 for votes';
  const leastRounding = Math.min(1, leastRoundingLoss(scoreLipschitz, size, sigma, grid));
  if (!(rounding >= leastRounding * (1 - 1e-9))) return `rounding is ${rounding}, below ${leastRounding}`;
  if (selected === null || scores === 'votes') return null;
  // 1 - (α/2)^(1/m), written out.
  const rare = 1 - (alpha / 2) ** (1 / compared);
  const stated = Math.min(1, difference + rare);
  return Math.abs(deviation - stated) <= 1e-10
    ? null
    : `deviation is ${deviation}, but the difference and ${compared} draws compared give ${stated}`;
}

function selectionFault(
  { prediction }: Verdict,
  { selected, pA, pB, mean, form, latentRadius }: LipschitzEvidence,
  { scores }: LipschitzSettings,
): string | null {
  if (selected === null)
    return prediction === null && pA === 0 && pB === null && latentRadius === 0
      ? null
      : 'no class was selected, yet something is claimed';
  if (prediction !== null && prediction !== selected)
    return `prediction is ${prediction}, but the class selected is ${selected}`;
  if ((mean === 'clopper-pearson') !== (scores === 'votes'))
    return `mean is ${mean}, but scores are ${scores}`;
  return (pB === null) === (form === 'one') ? null : `form is ${form}, but pB is ${pB}`;
}

function meansFault(
  { selected, own, others, mean, form, tau, rounding, deviation, pA, pB }: LipschitzEvidence,
  { alpha, scores }: LipschitzSettings,
): string | null {
  if (selected === null) return null;
  const lost = tau + rounding + deviation;
  const level = (scores === 'votes' ? alpha : alpha / 2) / (form === 'two' ? 2 : 1);
  const ofOwn = meanFault(pA, lost, own, mean, level);
  if (ofOwn !== null) return `pA: ${ofOwn}`;
  // At most 1 - pA, whatever the others show.
  if (pB === null || Math.abs(pB - (1 - pA)) <= 2 ** -52) return null;
  if (pB > 1 - pA) return `pB is ${pB}, above 1 - pA`;
  const ofOthers = meanFault(1 - pB, lost, others.toReversed(), mean, level);
  return ofOthers === null ? null : `1 - pB: ${ofOthers}`;
}

/** λ as it is used: no constant where it is huge, and none smaller than a millionth. */
function lambdaOf(scoreLipschitz: number | null, sigma: number): number | null {
  const lambda = scoreLipschitz === null ? Number.POSITIVE_INFINITY : scoreLipschitz * sigma;
  return lambda > 1000 ? null : Math.max(lambda, 1e-6);
}

function latentFault(
  { prediction }: Verdict,
  { selected, pA, pB, latentRadius, plainRadius, publishedRadius }: LipschitzEvidence,
  { sigma }: LipschitzSettings,
  { scoreLipschitz }: LipschitzFacts,
): string | null {
  if (selected === null) return null;
  const lambda = lambdaOf(scoreLipschitz, sigma);
  const ends = pB === null ? [pA] : [pA, 1 - pB];
  const possible = ends.every((p) => p > 0 && p < 1);
  const mean = (of: (p: number) => number): number =>
    possible ? (sigma * ends.reduce((sum, p) => sum + of(p), 0)) / ends.length : -1;
  const exact = mean((p) => inverse(p, lambda));
  if (prediction === null) {
    if (latentRadius !== 0) return `latentRadius is ${latentRadius} although it abstained`;
    return exact > 1e-6 * sigma ? `it abstained, although its scores certify ${exact}` : null;
  }
  if (!(latentRadius > 0)) return 'latentRadius is 0 although it did not abstain';
  if (latentRadius > exact * (1 + 1e-11) + sigma * 1e-13)
    return `latentRadius is ${latentRadius}, above ${exact}, which pA = ${pA}, pB = ${pB} give`;
  if (latentRadius < exact * (1 - 1e-5) - sigma * 1e-6)
    return `latentRadius is ${latentRadius}, below ${exact}, which pA = ${pA}, pB = ${pB} give`;
  const plain = mean(quantile);
  const published = mean((p) => {
    const q = quantile(p);
    if (lambda === null) return q;
    const density = Math.exp(-0.5 * q * q) / Math.sqrt(2 * Math.PI);
    return (q * density) / windowSlope(inverse(p, lambda), lambda);
  });
  for (const [name, stated, value] of [
    ['plainRadius', plainRadius, plain],
    ['publishedRadius', publishedRadius, published],
  ] as const)
    if (Math.abs(stated - Math.max(0, value)) > 1e-5 * sigma * (1 + Math.abs(value) / sigma))
      return `${name} is ${stated}, but pA = ${pA}, pB = ${pB} give ${value}`;
  return null;
}

function inputFault({ prediction, radius }: Verdict, evidence: LipschitzEvidence): string | null {
  const { displacement, localLipschitz, forwardError, forwardErrorNearby, latentRadius } = evidence;
  if ([displacement, localLipschitz, forwardError, forwardErrorNearby].some((value) => value !== null))
    return 'there is no left half at the input, yet something is said of it';
  if (prediction === null) return radius === 0 ? null : `radius is ${radius} although it abstained`;
  if (radius > latentRadius) return `radius is ${radius}, above R_u = ${latentRadius}`;
  return radius >= latentRadius * (1 - ROUNDING) ? null : `radius is ${radius}, below R_u = ${latentRadius}`;
}
