/**
 * Whether a perturbed image really changes the answer, judged by the certified object, with draws of its own where it draws: a
 * class that does not win is answered with probability at most alpha. A soft surrogate or a gradient plays no part here.
 */
import type { Context } from '../methods/context.ts';
import type { Answer, Certifier, Question } from '../methods/method.ts';
import { Stage } from '../smoothing/noise/philox.ts';
import type { Sampler } from '../smoothing/sampler.ts';

export interface Judge {
  /** Probability that an answer is a class that does not win; 0 where nothing is drawn. */
  readonly alpha: number;
  /**
   * @param question number of the question about this image: each has draws of its own
   * @throws the signal's reason when aborted
   */
  ask(input: Float32Array, index: number, question: number, signal: AbortSignal): Promise<Answer>;
}

/** The certified classifier. */
export function certifiedJudge(
  certifier: Pick<Certifier<object>, 'answer'>,
  { draws, alpha, seed }: Pick<Question, 'draws' | 'alpha' | 'seed'>,
  context: Context,
): Judge {
  return {
    alpha,
    ask: (pixels, index, number, signal) =>
      certifier.answer(
        { index, pixels },
        { stage: Stage.attackConfirmation, number, draws, alpha, seed },
        { ...context, signal },
      ),
  };
}

/** The network without noise: the class of the largest logit, none where a logit is not finite. */
export function plainJudge(network: Pick<Sampler, 'logits'>): Judge {
  return {
    alpha: 0,
    async ask(input, _index, _question, signal) {
      signal.throwIfAborted();
      const logits = await network.logits(input);
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
