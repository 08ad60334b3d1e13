/**
 * Gradient attacks on the soft smoothed classifier, or on the classifier itself where there is no noise.
 *
 *  - `worstInBall`: projected gradient descent on the margin inside a ball, steps along the steepest direction (Madry et
 *    al. 2018; SmoothPGD of Salman et al. 2019).
 *  - `nearest`: the smallest perturbation, by the ball that shrinks where the goal is reached and grows where not
 *    ("decoupled direction and norm", Rony et al., CVPR 2019).
 *
 * Every step sees fresh noise: an attack on a fixed handful of draws fits those draws. Both are heuristics: what they find
 * is a candidate, and only votes of the certified object (confirmation.ts) make it a success.
 */
import { createNoiseKernel, type NoiseKernel } from '../smoothing/noise/noise-kernel.ts';
import { keyWords, Stage } from '../smoothing/noise/philox.ts';
import type { Engine } from '../training/engines/engine.ts';
import { AttackFeed, FORBIDDEN } from './gradient-step.ts';
import { directionTo, distanceUp, inputAt, lengthOf, type Reach, steepest } from './perturbation.ts';
import { type Goal, isAllowed, logSoftProbabilities, softMargin } from './soft-margin.ts';

/** One start of an attack on one image. */
export interface AttackStart {
  readonly image: Float32Array;
  /** The image's place in its data set: part of the noise's counter. */
  readonly index: number;
  /** Number of the start among those of the image: later ones begin away from the image, in a random direction. */
  readonly start: number;
  readonly goal: Goal;
}

export interface Candidate {
  readonly input: Float32Array;
  /** Upper bound on the distance from the image. */
  readonly distance: number;
  /** Of the soft classifier, on the last draws seen; below 0 the goal was reached there. */
  readonly margin: number;
}

export interface GradientAttack {
  /** Starts per call at most. */
  readonly rows: number;
  /** Log mean probabilities of the inputs, one per start, on draws that no step of an attack sees. */
  look(starts: readonly AttackStart[]): Promise<readonly Float64Array[]>;
  /** The input with the least margin seen inside each start's ball: radii by start, never exceeded. */
  worstInBall(
    starts: readonly AttackStart[],
    radii: readonly number[],
    steps: number,
    signal?: AbortSignal,
  ): Promise<Candidate[]>;
  /** An input near the boundary for each start; `first` is the distance the search begins at. */
  nearest(
    starts: readonly AttackStart[],
    first: readonly number[],
    steps: number,
    signal?: AbortSignal,
  ): Promise<Candidate[]>;
}

export interface GradientAttackSettings extends Reach {
  readonly rows: number;
  readonly draws: number;
  readonly classes: number;
  readonly latentSize: number;
  readonly sigma: number;
  readonly seed: bigint;
}

/** Sample numbers of one start's steps. */
const SAMPLES_PER_START = 2 ** 22;
/** Sum of the steps in units of the ball's radius: as in Madry et al., every point can be reached from every other. */
const REACH = 2.5;

