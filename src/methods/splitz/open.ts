/**
 * SPLITZ (Zhong & Tandon 2024): the smoothed classifier of a network cut at one tensor, and its certificate (Theorem 1 and
 * Algorithm 1 of the paper, with bounds that are proved):
 *
 *   u     = f_L(x)                                in float64, with forward error eta(x)
 *   R_u   = the certified radius of f_R under noise around u        (smoothing/votes.ts)
 *   r     = the largest r with D(r) + eta'(r) <= R_u - eta(x), eta' >= eta(x') on the ball (forward-error.ts)
 *
 * Then g(x') = c_A for every x' with ||x' - x|| <= r, except with probability alpha (+ delta) over the draws, both for f_L
 * in real arithmetic and as we compute it there.
 */
import type { InputRadius, LeftHalfBound } from '../../lipschitz/input-radius.ts';
import type { Cut } from '../../onnx/cuts.ts';
import type { DrawGroup } from '../../smoothing/draw-group.ts';
import { radiusAsked } from '../../smoothing/stopping/until.ts';
import type { Context } from '../context.ts';
import type { Certificate, Image, SeriesNoise, Subject } from '../method.ts';
import type { NoiseReady, Smoothed } from '../smoothing/certifier.ts';
import { openRightHalf } from '../smoothing/right-half.ts';
import type { Sigma, VoteSettings } from '../smoothing/settings.ts';
import { type NoisyHalf, noisyHalf, roundedDown, roundedUp } from '../smoothing/votes.ts';
import { latentCentre } from './left-half.ts';
import { checkLeftHalf, inSigmas, type LeftHalfDifference, requireHidden } from './left-half-check.ts';
import type { OpenedBound } from './proofs/open-bound.ts';
import { type Prover, proverOf } from './proofs/prover.ts';
import type { SplitzChecks, SplitzEvidence, SplitzFacts } from './schema.ts';

/** A classifier cut in two, at one level of noise. */
export interface SplitClassifier extends Smoothed<SplitzEvidence> {
  readonly facts: SplitzFacts;
  readonly checks: SplitzChecks;
}

/**
 * Cuts the classifier, proves the cut and the left half on `probes`, and loads the right half.
 * @param globalBound upper bound on the left half's Lipschitz constant, infinite where there is none; one that is still being proved
 *   is waited for at the end
 * @throws ModelRefused when a proof fails, and what `globalBound` rejects with
 */
export async function openSplit(
  { classifier }: Subject,
  cut: Cut,
  left: LeftHalfBound,
  globalBound: number | Promise<number>,
  probes: readonly Float32Array[],
  { resources }: Context,
): Promise<NoiseReady<SplitzEvidence>> {
  const bounded = { left, prover: proverOf(left, classifier, cut) };
  const right = await openRightHalf(classifier, cut, resources, probes);
  const { sampler, composition } = right;
  const leftOfCut = `${classifier.model.path} (left of '${cut.name}')`;
  let difference: LeftHalfDifference;
  let everywhere: number;
  try {
    difference = await checkLeftHalf(left, right.left, probes, leftOfCut);
    everywhere = await globalBound;
  } catch (error) {
    await sampler.close();
    throw error;
  }
  const half = noisyHalf(sampler, classifier.classes);
  const at = (settings: VoteSettings & { readonly sigma: Sigma }, noise: SeriesNoise): SplitClassifier => {
    requireHidden(difference, settings.sigma, leftOfCut);
    return {
      guarantee: left.isUpperBound ? 'certificate' : 'estimate, not a bound',
      facts: { ...factsOf(cut), noise: sampler.noise },
      checks: {
        leftHalf: difference.largest,
        leftHalfNorm: difference.norm,
        leftHalfSigmas: inSigmas(difference, settings.sigma),
        globalLipschitz: Number.isFinite(everywhere) ? everywhere : null,
        ...{ composition, provider: sampler.providerDifference, batch: sampler.batch },
      },
      sigma: settings.sigma,
      certifyOne: (image, context, group) =>
        certifyOne({ ...bounded, half, settings, noise }, image, { ...context, resources }, group),
      votes: ({ index, pixels }, draw, signal) =>
        half.votes(latentCentre(left, pixels).latent, index, draw, signal),
      close: () => sampler.close(),
    };
  };
  return { at, close: () => sampler.close() };
}

/** Both halves at a level of noise. */
interface AtLevel extends Pick<OpenedBound, 'left' | 'prover'> {
  readonly half: NoisyHalf;
  readonly settings: VoteSettings & { readonly sigma: Sigma };
  readonly noise: SeriesNoise;
}

/** Algorithm 1: the votes at the cut, and the largest radius whose image under f_L they cover. */
async function certifyOne(
  { half, left, prover, settings, noise }: AtLevel,
  { index, pixels, noise: shared }: Image,
  context: Context,
  group: DrawGroup,
): Promise<Certificate<SplitzEvidence>> {
  const started = performance.now();
  const { signal, tell } = context;
  const { evaluation, latent, eta } = latentCentre(left, pixels);
  const asked = radiusAsked(settings.until);
  const decided =
    asked === null ? null : await decidedBy(prover, [evaluation, asked, noise.seed, index], eta, context);
  const centre = { latent, noise: shared?.number ?? index, group, target: decided?.target ?? null };
  const { prediction, evidence } = await half.certify(centre, settings, noise, signal, (share) =>
    tell({ kind: 'draws', index, share }),
  );
  const usable = roundedDown(evidence.latentRadius - eta);
  const found =
    prediction !== null && usable > 0
      ? await prover.inputRadius([evaluation, usable, noise.seed, index, decided ? 1 : 0], context)
      : NOTHING;
  // The search may end a little below the radius that was decided.
  const reached = prediction !== null && decided !== null && evidence.latentRadius >= decided.target;
  const { radius, displacement, forwardError } = reached && decided.radius > found.radius ? decided : found;
  return {
    ...{ prediction, radius, failureProbability: settings.alpha + left.failureProbability },
    evidence: {
      ...evidence,
      displacement: prediction === null ? null : displacement,
      localLipschitz: radius === 0 ? null : (displacement / radius) * (1 + 2 ** -52),
      forwardError: Number.isFinite(eta) ? eta : null,
      forwardErrorNearby: radius === 0 ? null : forwardError,
    },
    seconds: (performance.now() - started) / 1000,
  };
}

/** A radius to be decided, and what it needs. */
interface Decided extends InputRadius {
  /** R_u from which on the radius is proved: D + η + η′. Infinite where the ball has no bound. */
  readonly target: number;
}

async function decidedBy(
  prover: Prover,
  question: Parameters<Prover['ballAt']>[0],
  eta: number,
  context: Context,
): Promise<Decided> {
  const [, radius] = question;
  const { displacement, forwardError, total } = await prover.ballAt(question, context);
  const target = roundedUp(total + eta);
  return {
    radius,
    displacement,
    forwardError,
    target: Number.isNaN(target) ? Number.POSITIVE_INFINITY : target,
  };
}

/** Of an abstention, or where rounding leaves nothing of R_u. */
const NOTHING = { radius: 0, displacement: 0, forwardError: 0 };

/** What a cut is, for the header of a run. */
export const factsOf = ({ index, value, dims, nodesLeft, nodesRight }: Cut): Omit<SplitzFacts, 'noise'> => ({
  ...{ index, tensor: value.name, latentShape: dims.slice(1), nodesLeft, nodesRight },
});
