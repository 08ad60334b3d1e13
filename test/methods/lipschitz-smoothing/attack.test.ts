/**
 * More than a thousand certificates of random networks, attacked: smoothed scores in two dimensions are integrals, so that the classifier
 * can be evaluated anywhere without draws, and no point of another answer may lie within a radius.
 */
import { expect, it } from 'vitest';
import { scoreRadius } from '../../../src/methods/lipschitz-smoothing/closed-form.ts';
import { scoredNetworkAt, scoreLipschitz } from '../../../src/methods/lipschitz-smoothing/scored-network.ts';
import { scoresOf } from '../../../src/smoothing/scores/score-map.ts';
import { floatTensor, node } from '../../onnx/tiny-model.ts';
import { randomSource } from '../../operators/random.ts';
import { prepared } from './open.ts';

const HIDDEN = 5;
const NETWORKS = 60;
const POINTS = 18;
const DIRECTIONS = 4;
const SIGMA = 0.5;

/** The trapezoid rule for the normal distribution: to 1e-6 for scores as smooth as these. */
const STEP = 0.5;
const NODES = Array.from({ length: 21 }, (_, k) => (k - 10) * STEP);
const WEIGHTS = NODES.map((t) => (STEP * Math.exp(-0.5 * t * t)) / Math.sqrt(2 * Math.PI));

type Point = readonly [x: number, y: number];

function network(seed: number, classes: number) {
  const random = randomSource(seed);
  const [A, a] = [random.float32s(2 * HIDDEN, 1), random.float32s(HIDDEN, 0.5)];
  const [B, b] = [random.float32s(HIDDEN * classes, 1), random.float32s(classes, 0.2)];
  const parts = {
    nodes: [node('Gemm', ['x', 'A', 'a'], 'z'), node('Tanh', ['z'], 'h'), node('Gemm', ['h', 'B', 'b'], 'y')],
    initializers: [
      floatTensor('A', [2, HIDDEN], A),
      floatTensor('a', [HIDDEN], a),
      floatTensor('B', [HIDDEN, classes], B),
      floatTensor('b', [classes], b),
    ],
    input: ['N', 2],
    output: ['N', classes],
  };
  const logits = (x: number, y: number, into: Float64Array): void => {
    for (let c = 0; c < classes; c++) into[c] = b[c] ?? 0;
    for (let k = 0; k < HIDDEN; k++) {
      const h = Math.tanh((A[k] ?? 0) * x + (A[HIDDEN + k] ?? 0) * y + (a[k] ?? 0));
      for (let c = 0; c < classes; c++) into[c] = (into[c] ?? 0) + h * (B[k * classes + c] ?? 0);
    }
  };
  return { parts, logits };
}

it('no point within any of more than a thousand radii has another answer, and many just outside have', async () => {
  let certified = 0;
  let outside = 0;
  for (let seed = 0; seed < NETWORKS; seed++) {
    const classes = 2 + (seed % 3);
    const { parts, logits } = network(seed, classes);
    const random = randomSource(900 + seed);
    const temperature = random.uniform(0.8, 2);
    const classifier = await prepared(parts);
    const [cut] = classifier.cuts.cuts;
    if (cut === undefined) throw new Error('there is an input');
    const scored = scoredNetworkAt(classifier, cut);
    const pair = scored.network?.pairLipschitz ?? Number.NaN;
    const lambda = SIGMA * scoreLipschitz(pair, 'softmax', temperature, classes);
    const y = new Float64Array(classes);
    const s = new Float64Array(classes);
    const smoothed = ([u, v]: Point): Float64Array => {
      const sum = new Float64Array(classes);
      for (const [i, t] of NODES.entries())
        for (const [j, w] of NODES.entries()) {
          logits(u + SIGMA * t, v + SIGMA * w, y);
          scoresOf('softmax', temperature, y, 0, s);
          const weight = (WEIGHTS[i] ?? 0) * (WEIGHTS[j] ?? 0);
          for (let c = 0; c < classes; c++) sum[c] = (sum[c] ?? 0) + weight * (s[c] ?? 0);
        }
      return sum;
    };
    const answer = (p: Float64Array): number => p.indexOf(Math.max(...p));
    for (let k = 0; k < POINTS; k++) {
      const at: Point = [random.uniform(-2, 2), random.uniform(-2, 2)];
      const p = smoothed(at);
      const top = answer(p);
      const pB = Math.max(...p.filter((_, c) => c !== top));
      const radius = SIGMA * scoreRadius({ pA: p[top] ?? 0, pB }, lambda);
      expect(radius).toBeGreaterThan(0);
      certified++;
      let [away, far] = [0, 0];
      for (let d = 0; d < DIRECTIONS; d++) {
        const angle = (2 * Math.PI * (d + 0.3)) / DIRECTIONS;
        const moved = (r: number): Point => [at[0] + r * Math.cos(angle), at[1] + r * Math.sin(angle)];
        if (answer(smoothed(moved(radius * (1 - 1e-6)))) !== top) away++;
        if (k % 6 === 0 && answer(smoothed(moved(3 * radius))) !== top) far++;
      }
      expect(away, `network ${seed}, point ${k}`).toBe(0);
      if (far > 0) outside++;
    }
  }
  expect(certified).toBeGreaterThan(1000);
  expect(outside).toBeGreaterThan(50);
});