export function createGradientAttack(engine: Engine, settings: GradientAttackSettings): GradientAttack {
  const { rows, draws, classes, latentSize, sigma, norm } = settings;
  const [k0, k1] = keyWords(settings.seed);
  const kernel: NoiseKernel | null =
    draws === 0 ? null : createNoiseKernel(Math.max(1, rows * draws * latentSize));

  /** Fresh noise times sigma, a function of seed, image, start and step alone. */
  const noise = (starts: readonly AttackStart[], step: number): Float32Array | null => {
    if (kernel === null) return null;
    for (let q = 0; q < draws; q++) {
      for (let i = 0; i < rows; i++) {
        const { index, start } = starts[i] ?? (starts[0] as AttackStart);
        const out = kernel.base + 4 * (q * rows + i) * latentSize;
        const sample = start * SAMPLES_PER_START + step * draws + q;
        kernel.exports.fill(out, latentSize, Stage.attack, index, sample, k0, k1);
      }
    }
    // In place and without a copy: the next step's draws come only after this one has run.
    const values = kernel.floats;
    for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * sigma;
    return values;
  };

  const evaluate = async (
    starts: readonly AttackStart[],
    inputs: readonly Float32Array[],
    step: number,
  ): Promise<{ soft: Float64Array[]; gradients: Float32Array[] }> => {
    const size = (inputs[0] as Float32Array).length;
    const fed = new Float32Array(rows * size);
    const from = new Float32Array(rows * classes);
    const closed = new Float32Array(rows * classes);
    for (let i = 0; i < rows; i++) {
      // Rows without a start repeat the first.
      const k = i < starts.length ? i : 0;
      const { goal } = starts[k] as AttackStart;
      fed.set(inputs[k] as Float32Array, i * size);
      from[i * classes + goal.from] = 1;
      for (let c = 0; c < classes; c++) closed[i * classes + c] = isAllowed(goal, c) ? 0 : FORBIDDEN;
    }
    const feeds = new Map<string, Float32Array>([
      [AttackFeed.inputs, fed],
      [AttackFeed.from, from],
      [AttackFeed.closed, closed],
    ]);
    const drawn = noise(starts, step);
    if (drawn !== null) feeds.set(AttackFeed.noise, drawn);
    const results = await engine.run('margin', feeds);
    // The engine works without pause: timers and signals get their turn here.
    await new Promise((resolve) => setImmediate(resolve));
    const gradient = results.get('gradient') as Float32Array;
    const logits = results.get('logits') as Float32Array;
    return {
      soft: logSoftProbabilities(logits, Math.max(1, draws), rows, classes).slice(0, starts.length),
      gradients: starts.map((_, i) => gradient.slice(i * size, (i + 1) * size)),
    };
  };

  /** Where a start begins: at the image, or on the way in a random direction. */
  const begin = ({ image, index, start }: AttackStart, radius: number): Float32Array => {
    if (start === 0) return image;
    const directions = createNoiseKernel(image.length);
    directions.exports.fill(directions.base, image.length, Stage.attackDirections, index, start, k0, k1);
    return inputAt(image, directions.floats, radius / 2, settings);
  };

  const downhill = (gradient: Float32Array | undefined): ArrayLike<number> | null =>
    steepest(gradient ?? [], norm);

  return {
    rows,
    async look(starts) {
      const inputs = starts.map(({ image }) => image);
      return (await evaluate(starts, inputs, Math.floor(SAMPLES_PER_START / Math.max(1, draws)) - 1)).soft;
    },

    async worstInBall(starts, radii, steps, signal) {
      let inputs = starts.map((start, i) => begin(start, radii[i] as number));
      const best: (Candidate | null)[] = starts.map(() => null);
      for (let step = 0; step <= steps; step++) {
        const { soft, gradients } = await evaluate(starts, inputs, step);
        signal?.throwIfAborted();
        starts.forEach(({ image, goal }, i) => {
          const margin = softMargin(soft[i] as Float64Array, goal);
          const input = inputs[i] as Float32Array;
          if (margin < (best[i]?.margin ?? Number.POSITIVE_INFINITY))
            best[i] = { input, distance: distanceUp(image, input, norm), margin };
        });
        inputs = inputs.map((input, i) => {
          const { image } = starts[i] as AttackStart;
          const radius = radii[i] as number;
          const moved = stepped(image, input, downhill(gradients[i]), (REACH * radius) / steps);
          return inputAt(image, moved, Math.min(radius, lengthOf(moved, norm)), settings);
        });
      }
      return starts.map(({ image }, i) => best[i] ?? { input: image, distance: 0, margin: Number.NaN });
    },

    async nearest(starts, first, steps, signal) {
      const balls = [...first];
      let inputs = starts.map((start, i) => begin(start, (first[i] as number) / 10));
      const last: { input: Float32Array; margin: number }[] = [];
      for (let step = 0; step < steps; step++) {
        const { soft, gradients } = await evaluate(starts, inputs, step);
        signal?.throwIfAborted();
        const cooling = (1 + Math.cos((Math.PI * step) / steps)) / 2;
        inputs = inputs.map((input, i) => {
          const { image, goal } = starts[i] as AttackStart;
          const margin = softMargin(soft[i] as Float64Array, goal);
          last[i] = { input, margin };
          // The first input is the image or near it, inside any ball: it is not evidence about the ball.
          if (step > 0)
            balls[i] = (balls[i] as number) * (1 + (margin < 0 ? -1 : 1) * (0.02 + 0.16 * cooling));
          const ball = balls[i] as number;
          const moved = stepped(image, input, downhill(gradients[i]), ball * (0.05 + 0.75 * cooling));
          return inputAt(image, moved, ball, settings);
        });
      }
      return starts.map(({ image }, i) => {
        const { input, margin } = last[i] as { input: Float32Array; margin: number };
        return { input, distance: distanceUp(image, input, norm), margin };
      });
    },
  };
}

/** input − image − step · direction; unmoved where there is no direction. */
function stepped(
  image: Float32Array,
  input: Float32Array,
  direction: ArrayLike<number> | null,
  step: number,
): Float64Array {
  const offset = directionTo(image, input);
  return direction === null ? offset : offset.map((value, i) => value - step * (direction[i] as number));
}
