import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/ground/errors.ts';
import { pipelined } from '../../src/onnx/compose/pipelined.ts';
import { decodeModel, encodeModel } from '../../src/onnx/model/codec.ts';
import { edited } from '../../src/onnx/model/proto.ts';
import { batchTally } from '../../src/smoothing/pipeline/batch-tally.ts';
import { countsVotes } from '../../src/smoothing/pipeline/counting-check.ts';
import { createSampler } from '../../src/smoothing/sampler-pool.ts';
import { linearModel } from './tiny-models.ts';

const model = linearModel([[1], [-1], [0]], [0, 0, 0]);
const made = pipelined(model, 3, 1) ?? { model: new Uint8Array(), counting: new Uint8Array() };

/** The model with other values in one of its constants. */
function tampered(
  bytes: Uint8Array,
  name: string,
  change: (values: readonly number[]) => number[],
): Uint8Array {
  const proto = decodeModel(bytes);
  const initializer = (proto.graph?.initializer ?? []).map((t) =>
    t.name === name ? edited(t, { floatData: change(t.floatData ?? []) }) : t,
  );
  return encodeModel(edited(proto, { graph: edited(proto.graph ?? {}, { initializer }) }));
}

describe('the counting of a provider is used only where it counts as the host does', () => {
  const shape = { batch: 24, classes: 3 };

  it('on rows with NaN, infinities and ties', async () => {
    expect(await countsVotes(made.counting, 'cpu', shape)).toBe(true);
    const last = tampered(made.counting, 'votes/ranks', (ranks) => [...ranks].reverse());
    expect(await countsVotes(last, 'cpu', shape)).toBe(false);
    const infinite = tampered(made.counting, 'votes/infinity', () => [1e30]);
    expect(await countsVotes(infinite, 'cpu', shape)).toBe(false);
  });

  it('and not where the provider does not take it', async () => {
    expect(await countsVotes(Uint8Array.of(1, 2), 'cpu', shape)).toBe(false);
  });
});

describe('votes counted by a provider', () => {
  const count = async (whole: Uint8Array) => {
    const settings = { model, latentDims: [1], classes: 3, batchable: true } as const;
    const sampler = await createSampler({
      ...settings,
      ...{ provider: 'cpu', workers: 1, batch: 8, pipeline: true },
      pipelined: () => ({ ...made, model: whole }),
    });
    try {
      const place = { seed: 1n, stage: 1, image: 0, from: 0, to: 20 };
      return await sampler.count({ latent: new Float64Array(1), sigma: 1, ...place });
    } finally {
      await sampler.close();
    }
  };

  it('are as many as rows, or refused', async () => {
    expect((await count(made.model)).counts.reduce((a, b) => a + b)).toBe(20);
    const twice = tampered(made.model, 'votes/one', () => [2]);
    await expect(count(twice)).rejects.toMatchObject({
      report: { why: expect.stringContaining('8 rows gave 16 votes') },
    });
  });

  it('are those of the logits, where both are known, or refused', () => {
    const logits = Float32Array.of(1, 2, 3, 3, 2, 1, 0, 0, 0);
    const tally = () => batchTally({ kind: 'votes' }, 3);
    expect(() => tally().add({ votes: Int32Array.of(1, 0, 1, 0), logits }, 2)).not.toThrow();
    expect(() => tally().add({ votes: Int32Array.of(0, 1, 1, 0), logits }, 2)).toThrow(ToolError);
  });
});
