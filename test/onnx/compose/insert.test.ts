/** A model put behind a value of another: the whole is its parts, whatever the graphs, their names and their versions. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../../src/ground/errors.ts';
import { putBehind } from '../../../src/onnx/compose/insert.ts';
import { listCuts } from '../../../src/onnx/cuts.ts';
import { makeBatchSymbolic } from '../../../src/onnx/intake/batch.ts';
import { measureShapes } from '../../../src/onnx/intake/shapes.ts';
import { encodeModel } from '../../../src/onnx/model/codec.ts';
import { DataType } from '../../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../../src/onnx/model/extract.ts';
import { modelFromBytes } from '../../../src/onnx/model/load.ts';
import type { Model } from '../../../src/onnx/model/model.ts';
import { AttributeType, type GraphProto } from '../../../src/onnx/model/proto.ts';
import { checkRows, sameLogits } from '../../../src/onnx/runtime/check-rows.ts';
import { runRows, withSession } from '../../../src/onnx/runtime/session.ts';
import { splitModel } from '../../../src/onnx/split.ts';
import { randomDag } from '../random-dag.ts';
import { node, type Parts, tinyModel, tinyProto, weights } from '../tiny-model.ts';

/** Every row by itself, then all together. */
async function answers(
  bytes: Uint8Array,
  rows: readonly Float32Array[],
  batch = true,
): Promise<Float32Array[]> {
  return withSession(bytes, 'test', async (session) => {
    const alone: Float32Array[] = [];
    for (const row of rows) alone.push(Float32Array.from((await runRows(session, [row], [4])).data));
    if (batch) {
      const { data } = await runRows(session, rows, [4]);
      expect(
        sameLogits(
          alone.flatMap((row) => [...row]),
          data,
        ),
      ).toBe(true);
    }
    return alone;
  });
}

const ROWS = checkRows(3, 4, 9).map((row) => row.map((value) => 4 * value - 2));

/** The composed model against right(map(left(x))). */
async function expectParts(network: Model, at: string, map: Model, batch = true): Promise<Model> {
  const batched = await makeBatchSymbolic(network);
  const { cuts } = listCuts(batched.model, await measureShapes(batched));
  const cut = cuts.find(({ value }) => value.name === at);
  if (cut === undefined) throw new Error(`no cut ${at}`);
  const { left, right } = splitModel(batched.model, cut);
  const latents = left === null ? ROWS : await answers(left, ROWS, false);
  const expected = await answers(right, await answers(encodeModel(map.proto), latents, false), false);
  const whole = await putBehind(network, at, map);
  const actual = await answers(encodeModel(whole.proto), ROWS, batch);
  for (const [k, row] of expected.entries()) expect(sameLogits(row, actual[k] ?? [])).toBe(true);
  return whole;
}

/** The input, and the last cut of the same shape. */
async function cutsOf(model: Model): Promise<string[]> {
  const batched = await makeBatchSymbolic(model);
  const { cuts } = listCuts(batched.model, await measureShapes(batched));
  const whole = cuts.filter(({ dims }) => dims.join() === '1,4').map(({ value }) => value.name);
  return [...new Set([...whole.slice(0, 1), ...whole.slice(-1)])];
}

/** x [N,4] ↦ Tanh(x m) [N,4]: names that the random networks have, too. */
const tanh: Parts = {
  nodes: [node('MatMul', ['x', 'm'], 'v0'), node('Tanh', ['v0'], 'y')],
  initializers: [weights('m', [4, 4])],
  output: ['N', 4],
};

const branch = (name: string, value: string): { name: string; type: number; g: GraphProto } => ({
  name,
  type: AttributeType.GRAPH,
  g: {
    name,
    node: [node('Relu', [value], `${name}_r`), node('Identity', [`${name}_r`], `${name}_y`)],
    output: [tensorInfo(`${name}_y`, DataType.FLOAT, ['N', 4])],
  },
});

