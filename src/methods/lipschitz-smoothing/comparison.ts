/**
 * The scores that are drawn against those that are certified. ONNX Runtime computes the network in float32, and a network can be
 * made whose float32 scores are steeper than any constant of its exact ones. So at the first m of the draws the exact scores are
 * enclosed in float64, and D_i, 0 <= D_i <= 1, is how much better for the class the drawn ones are. Then, with
 * probability at least 1 - α over the draws,
 *
 *   E D <= ε = max D_i + 1 - α^(1/m),
 *
 * because P[D > max D_i] exceeds x with probability (1 - x)^m at most (Wilks, Ann. Math. Stat. 12, 1941). The mean of drawn scores is no
 * more than ε above that of the exact ones, whatever ONNX Runtime makes of the network elsewhere.
 */
import { setImmediate } from 'node:timers/promises';
import { roundedNoise } from '../../smoothing/noise/rounded-noise.ts';
import type { Sampler } from '../../smoothing/sampler.ts';
import type { DrawnSamples } from '../../smoothing/sampling-protocol.ts';
import { scoresOf } from '../../smoothing/scores/score-map.ts';
import { ownAndOthers } from '../../smoothing/scores/score-statistic.ts';
import { roundedScore } from '../../smoothing/scores/score-sums.ts';
import type { ExactScoring, ScoredNetwork } from './scored-network.ts';

/** Draws whose rows are held at once. */
const CHUNK = 256;

/** ε: `difference` is the largest D_i among `compared` draws. Rounded up. */
export const deviationOf = (difference: number, compared: number, alpha: number): number =>
  Math.min(1, (difference - Math.expm1(Math.log(alpha) / compared)) * (1 + 2 ** -40));

/** Draws `from` ... `to` - 1 of a request, and a batch of them at a time as rows. */
export type Draws = Omit<DrawnSamples, 'grid'> & { readonly grid: number };

/** Rows of draws, and their logits as the workers compute them. */
export async function* rowsOf(
  sampler: Sampler,
  draws: Draws,
  signal: AbortSignal,
): AsyncGenerator<{ readonly rows: readonly Float32Array[]; readonly logits: Float32Array }> {
  const { latent, sigma, grid, seed, stage, image, from, to } = draws;
  for (let first = from; first < to; first += CHUNK) {
    signal.throwIfAborted();
    const rows = Array.from({ length: Math.min(CHUNK, to - first) }, (_, k) =>
      roundedNoise(latent, sigma, { seed, stage, image, sample: first + k }, grid),
    );
    const flat = new Float32Array(rows.length * latent.length);
    for (const [k, row] of rows.entries()) flat.set(row, k * latent.length);
    yield { rows, logits: await sampler.logits(flat) };
  }
}

/** The largest D_i over the draws. */
export async function largestDifference(
  sampler: Sampler,
  network: ScoredNetwork,
  classes: number,
  scoring: ExactScoring,
  draws: Draws,
  signal: AbortSignal,
): Promise<number> {
  let largest = 0;
  const scores = new Float64Array(classes);
  for await (const { rows, logits } of rowsOf(sampler, draws, signal)) {
    for (const [k, row] of rows.entries()) {
      // One takes milliseconds: others have their turn in between.
      await setImmediate();
      signal.throwIfAborted();
      // A draw that is not finite counts against the class.
      if (!scoresOf(scoring.map, scoring.temperature, logits, k * classes, scores)) continue;
      const [own, others] = ownAndOthers(scores, scoring.top);
      const exact = network.scoresAt(row, scoring);
      largest = Math.max(largest, roundedScore(own) - exact.own, exact.others - roundedScore(others));
    }
  }
  return Math.min(1, largest);
}
