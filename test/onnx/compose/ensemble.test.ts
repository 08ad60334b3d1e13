/** Several networks as one: the mean of their scores, with what they have in common in it once. */
import { describe, expect, it } from 'vitest';
import { ensembleOf } from '../../../src/onnx/compose/ensemble.ts';
import { type PreparedClassifier, prepareClassifier } from '../../../src/onnx/intake/prepare-classifier.ts';
import type { Preprocessing } from '../../../src/onnx/intake/preprocessing.ts';
import { encodeModel } from '../../../src/onnx/model/codec.ts';
import { checkRows } from '../../../src/onnx/runtime/check-rows.ts';
import { runRows, withSession } from '../../../src/onnx/runtime/session.ts';
import { randomSource } from '../../operators/random.ts';
import { floatTensor, intAttr, intsAttr, node, type Parts, tinyModel } from '../tiny-model.ts';

const SHAPE = [2, 4, 4] as const;
const CLASSES = 3;

interface Seeds {
  readonly stem: number;
  readonly head: number;
  readonly dilation?: number;
  readonly opset?: number;
  readonly classes?: number;
}

/** Conv, Relu, Flatten, Gemm: all networks use the same names. */
function parts({ stem, head, dilation = 1, opset = 13, classes = CLASSES }: Seeds): Parts {
  const [first, second] = [randomSource(stem), randomSource(head)];
  const side = 4 - 2 * dilation + 2;
  return {
    ...{ input: ['N', ...SHAPE], output: ['N', classes], opset },
    nodes: [
      node('Conv', ['x', 'conv.weight'], 'h', {
        name: 'stem',
        attribute: [intsAttr('pads', [1, 1, 1, 1]), intsAttr('dilations', [dilation, dilation])],
      }),
      node('Relu', ['h'], 'r', { name: 'relu' }),
      node('Flatten', ['r'], 'f', { name: 'flat', attribute: [intAttr('axis', 1)] }),
      node('Gemm', ['f', 'fc.weight', 'fc.bias'], 'y', { name: 'fc' }),
    ],
    initializers: [
      floatTensor('conv.weight', [3, 2, 3, 3], first.float32s(54, 0.5)),
      floatTensor('fc.weight', [3 * side * side, classes], second.float32s(3 * side * side * classes, 0.5)),
      floatTensor('fc.bias', [classes], second.float32s(classes, 0.5)),
    ],
  };
}

const PLAIN: Preprocessing = { layout: 'nchw', scale: 1, imageShape: SHAPE };
const prepared = (seeds: Seeds, preprocessing = PLAIN): Promise<PreparedClassifier> =>
  prepareClassifier(tinyModel(parts(seeds)), undefined, preprocessing);

const scoresOf = ({ model }: PreparedClassifier, image: Float32Array) =>
  withSession(encodeModel(model.proto), 'test', async (session) =>
    Array.from((await runRows(session, [image], [...SHAPE])).data),
  );

async function meanOf(
  members: readonly PreparedClassifier[],
  weights: readonly number[],
  image: Float32Array,
) {
  const scores = await Promise.all(members.map((member) => scoresOf(member, image)));
  return Array.from({ length: scores[0]?.length ?? 0 }, (_, c) =>
    scores.reduce((sum, one, k) => sum + (weights[k] ?? 0) * (one[c] ?? 0), 0),
  );
}

describe('an ensemble', () => {
  it.each([
    [
      'of unrelated networks',
      [
        { stem: 1, head: 2 },
        { stem: 3, head: 4 },
      ],
      0,
    ],
    [
      'whose networks share their stem',
      [
        { stem: 1, head: 2 },
        { stem: 1, head: 3 },
        { stem: 1, head: 4 },
      ],
      6,
    ],
    [
      'of one network and itself',
      [
        { stem: 1, head: 2 },
        { stem: 1, head: 2 },
      ],
      4,
    ],
    [
      'of stems that differ in an attribute alone',
      [
        { stem: 1, head: 2 },
        { stem: 1, head: 3, dilation: 2 },
      ],
      0,
    ],
    [
      'of two operator sets',
      [
        { stem: 1, head: 2 },
        { stem: 1, head: 3, opset: 9 },
      ],
      3,
    ],
  ] as const)('%s is the weighted mean of its parts', async (_, seeds, shared) => {
    const members = await Promise.all(seeds.map((one) => prepared(one)));
    const weights = seeds.map((_one, k) => (k + 1) / ((seeds.length * (seeds.length + 1)) / 2));
    const made = await ensembleOf(members, weights);
    expect(made.shared).toBe(shared);
    expect(made.classifier.batchable).toBe(true);
    for (const image of checkRows(3, 32, 9)) {
      const [found, wanted] = [await scoresOf(made.classifier, image), await meanOf(members, weights, image)];
      for (const [c, score] of found.entries()) expect(score).toBeCloseTo(wanted[c] ?? Number.NaN, 4);
    }
  });

  it('can be cut behind what its networks share, and only at the input where they share nothing', async () => {
    const cutsOf = async (...seeds: Seeds[]) => {
      const members = await Promise.all(seeds.map((one) => prepared(one)));
      const weights = seeds.map(() => 1 / seeds.length);
      const { classifier } = await ensembleOf(members, weights);
      return classifier.cuts.cuts.map(({ name }) => name);
    };
    expect(await cutsOf({ stem: 1, head: 2 }, { stem: 1, head: 3 })).toContain('relu');
    expect(await cutsOf({ stem: 1, head: 2 }, { stem: 5, head: 3 })).not.toContain('relu');
  });

  it('keeps the preparation of each network to itself', async () => {
    const bytes: Preprocessing = { ...PLAIN, scale: 255, mean: [10, 20], std: [50, 60] };
    const members = [await prepared({ stem: 1, head: 2 }), await prepared({ stem: 1, head: 2 }, bytes)];
    const { classifier } = await ensembleOf(members, [0.5, 0.5]);
    const [image = new Float32Array()] = checkRows(1, 32, 2);
    const wanted = await meanOf(members, [0.5, 0.5], image);
    for (const [c, score] of (await scoresOf(classifier, image)).entries())
      expect(Math.abs(score - (wanted[c] ?? 0))).toBeLessThan(1e-5 * Math.max(...wanted.map(Math.abs)));
  });

  it('is refused for networks of different classes', async () => {
    const members = [await prepared({ stem: 1, head: 2 }), await prepared({ stem: 1, head: 2, classes: 4 })];
    await expect(ensembleOf(members, [0.5, 0.5])).rejects.toThrow('know as many classes: 3 and 4');
  });
});
