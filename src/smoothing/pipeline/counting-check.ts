/** Whether a provider counts votes as this project does, on the rows on which providers differ. */
import { Tensor } from 'onnxruntime-node';
import { createSession } from '../../ground/runtime-session.ts';
import type { Provider } from '../arithmetic.ts';
import { voteStatistic } from '../votes/vote-statistic.ts';

/**
 * Runs the counting alone on rows with NaN, infinities, ties and both zeros, a third of them of weight 0.
 * @param counting `PipelinedModel.counting`
 * @returns false also where the provider does not take the model: the votes are then counted on the host
 */
export async function countsVotes(
  counting: Uint8Array,
  provider: Provider,
  { batch, classes }: { readonly batch: number; readonly classes: number },
  device = 0,
): Promise<boolean> {
  const logits = awkwardRows(Math.max(batch, 16), classes);
  const rows = logits.length / classes;
  const counted = Math.ceil((2 * rows) / 3);
  const expected = voteStatistic(classes);
  expected.take(logits, counted);
  const { counts, nonFinite } = expected.result();
  try {
    const votes = await countedBy(counting, provider, { logits, classes, counted }, device);
    return [...counts, nonFinite].every((count, c) => count === votes[c]);
  } catch {
    // No kernel, or no memory for it: whatever it is, the host can count.
    return false;
  }
}

async function countedBy(
  counting: Uint8Array,
  provider: Provider,
  {
    logits,
    classes,
    counted,
  }: { readonly logits: Float32Array; readonly classes: number; readonly counted: number },
  device: number,
): Promise<ArrayLike<unknown>> {
  const rows = logits.length / classes;
  const session = await createSession(counting, provider, 4, device);
  try {
    const [x = '', weights = ''] = session.inputNames;
    const [votes = ''] = session.outputNames;
    const results = await session.run({
      [x]: new Tensor('float32', logits, [rows, classes]),
      [weights]: weightsOf(rows, counted),
    });
    return results[votes]?.data ?? [];
  } finally {
    await session.release();
  }
}

/** [rows, 1]: the first `counted` rows count. */
export function weightsOf(rows: number, counted: number): Tensor {
  return new Tensor('float32', new Float32Array(rows).fill(1, 0, counted), [rows, 1]);
}

/** Rows of every awkward kind in turn, among ordinary ones. */
function awkwardRows(rows: number, classes: number): Float32Array {
  const last = classes - 1;
  const kinds: readonly ((row: Float32Array) => void)[] = [
    (row) => row.fill(1),
    (row) => row.set([Number.NaN], 0),
    (row) => row.set([Number.NaN], last),
    (row) => row.set([Number.POSITIVE_INFINITY], last),
    (row) => row.set([Number.NEGATIVE_INFINITY], 0),
    (row) => row.fill(-3e38).set([3e38, 3e38], Math.max(0, classes - 2)),
    (row) => row.fill(-0).set([0], last),
    (row) => row.fill(Number.NEGATIVE_INFINITY),
  ];
  const logits = new Float32Array(rows * classes);
  for (let r = 0; r < rows; r++) {
    const row = logits.subarray(r * classes, (r + 1) * classes);
    for (let c = 0; c < classes; c++) row[c] = Math.sin(1 + r * 1.7 + c * 2.9);
    if (r % 2 === 0) kinds[(r / 2) % kinds.length]?.(row);
  }
  return logits;
}
