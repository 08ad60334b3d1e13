/** What a model answers to rows, each by itself: for comparing a whole with its parts. */
import type { ModelRefused } from '../../ground/errors.ts';
import { relativeDifference, sameLogits } from '../runtime/check-rows.ts';
import { runRows, withSession } from '../runtime/session.ts';

/**
 * @param where the model's name in error messages
 * @param dims shape of a row
 */
export const answersTo = (
  bytes: Uint8Array,
  where: string,
  rows: readonly Float32Array[],
  dims: readonly number[],
): Promise<Float32Array[]> =>
  withSession(bytes, where, async (session) => {
    const answers: Float32Array[] = [];
    for (const row of rows) answers.push((await runRows(session, [row], dims)).data);
    return answers;
  });

/**
 * The largest difference between scores of the parts and of the whole, relative to their scale.
 * @throws what `refused` makes of the first row where they are not the same but for rounding
 */
export function differenceOf(
  expected: readonly ArrayLike<number>[],
  actual: readonly Float32Array[],
  refused: (why: string) => ModelRefused,
): number {
  const differences = expected.map((scores, k) => {
    const found = actual[k] ?? new Float32Array();
    const difference = relativeDifference(scores, found);
    if (sameLogits(scores, found)) return difference;
    throw refused(`scores differ by ${difference.toExponential(1)} of their scale on test row ${k + 1}`);
  });
  return Math.max(0, ...differences);
}
