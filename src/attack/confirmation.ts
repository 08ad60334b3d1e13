/**
 * Whether a perturbed image really changes the answer, asked of the object that is certified: PREDICT with fresh noise
 * (Cohen et al. 2019), which answers a class that does not win with probability at most alpha. A soft surrogate or a
 * gradient plays no part here.
 */
import { type PredictedClass, predictedClass } from '../methods/prediction.ts';
import type { SmoothedClassifier } from '../methods/smoothed-classifier.ts';
import { Stage } from '../smoothing/noise/philox.ts';
import type { Sampler } from '../smoothing/sampler.ts';

export interface Answer extends PredictedClass {
  readonly draws: number;
}

export interface Judge {
  /** Probability that an answer is a class that does not win; 0 where nothing is drawn. */
  readonly alpha: number;
  /**
   * @param question number of the question about this image: each has draws of its own
   * @throws the signal's reason when aborted
   */
  ask(input: Float32Array, index: number, question: number, signal: AbortSignal): Promise<Answer>;
}

/** The smoothed classifier. */
export function smoothedJudge(
  smoothed: SmoothedClassifier,
  { sigma, seed, draws, alpha }: { sigma: number; seed: bigint; draws: number; alpha: number },
): Judge {
  return {
    alpha,
    async ask(input, index, question, signal) {
      const draw = { stage: Stage.attackConfirmation, draws, sigma, seed, from: question * draws };
      const votes = await smoothed.votes(input, index, draw, signal);
      return { ...predictedClass(votes, alpha, votes.tau), draws };
    },
  };
}

/** The classifier without noise: the class of the largest logit, none where a logit is not finite. */
export function plainJudge(classifier: Pick<Sampler, 'logits'>): Judge {
  return {
    alpha: 0,
    async ask(input, _index, _question, signal) {
      signal.throwIfAborted();
      const logits = await classifier.logits(input);
      const order = [...logits.keys()].sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
      const [first = 0, second = null] = order;
      const finite = logits.every(Number.isFinite);
      return {
        ...{ prediction: finite ? first : null, votes: finite ? 1 : 0, draws: 1 },
        ...{ runnerUp: second, runnerUpVotes: 0 },
      };
    },
  };
}