describe('a model put behind a value of another', () => {
  it('computes what the parts compute one after the other, at every cut of random graphs of other versions', async () => {
    const version = fc.constantFrom(11, 13, 17);
    await fc.assert(
      fc.asyncProperty(randomDag, randomDag, version, version, async (parts, inner, ours, theirs) => {
        const network = tinyModel({ ...parts, opset: ours });
        const map = tinyModel({ ...inner, opset: theirs });
        for (const at of await cutsOf(network)) await expectParts(network, at, map);
      }),
      { seed: 16, numRuns: 12 },
    );
  });

  it('leaves every node of the network as it is, but for what it reads', async () => {
    const network = tinyModel({
      ...tanh,
      nodes: [...tanh.nodes.slice(0, 1), node('Relu', ['v0'], 'y', { name: 'relu' })],
    });
    const whole = await putBehind(network, 'v0', tinyModel(tanh));
    const relu = whole.proto.graph?.node?.find(({ name }) => name === 'relu');
    expect(relu).toMatchObject({ opType: 'Relu', output: ['y'] });
    expect(relu?.input).toEqual(['denoiser/y']);
    expect(whole.graph.inputs.map(({ name }) => name)).toEqual(['x']);
  });

  it('is read by the branches of an If that captured the value', async () => {
    const network = tinyModel({
      nodes: [
        node('Neg', ['x'], 'u'),
        node('Constant', [], 'yes', {
          attribute: [
            {
              name: 'value',
              type: AttributeType.TENSOR,
              t: { dataType: DataType.BOOL, dims: [], int32Data: [1] },
            },
          ],
        }),
        node('If', ['yes'], 'y', { attribute: [branch('then_branch', 'u'), branch('else_branch', 'u')] }),
      ],
      output: ['N', 4],
    });
    await expectParts(network, 'u', tinyModel(tanh));
  });

  it('may itself hold an If, whose branches capture what it computed', async () => {
    const map = tinyModel({
      nodes: [
        node('Neg', ['x'], 'v0'),
        node('Constant', [], 'no', {
          attribute: [
            {
              name: 'value',
              type: AttributeType.TENSOR,
              t: { dataType: DataType.BOOL, dims: [], int32Data: [0] },
            },
          ],
        }),
        node('If', ['no'], 'y', { attribute: [branch('then_branch', 'x'), branch('else_branch', 'v0')] }),
      ],
      output: ['N', 4],
    });
    await expectParts(tinyModel(tanh), 'v0', map);
    await expectParts(tinyModel(tanh), 'x', map);
  });

  it('may have local functions of the names that the network has', async () => {
    const withFunction = (opType: string): Model => {
      const proto = tinyProto({ nodes: [node('Mine', ['x'], 'y', { domain: 'local' })], output: ['N', 4] });
      return modelFromBytes(
        encodeModel({
          ...proto,
          opsetImport: [...(proto.opsetImport ?? []), { domain: 'local', version: 1 }],
          functions: [
            {
              ...{ name: 'Mine', domain: 'local', input: ['a'], output: ['b'] },
              opsetImport: [{ domain: '', version: 17 }],
              node: [node(opType, ['a'], 'b')],
            },
          ],
        }),
      );
    };
    await expectParts(withFunction('Tanh'), 'x', withFunction('Neg'));
  });

  it('no longer lets a caller override weights that an old file lists as inputs', async () => {
    const old: Parts = {
      ...tanh,
      ir: 3,
      opset: 9,
      inputs: [tensorInfo('x', DataType.FLOAT, ['N', 4]), tensorInfo('m', DataType.FLOAT, [4, 4])],
    };
    const whole = await expectParts(tinyModel(old), 'x', tinyModel(old));
    expect(whole.proto.graph?.input?.map(({ name }) => name)).toEqual(['x']);
    expect(whole.irVersion).toBe(4);
  });

  it('keeps an input of the network that has the name of its own weight', async () => {
    const map = tinyModel({
      ...tanh,
      nodes: [node('MatMul', ['q', 'x'], 'y')],
      initializers: [weights('x', [4, 4])],
      inputs: [tensorInfo('q', DataType.FLOAT, ['N', 4])],
    });
    await expectParts(tinyModel(tanh), 'x', map);
  });

  it('takes one row at a time where either does', async () => {
    const whole = await expectParts(
      tinyModel(tanh),
      'x',
      tinyModel({ ...tanh, input: [1, 4], output: [1, 4] }),
      false,
    );
    expect(whole.graph.inputs[0]?.declaredShape).toEqual([1, 4]);
  });

  it('is refused where the two fix other batches, or other versions of a domain', async () => {
    const four = tinyModel({ ...tanh, input: [4, 4], output: [4, 4] });
    const one = tinyModel({ ...tanh, input: [1, 4], output: [1, 4] });
    await expect(putBehind(four, 'x', one)).rejects.toThrow(
      'the denoiser takes batches of 1, the network of 4',
    );
    const custom = (version: number): Model => {
      const proto = tinyProto(tanh);
      return modelFromBytes(
        encodeModel({
          ...proto,
          opsetImport: [...(proto.opsetImport ?? []), { domain: 'ai.onnx.ml', version }],
        }),
      );
    };
    await expect(putBehind(custom(2), 'x', custom(3))).rejects.toThrow(ModelRefused);
    await expect(putBehind(custom(2), 'x', custom(3))).rejects.toThrow("operators of 'ai.onnx.ml'");
  });
});
