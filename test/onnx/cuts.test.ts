import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { firstActivationCut } from '../../src/lipschitz/first-activation.ts';
import { type CutList, findCut, listCuts, separatingValues } from '../../src/onnx/cuts.ts';
import { makeBatchSymbolic } from '../../src/onnx/intake/batch.ts';
import { measureShapes } from '../../src/onnx/intake/shapes.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import type { Graph, Value } from '../../src/onnx/model/graph.ts';
import { AttributeType } from '../../src/onnx/model/proto.ts';
import { randomDag } from './random-dag.ts';
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

/** The definition: a value is a cut when no path from input to output survives without it. */
function bruteForce(graph: Graph): Set<string> {
  const [input, output] = [graph.inputs[0] as Value, graph.outputs[0] as Value];
  const reaches = (without: Value | null): boolean => {
    const seen = new Set<Value>(input === without ? [] : [input]);
    for (const value of seen) {
      for (const reader of value.consumers) {
        for (const next of reader.outputs) if (next !== null && next !== without) seen.add(next);
      }
    }
    return seen.has(output);
  };
  if (!reaches(null)) return new Set();
  return new Set([...graph.values.values()].filter((v) => !reaches(v)).map((v) => v.name));
}

async function cutsOf(parts: Parts): Promise<CutList & { graph: Graph }> {
  const batched = await makeBatchSymbolic(tinyModel(parts));
  return { ...listCuts(batched.model, await measureShapes(batched)), graph: batched.model.graph };
}

describe('the cuts of a graph', () => {
  it('are exactly the values without which no path is left, on random graphs', () => {
    fc.assert(
      fc.property(randomDag, (parts) => {
        const { graph } = tinyModel(parts);
        const found = new Set(separatingValues(graph).map((v) => v.name));
        expect(found).toEqual(bruteForce(graph));
      }),
      { seed: 7, numRuns: 400 },
    );
  });

  it('include the ends of a residual block and nothing inside it', async () => {
    const { cuts } = await cutsOf({
      nodes: [
        node('Relu', ['x'], 'a'),
        node('Sigmoid', ['a'], 'b'),
        node('Tanh', ['b'], 'c'),
        node('Add', ['a', 'c'], 'd'),
        node('Relu', ['d'], 'y'),
      ],
      output: ['N', 4],
    });
    expect(cuts.map((cut) => cut.value.name)).toEqual(['x', 'a', 'd']);
  });

  it('are not a bypassed by constants, but by values that a sub-graph captures', async () => {
    const constant: Parts = {
      nodes: [node('Neg', ['w'], 'v'), node('Add', ['x', 'v'], 'a'), node('Mul', ['a', 'v'], 'y')],
      initializers: [weights('w', [4])],
      output: ['N', 4],
    };
    expect((await cutsOf(constant)).cuts.map((cut) => cut.value.name)).toEqual(['x', 'a']);
    const branch = { name: 'b', node: [node('Add', ['a', 'x'], 'out')], output: [{ name: 'out' }] };
    const captured: Parts = {
      nodes: [
        node('Relu', ['x'], 'a'),
        node('If', ['c'], 'y', {
          attribute: ['then_branch', 'else_branch'].map((name) => ({
            name,
            type: AttributeType.GRAPH,
            g: branch,
          })),
        }),
      ],
      initializers: [{ name: 'c', dataType: DataType.BOOL, dims: [], int32Data: [1] }],
      output: ['N', 4],
    };
    expect((await cutsOf(captured)).cuts.map((cut) => cut.value.name)).toEqual(['x']);
  });

  it('count nodes and parameters on both sides, shared ones on both', async () => {
    const { cuts } = await cutsOf(twoLayers);
    const counts = cuts.map((c) => [c.name, c.nodesLeft, c.nodesRight, c.parametersLeft, c.parametersRight]);
    expect(counts).toEqual([
      ['input', 0, 3, 0, 40],
      ['fc1', 1, 2, 25, 15],
      ['Relu_1', 2, 1, 25, 15],
    ]);
    const shared: Parts = {
      nodes: [node('Identity', ['w'], 'i'), node('MatMul', ['x', 'i'], 'a'), node('MatMul', ['a', 'w'], 'y')],
      initializers: [weights('w', [4, 4])],
      output: ['N', 4],
    };
    const middle = (await cutsOf(shared)).cuts[1];
    expect(middle).toMatchObject({ nodesLeft: 1, nodesRight: 1, parametersLeft: 16, parametersRight: 16 });
  });

  it('have measured shapes at batch 1, and only float tensors with the batch first are eligible', async () => {
    const { cuts, ineligible } = await cutsOf({
      nodes: [
        node('Transpose', ['x'], 't'),
        node('Transpose', ['t'], 'u'),
        node('Cast', ['u'], 'h', { attribute: [intAttr('to', DataType.FLOAT16)] }),
        node('Cast', ['h'], 'f', { attribute: [intAttr('to', DataType.FLOAT)] }),
        node('Relu', ['f'], 'y'),
      ],
      output: ['N', 4],
    });
    expect(cuts.map((c) => [c.value.name, c.dims])).toEqual([
      ['x', [1, 4]],
      ['u', [1, 4]],
      ['f', [1, 4]],
    ]);
    expect(ineligible.map((c) => [c.value.name, c.reason])).toEqual([
      ['t', 'its first axis is not the batch (shape [4,1] for one image)'],
      ['h', 'it is FLOAT16; noise needs float32'],
    ]);
  });
});

