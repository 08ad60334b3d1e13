/**
 * The smoothed classifier of a network cut at one tensor, and its certificate (SPLITZ, Zhong & Tandon 2024, Theorem 1 and
 * Algorithm 1; Cohen et al. 2019 where the cut is the input):
 *
 *   u     = f_L(x)                                in float64, with forward error eta(x)
 *   c_A   = top class of n0 draws of f_R(Q(u + N(0, sigma^2 I))), Q rounding to a grid (rounded-noise.ts)
 *   p_A   = lower confidence bound on P[f_R = c_A] from up to n fresh draws, less tau, the error of the noise (noise-error.ts)
 *   R_u   = sigma Phi^-1(p_A)                     abstain unless p_A > 1/2
 *   r     = the largest r with D(r) + eta'(r) <= R_u - eta(x), eta' >= eta(x') on the ball (forward-error.ts)
 *
 * Then g(x') = c_A for every x' with ||x' - x|| <= r, except with probability alpha (+ delta) over the draws, both for f_L
 * in real arithmetic and as we compute it there.
 */

import type { VoteBoundName } from '../ground/vote-bound-names.ts';
import { compileLeftHalf } from '../lipschitz/compile-left-half.ts';
import type { DisplacementBound } from '../lipschitz/displacement-bounds.ts';
import type { Evaluation } from '../lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound, type LeftHalfBound } from '../lipschitz/input-radius.ts';
import type { GaussianSource } from '../lipschitz/spectral-norm.ts';
import type { Cut } from '../onnx/cuts.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import type { Shapes } from '../onnx/intake/shapes.ts';
import { sizeOf } from '../onnx/model/graph.ts';
import { proveSplit, splitModel } from '../onnx/split.ts';
import type { SmoothingCertificate } from '../records/record.ts';
import { totalVariation } from '../smoothing/noise/noise-error.ts';
import { Stage } from '../smoothing/noise/philox.ts';
import { gaussianProbe } from '../smoothing/noise/probe.ts';
import { gridOf } from '../smoothing/noise/rounded-noise.ts';
import type { Provider } from '../smoothing/providers.ts';
import type { Sampler } from '../smoothing/sampler.ts';
import { createSampler } from '../smoothing/sampler-pool.ts';
import { VOTE_BOUNDS } from '../smoothing/votes/index.ts';
import { latentRadius } from '../smoothing/votes/latent-radius.ts';
import { drawsOf, selectedClass, sumOfVotes, type VoteCounts } from '../smoothing/votes/vote-counts.ts';
import { checkLeftHalf, type LeftHalfDifference, NO_DIFFERENCE, requireHidden } from './left-half-check.ts';

/** Statistical settings of a certificate. */
export interface SmoothingSettings {
  /** Standard deviation of the noise, in units of the cut tensor. */
  readonly sigma: number;
  readonly n0: number;
  /** Draws that count votes, at most: a bound may need fewer. */
  readonly n: number;
  readonly alpha: number;
  readonly bound: VoteBoundName;
  readonly seed: bigint;
}

/** How the draws are computed; none of it can change a count. */
export interface SamplingResources {
  readonly provider: Provider;
  readonly workers: number;
  readonly batch: number;
}

/** Which of the noise streams a classifier draws from, so that no two share noise. */
export type Role = 'certified' | 'baseline';

/** One set of draws around an image. */
export interface Draw {
  readonly stage: Stage;
  readonly draws: number;
  readonly sigma: number;
  readonly seed: bigint;
  /** Sample number of the first draw; 0 unless given. Draws of disjoint numbers are independent. */
  readonly from?: number;
}

/** Votes, and tau: how far the noise behind them can be from ideal noise, in total variation. */
export interface DrawnVotes extends VoteCounts {
  readonly tau: number;
}

