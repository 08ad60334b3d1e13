/** Two models on the same rows, on ONNX Runtime. */

import { encodeModel } from '../../../src/onnx/model/codec.ts';
import { sizeOf } from '../../../src/onnx/model/graph.ts';
import type { Model } from '../../../src/onnx/model/model.ts';
import { checkRows, relativeDifference } from '../../../src/onnx/runtime/check-rows.ts';
import { runRows, withSession } from '../../../src/onnx/runtime/session.ts';

/** Largest relative difference of the outputs over eight rows, half of them beyond [0,1]. */
export async function largestDifference(a: Model, b: Model): Promise<number> {
  const dims = (a.graph.inputs[0]?.declaredShape ?? []).slice(1) as number[];
  const inside = checkRows(4, sizeOf(dims), 7);
  const rows = [...inside, ...inside.map((row) => row.map((v) => 6 * v - 3))];
  const outputs = (model: Model): Promise<Float32Array[]> =>
    withSession(encodeModel(model.proto), model.path, async (session) => {
      const found: Float32Array[] = [];
      for (const row of rows) found.push((await runRows(session, [row], dims)).data);
      return found;
    });
  const [expected, actual] = [await outputs(a), await outputs(b)];
  return Math.max(...expected.map((row, k) => relativeDifference(row, actual[k] ?? [])));
}
