/** A denoiser in front of a prepared network: what it receives, and the proof that the whole is its parts. */
import { describe, expect, it } from 'vitest';
import { composed } from '../../../src/onnx/compose/compose.ts';
import { AS_IT_IS } from '../../../src/onnx/compose/conditioning.ts';
import { denoiserOf } from '../../../src/onnx/compose/denoiser.ts';
import type { Cut } from '../../../src/onnx/cuts.ts';
import { type PreparedClassifier, prepareClassifier } from '../../../src/onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../../src/onnx/model/codec.ts';
import { checkRows } from '../../../src/onnx/runtime/check-rows.ts';
import { runRows, withSession } from '../../../src/onnx/runtime/session.ts';
import { floatTensor, intAttr, node, type Parts, tinyModel } from '../tiny-model.ts';

/** Scores of an image [2,2,3] of bytes: its twelve numbers, in the order of the file. */
const flat: Parts = {
  ...{ input: ['N', 2, 2, 3], output: ['N', 12] },
  nodes: [node('Flatten', ['x'], 'y', { attribute: [intAttr('axis', 1)] })],
};
const prepared = (parts: Parts): Promise<PreparedClassifier> =>
  prepareClassifier(tinyModel(parts), undefined, {
    ...{ layout: 'nhwc', channelOrder: 'bgr', scale: 255, mean: [10, 20, 30], std: [2, 4, 5] },
    imageShape: [3, 2, 2],
  });

/** d(x) = x², a map that does not commute with any preparation. */
const square = denoiserOf(
  tinyModel({ ...{ input: ['N', 3, 2, 2], output: ['N', 3, 2, 2] }, nodes: [node('Mul', ['x', 'x'], 'y')] }),
  AS_IT_IS,
  { what: 'the images', dims: [3, 2, 2] },
);
const inputOf = ({ cuts }: PreparedClassifier): Cut => cuts.cuts[0] as Cut;

describe('a denoiser in front of a network', () => {
  it('receives pixels in [0,1], red first, channel by channel: all preparation stands behind it', async () => {
    const network = await prepared(flat);
    const { classifier, largestDifference } = await composed(network, inputOf(network), await square);
    expect(largestDifference).toBeLessThanOrEqual(1e-5);
    expect(classifier.batchable).toBe(true);
    const [image = new Float32Array()] = checkRows(1, 12, 3);
    const { data } = await withSession(encodeModel(classifier.model.proto), 'test', (session) =>
      runRows(session, [image], [3, 2, 2]),
    );
    const [mean, std] = [
      [10, 20, 30],
      [2, 4, 5],
    ];
    const wanted = Array.from({ length: 12 }, (_, k) => {
      const [pixel, place] = [Math.floor(k / 3), k % 3];
      const clean = (image[(2 - place) * 4 + pixel] ?? 0) ** 2;
      return (255 * clean - (mean[place] ?? 0)) / (std[place] ?? 1);
    });
    for (const [k, value] of wanted.entries()) expect(data[k]).toBeCloseTo(value, 3);
  });

  it('is refused when the whole is not its parts', async () => {
    const network = await prepared(flat);
    const other = await prepared({
      ...flat,
      nodes: [
        node('Mul', ['x', 'two'], 'h'),
        node('Flatten', ['h'], 'y', { attribute: [intAttr('axis', 1)] }),
      ],
      initializers: [floatTensor('two', [], [2])],
    });
    const wrong = { ...network, delivered: other.delivered };
    await expect(composed(wrong, inputOf(network), await square)).rejects.toThrow(
      'the composed network does not compute what the denoiser and the network compute',
    );
  });
});
