/** Lipschitz-aware smoothing opened on a model: the half behind the cut scored, the half before it bounded. */
import { findCut } from '../../onnx/cuts.ts';
import { inOrder } from '../../smoothing/in-order.ts';
import { drawsIn, meanOf, type Weights } from '../../smoothing/scores/score-sums.ts';
import type { Context } from '../context.ts';
import type { Answer, Certificate, Image, Method, Question, SeriesNoise } from '../method.ts';
import { openRightHalf } from '../smoothing/right-half.ts';
import { sigmaOf } from '../smoothing/settings.ts';
import { roundedDown } from '../smoothing/votes.ts';
import { latentCentre } from '../splitz/left-half.ts';
import { checkLeftHalf, inSigmas, requireHidden } from '../splitz/left-half-check.ts';
import { factsOf } from '../splitz/open.ts';
import { type OpenedBound, openBound } from '../splitz/proofs/open-bound.ts';
import { answerOf, certifyScores, type Scored } from './noisy-scores.ts';
import type { LipschitzEvidence, LipschitzFacts, LipschitzSettings } from './schema.ts';
import { steepnessOf } from './steepness.ts';

/** Images in work at once: one compared or bounded on this thread, one drawn by the workers. */
const AHEAD = 2;

/** What becomes of an image at the cut, and the way back; at the input neither. */
interface Left {
  readonly opened: OpenedBound | null;
  latent(pixels: Float32Array): Float64Array;
}

export const openLipschitz: Method<LipschitzSettings, LipschitzEvidence, LipschitzFacts>['open'] = async (
  { classifier },
  settings,
  noise,
  probes,
  context,
) => {
  const { resources } = context;
  const sigma = sigmaOf(settings.sigma);
  const cut = findCut(classifier.cuts, settings.split);
  const opened =
    cut.index === 0
      ? null
      : await openBound(classifier, settings.split, settings.lipschitz, noise.seed, context);
  const bound = opened?.left ?? null;
  const steepness = steepnessOf(classifier, cut, settings);
  const right = await openRightHalf(classifier, cut, resources, probes);
  const { sampler, composition } = right;
  let difference = { largest: 0, norm: 0 };
  try {
    if (bound !== null) {
      const where = `${classifier.model.path} (left of '${cut.name}')`;
      difference = await checkLeftHalf(bound, right.left, probes, where);
      requireHidden(difference, sigma, where);
    }
  } catch (error) {
    await sampler.close();
    throw error;
  }
  const { network, pairLipschitz, scoreLipschitz, noGain } = steepness;
  const scored: Scored = {
    ...{ sampler, classes: classifier.classes, settings, network, lipschitz: scoreLipschitz },
  };
  const left: Left = {
    opened,
    latent: (pixels) => (bound === null ? Float64Array.from(pixels) : latentCentre(bound, pixels).latent),
  };
  const delta = bound?.failureProbability ?? 0;
  return {
    guarantee: bound === null || bound.isUpperBound ? 'certificate' : 'estimate, not a bound',
    facts: { ...factsOf(cut), noise: sampler.noise, pairLipschitz, scoreLipschitz, noGain },
    checks: {
      leftHalf: difference.largest,
      leftHalfNorm: difference.norm,
      leftHalfSigmas: inSigmas(difference, sigma),
      ...{ composition, provider: sampler.providerDifference, batch: sampler.batch },
    },
    certify: (images, context) =>
      inOrder(
        images,
        AHEAD,
        (image, signal) => certifyOne(scored, left, delta, noise, image, { ...context, signal }),
        context.signal,
      ),
    answer: (image, question, { signal }) => answerAt(scored, left, image, question, signal),
    close: () => sampler.close(),
  };
};

/** Sums of scores stand for votes, rounded down. */
async function answerAt(
  scored: Scored,
  left: Left,
  { index, pixels }: Image,
  question: Question,
  signal: AbortSignal,
): Promise<Answer> {
  const place = { latent: left.latent(pixels), image: index, seed: question.seed };
  const answer = await answerOf(scored, place, question, signal);
  const inDraws = (weights: Weights): number => Math.floor(meanOf(weights) * drawsIn(weights));
  return {
    prediction: answer?.decided ? answer.top : null,
    votes: answer === null ? 0 : inDraws(answer.sums.own),
    runnerUp: null,
    runnerUpVotes: answer === null ? 0 : inDraws(answer.sums.others),
    draws: question.draws,
  };
}

/** The radius where the noise is added, and the largest radius of the image that it covers. */
async function certifyOne(
  scored: Scored,
  { opened }: Left,
  delta: number,
  noise: SeriesNoise,
  { index, pixels, noise: shared }: Image,
  context: Context,
): Promise<Certificate<LipschitzEvidence>> {
  const { signal, tell } = context;
  const started = performance.now();
  const centre = opened === null ? null : latentCentre(opened.left, pixels);
  const latent = centre?.latent ?? Float64Array.from(pixels);
  const eta = centre?.eta ?? 0;
  const place = { latent, image: shared?.number ?? index, seed: noise.seed };
  const { prediction, evidence } = await certifyScores(scored, place, noise, signal, (share) =>
    tell({ kind: 'draws', index, share }),
  );
  const usable = prediction === null ? 0 : Math.max(0, roundedDown(evidence.latentRadius - eta));
  const failureProbability = scored.settings.alpha + delta;
  const seconds = (): number => (performance.now() - started) / 1000;
  if (opened === null || centre === null)
    return {
      ...{ prediction, radius: usable, failureProbability },
      evidence: { ...evidence, ...AT_THE_INPUT },
      seconds: seconds(),
    };
  const { radius, displacement, forwardError } =
    usable > 0
      ? await opened.prover.inputRadius([centre.evaluation, usable, noise.seed, index], context)
      : NOTHING;
  return {
    ...{ prediction, radius, failureProbability },
    evidence: {
      ...evidence,
      displacement: prediction === null ? null : displacement,
      localLipschitz: radius === 0 ? null : (displacement / radius) * (1 + 2 ** -52),
      forwardError: Number.isFinite(eta) ? eta : null,
      forwardErrorNearby: radius === 0 ? null : forwardError,
    },
    seconds: seconds(),
  };
}

/** There is no way back. */
const AT_THE_INPUT = {
  ...{ displacement: null, localLipschitz: null, forwardError: null, forwardErrorNearby: null },
};

/** Of an abstention, or where rounding leaves nothing of R_u. */
const NOTHING = { radius: 0, displacement: 0, forwardError: 0 };