export interface SmoothedClassifier {
  readonly cut: Cut;
  /** Null at the input cut, where the latent is the image itself. */
  readonly left: LeftHalfBound | null;
  /** What really computes the draws: rows may have to be run one at a time. */
  readonly resources: SamplingResources;
  /** Id of the noise drawn (`NoiseSource`). */
  readonly noise: string;
  /** Largest differences seen by the checks made when it was opened. */
  readonly checks: {
    readonly leftHalf: LeftHalfDifference;
    readonly composition: number;
    readonly provider: number | null;
  };
  /**
   * Refuses noise that does not hide what ONNX Runtime's left half differs by from ours. `votes` and `certify` do so
   * themselves; asked before, nothing is written in vain.
   * @throws ModelRefused
   */
  requireHidden(sigma: number): void;
  /** Votes of the right half around the latent of an image. Throws ModelRefused as `requireHidden` does. */
  votes(image: Float32Array, index: number, draw: Draw, signal?: AbortSignal): Promise<DrawnVotes>;
  /**
   * The certificate of one image; `onProgress` hears the share of draws done. Throws ModelRefused as `requireHidden` does.
   * @param index the image's place in its data set: part of the noise's counter
   */
  certify(
    image: Float32Array,
    index: number,
    label: number | null,
    settings: SmoothingSettings,
    signal?: AbortSignal,
    onProgress?: (share: number) => void,
  ): Promise<SmoothingCertificate>;
  close(): Promise<void>;
}

/** The bound of the left half at a cut; null at the input. Throws ModelRefused naming the node that has none. */
export function leftHalfBoundAt(
  classifier: PreparedClassifier,
  cut: Cut,
  lipschitz: DisplacementBound,
  delta: number,
): LeftHalfBound | null {
  if (cut.value === classifier.input) return null;
  return createLeftHalfBound(
    compileLeftHalf(classifier.input, classifier.inputDims, cut.value),
    lipschitz,
    delta,
  );
}

/** Probes for probabilistic norm bounds around one image: independent of each other, of the votes and of the masks. */
export function probesOf(seed: bigint, image: number): GaussianSource {
  let sample = 0;
  return (size) => gaussianProbe(size, { seed, stage: Stage.operatorNorm, image, sample: sample++ });
}

/** u in float64, as it is sampled around, and eta: how far that is from the exact f_L(x) at most. */
export function latentCentre(
  left: LeftHalfBound,
  image: Float32Array,
): { readonly evaluation: Evaluation; readonly latent: Float64Array; readonly eta: number } {
  const evaluation = left.evaluate(Float64Array.from(image));
  return { evaluation, latent: evaluation.latent.value, eta: evaluation.latent.error };
}

/** Bytes that the widest tensor of a batch may take: ONNX Runtime holds a few of that size, in every worker. */
const WIDEST = 64 * 2 ** 20;

/** Rows that fit; 224 x 224 networks have tensors of 10 MB per image. No count depends on it. */
export function largestBatch(shapes: Shapes): number {
  let widest = 1;
  for (const { dims } of shapes.values()) widest = Math.max(widest, sizeOf(dims));
  return Math.max(1, Math.floor(WIDEST / (4 * widest)));
}

/**
 * Cuts the classifier, proves the cut and the left half on `images`, and starts the workers.
 * @throws ModelRefused when a proof fails, ToolError when the provider is absent
 */
