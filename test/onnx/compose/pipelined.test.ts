import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { pipelined } from '../../../src/onnx/compose/pipelined.ts';
import { decodeModel, encodeModel } from '../../../src/onnx/model/codec.ts';
import { tensorInfo } from '../../../src/onnx/model/extract.ts';
import { toNumber } from '../../../src/onnx/model/proto.ts';
import { voteStatistic } from '../../../src/smoothing/votes/vote-statistic.ts';

const CLASSES = 4;

/** y = -x, [batch, 4]. */
function negation(opset: number, irVersion = 8): Uint8Array {
  return encodeModel({
    irVersion,
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'negation',
      node: [{ opType: 'Neg', input: ['x'], output: ['y'] }],
      input: [tensorInfo('x', 1, ['n', CLASSES])],
      output: [tensorInfo('y', 1, ['n', CLASSES])],
    },
  });
}

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
/** What the rows of -x are to be: the first three and the last two are one part, the others another. */
const LOGITS = [
  ...[1, 2, 2, 0],
  ...[nan, 5, 5, 5],
  ...[0, 1, 2, nan],
  ...[inf, 0, 0, 0],
  ...[0, -inf, 0, 0],
  ...[-0, 0, -0, 0],
  ...[3, 3, 3, 3],
  ...[-1, -2, -3, -0.5],
];
const ROWS = LOGITS.length / CLASSES;

async function outputs(model: Uint8Array, splits: readonly number[], counted: readonly number[]) {
  const session = await InferenceSession.create(model, { logSeverityLevel: 4 });
  const negated = Float32Array.from(LOGITS, (value) => -value);
  const feeds: Record<string, Tensor> = {};
  let at = 0;
  for (const [k, rows] of splits.entries()) {
    const values = negated.slice(at * CLASSES, (at + rows) * CLASSES);
    feeds[session.inputNames[k] ?? ''] = new Tensor('float32', values, [rows, CLASSES]);
    at += rows;
  }
  feeds[session.inputNames[splits.length] ?? ''] = new Tensor('float32', Float32Array.from(counted), [
    ROWS,
    1,
  ]);
  const results = await session.run(feeds);
  await session.release();
  return session.outputNames.map((name) => results[name]);
}

describe('a right half for a pipeline', () => {
  it.each([9, 11, 13, 17, 18, 21])('counts as the host does, in operator set %i', async (opset) => {
    const made = pipelined(negation(opset), CLASSES, 3);
    const [logits, votes] = await outputs(
      made?.model ?? new Uint8Array(),
      [3, 3, 2],
      new Array(ROWS).fill(1),
    );
    expect(logits?.data).toEqual(Float32Array.from(LOGITS));
    const statistic = voteStatistic(CLASSES);
    statistic.take(Float32Array.from(LOGITS), ROWS);
    const { counts, nonFinite } = statistic.result();
    expect(votes?.type).toBe('int32');
    expect([...((votes?.data ?? []) as Int32Array)]).toEqual([...counts, nonFinite]);
    expect([...counts, nonFinite]).toEqual([2, 1, 0, 1, 4]);
  });

  it('does not count rows of weight 0, whatever is in them', async () => {
    const made = pipelined(negation(17), CLASSES, 1);
    const [, votes] = await outputs(made?.model ?? new Uint8Array(), [ROWS], [1, 1, 0, 0, 0, 0, 0, 0]);
    expect([...((votes?.data ?? []) as Int32Array)]).toEqual([0, 1, 0, 0, 1]);
  });

  it('has none in operator sets in which votes cannot be counted', () => {
    expect(pipelined(negation(8), CLASSES, 1)).toBeNull();
  });

  it('needs no weights among its inputs, as files older than IR version 4 have them', () => {
    const made = pipelined(negation(9, 3), CLASSES, 2);
    const proto = decodeModel(made?.model ?? new Uint8Array());
    expect(toNumber(proto.irVersion)).toBe(4);
    expect(proto.graph?.input?.length).toBe(3);
  });
});
