/** Which cuts have a bound, why the others have none, and what is measured in the time given. */
import { describe, expect, it } from 'vitest';
import { boundability } from '../../src/inspection/boundability.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { AttributeType } from '../../src/onnx/model/proto.ts';
import { boundInWords } from '../../src/report/findings/markdown.ts';
import { intsAttr, node, type Parts, tinyModel, twoLayers, weights } from '../onnx/tiny-model.ts';

const prepared = (parts: Parts) => prepareClassifier(tinyModel(parts), undefined, null);
const names = (list: readonly { cut: { name: string } }[]) => list.map(({ cut }) => cut.name);

/** Largest singular value of the 4×5 matrix `fc1.weight` of `twoLayers`, by power iteration to convergence. */
function fc1Norm(): number {
  const entry = (i: number, j: number) => Math.fround(Math.sin(1 + 2.3 * (5 * i + j) + 'fc1.weight'.length));
  let v = Array.from({ length: 5 }, (_, j) => 1 + j);
  let norm = 0;
  for (let step = 0; step < 500; step++) {
    const up = [0, 1, 2, 3].map((i) => v.reduce((sum, value, j) => sum + entry(i, j) * value, 0));
    const back = v.map((_, j) => up.reduce((sum, value, i) => sum + entry(i, j) * value, 0));
    norm = Math.sqrt(Math.hypot(...back) / Math.hypot(...v));
    const length = Math.hypot(...back);
    v = back.map((value) => value / length);
  }
  return norm;
}

