import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import { type Cut, listCuts } from '../../src/onnx/cuts.ts';
import { makeBatchSymbolic } from '../../src/onnx/intake/batch.ts';
import { measureShapes } from '../../src/onnx/intake/shapes.ts';
import { decodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { extract, tensorInfo } from '../../src/onnx/model/extract.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import { AttributeType } from '../../src/onnx/model/proto.ts';
import { proveSplit, splitModel } from '../../src/onnx/split.ts';
import { randomDag } from './random-dag.ts';
import { intsAttr, node, type Parts, tinyModel, twoLayers, weights } from './tiny-model.ts';

async function prepared(parts: Parts): Promise<{ model: Model; cuts: readonly Cut[] }> {
  const batched = await makeBatchSymbolic(tinyModel(parts));
  return { model: batched.model, cuts: listCuts(batched.model, await measureShapes(batched)).cuts };
}

describe('splitting a model', () => {
  it('gives two halves that compose to the whole at every cut of random graphs', async () => {
    await fc.assert(
      fc.asyncProperty(randomDag, async (parts) => {
        const { model, cuts } = await prepared(parts);
        for (const cut of cuts) {
          const split = splitModel(model, cut);
          const proof = await proveSplit(model, cut, split);
          expect(proof.largestDifference).toBeLessThanOrEqual(1e-5);
          const right = modelFromBytes(split.right);
          expect(right.graph.inputs.map((v) => v.name)).toEqual([cut.value.name]);
        }
      }),
      { seed: 11, numRuns: 40 },
    );
  });

  it('makes each half self-contained and no larger than it must be', async () => {
    const { model, cuts } = await prepared({ ...twoLayers, opset: 13 });
    const split = splitModel(model, cuts[2] as Cut);
    const left = decodeModel(split.left ?? new Uint8Array());
    const right = decodeModel(split.right);
    expect(left.graph?.initializer?.map((t) => t.name)).toEqual(['fc1.weight', 'fc1.bias']);
    expect(right.graph?.initializer?.map((t) => t.name)).toEqual(['fc2.weight']);
    expect(left.graph?.output?.map((o) => o.name)).toEqual(['a']);
    expect(modelFromBytes(split.right).graph.inputs[0]?.declaredShape).toEqual(['N', 5]);
    expect(modelFromBytes(split.right).opsets).toEqual(model.opsets);
  });

  it('copies weights that both halves read, through Identity nodes and below IR version 4', async () => {
    for (const ir of [3, 8]) {
      const { model, cuts } = await prepared({
        nodes: [
          node('Identity', ['w'], 'i'),
          node('MatMul', ['x', 'i'], 'h'),
          node('Relu', ['h'], 'a'),
          node('MatMul', ['a', 'i'], 'y'),
        ],
        initializers: [weights('w', [4, 4])],
        output: ['N', 4],
        ...(ir < 4
          ? { inputs: [tensorInfo('x', DataType.FLOAT, ['N', 4]), tensorInfo('w', DataType.FLOAT, [4, 4])] }
          : {}),
        ir,
      });
      const cut = cuts[2] as Cut;
      const split = splitModel(model, cut);
      await proveSplit(model, cut, split);
      for (const half of [split.left ?? new Uint8Array(), split.right]) {
        expect(decodeModel(half).graph?.initializer?.map((t) => t.name)).toEqual(['w']);
        // Below IR version 4 initializers must be listed as inputs, when the file did so.
        expect(decodeModel(half).graph?.input?.some((i) => i.name === 'w')).toBe(ir < 4);
      }
    }
  });

  it('keeps what the branches of an If capture, in files of any node order', async () => {
    const branch = { name: 'b', node: [node('MatMul', ['h', 'w'], 'out')], output: [{ name: 'out' }] };
    const { model, cuts } = await prepared({
      nodes: [
        node('If', ['c'], 'y', {
          attribute: ['then_branch', 'else_branch'].map((name) => ({
            name,
            type: AttributeType.GRAPH,
            g: branch,
          })),
        }),
        node('Neg', ['a'], 'h'),
        node('Relu', ['x'], 'a'),
      ],
      initializers: [weights('w', [4, 4]), { name: 'c', dataType: DataType.BOOL, dims: [], int32Data: [1] }],
      output: ['N', 4],
    });
    expect(cuts.map((c) => c.value.name)).toEqual(['x', 'a', 'h']);
    for (const cut of cuts) await proveSplit(model, cut, splitModel(model, cut));
    expect(cuts[1]?.parametersRight).toBe(16);
  });

  it('at the input leaves nothing to the left', async () => {
    const { model, cuts } = await prepared(twoLayers);
    const split = splitModel(model, cuts[0] as Cut);
    expect(split.left).toBeNull();
    expect(await proveSplit(model, cuts[0] as Cut, split)).toEqual({ rows: 3, largestDifference: 0 });
  });

  it('with the wrong half is refused by the proof', async () => {
    const { model, cuts } = await prepared({
      nodes: [
        node('Relu', ['x'], 'a'),
        node('Neg', ['a'], 'b'),
        node('Neg', ['b'], 'c'),
        node('Neg', ['c'], 'y'),
      ],
      output: ['N', 4],
    });
    const [, a, b] = cuts as [Cut, Cut, Cut];
    const wrong = { left: splitModel(model, a).left, right: splitModel(model, b).right };
    await expect(proveSplit(model, b, wrong)).rejects.toThrow(
      /do not compute what the whole network computes/,
    );
  });

  it('is refused when the right half mixes rows on latents no image has', async () => {
    // y = a + max over the batch of relu(−a): zero on every image (a ≥ 0), not on noisy latents.
    const { model, cuts } = await prepared({
      nodes: [
        node('Relu', ['x'], 'a'),
        node('Neg', ['a'], 'n'),
        node('Relu', ['n'], 'p'),
        node('ReduceMax', ['p'], 'm', { attribute: [intsAttr('axes', [0])] }),
        node('Add', ['a', 'm'], 'y'),
      ],
      output: ['N', 4],
    });
    const cut = cuts.find((c) => c.value.name === 'a') as Cut;
    await expect(proveSplit(model, cut, splitModel(model, cut))).rejects.toThrow(/mixes the rows/);
  });

  it.each([1, 'N'])(
    'names scores that are NaN under noise, and the node they come from (batch %s)',
    async (batch) => {
      const { model, cuts } = await prepared({
        nodes: [node('Sqrt', ['x'], 'a', { name: 'root' }), node('Gemm', ['a', 'w'], 'y')],
        initializers: [weights('w', [4, 3])],
        input: [batch, 4],
        output: [batch, 3],
      });
      const [input, root] = cuts as [Cut, Cut];
      const refused = proveSplit(model, input, splitModel(model, input));
      await expect(refused).rejects.toThrow(/NaN or infinite scores under noise at 'input'/);
      await expect(refused).rejects.toMatchObject({
        report: { why: expect.stringContaining("Sqrt node 'root'") },
      });
      expect((await proveSplit(model, root, splitModel(model, root))).largestDifference).toBeLessThan(1e-5);
    },
  );

  it('names scores that are infinite on an image, not halves that differ', async () => {
    const { model, cuts } = await prepared({ nodes: [node('Log', ['x'], 'y')], output: ['N', 4] });
    const [input] = cuts as [Cut];
    const black = [new Float32Array(4)];
    await expect(proveSplit(model, input, splitModel(model, input), black)).rejects.toThrow(
      /NaN or infinite scores on image 1/,
    );
  });

  it('at a tensor that is not a cut is refused: another path leads around it', () => {
    const model = tinyModel({
      nodes: [node('Relu', ['x'], 'a'), node('Add', ['a', 'x'], 'y')],
      output: ['N', 4],
    });
    const output = model.proto.graph?.output ?? [];
    expect(() => extract(model, [{ name: 'a' }], output)).toThrow(ModelRefused);
  });
});
