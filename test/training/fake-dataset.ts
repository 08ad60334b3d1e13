/** A data set made of a function, for tests of what reads data sets. */
import { assembleDataset, type Dataset, type ImageShape } from '../../src/datasets/dataset.ts';

export function fakeDataset(
  labels: readonly number[] | null,
  parts: {
    readonly length?: number;
    readonly shape?: ImageShape;
    /** Pixel i of an image; by default a byte that tells images and pixels apart. */
    readonly pixel?: (index: number, i: number) => number;
  } = {},
): Dataset {
  const { length = labels?.length ?? 0, shape = [1, 2, 2] } = parts;
  const { pixel = (index: number, i: number) => ((index * 7 + i * 31) % 256) / 255 } = parts;
  const size = shape[0] * shape[1] * shape[2];
  return assembleDataset({
    name: 'fake train',
    kind: 'npz',
    shape,
    length,
    labels: labels && Int32Array.from(labels),
    classNames: null,
    identity: [['labels', JSON.stringify(labels)]],
    origin: 'made by a test',
    image: async (index) => Float32Array.from({ length: size }, (_, i) => pixel(index, i)),
  });
}