describe('the cuts of a model that runs one row at a time', () => {
  it('still need a first axis that can be the batch', async () => {
    const { cuts, ineligible } = await cutsOf({
      nodes: [
        node('ReduceMean', ['x'], 'm', { attribute: [intsAttr('axes', [0])] }),
        node('Sub', ['x', 'm'], 'c'),
        node('Add', ['c', 'x'], 'a'),
        node('Transpose', ['a'], 't'),
        node('Transpose', ['t'], 'y'),
      ],
      input: [1, 4],
      output: [1, 4],
    });
    expect(cuts.map((c) => c.value.name)).toEqual(['x', 'a']);
    expect(ineligible.map((c) => c.value.name)).toEqual(['t']);
  });
});

describe('the names of cuts', () => {
  const chain = (names: string[], op = 'Relu'): Parts => ({
    nodes: names.map((name, k) =>
      node(k % 2 === 0 ? op : 'Relu', [k === 0 ? 'x' : `t${k}`], k + 1 < names.length ? `t${k + 1}` : 'y', {
        name,
      }),
    ),
    output: ['N', 4],
  });
  const namesOf = async (parts: Parts) => (await cutsOf(parts)).cuts.map((c) => c.name);

  it('are module paths, with numbers for a module that is called again', async () => {
    expect(await namesOf(chain(['/relu/Relu', '/relu/Relu_1', '/b/b.0/relu/Relu', '/out/Relu']))).toEqual([
      'input',
      'relu',
      'relu_2',
      'b.0.relu',
    ]);
  });

  it('give the module’s name to its last value and the operator to those inside', async () => {
    expect(
      await namesOf(
        chain(['m/dense/Tanh', 'm/dense/Relu', 'm/dense_2/Tanh', 'm/dense_2/Relu', 'm/y/Relu'], 'Tanh'),
      ),
    ).toEqual(['input', 'dense/Tanh', 'dense', 'dense_2/Tanh', 'dense_2']);
  });

  it('are never bare numbers, never reserved words, never twice the same', async () => {
    const names = await namesOf(chain(['/0/Relu', '7', '', 'first', 'input', 'Relu_7', 'y']));
    expect(names).toEqual(['input', 'Relu_0', 'Relu_7', 't3', 'first_2', 'input_2', 'Relu_7_2']);
    expect(new Set(names).size).toBe(names.length);
  });

  it('lead back to the cut, as do aliases and indices; a number that means two cuts is refused', async () => {
    const list = await cutsOf(chain(['/relu/Relu', '/0/Relu', '/1/Relu', 'y']));
    expect(findCut(list, 'relu').index).toBe(1);
    expect(findCut(list, '/relu/Relu').index).toBe(1);
    expect(findCut(list, 't1').index).toBe(1);
    expect(findCut(list, '3').name).toBe('Relu_1');
    expect(findCut(list, 'input')).toBe(findCut(list, 'x'));
    expect(() => findCut(list, '1')).toThrow(/ambiguous/);
    expect(() => findCut(list, '0')).toThrow(/ambiguous/);
  });

  it('near what was typed are listed when there is no such cut', async () => {
    const list = await cutsOf(twoLayers);
    try {
      findCut(list, 'relu1');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      expect((error as UsageError).report.remedy).toMatch(/^Nearest: Relu_1/);
    }
    expect(() => findCut(list, '17')).toThrow(UsageError);
    expect(() => findCut(list, '')).toThrow(UsageError);
  });
});

describe('the cut after the first activation behind a weighted layer', () => {
  const first = async (parts: Parts) => {
    const { cuts, graph } = await cutsOf(parts);
    return firstActivationCut(cuts, graph)?.value.name ?? null;
  };

  it('passes over activations of the pixels and layers without weights', async () => {
    expect(
      await first({
        ...twoLayers,
        nodes: [
          node('Clip', ['x'], 'p'),
          ...twoLayers.nodes.map((n, k) => (k === 0 ? { ...n, input: ['p', 'fc1.weight', 'fc1.bias'] } : n)),
        ],
      }),
    ).toBe('a');
    const pooled: Parts = {
      nodes: [
        node('Conv', ['x', 'w'], 'c'),
        node('MaxPool', ['c'], 'p', {
          attribute: [{ name: 'kernel_shape', type: AttributeType.INTS, ints: [2, 2] }],
        }),
        node('Relu', ['p'], 'r'),
        node('Reshape', ['r', 'target'], 'y'),
      ],
      initializers: [weights('w', [2, 1, 3, 3]), intTensor('target', [-1, 8])],
      input: ['N', 1, 5, 5],
      output: ['N', 8],
    };
    // The pool's output is 1 smaller per axis: [2,2,2] per image.
    expect(await first(pooled)).toBe('r');
  });

  it('is behind the gate when the activation is one (x·sigmoid(x))', async () => {
    const gated: Parts = {
      nodes: [
        node('MatMul', ['x', 'w'], 'h'),
        node('Sigmoid', ['h'], 's'),
        node('Mul', ['h', 's'], 'g'),
        node('MatMul', ['g', 'w'], 'y'),
      ],
      initializers: [weights('w', [4, 4])],
      output: ['N', 4],
    };
    expect(await first(gated)).toBe('g');
  });

  it('is absent in a linear network', async () => {
    const linear = {
      nodes: [node('MatMul', ['x', 'w'], 'h'), node('MatMul', ['h', 'w'], 'y')],
      initializers: [weights('w', [4, 4])],
      output: ['N', 4],
    };
    expect(await first(linear)).toBeNull();
  });
});
