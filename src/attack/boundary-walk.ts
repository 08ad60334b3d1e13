/**
 * An attack without gradients, for classifiers whose operators have no training form: ONNX Runtime's scores are all it
 * sees.
 *
 *  - `nearest` walks along the boundary as HopSkipJump does (Chen, Jordan, Wainwright, IEEE S&P 2020): from an image of
 *    another class to the boundary by bisection, then steps along a gradient estimated from random directions, each
 *    followed by a bisection back towards the image. Margins replace HopSkipJump's bare decisions, so two
 *    evaluations of a direction give its slope.
 *  - `worstInBall` is a random search in the manner of the Square attack (Andriushchenko et al., ECCV 2020): blocks of
 *    one colour are added, and kept when the margin falls.
 */
import type { Norm } from '../records/norm.ts';
import { keyWords, philox, Stage } from '../smoothing/noise/philox.ts';
import type { Candidate } from './gradient-attack.ts';
import type { NoisyScores } from './noisy-scores.ts';
import { directionTo, distanceUp, inputAt, lengthOf, type Reach, steepest } from './perturbation.ts';
import { marginFrom, type Search, type Target } from './search.ts';

export interface BoundaryWalkSettings extends Reach {
  /** Steps of the walk, and rounds of the random search. */
  readonly steps: number;
  readonly seed: bigint;
  /** Images to start from: some of them should be of other classes. */
  readonly others: readonly Float32Array[];
}

/** Random directions per estimate of a gradient. */
const DIRECTIONS = 24;
/** Distance of the two evaluations of a slope, as a share of the distance from the image. */
const SLOPE_REACH = 0.1;
/** Share of the former estimates in the next: the normal of a boundary turns slowly. */
const MEMORY = 0.6;
const BISECTIONS = 7;
/** Proposals of a round of the random search. */
const PROPOSALS = 8;
/** Sides of the blocks in turn, pixels: coarse ones change answers more, but only single pixels span everything. */
const BLOCKS = [1, 2, 1, 4] as const;

