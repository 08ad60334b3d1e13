/**
 * One evaluation of a gradient attack as a program of the training engines: margins of noisy copies and their gradient
 * in the images. Expectation over the noise (Athalye et al. 2018) is a mean over the draws fed, inside the logarithm
 * (Salman et al. 2019, eq. 6). Traced once to ONNX like a training step; there is no state but the weights.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf, TrainingContext } from '../operators/training/form.ts';
import { byDraw, logMeanProbability, noisyCopies } from '../training/losses/smoothed.ts';
import type { Network } from '../training/network.ts';
import type { Program } from '../training/program.ts';

export interface GradientStepParts {
  readonly network: Network;
  /** Inputs per evaluation. */
  readonly rows: number;
  /** Noise draws per input; 0 attacks the classifier without noise. */
  readonly draws: number;
  readonly imageDims: readonly number[];
  readonly latentDims: readonly number[];
  readonly classes: number;
}

/** Names of feeds and results. */
export const AttackFeed = {
  inputs: 'inputs',
  /** [draws·rows, ...latent], already times sigma; row q·rows + i is draw q of input i. */
  noise: 'noise',
  /** [rows, classes], 1 at the class to leave. */
  from: 'from',
  /** [rows, classes], 0 at the classes that may be reached and `FORBIDDEN` at the others. */
  closed: 'closed',
} as const;

/** Added to a log-probability it rules the class out; finite, so that its gradient is 0 and not NaN. */
export const FORBIDDEN = -1e9;

/** Result names: `gradient` of each input's margin [rows, ...image], and `logits` [draws·rows, classes]. */
export function gradientProgram(parts: GradientStepParts): Program {
  const { network, rows, draws, imageDims, latentDims, classes } = parts;
  const feeds = new Map<string, readonly number[]>([
    [AttackFeed.inputs, [rows, ...imageDims]],
    [AttackFeed.from, [rows, classes]],
    [AttackFeed.closed, [rows, classes]],
  ]);
  if (draws > 0) feeds.set(AttackFeed.noise, [draws * rows, ...latentDims]);
  return {
    state: new Map([...network.parameters, ...network.statistics]),
    functions: {
      margin: {
        feeds,
        compute: (tf, state, fed) => {
          const context: TrainingContext = { tf, statistics: 'running', updateStatistic: () => undefined };
          const results: { [name: string]: Tensor } = {};
          const objective = (inputs: Tensor): Tensor => {
            const latent = network.left(context, state, inputs);
            const noise = fed[AttackFeed.noise];
            const noisy = noise === undefined ? latent : noisyCopies(tf, latent, noise);
            const logits = network.right(context, state, noisy);
            results['logits'] = tf.keep(logits);
            return tf.sum(margins(tf, logits, rows, fed[AttackFeed.from]!, fed[AttackFeed.closed]!));
          };
          // Rows do not mix, so the gradient of the sum holds each input's own.
          results['gradient'] = tf.grad(objective)(fed[AttackFeed.inputs]!);
          return { state: {}, results };
        },
      },
    },
  };
}

function margins(tf: Tf, logits: Tensor, rows: number, from: Tensor, closed: Tensor): Tensor {
  const soft = logMeanProbability(tf, tf.logSoftmax(byDraw(tf, logits, rows)));
  const best = tf.max(tf.add(soft, closed), -1);
  return tf.sub(tf.sum(tf.mul(soft, from), -1), best);
}
