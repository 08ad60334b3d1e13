/**
 * Whether a SPLITZ certificate follows from its own counts (docs/certificates.md, sections 2, 3 and 5): up to R_u as for plain
 * smoothing, then what relates R_u, η, D and the radius. What the counts cannot tell (that D(radius) bounds the left half, that
 * the votes were drawn) is not checked here.
 */
import { sizeOf } from '../../../onnx/model/graph.ts';
import type { RunHeader } from '../../../records/record.ts';
import type { Certificate, Series } from '../../method.ts';
import { ROUNDING, settingsFault, voteFault } from '../../smoothing/check/check-certificate.ts';
import { ruleFault, stoppingOf } from '../../smoothing/check/check-stopping.ts';
import { inSigmas, LARGEST_SHARE } from '../left-half-check.ts';
import type { SplitzChecks, SplitzEvidence, SplitzFacts, SplitzSettings } from '../schema.ts';
import { usableLatentRadius } from '../usable-radius.ts';

type SplitzSeries = Series<SplitzSettings, SplitzFacts>;

export function splitzHeaderFault({ settings, facts, guarantee, checks }: SplitzSeries): string | null {
  const { sigma, delta, lipschitz, split } = settings;
  const estimated = lipschitz.value === 'power';
  if ((guarantee === 'certificate') === estimated)
    return `guarantee is "${guarantee}", but the left half was bounded by ${lipschitz.value}`;
  const voted = settingsFault(settings, facts.noise, checks as SplitzChecks) ?? ruleFault(settings);
  if (voted !== null) return voted;
  if (!(delta.value < 0.5)) return `delta is ${delta.value}`;
  if (split.value === 'input' || facts.nodesLeft === 0)
    return `split is ${split.value} with ${facts.nodesLeft} nodes before it: there is no left half`;
  return leftHalfFault(checks as SplitzChecks, sigma.value);
}

/** What the run says of ONNX Runtime's left half. */
function leftHalfFault(
  { leftHalfNorm: norm, leftHalfSigmas: share }: SplitzChecks,
  sigma: number,
): string | null {
  if (share !== inSigmas({ norm }, sigma))
    return `checks.leftHalfSigmas is ${share}, but leftHalfNorm is ${norm} and sigma ${sigma}`;
  return share <= LARGEST_SHARE
    ? null
    : `checks.leftHalfSigmas is ${share}, above ${LARGEST_SHARE}: what is deployed is not what was certified`;
}

/** The first thing in a certificate that is wrong, or null. */
export function splitzFault(
  { evidence, ...verdict }: Certificate<SplitzEvidence>,
  { settings, facts }: SplitzSeries,
  { model }: RunHeader,
): string | null {
  const spent = settings.alpha.value + settings.delta.value;
  return (
    voteFault(verdict, evidence, settings, sizeOf(facts.latentShape), model.classes) ??
    (verdict.failureProbability === spent
      ? null
      : `failureProbability is ${verdict.failureProbability}, but alpha + delta is ${spent}`) ??
    radiusFault(verdict, evidence) ??
    decisionFault(verdict, evidence, settings)
  );
}

/** A radius is certified where R_u is what it needs. That it needs so much, model and data show. */
function decisionFault(
  { prediction, radius }: Pick<Certificate<SplitzEvidence>, 'prediction' | 'radius'>,
  { target, latentRadius, forwardError }: SplitzEvidence,
  settings: SplitzSeries['settings'],
): string | null {
  const rule = stoppingOf(settings);
  if (rule?.kind !== 'radius' || target == null) return null;
  if (!(target >= (forwardError ?? Number.POSITIVE_INFINITY)))
    return `target is ${target}, below forwardError = ${forwardError}`;
  return prediction !== null && latentRadius >= target && radius < rule.radius
    ? `radius is ${radius}, although R_u reaches target = ${target}, what radius ${rule.radius} needs`
    : null;
}

/** What a certificate says of the way back through the left half. */
export type WayBack = Pick<
  SplitzEvidence,
  'latentRadius' | 'displacement' | 'localLipschitz' | 'forwardError' | 'forwardErrorNearby'
>;

/** D(radius) <= R_u - η - η′ and D(radius)/radius is the local Lipschitz constant. */
export function radiusFault(
  { prediction, radius }: Pick<Certificate<SplitzEvidence>, 'prediction' | 'radius'>,
  evidence: WayBack,
): string | null {
  const { displacement, localLipschitz, forwardErrorNearby } = evidence;
  if (evidence.forwardError === null && radius !== 0) return 'radius is not 0 although forwardError is null';
  if ((forwardErrorNearby === null) !== (radius === 0))
    return 'forwardErrorNearby must be null exactly when the radius is 0';
  if (prediction === null) {
    if (displacement !== null) return 'displacement is given although it abstained';
    return localLipschitz === null ? null : 'localLipschitz is given although it abstained';
  }
  const forwardError = evidence.forwardError ?? Number.POSITIVE_INFINITY;
  if (displacement === null) return 'displacement is missing';
  if (radius === 0) {
    if (displacement !== 0) return `displacement is ${displacement} at radius 0`;
    return localLipschitz === null ? null : 'localLipschitz is given at radius 0';
  }
  // Differences of float64 are rounded to nearest: two roundings may hide here.
  const usable = usableLatentRadius(evidence) * (1 + 2 ** -51);
  if (displacement > usable) return `displacement is ${displacement}, above R_u - η - η′ = ${usable}`;
  const nearby = forwardErrorNearby ?? Number.NaN;
  // The image itself is in the ball.
  if (!(nearby >= forwardError * (1 - ROUNDING)))
    return `forwardErrorNearby is ${nearby}, below forwardError = ${forwardError}`;
  if (localLipschitz === null) return 'localLipschitz is missing';
  // Multiplied out: localLipschitz is the quotient rounded up.
  return localLipschitz * radius >= displacement * (1 - 2 ** -51) &&
    localLipschitz * radius <= displacement * (1 + 2 ** -49)
    ? null
    : `localLipschitz is ${localLipschitz}, but displacement / radius is ${displacement / radius}`;
}
