import { describe, expect, it } from 'vitest';
import { makeBatchSymbolic } from '../../src/onnx/intake/batch.ts';
import {
  intAttr,
  intsAttr,
  intTensor,
  node,
  type Parts,
  tinyModel,
  twoLayers,
  weights,
} from './tiny-model.ts';

const fixed = (parts: Parts): Parts => ({
  ...parts,
  input: [1, ...(parts.input?.slice(1) ?? [4])],
  output: [1, 3],
});

/** x [1,2,2,2] → Reshape → Gemm → y, with the given target. */
const reshaped = (target: number[]): Parts => ({
  nodes: [node('Relu', ['x'], 'r'), node('Reshape', ['r', 'target'], 'f'), node('Gemm', ['f', 'w'], 'y')],
  initializers: [intTensor('target', target), weights('w', [8, 3])],
  input: [1, 2, 2, 2],
  output: [1, 3],
});

describe('the batch axis', () => {
  it('is accepted when it is free and rows keep apart', async () => {
    expect(await makeBatchSymbolic(tinyModel(twoLayers))).toMatchObject({ batchable: true, how: 'dynamic' });
  });

  it('of size 1 is made symbolic, through Reshape targets with a leading 1', async () => {
    for (const target of [
      [1, 8],
      [1, -1],
      [-1, 8],
    ]) {
      const { batchable, how, model } = await makeBatchSymbolic(tinyModel(reshaped(target)));
      expect({ batchable, how, target }).toEqual({ batchable: true, how: 'made symbolic', target });
      expect(model.graph.inputs[0]?.declaredShape).toEqual(['batch', 2, 2, 2]);
      expect(model.graph.outputs[0]?.declaredShape?.[0]).toBe('batch');
    }
  });

  it('leaves a shared Reshape target of a weight alone', async () => {
    const parts = reshaped([1, 8]);
    const shared: Parts = {
      ...parts,
      nodes: [
        ...parts.nodes.slice(0, 2),
        node('Reshape', ['bias', 'target'], 'b'),
        node('Add', ['f', 'b'], 's'),
        node('Gemm', ['s', 'w'], 'y'),
      ],
      initializers: [...(parts.initializers ?? []), weights('bias', [8])],
    };
    const { how, model } = await makeBatchSymbolic(tinyModel(shared));
    expect(how).toBe('made symbolic');
    const targets = model.graph.nodes.filter((n) => n.opType === 'Reshape').map((n) => n.inputs[1]?.name);
    expect(targets).toEqual(['f/free_batch_shape', 'target']);
    expect(model.graph.values.get('target')?.constant?.integers()).toEqual([1, 8]);
  });

  it('of size 1 stays when rows would mix, and the model is left as it is', async () => {
    const mean = (keep: number) =>
      node('ReduceMean', ['x'], 'm', { attribute: [intsAttr('axes', [0]), intAttr('keepdims', keep)] });
    const parts = {
      nodes: [mean(1), node('Sub', ['x', 'm'], 'c'), node('Add', ['c', 'x'], 'y')],
      input: [1, 4],
      output: [1, 4],
    };
    const model = tinyModel(parts);
    const batched = await makeBatchSymbolic(model);
    expect(batched).toMatchObject({ batchable: false, how: 'one row at a time' });
    expect(batched.model).toBe(model);
    expect(batched.reason).toMatch(/fixed to 1/);
  });

  it('that is declared free is refused when rows mix', async () => {
    const parts: Parts = {
      nodes: [
        node('ReduceMean', ['x'], 'm', { attribute: [intsAttr('axes', [0])] }),
        node('Sub', ['x', 'm'], 'c'),
        node('Add', ['c', 'x'], 'y'),
      ],
      output: ['N', 4],
    };
    await expect(makeBatchSymbolic(tinyModel(parts))).rejects.toThrow(/mixes the rows/);
  });

  it('that is declared free but is not, runs one row at a time', async () => {
    const batched = await makeBatchSymbolic(tinyModel({ ...reshaped([1, 8]), input: ['N', 2, 2, 2] }));
    expect(batched).toMatchObject({ batchable: false, how: 'one row at a time' });
    expect(batched.model.graph.inputs[0]?.declaredShape).toEqual([1, 2, 2, 2]);
  });

  it('of another fixed size is freed when that is provable, else refused', async () => {
    const two = { ...twoLayers, input: [2, 4], output: [2, 3] };
    expect((await makeBatchSymbolic(tinyModel(two))).how).toBe('made symbolic');
    const stuck = { ...reshaped([2, 8]), input: [2, 2, 2, 2], output: [2, 3] };
    await expect(makeBatchSymbolic(tinyModel(stuck))).rejects.toThrow(/exactly 2 images/);
  });

  it('check refuses scores that are not finite', async () => {
    const parts = fixed({ nodes: [node('Log', ['x'], 'l'), node('Sqrt', ['l'], 'y')], output: [1, 4] });
    await expect(makeBatchSymbolic(tinyModel(parts))).rejects.toThrow(/NaN or infinite/);
  });
});
