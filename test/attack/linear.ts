/** Two-class half-spaces over small images: every distance to the boundary has a closed form, smoothed or not. */

import type { Cut } from '../../src/onnx/cuts.ts';
import { type PreparedClassifier, prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import type { Norm } from '../../src/records/norm.ts';
import { floatTensor, intAttr, node, tinyModel } from '../onnx/tiny-model.ts';
import { randomSource } from '../operators/random.ts';

export const SHAPE = [1, 6, 6] as const;
export const PIXELS = 36;

export interface HalfSpace {
  readonly classifier: PreparedClassifier;
  readonly input: Cut;
  /** Distance of an image from the boundary, in l2 unless said otherwise. */
  distance(image: Float32Array, norm?: Norm): number;
  readonly image: Float32Array;
}

/** @param between an operator between image and scores, elementwise and odd, that leaves the boundary where it is */
export async function halfSpace(seed: number, distance: number, between?: string): Promise<HalfSpace> {
  const random = randomSource(seed);
  const w = Array.from({ length: PIXELS }, () => Math.fround(random.uniform(-1, 1)));
  const norm = Math.hypot(...w);
  const image = Float32Array.from({ length: PIXELS }, () => random.uniform(0, 1));
  const dot = (x: Float32Array) => w.reduce((sum, value, i) => sum + value * (x[i] as number), 0);
  const offset = Math.fround(dot(image) - distance * norm);
  const nodes = [
    node('Flatten', ['x'], 'f', { name: 'flat', attribute: [intAttr('axis', 1)] }),
    node('Gemm', ['f', 'w', 'b'], 's', { name: 'scores', attribute: [intAttr('transB', 1)] }),
    node(between ?? 'Identity', ['s'], 'y', { name: 'last' }),
  ];
  const classifier = await prepareClassifier(
    tinyModel({
      nodes,
      // Half of the slope to each class: both scores are small and of opposite sign.
      initializers: [
        floatTensor('w', [2, PIXELS], [...w.map((v) => v / 2), ...w.map((v) => -v / 2)]),
        floatTensor('b', [2], [-offset / 2, offset / 2]),
      ],
      input: ['N', ...SHAPE],
      output: ['N', 2],
    }),
    undefined,
    { layout: 'nchw', scale: 1, imageShape: SHAPE },
  );
  return {
    classifier,
    input: classifier.cuts.cuts[0] as Cut,
    image,
    // The dual norm of the normal: l∞ for distances in l1.
    distance: (x, of = 'l2') => (dot(x) - offset) / (of === 'l1' ? Math.max(...w.map(Math.abs)) : norm),
  };
}