export function boundaryWalk(scores: NoisyScores, settings: BoundaryWalkSettings): Search {
  const { norm, seed, steps, others } = settings;
  const random = (index: number, purpose = 0): Directions =>
    directions(scores.imageDims, norm, seed, index, purpose);

  const margins = async ({ index, from }: Target, inputs: readonly Float32Array[]): Promise<number[]> =>
    (await scores.soft(inputs, index)).map((soft) => marginFrom(soft, from));

  /** The last input on the way from the image to `far`, which is across the boundary, that still is across. */
  const towards = async (target: Target, far: Float32Array, signal: AbortSignal): Promise<Candidate> => {
    const direction = directionTo(target.image, far);
    let high = distanceUp(target.image, far, norm);
    let low = 0;
    let found: Candidate = { input: far, distance: high, margin: -0 };
    for (let k = 0; k < BISECTIONS; k++) {
      signal.throwIfAborted();
      const middle = (low + high) / 2;
      const input = inputAt(target.image, direction, middle, settings);
      const [margin = Number.NaN] = await margins(target, [input]);
      if (margin < 0) {
        high = middle;
        found = { input, distance: distanceUp(target.image, input, norm), margin };
      } else low = middle;
    }
    return found;
  };

  /** The nearest crossing on the way to another image, or to strong noise of any block size. */
  const firstCrossing = async (
    target: Target,
    random: Directions,
    signal: AbortSignal,
  ): Promise<Candidate | null> => {
    const reach = lengthOf(new Float32Array(target.image.length).fill(1), norm);
    const noise = [0.25, 0.5, 1].flatMap((share) =>
      BLOCKS.map(() => inputAt(target.image, random.next(), share * reach, settings)),
    );
    const far = [...others, ...noise];
    const found = await margins(target, far);
    const across = far
      .map((input, i) => ({
        input,
        margin: found[i] as number,
        distance: distanceUp(target.image, input, norm),
      }))
      .filter(({ margin }) => margin < 0)
      .sort((a, b) => a.distance - b.distance)
      .slice(0, 3);
    let best: Candidate | null = null;
    for (const { input } of across) {
      const crossing = await towards(target, input, signal);
      if (best === null || crossing.distance < best.distance) best = crossing;
    }
    return best;
  };

  const walk = async (target: Target, signal: AbortSignal): Promise<Candidate | null> => {
    const sampled = random(target.index);
    let at = await firstCrossing(target, sampled, signal);
    if (at === null) return null;
    const normal = new Float64Array(target.image.length);
    for (let step = 1; step <= steps; step++) {
      signal.throwIfAborted();
      const estimate = await slope(target, at, sampled);
      normal.forEach((value, i) => {
        normal[i] = MEMORY * value + (estimate[i] as number);
      });
      const uphill = steepest(normal, norm);
      if (uphill === null) continue;
      let stride = at.distance / Math.sqrt(step);
      for (let k = 0; k < 4; k++, stride /= 3) {
        const offset = directionTo(target.image, at.input).map(
          (value, i) => value - stride * (uphill[i] as number),
        );
        const far = inputAt(target.image, offset, lengthOf([at.distance, stride], norm) * 2, settings);
        const [margin = Number.NaN] = await margins(target, [far]);
        if (!(margin < 0)) continue;
        const crossing = await towards(target, far, signal);
        if (crossing.distance >= at.distance) continue;
        at = crossing;
        break;
      }
    }
    return at;
  };

  /** Gradient of the margin near `at`, of length 1: symmetric differences along random directions. */
  const slope = async (target: Target, at: Candidate, random: Directions): Promise<Float64Array> => {
    const reach = SLOPE_REACH * at.distance;
    const along = Array.from({ length: DIRECTIONS }, () => random.next());
    const sided = along.flatMap((u) => [moved(at.input, u, reach), moved(at.input, u, -reach)]);
    const found = await margins(target, sided);
    const sum = new Float64Array(at.input.length);
    along.forEach((u, k) => {
      const difference = (found[2 * k] as number) - (found[2 * k + 1] as number);
      if (Number.isFinite(difference))
        u.forEach((value, i) => {
          sum[i] = (sum[i] as number) + difference * value;
        });
    });
    const size = Math.sqrt(sum.reduce((total, value) => total + value * value, 0));
    return size > 0 ? sum.map((value) => value / size) : sum;
  };

  return {
    kind: 'gradient-free',
    async worstInBall(target, radius, signal) {
      const crossing = await walk(target, signal);
      const sampled = random(target.index, 1);
      const first = crossing === null ? sampled.next() : directionTo(target.image, crossing.input);
      let input = inputAt(target.image, first, radius, settings);
      let [margin = Number.NaN] = await margins(target, [input]);
      for (let round = 0; round < steps; round++) {
        signal.throwIfAborted();
        const share = 0.5 / Math.sqrt(1 + round);
        const offset = directionTo(target.image, input);
        const proposals = Array.from({ length: PROPOSALS }, () => {
          const block = sampled.next();
          return inputAt(
            target.image,
            offset.map((value, i) => value + share * radius * (block[i] as number)),
            radius,
            settings,
          );
        });
        const found = await margins(target, proposals);
        const least = Math.min(...found.filter((value) => !Number.isNaN(value)));
        if (!(least < margin)) continue;
        margin = least;
        input = proposals[found.indexOf(least)] as Float32Array;
      }
      return { input, distance: distanceUp(target.image, input, norm), margin };
    },
    async nearest(target, _first, signal) {
      const found = await walk(target, signal);
      return found === null ? [] : [found];
    },
  };
}

const moved = (input: Float32Array, direction: Float64Array, by: number): Float32Array =>
  input.map((pixel, i) => pixel + by * (direction[i] as number));

interface Directions {
  /** A vector [C,H,W] of length 1 of random blocks: a few numbers spread over squares, the side changing from call to call. */
  next(): Float64Array;
}

/** @param purpose streams of different purposes share no numbers */
function directions(
  dims: readonly number[],
  norm: Norm,
  seed: bigint,
  index: number,
  purpose: number,
): Directions {
  const [channels = 1, rows = 1, columns = 1] = dims;
  const [k0, k1] = keyWords(seed);
  let block = 0;
  let calls = 0;
  const signs = (count: number): number[] => {
    const values: number[] = [];
    while (values.length < count) {
      for (const word of philox(block++, purpose, index, Stage.attackDirections, k0, k1))
        for (let bit = 0; bit < 32; bit++) values.push(((word >>> bit) & 1) === 1 ? 1 : -1);
    }
    return values;
  };
  return {
    next() {
      const side = BLOCKS[calls++ % BLOCKS.length] as number;
      const across = Math.ceil(columns / side);
      const cells = across * Math.ceil(rows / side);
      const sign = signs(channels * cells);
      const scale = 1 / lengthOf(new Float32Array(channels * rows * columns).fill(1), norm);
      return Float64Array.from({ length: channels * rows * columns }, (_, i) => {
        const c = Math.floor(i / (rows * columns));
        const y = Math.floor(i / columns) % rows;
        const x = i % columns;
        const cell = c * cells + Math.floor(y / side) * across + Math.floor(x / side);
        return scale * (sign[cell] as number);
      });
    },
  };
}
