/** A method that is none of the product's, as a program may bring it: the class whose mean image is nearest. */
import type { Dataset } from '../../src/datasets/dataset.ts';
import { count, number, object, type TypeOf } from '../../src/ground/json-schema.ts';
import { defineMethod } from '../../src/methods/method.ts';
import { askedOr } from '../../src/methods/sourced.ts';

const settings = object('Nearest mean.', {
  images: count('Images that the means are of, the last of the data.'),
});
const evidence = object('Distances to the means.', {
  margin: number('How much farther the second nearest mean is than the nearest, l2, a lower bound.', {
    minimum: 0,
  }),
});
type Settings = TypeOf<typeof settings>;
type Evidence = TypeOf<typeof evidence>;

/** No distance changes by more than the image moves, so half of the margin is a radius. */
export const nearestMean = defineMethod<Settings, Evidence>({
  name: 'nearest-mean',
  title: 'nearest mean',
  summary: 'the class whose mean image is nearest',
  ...{ settings, evidence },
  resolve: async (asked) => ({ settings: { images: askedOr(asked, 'images', 40) } }),
  async open({ data }, { images }) {
    const means = await meansOf(data, images);
    const nearest = (pixels: Float32Array): { readonly prediction: number; readonly margin: number } => {
      const order = means.map((mean, k) => ({ k, d: distance(mean, pixels) })).sort((a, b) => a.d - b.d);
      const [first, second] = order;
      if (first === undefined || second === undefined) throw new RangeError('two classes at least');
      return { prediction: first.k, margin: (second.d - first.d) * (1 - 1e-9) };
    };
    return {
      ...{ guarantee: 'certificate', facts: {}, checks: {} },
      async *certify(stream) {
        for await (const { pixels } of stream) {
          const { prediction, margin } = nearest(pixels);
          yield { prediction, radius: margin / 2, failureProbability: 0, evidence: { margin }, seconds: 0 };
        }
      },
      answer: async ({ pixels }) => ({
        ...{ prediction: nearest(pixels).prediction, votes: 1, runnerUp: null, runnerUpVotes: 0, draws: 1 },
      }),
      close: async () => {},
    };
  },
  fault: ({ radius, evidence: { margin } }) =>
    radius === margin / 2 ? null : `radius is ${radius}, but half of the margin is ${margin / 2}`,
  derive: ({ radius, evidence: { margin } }) => ({
    steps: [
      {
        title: 'Halve the margin',
        formula: 'r = m / 2',
        numbers: `r = ${radius}   (m = ${margin})`,
        meaning: 'No distance changes by more than the image moves.',
      },
    ],
    ...{
      classifier: 'the nearest mean',
      chance: '',
      symbols: [['m', 'how much farther the second nearest mean is']],
    },
  }),
  recomputed: 'the radius from the margin',
});

/** The mean image of each class among the last images; of a class without images, one far away. */
async function meansOf(data: Dataset, images: number): Promise<Float64Array[]> {
  const { labels, length } = data;
  if (labels === null) throw new RangeError('the means need labels');
  const size = data.shape.reduce((product, extent) => product * extent, 1);
  const sums = Array.from({ length: 10 }, () => ({ sum: new Float64Array(size), images: 0 }));
  for (let index = length - images; index < length; index++) {
    const mean = sums[labels[index] ?? -1];
    if (mean === undefined) continue;
    mean.images++;
    for (const [i, pixel] of (await data.image(index)).entries()) mean.sum[i] = (mean.sum[i] ?? 0) + pixel;
  }
  return sums.map(({ sum, images: n }) => (n === 0 ? sum.fill(1e6) : sum.map((value) => value / n)));
}

const distance = (a: Float64Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0));
