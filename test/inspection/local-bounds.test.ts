/** What `inspect --data` says of left halves around one image. */
import { describe, expect, it } from 'vitest';
import { LOCAL_RADIUS, localBounds } from '../../src/inspection/local-bounds.ts';
import { leftHalfBoundAt } from '../../src/methods/splitz/left-half.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { localInWords } from '../../src/report/findings/markdown.ts';
import { floatTensor, node, tinyModel } from '../onnx/tiny-model.ts';
import { randomSource } from '../operators/random.ts';

const SIZE = 8;
const random = randomSource(13);
const IMAGE = Float32Array.from({ length: SIZE }, (_, i) => 0.1 * i);

/** Three dense layers with tanh between them: their directions have nothing to do with each other. */
const deep = () => {
  const weights = randomSource(12);
  const names = ['a', 'b', 'c'];
  const dense = names.map((name) =>
    floatTensor(
      name,
      [SIZE, SIZE],
      Array.from(weights.normals(SIZE * SIZE), (w) => w / 2),
    ),
  );
  const model = tinyModel({
    nodes: [
      node('MatMul', ['x', 'a'], 'h1'),
      node('Tanh', ['h1'], 'u1'),
      node('MatMul', ['u1', 'b'], 'h2'),
      node('Tanh', ['h2'], 'u2'),
      node('MatMul', ['u2', 'c'], 'y'),
    ],
    initializers: dense,
    input: ['N', SIZE],
    output: ['N', SIZE],
  });
  return prepareClassifier(model, undefined, null);
};

describe('left halves around one image', () => {
  it('are bounded both ways, in the order of the cuts, and the linear part shows where it gains', async () => {
    const classifier = await deep();
    const behind = classifier.cuts.cuts.slice(1);
    const found = localBounds(classifier, behind, IMAGE, 60_000);
    expect(found.map(({ cut }) => cut.name)).toEqual(behind.map(({ name }) => name));
    for (const { secant, linear } of found) expect(linear).toBeLessThanOrEqual(secant * 1.001);
    const last = found.at(-1)!;
    expect(last.linear).toBeLessThan(0.9 * last.secant);
    // Nothing that was tried moves further.
    for (const { cut, secant, linear } of found) {
      const { evaluate } = leftHalfBoundAt(classifier, cut, 'secant');
      const at = (x: Float64Array): Float64Array => evaluate(x).latent.value;
      const centre = Float64Array.from(IMAGE);
      for (let trial = 0; trial < 50; trial++) {
        const direction = random.normals(SIZE);
        const length = Math.hypot(...direction);
        const there = at(centre.map((x, i) => x + (LOCAL_RADIUS * direction[i]!) / length));
        const moved = Math.hypot(...there.map((v, i) => v - at(centre)[i]!));
        expect(moved / LOCAL_RADIUS).toBeLessThanOrEqual(Math.min(secant, linear ?? Number.NaN));
      }
    }
  });

  it('that do not fit into the time are left out', async () => {
    const classifier = await deep();
    expect(localBounds(classifier, classifier.cuts.cuts.slice(1), IMAGE, 0)).toEqual([]);
  });

  it('in words: no bound, no time, and upper bounds rounded up', () => {
    expect([Number.POSITIVE_INFINITY, null, 1.0001].map(localInWords)).toEqual(['none', 'no time', '1.001']);
  });
});
