/** What a model answers to rows, each by itself: for comparing a whole with its parts. */
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
