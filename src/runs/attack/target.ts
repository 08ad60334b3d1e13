/** What an attack asks: the smoothed classifier, or the classifier itself. */
import { type Judge, plainJudge, smoothedJudge } from '../../attack/confirmation.ts';
import { UsageError } from '../../ground/errors.ts';
import {
  openSmoothedClassifier,
  type SamplingResources,
  type SmoothedClassifier,
} from '../../methods/smoothed-classifier.ts';
import { encodeModel } from '../../onnx/model/codec.ts';
import type { Sampler } from '../../smoothing/sampler.ts';
import { createSampler } from '../../smoothing/sampler-pool.ts';
import { checkAlpha } from '../../smoothing/votes/clopper-pearson.ts';
import { requireCount } from '../sourced.ts';
import type { AttackPlan, Claim } from './plan.ts';

/** Fresh draws about a candidate, and the level at which they must speak. */
export interface Confirmation {
  readonly draws: number;
  readonly alpha: number;
}

/** Draws and level of a confirmation; one evaluation where there is no noise. */
export function confirmationOf(
  { smoothing }: AttackPlan,
  flags: { readonly confirm?: number | undefined; readonly confirmAlpha?: number | undefined },
): Confirmation {
  if (smoothing === null) return { draws: 1, alpha: 0 };
  const draws = flags.confirm ?? Math.min(smoothing.n, 10_000);
  const alpha = flags.confirmAlpha ?? smoothing.alpha;
  requireCount('--confirm', draws, 1);
  checkAlpha(alpha);
  // All draws for one class give 2^(1 - draws) as p-value.
  const least = Math.ceil(1 + Math.log2(1 / alpha));
  if (draws < least)
    throw new UsageError({
      what: `--confirm ${draws} can confirm nothing at level ${alpha}`,
      remedy: `Give --confirm ${least} or more; 1000 is usual.`,
    });
  return { draws, alpha };
}

export interface OpenedTarget {
  judge(confirmation: Confirmation, seed: bigint): Judge;
  claim(index: number, image: Float32Array, signal: AbortSignal): Promise<Claim>;
  /** Null without noise. */
  readonly smoothed: SmoothedClassifier | null;
  close(): Promise<void>;
}

export async function openTarget(
  plan: AttackPlan,
  { provider, workers, batch }: SamplingResources,
): Promise<OpenedTarget> {
  const { opened, cut, left, smoothing } = plan;
  const { classifier, data } = opened;
  if (smoothing !== null) {
    const probes = [await data.image(plan.indices[0] ?? 0)];
    const smoothed = await openSmoothedClassifier(
      classifier,
      cut,
      left,
      { provider, workers, batch },
      probes,
      'certified',
    );
    return {
      smoothed,
      judge: ({ draws, alpha }, seed) =>
        smoothedJudge(smoothed, { sigma: smoothing.sigma, seed, draws, alpha }),
      claim: (index, image, signal) => plan.claim(index, image, smoothed, signal),
      close: () => smoothed.close(),
    };
  }
  const plain: Sampler = await createSampler({
    ...{ model: encodeModel(classifier.model.proto), latentDims: classifier.inputDims.slice(1) },
    ...{ classes: classifier.classes, batchable: classifier.batchable, provider, workers: 1, batch: 1 },
  });
  const judge = plainJudge(plain);
  return {
    smoothed: null,
    judge: () => judge,
    claim: async (index, image, signal) => {
      const { prediction } = await judge.ask(image, index, 0, signal);
      return { prediction, radius: 0, certificate: null };
    },
    close: () => plain.close(),
  };
}