export async function openSmoothedClassifier(
  classifier: PreparedClassifier,
  cut: Cut,
  left: LeftHalfBound | null,
  { provider, workers, batch }: SamplingResources,
  images: readonly Float32Array[],
  role: Role,
): Promise<SmoothedClassifier> {
  const { model, batchable, classes } = classifier;
  const split = splitModel(model, cut);
  const proof = await proveSplit(model, cut, split, images);
  const leftOfCut = `${model.path} (left of '${cut.name}')`;
  const leftHalf =
    left === null || split.left === null
      ? NO_DIFFERENCE
      : await checkLeftHalf(left, split.left, images, leftOfCut);
  const sampler: Sampler = await createSampler({
    model: split.right,
    latentDims: cut.dims.slice(1),
    classes,
    batchable,
    provider,
    workers,
    batch: Math.min(batch, largestBatch(classifier.shapes)),
  });
  const selection = role === 'certified' ? Stage.selection : Stage.baselineSelection;
  const estimation = role === 'certified' ? Stage.estimation : Stage.baselineEstimation;

  const hidden = (sigma: number): void => requireHidden(leftHalf, sigma, leftOfCut);
  const centre = (image: Float32Array) =>
    left === null
      ? { evaluation: null, latent: Float64Array.from(image), eta: 0 }
      : latentCentre(left, image);

  return {
    cut,
    left,
    resources: { provider, workers: sampler.workers, batch: sampler.batch },
    noise: sampler.noise,
    checks: { leftHalf, composition: proof.largestDifference, provider: sampler.providerDifference },
    requireHidden: hidden,
    async votes(image, index, { stage, draws, sigma, seed, from = 0 }, signal) {
      hidden(sigma);
      const { latent } = centre(image);
      const votes = await sampler.count({
        latent,
        sigma,
        seed,
        stage,
        image: index,
        from,
        to: from + draws,
        ...(signal === undefined ? {} : { signal }),
      });
      return { ...votes, tau: totalVariation(latent, sigma) };
    },
    async certify(image, index, label, settings, signal, onProgress) {
      const started = performance.now();
      const { sigma, n0, n, alpha, seed } = settings;
      const bound = VOTE_BOUNDS[settings.bound];
      hidden(sigma);
      const { evaluation, latent, eta } = centre(image);
      const tau = totalVariation(latent, sigma);
      const draw = (stage: Stage, from: number, to: number, before: number): Promise<VoteCounts> =>
        sampler.count({
          latent,
          sigma,
          seed,
          stage,
          image: index,
          from,
          to,
          ...(signal === undefined ? {} : { signal }),
          ...(onProgress === undefined
            ? {}
            : { onProgress: (done: number) => onProgress((before + done) / (n0 + n)) }),
        });
      const top = selectedClass(await draw(selection, 0, n0, 0));
      /** Fresh draws, as many as the bound asks for; without a class all of them, to be counted at least. */
      const enough = async (): Promise<VoteCounts> => {
        let votes = sumOfVotes([], classes);
        for (;;) {
          const drawn = drawsOf(votes);
          const more = top === null ? n - drawn : bound.next(votes, top, n, alpha);
          if (more === 0) return votes;
          votes = sumOfVotes([votes, await draw(estimation, drawn, drawn + more, n0 + drawn)], classes);
        }
      };
      const votes = await enough();
      const inLatent =
        top === null
          ? { pA: 0, pB: null, radius: 0, abstained: true }
          : latentRadius(votes, top, { sigma, alpha, bound, tau });
      const usable = (inLatent.radius - eta) * (1 - 2 ** -50);
      const reach =
        inLatent.abstained || !(usable > 0)
          ? { radius: 0, displacement: 0, forwardError: 0 }
          : left === null || evaluation === null
            ? { radius: usable, displacement: usable, forwardError: 0 }
            : left.inputRadius(evaluation, usable, probesOf(seed, index));
      const abstained = inLatent.abstained || top === null;
      return {
        prediction: abstained ? null : top,
        radius: reach.radius,
        abstained,
        correct: label === null ? null : !abstained && top === label,
        selected: top,
        counts: votes.counts,
        nonFinite: votes.nonFinite,
        n0,
        n: drawsOf(votes),
        grid: gridOf(sigma),
        tau,
        pA: inLatent.pA,
        pB: inLatent.pB,
        latentRadius: inLatent.radius,
        displacementBound:
          left === null ? 'identity' : left.bound === 'power' ? 'power estimate, not a bound' : left.bound,
        displacement: abstained ? null : reach.displacement,
        localLipschitz:
          reach.radius === 0
            ? null
            : left === null
              ? 1
              : (reach.displacement / reach.radius) * (1 + 2 ** -52),
        forwardError: Number.isFinite(eta) ? eta : null,
        forwardErrorNearby: reach.radius === 0 ? null : reach.forwardError,
        alphaTotal: alpha + (left?.failureProbability ?? 0),
        seconds: (performance.now() - started) / 1000,
      };
    },
    close: () => sampler.close(),
  };
}