describe('the cuts of a network', () => {
  it('are all boundable where every operator is; the bound is at least the norm, and close to it', async () => {
    const { cuts, segments } = boundability(await prepared(twoLayers), 60_000);
    expect(names(cuts)).toEqual(['input', 'fc1', 'Relu_1']);
    expect(cuts.map(({ why }) => why)).toEqual([null, null, null]);
    const [atInput, ...others] = cuts.map(({ latentLipschitz }) => latentLipschitz);
    expect(atInput).toBe(1);
    for (const bound of others) {
      expect(bound).toBeGreaterThanOrEqual(fc1Norm());
      expect(bound).toBeLessThan(1.01 * fc1Norm());
    }
    expect(segments).toHaveLength(1);
    expect(segments[0]?.name).toContain('Relu_1');
    expect(segments[0]?.norm).toBeGreaterThanOrEqual(fc1Norm());
  });

  it('end at the first operator without a bound, which is named at all cuts behind it', async () => {
    const { cuts } = boundability(
      await prepared({
        ...twoLayers,
        nodes: [
          node('Gemm', ['x', 'fc1.weight', 'fc1.bias'], 'h', { name: 'Gemm_0' }),
          node('Sign', ['h'], 'e', { name: 'Sign_1' }),
          node('Relu', ['e'], 'a', { name: 'Relu_2' }),
          node('Gemm', ['a', 'fc2.weight'], 'y', { name: 'Gemm_3' }),
        ],
      }),
      60_000,
    );
    expect(names(cuts)).toEqual(['input', 'fc1', 'Sign_1', 'Relu_2']);
    expect(cuts.map(({ why }) => why === null)).toEqual([true, true, false, false]);
    for (const { why, latentLipschitz } of cuts.slice(2)) {
      expect(why).toContain("'Sign_1'");
      expect(latentLipschitz).toBeNull();
    }
  });

  it('have no Lipschitz constant behind an operator that only balls have a bound for', async () => {
    const { cuts } = boundability(
      await prepared({
        ...twoLayers,
        nodes: [
          node('Gemm', ['x', 'fc1.weight', 'fc1.bias'], 'h', { name: 'Gemm_0' }),
          node('Exp', ['h'], 'a', { name: 'Exp_1' }),
          node('Gemm', ['a', 'fc2.weight'], 'y', { name: 'Gemm_2' }),
        ],
      }),
      60_000,
    );
    expect(cuts.map(({ why }) => why)).toEqual([null, null, null]);
    expect(cuts.map(({ latentLipschitz }) => latentLipschitz === null)).toEqual([false, false, true]);
    expect(cuts.map(({ localOnly }) => localOnly)).toEqual([false, false, true]);
    expect(boundInWords(cuts[2]!)).toBe('yes, on a ball around each image (none holds on all of space)');
  });

  it('leave out what takes long to build: a transposed convolution, an Einsum, a mean of many cells', async () => {
    const long: [string, Parts][] = [
      [
        'ConvTranspose',
        {
          nodes: [node('ConvTranspose', ['x', 'w'], 'h'), node('Relu', ['h'], 'a')],
          initializers: [weights('w', [16, 16, 5, 5])],
          input: ['N', 16, 32, 32],
        },
      ],
      [
        'Einsum',
        {
          nodes: [
            node('Einsum', ['x', 'w'], 'h', {
              attribute: [{ name: 'equation', type: AttributeType.STRING, s: Buffer.from('nchw,cd->ndhw') }],
            }),
            node('Relu', ['h'], 'a'),
          ],
          initializers: [weights('w', [16, 64])],
          input: ['N', 16, 32, 32],
        },
      ],
      [
        'mean',
        {
          nodes: [
            node('ReduceMean', ['x'], 'm', { attribute: [intsAttr('axes', [2, 3])] }),
            node('Sub', ['x', 'm'], 'h'),
            node('Relu', ['h'], 'a'),
          ],
          input: ['N', 3, 32, 32],
        },
      ],
    ];
    for (const [title, parts] of long) {
      const rest = [node('GlobalAveragePool', ['a'], 'p'), node('Flatten', ['p'], 'y')];
      const classifier = await prepared({ ...parts, nodes: [...parts.nodes, ...rest], output: ['N', null] });
      const [quick, patient] = [20, 3000].map((time) => boundability(classifier, time).cuts);
      expect(quick?.map(({ checked }) => checked).slice(0, 2), title).toEqual([true, false]);
      expect(patient?.[1]?.checked, title).toBe(true);
    }
  });

  it('may lie behind shape arithmetic, which depends on no value of the input', async () => {
    const { cuts } = boundability(
      await prepared({
        ...twoLayers,
        nodes: [
          node('Gemm', ['x', 'fc1.weight', 'fc1.bias'], 'h'),
          node('Shape', ['h'], 's'),
          node('Reshape', ['h', 's'], 'r'),
          node('Relu', ['r'], 'a'),
          node('Gemm', ['a', 'fc2.weight'], 'y'),
        ],
      }),
      60_000,
    );
    expect(cuts.length).toBeGreaterThan(2);
    for (const { why, checked, latentLipschitz } of cuts) {
      expect([why, checked]).toEqual([null, true]);
      expect(latentLipschitz).toBeGreaterThan(0);
    }
  });

  it('are told boundable or not even when there is no time to measure', async () => {
    const { cuts, segments } = boundability(await prepared(twoLayers), 0);
    expect(cuts.map(({ why }) => why)).toEqual([null, null, null]);
    expect(cuts.map(({ latentLipschitz }) => latentLipschitz)).toEqual([1, null, null]);
    expect(segments).toEqual([]);
  });

  it('have growing products of norms, each factor at least that of its segment', async () => {
    const deep: Parts = {
      nodes: [
        node('MatMul', ['x', 'A'], 'a'),
        node('Relu', ['a'], 'b'),
        node('MatMul', ['b', 'B'], 'c'),
        node('Relu', ['c'], 'd'),
        node('MatMul', ['d', 'C'], 'y'),
      ],
      initializers: [weights('A', [4, 6]), weights('B', [6, 5]), weights('C', [5, 3])],
    };
    const { cuts, segments } = boundability(await prepared(deep), 60_000);
    const [first, second] = segments.map(({ norm }) => norm);
    const bounds = cuts.map(({ latentLipschitz }) => latentLipschitz);
    expect(bounds[2]).toBeCloseTo(first ?? 0, 2);
    expect(bounds[4]).toBeCloseTo((first ?? 0) * (second ?? 0), 1);
  });
});
