/**
 * The deterministic certificate: exact where the network is linear, never beyond a point of another answer where it is not, and
 * refused by `fault` as soon as a number in it is better than the others allow.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { DisplacementBound } from '../../src/lipschitz/displacement-bounds.ts';
import { answered, leadsOf, marginCertificate } from '../../src/methods/deterministic/certificate.ts';
import { deterministic } from '../../src/methods/deterministic/method.ts';
import { boundedNetwork, differences } from '../../src/methods/deterministic/network.ts';
import type { DeterministicEvidence } from '../../src/methods/deterministic/schema.ts';
import type { Certificate, Subject } from '../../src/methods/method.ts';
import { splitz } from '../../src/methods/splitz/method.ts';
import { type PreparedClassifier, prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { loadModel } from '../../src/onnx/model/load.ts';
import { openSession, runRows } from '../../src/onnx/runtime/session.ts';
import type { RunHeader, SeriesHeader } from '../../src/records/record.ts';
import { floatTensor, intAttr, intTensor, node, type Parts, tinyModel } from '../onnx/tiny-model.ts';
import { randomSource } from '../operators/random.ts';
import { randomMap } from '../operators/random-convolution.ts';
import { exampleHeader, setting } from '../records/run.ts';
import { openTestContext, subjectOf } from './open.ts';

const GLYPHS = fileURLToPath(new URL('../../models/glyphs-lenet.onnx', import.meta.url));

const prepared = (parts: Parts): Promise<PreparedClassifier> =>
  prepareClassifier(tinyModel(parts), undefined, null);

/** x [size] → W x + b: `classes` scores. */
const linear = (W: readonly (readonly number[])[], b: readonly number[]): Parts => ({
  nodes: [node('Gemm', ['x', 'V', 'd'], 'y')],
  initializers: [
    floatTensor(
      'V',
      [W[0]?.length ?? 0, W.length],
      (W[0] ?? []).flatMap((_, k) => W.map((row) => row[k] ?? 0)),
    ),
    floatTensor('d', [b.length], b),
  ],
  input: ['N', W[0]?.length ?? 0],
  output: ['N', W.length],
});

/** x [size] → Linear → activation → Linear → activation → Linear. */
function deep(seed: number, size: number, classes: number): Parts {
  const random = randomSource(seed);
  const width = random.integer(3, 6);
  const layer = (name: string, from: number, to: number) => [
    floatTensor(`${name}w`, [from, to], random.float32s(from * to, 0.7)),
    floatTensor(`${name}b`, [to], random.float32s(to, 0.3)),
  ];
  const activation = () => random.pick(['Relu', 'Tanh', 'LeakyRelu', 'Sigmoid']);
  return {
    nodes: [
      node('Gemm', ['x', 'aw', 'ab'], 'h1'),
      node(activation(), ['h1'], 'u1'),
      node('Gemm', ['u1', 'bw', 'bb'], 'h2'),
      node(activation(), ['h2'], 'u2'),
      node('Gemm', ['u2', 'cw', 'cb'], 'y'),
    ],
    initializers: [...layer('a', size, width), ...layer('b', width, width), ...layer('c', width, classes)],
    input: ['N', size],
    output: ['N', classes],
  };
}

const certificateOf = (
  classifier: PreparedClassifier,
  image: Float32Array,
  bound: DisplacementBound = 'secant',
) => {
  const network = boundedNetwork(classifier, bound);
  return marginCertificate(network, network.evaluate(image));
};

describe('a linear network', () => {
  const W = [
    [1, 2, 0],
    [-1, 0.5, 1],
    [0, 0, -2],
  ];
  const b = [0.5, 0, 0.25];
  const image = Float32Array.of(0.5, 0.75, 0.25);

  it('has the distance to the nearest border as its radius, rounded down', async () => {
    const { prediction, radius } = certificateOf(await prepared(linear(W, b)), image);
    const score = (k: number): number =>
      (W[k] ?? []).reduce((sum, w, i) => sum + w * (image[i] ?? 0), b[k] ?? 0);
    const distance = (k: number): number =>
      (score(0) - score(k)) / Math.hypot(...(W[0] ?? []).map((w, i) => w - (W[k]?.[i] ?? 0)));
    const nearest = Math.min(distance(1), distance(2));
    expect(prediction).toBe(0);
    expect(radius).toBeLessThanOrEqual(nearest);
    expect(radius).toBeGreaterThan(nearest * (1 - 1e-3));
  });

  it('has its nearest border with a class that is not the second largest score', async () => {
    const steep = linear(
      [
        [1, 0],
        [0.9, 0],
        [-5, 10],
      ],
      [0, 0, 5],
    );
    const { prediction, radius } = certificateOf(await prepared(steep), Float32Array.of(1, 0));
    expect(prediction).toBe(0);
    expect(radius).toBeLessThanOrEqual(1 / Math.hypot(6, 10));
    expect(radius).toBeGreaterThan((1 / Math.hypot(6, 10)) * (1 - 1e-3));
  });

  it('answers no class where the largest scores are equal', async () => {
    const same = [
      [1, 1],
      [1, 1],
    ];
    const { prediction, radius, evidence } = certificateOf(
      await prepared(linear(same, [0, 0])),
      Float32Array.of(0.5, 0.5),
    );
    expect([prediction, radius, evidence.moved]).toEqual([null, 0, []]);
  });

  it('keeps its answer everywhere where the rows are equal and only the offsets differ', async () => {
    const same = [
      [1, 1],
      [1, 1],
    ];
    const { prediction, radius } = certificateOf(
      await prepared(linear(same, [1, 0])),
      Float32Array.of(0.5, 0.5),
    );
    expect(prediction).toBe(0);
    expect(radius).toBeGreaterThan(1000);
  });
});

describe('what rounding may have made of the scores', () => {
  it('is taken off the margin, twice over', () => {
    expect(answered([1, 0.5], 0.3)).toBe(0);
    expect(answered([1, 0.5], 0.36)).toBeNull();
    expect(answered([1, 0.5], Number.POSITIVE_INFINITY)).toBeNull();
    expect(answered([0.5, 1, 1], 0)).toBeNull();
    const [own, lead = 0] = leadsOf([1, 0.5], 0.1, 0);
    expect(own).toBe(Number.POSITIVE_INFINITY);
    expect(lead).toBeLessThan(0.5 - Math.SQRT2 * 0.1);
    expect(lead).toBeGreaterThan((0.5 - Math.SQRT2 * 0.1) * (1 - 1e-12));
  });
});

describe('a random network', () => {
  const nets = Array.from({ length: 40 }, (_, seed) => seed + 1);

  it('answers alike everywhere inside the radius that is found', async () => {
    let tried = 0;
    let tight = 0;
    for (const seed of nets) {
      const random = randomSource(1000 + seed);
      const [size, classes] = [random.integer(2, 4), random.integer(2, 4)];
      const network = boundedNetwork(await prepared(deep(seed, size, classes)), 'secant');
      const image = Float32Array.from(random.float32s(size, 1));
      const { prediction, radius } = marginCertificate(network, network.evaluate(image));
      if (!(radius > 0)) continue;
      tried++;
      const lead = (x: Float64Array): number => {
        const scores = network.evaluate(Float32Array.from(x)).latent.value;
        return (scores[prediction ?? 0] ?? 0) - Math.max(...scores.filter((_, k) => k !== prediction));
      };
      /** The smallest lead found on the sphere: random directions, then descent by differences from the best of them. */
      const smallest = (r: number): number => {
        const at = (d: ArrayLike<number>): Float64Array => {
          const length = Math.hypot(...Array.from(d));
          return Float64Array.from(image, (v, i) => v + ((r * (1 - 1e-6)) / length) * (d[i] ?? 0));
        };
        let best: Float64Array = random.normals(size);
        for (let k = 0; k < 60; k++) {
          const d = random.normals(size);
          if (lead(at(d)) < lead(at(best))) best = d;
        }
        for (let step = 0; step < 40; step++) {
          const turned = best.map((v) => v + 0.3 * 0.9 ** step * (random.normals(1)[0] ?? 0));
          if (lead(at(turned)) < lead(at(best))) best = turned;
        }
        return lead(at(best));
      };
      expect(smallest(radius), `net ${seed}`).toBeGreaterThan(0);
      if (smallest(radius * 6) < 0) tight++;
    }
    expect(tried).toBeGreaterThan(25);
    // The radii are not so small that nothing could fail.
    expect(tight).toBeGreaterThan(10);
  });

  it('has the largest radius with the linear part kept, then by secants, by masks, by the global bound', async () => {
    let larger = 0;
    let kept = 0;
    for (const seed of nets.slice(0, 15)) {
      const random = randomSource(2000 + seed);
      const classifier = await prepared(deep(seed, 3, 3));
      const image = Float32Array.from(random.float32s(3, 1));
      const [global = 0, mask = 0, secant = 0, linear = 0] = (
        ['global', 'mask', 'secant', 'linear'] as const
      ).map((bound) => certificateOf(classifier, image, bound).radius);
      expect(mask).toBeGreaterThanOrEqual(global * (1 - 1e-3));
      expect(secant).toBeGreaterThanOrEqual(mask * (1 - 1e-3));
      expect(linear).toBeGreaterThanOrEqual(secant);
      if (secant > 1.1 * global) larger++;
      if (linear > 1.1 * secant) kept++;
    }
    expect(kept).toBeGreaterThan(3);
    expect(larger).toBeGreaterThan(3);
  });
});

describe('a network whose scores are combined from several tensors', () => {
  // y = W (relu(h) + tanh(h)), h = x: two features, an addend of each class from either tensor.
  const parts: Parts = {
    ...linear(
      [
        [1, 0],
        [0, 1],
      ],
      [0, 0],
    ),
    nodes: [
      node('Relu', ['x'], 'u'),
      node('Tanh', ['x'], 't'),
      node('Add', ['u', 't'], 's'),
      node('Gemm', ['s', 'V', 'd'], 'y'),
    ],
  };

  it('is bounded term by term, and never beyond the nearest border', async () => {
    const image = Float32Array.of(0.75, 0.25);
    const { prediction, radius } = certificateOf(await prepared(parts), image);
    expect(prediction).toBe(0);
    // The two features are equal where the two pixels are.
    expect(radius).toBeLessThanOrEqual(0.5 / Math.SQRT2);
    expect(radius).toBeGreaterThan(0.15);
  });
});

describe('what two rows of the last layer have in common', () => {
  // Both classes weigh the first feature by 100; they differ in the second alone, which stands for the second pixel.
  const parts: Parts = {
    nodes: [node('Relu', ['x'], 'u'), node('Gemm', ['u', 'V', 'd'], 'y')],
    initializers: [floatTensor('V', [2, 2], [100, 100, 1, -1]), floatTensor('d', [2], [0, 0])],
    input: ['N', 2],
    output: ['N', 2],
  };

  it('costs no radius, by any bound', async () => {
    const classifier = await prepared(parts);
    for (const bound of ['global', 'mask', 'secant', 'linear'] as const) {
      const { radius } = certificateOf(classifier, Float32Array.of(0.5, 0.5), bound);
      expect(radius, bound).toBeGreaterThan(0.5 * (1 - 2e-3));
      expect(radius, bound).toBeLessThanOrEqual(0.5);
    }
  });
});

/** The distance from `image` to the nearest point of a grid, in a ball around it, that has another answer; never too small. */
function nearestOther(
  answer: (x: Float32Array) => number,
  image: Float32Array,
  within: number,
  steps: number,
): number {
  const own = answer(image);
  let nearest = Number.POSITIVE_INFINITY;
  const point = new Float32Array(image.length);
  const visit = (axis: number, squared: number): void => {
    if (squared > within * within || squared >= nearest * nearest) return;
    if (axis === image.length) {
      const distance = Math.hypot(...point.map((v, i) => v - (image[i] ?? 0)));
      if (distance < nearest && answer(point) !== own) nearest = distance;
      return;
    }
    for (let k = -steps; k <= steps; k++) {
      const moved = (within * k) / steps;
      point[axis] = (image[axis] ?? 0) + moved;
      visit(axis + 1, squared + moved * moved);
    }
  };
  visit(0, 0);
  return nearest;
}

describe('differences of rows that are computed', () => {
  it('count what computing them rounds, also where they are equal: a scaled convolution', () => {
    const { map } = randomMap(1);
    const rows = Array.from({ length: map.rows }, () => new Float64Array(map.cols).fill(1));
    const least = 2 ** -53 * map.absoluteNorm() * map.rows;
    expect(differences(rows, 0, map).error - 2.001 * map.error).toBeGreaterThan(least);
  });
});

describe('a small network of MinMax or another activation', () => {
  const kinds = ['minmax', 'Relu', 'Tanh', 'residual'] as const;

  /** x [2] → Linear → MinMax or activation → (x + Linear) → activation → Linear. */
  function small(seed: number): Parts {
    const random = randomSource(4000 + seed);
    const kind = kinds[seed % kinds.length] ?? 'Relu';
    const classes = random.integer(2, 4);
    const layer = (name: string, from: number, to: number, scale: number) => [
      floatTensor(`${name}w`, [from, to], random.float32s(from * to, scale)),
      floatTensor(`${name}b`, [to], random.float32s(to, 0.3)),
    ];
    const act = (input: string, output: string) =>
      kind === 'minmax' || kind === 'residual'
        ? [
            node('Slice', [input, 'zero', 'half', 'one'], `${input}a`),
            node('Slice', [input, 'half', 'all', 'one'], `${input}b`),
            node('Max', [`${input}a`, `${input}b`], `${input}m`),
            node('Min', [`${input}a`, `${input}b`], `${input}n`),
            node('Concat', [`${input}m`, `${input}n`], output, { attribute: [intAttr('axis', 1)] }),
          ]
        : [node(kind, [input], output)];
    return {
      nodes: [
        node('Gemm', ['x', 'aw', 'ab'], 'h1'),
        ...act('h1', 'u1'),
        node('Gemm', ['u1', 'bw', 'bb'], 'h2'),
        ...(kind === 'residual' ? [node('Add', ['h2', 'u1'], 'r2')] : [node('Identity', ['h2'], 'r2')]),
        ...act('r2', 'u2'),
        node('Gemm', ['u2', 'cw', 'cb'], 'y'),
      ],
      initializers: [
        ...layer('a', 2, 4, 0.9),
        ...layer('b', 4, 4, 0.5),
        ...layer('c', 4, classes, 0.9),
        intTensor('zero', [0]),
        intTensor('one', [1]),
        intTensor('half', [2]),
        intTensor('all', [4]),
      ],
      input: ['N', 2],
      output: ['N', classes],
    };
  }

  it('never has a radius beyond the exact one, found by dense search, by any bound', async () => {
    let found = 0;
    let near = 0;
    for (let seed = 0; seed < 24; seed++) {
      const classifier = await prepared(small(seed));
      const image = Float32Array.from(randomSource(seed).float32s(2, 1));
      for (const bound of ['secant', 'linear', 'global'] as const) {
        const network = boundedNetwork(classifier, bound);
        const answer = (x: Float32Array): number => {
          const scores = network.evaluate(x).latent.value;
          return scores.indexOf(Math.max(...scores));
        };
        const { radius } = marginCertificate(network, network.evaluate(image));
        if (!(radius > 0)) continue;
        const exact = nearestOther(answer, image, Math.min(3, 4 * radius), 40);
        if (!Number.isFinite(exact)) continue;
        found++;
        expect(radius, `net ${seed}, ${bound}`).toBeLessThan(exact);
        if (radius > 0.5 * exact) near++;
      }
    }
    expect(found).toBeGreaterThan(12);
    expect(near).toBeGreaterThan(5);
  });
});

/** Certificates of a network at images, as `certify` makes them. */
async function certified(
  parts: Parts,
  lipschitz: DisplacementBound,
  images: readonly Float32Array[],
): Promise<readonly Certificate<DeterministicEvidence>[]> {
  const context = openTestContext();
  const subject = subjectOf(await prepared(parts));
  const run = await deterministic.open(subject, { lipschitz }, { seed: 3n, series: 0 }, images, context);
  async function* stream() {
    for (const [index, pixels] of images.entries()) yield { index, pixels };
  }
  const made: Certificate<DeterministicEvidence>[] = [];
  for await (const one of run.certify(stream(), context)) made.push(one);
  await run.close();
  return made;
}

it.each(['global', 'linear'] as const)(
  'many images have the certificates that each has alone, by `%s`',
  async (bound) => {
    const random = randomSource(21);
    const images = Array.from({ length: 19 }, () => Float32Array.from(random.float32s(3, 1)));
    const parts = deep(4, 3, 4);
    const withoutTime = (made: readonly Certificate<DeterministicEvidence>[]) =>
      made.map((certificate) => ({ ...certificate, seconds: null }));
    const together = withoutTime(await certified(parts, bound, images));
    expect(together.some(({ radius }) => radius > 0)).toBe(true);
    for (const [k, image] of images.entries())
      expect(withoutTime(await certified(parts, bound, [image]))).toEqual([together[k]]);
  },
);

describe('what ONNX Runtime makes of the scores at the image', () => {
  const identity = [
    [1, 0],
    [0, 1],
  ];
  const image = Float32Array.of(0.9, 0.1);

  it('is taken off the margin: large offsets, which cost float32 its last digits, cost radius', async () => {
    const radiusAt = async (offset: number) =>
      (await certified(linear(identity, [offset, offset]), 'global', [image]))[0]!.radius;
    const exact = 0.8 / Math.SQRT2;
    expect(await radiusAt(0)).toBeGreaterThan(exact * (1 - 2e-4));
    expect(await radiusAt(1e6)).toBeLessThan(exact * (1 - 1e-3));
    expect(await radiusAt(1e6)).toBeGreaterThan(exact * 0.8);
  });

  it.each(['secant', 'global'] as const)(
    'leaves no certificate by the %s bound where it cannot tell the classes apart',
    async (bound) => {
      const [{ prediction, radius }] = (await certified(linear(identity, [1e8, 1e8]), bound, [image])) as [
        Certificate<DeterministicEvidence>,
      ];
      expect({ prediction, radius }).toEqual({ prediction: null, radius: 0 });
    },
  );

  it('is the answer of every certificate, also where products that cancel leave float32 a sum of rounding alone', async () => {
    const random = randomSource(6);
    const size = 24;
    const large = random.float32s(size, 3e7);
    // Class 0 has 0 in exact arithmetic, class 1 always 0.1; the third makes differences look small beside the largest score.
    const weights = [...large, ...large.map((v) => -v)].flatMap((v) => [v, 0, 0]);
    const parts: Parts = {
      nodes: [
        node('Concat', ['x', 'x'], 't', { attribute: [intAttr('axis', 1)] }),
        node('Gemm', ['t', 'V', 'd'], 'y'),
      ],
      initializers: [floatTensor('V', [2 * size, 3], weights), floatTensor('d', [3], [0, 0.1, -1e9])],
      input: ['N', size],
      output: ['N', 3],
    };
    const images = Array.from({ length: 24 }, () => Float32Array.from(random.float32s(size, 1)));
    const session = await openSession(encodeModel(tinyModel(parts).proto), 'cancels');
    let others = 0;
    for (const bound of ['secant', 'global'] as const) {
      for (const [k, { prediction }] of (await certified(parts, bound, images)).entries()) {
        const { data } = await runRows(session, [images[k]!], [size]);
        const answer = data.indexOf(Math.max(...data));
        if (answer !== 1) others++;
        if (prediction !== null) expect(prediction).toBe(answer);
      }
    }
    await session.close();
    expect(others).toBeGreaterThan(4);
  });
});

describe('a network that is another one in float32', () => {
  // x + a - a, with a = 2^30 max(0, x - 5/4): x in exact arithmetic, nothing of it in float32 beyond 5/4, where no pixel is.
  const parts: Parts = {
    nodes: [
      node('Sub', ['x', 'half'], 's'),
      node('Relu', ['s'], 'r'),
      node('Mul', ['r', 'large'], 'a'),
      node('Add', ['x', 'a'], 'p'),
      node('Sub', ['p', 'a'], 'q'),
      node('Relu', ['q'], 'u'),
      node('Gemm', ['u', 'V', 'd'], 'y'),
    ],
    initializers: [
      floatTensor('half', [], [1.25]),
      floatTensor('large', [], [2 ** 30]),
      floatTensor('V', [1, 2], [1, 0]),
      floatTensor('d', [2], [0, 0.25]),
    ],
    input: ['N', 1],
    output: ['N', 2],
  };

  it('is refused at the first image that shows it, though the images looked at before did not', async () => {
    const context = openTestContext();
    const subject = subjectOf(await prepared(parts));
    const settings = { lipschitz: 'secant' } as const;
    const noise = { seed: 3n, series: 0 };
    const probes = [Float32Array.of(0.2), Float32Array.of(0.4)];
    const opened = await deterministic.open(subject, settings, noise, probes, context);
    async function* images() {
      yield { index: 0, pixels: Float32Array.of(0.4) };
      yield { index: 1, pixels: Float32Array.of(1.9) };
    }
    const seen: (number | null)[] = [];
    const all = async () => {
      for await (const { prediction } of opened.certify(images(), context)) seen.push(prediction);
    };
    await expect(all()).rejects.toThrow('computes something else in ONNX Runtime');
    expect(seen).toEqual([0]);
    await opened.close();
  });

  it('keeps the certificates of the images before, though they were evaluated together with it', async () => {
    const context = openTestContext();
    const subject = subjectOf(await prepared(parts));
    const probes = [Float32Array.of(0.2)];
    const noise = { seed: 3n, series: 0 };
    const opened = await deterministic.open(subject, { lipschitz: 'global' }, noise, probes, context);
    async function* images() {
      for (const [index, pixel] of [0.4, 0.1, 0.3, 1.9, 0.2].entries())
        yield { index, pixels: Float32Array.of(pixel) };
    }
    let seen = 0;
    const all = async () => {
      for await (const _ of opened.certify(images(), context)) seen++;
    };
    await expect(all()).rejects.toThrow('computes something else in ONNX Runtime');
    expect(seen).toBe(3);
    await opened.close();
  });
});

describe('a network that is another one where no image of the data is', () => {
  const identity = (more: number): Parts => ({
    nodes: [
      node('Gemm', ['x', 'W', 'c'], 'h'),
      node('Relu', ['h'], 'u'),
      node('Gemm', ['x', 'V'], 'v'),
      node('Mul', ['u', 'k'], 'w'),
      node('Add', ['v', 'w'], 'y'),
    ],
    initializers: [
      // Alive where the pixels add up to more than 3.5 of 4.
      floatTensor('W', [4, 2], [0, 1, 0, 1, 0, 1, 0, 1]),
      floatTensor('c', [2], [0, -3.5]),
      floatTensor('V', [4, 2], [1, 0, 1, 0, 1, 0, 1, 0]),
      floatTensor('k', [1], [more]),
    ],
    input: ['N', 4],
    output: ['N', 2],
  });
  const image = Float32Array.of(0.6, 0.7, 0.5, 0.6);
  /** Bounded as one network, and deployed as another. */
  const twoFaced = async (): Promise<PreparedClassifier> => {
    const [bounded, deployed] = [await prepared(identity(0)), await prepared(identity(1000))];
    boundedNetwork(bounded, 'global');
    // What is compiled is the graph; what ONNX Runtime runs, the file.
    return {
      ...bounded,
      model: Object.assign(Object.create(bounded.model), { proto: deployed.model.proto }),
    };
  };

  it('is refused before the first certificate: a white image shows it', async () => {
    const subject = subjectOf(await twoFaced());
    const opening = deterministic.open(
      subject,
      { lipschitz: 'global' },
      { seed: 3n, series: 0 },
      [image],
      openTestContext(),
    );
    await expect(opening).rejects.toThrow('computes something else in ONNX Runtime');
  });

  it('is not confirmed where a ball reaches there', async () => {
    const classifier = await twoFaced();
    const network = boundedNetwork(classifier, 'global');
    const certificate = {
      ...marginCertificate(network, network.evaluate(image)),
      failureProbability: 0,
      seconds: 0,
    };
    expect(certificate.radius).toBeGreaterThan(1);
    const subject = { classifier, data: { image: async () => image } as unknown as Subject['data'] };
    const series = { guarantee: 'certificate', settings: { lipschitz: setting('global') } };
    const confirmation = await deterministic.confirm(
      [{ line: 2, index: 0, certificate }],
      series as never,
      subject,
      { bounds: 10, seed: 1, runSeed: 3n },
      openTestContext(),
    );
    expect(confirmation.fault?.why).toContain(
      'ONNX Runtime computes something else at a point within the radius',
    );
  });
});

it('an image that overflows float32 is left without an answer, and the run goes on', async () => {
  const parts = linear(
    [
      [3e38, 0],
      [0, 1],
    ],
    [0, 0],
  );
  const images = [Float32Array.of(0.1, 0.9), Float32Array.of(1e3, 0), Float32Array.of(0.2, 0.5)];
  const context = openTestContext();
  const subject = subjectOf(await prepared(parts));
  const noise = { seed: 3n, series: 0 };
  const opened = await deterministic.open(
    subject,
    { lipschitz: 'global' },
    noise,
    images.slice(0, 1),
    context,
  );
  async function* stream() {
    for (const [index, pixels] of images.entries()) yield { index, pixels };
  }
  const answers: (number | null)[] = [];
  for await (const { prediction } of opened.certify(stream(), context)) answers.push(prediction);
  expect(answers).toEqual([0, null, 0]);
  await opened.close();
});

describe('a network whose norms other methods prove with a probability', () => {
  it('is bounded for certain: no certificate has a failure probability, and none can be asked for', async () => {
    const context = openTestContext();
    const model = await loadModel(GLYPHS);
    const preprocessing = { layout: 'nchw', scale: 1, imageShape: [1, 28, 28] } as const;
    const subject = subjectOf(await prepareClassifier(model, undefined, preprocessing));
    const resolved = await deterministic.resolve({}, subject, context);
    if ('instead' in resolved) throw new Error('it is its own method');
    expect(Object.keys(resolved.settings)).toEqual(['lipschitz']);
    const image = new Float32Array(784).fill(0.5);
    const settings = { lipschitz: 'global' } as const;
    const opened = await deterministic.open(subject, settings, { seed: 3n, series: 0 }, [image], context);
    async function* images() {
      yield { index: 0, pixels: image };
    }
    for await (const { failureProbability } of opened.certify(images(), context))
      expect(failureProbability).toBe(0);
    await opened.close();
    await expect(splitz.resolve({ delta: setting(0, 'flag') }, subject, context)).rejects.toThrow(
      'delta cannot be set',
    );
  });
});

describe('the method', () => {
  const parts = deep(5, 3, 3);
  const context = openTestContext();

  async function run(lipschitz: DisplacementBound = 'secant'): Promise<{
    readonly header: RunHeader;
    readonly series: SeriesHeader;
    readonly certificates: readonly Certificate<DeterministicEvidence>[];
  }> {
    const subject = subjectOf(await prepared(parts));
    const resolved = await deterministic.resolve({}, subject, context);
    if ('instead' in resolved) throw new Error('it is its own method');
    const settings = { lipschitz };
    const random = randomSource(9);
    const images = Array.from({ length: 6 }, (_, index) => ({
      index,
      pixels: Float32Array.from(random.float32s(3, 1)),
    }));
    async function* stream() {
      yield* images;
    }
    const probes = images.slice(0, 2).map(({ pixels }) => pixels);
    const opened = await deterministic.open(subject, settings, { seed: 3n, series: 0 }, probes, context);
    const certificates: Certificate<DeterministicEvidence>[] = [];
    for await (const certificate of opened.certify(stream(), context)) certificates.push(certificate);
    const { guarantee, facts, checks } = opened;
    const series: SeriesHeader = {
      ...{ method: 'deterministic', guarantee, facts, checks },
      settings: { lipschitz: setting(lipschitz) },
    };
    const example = exampleHeader();
    return {
      header: { ...example, model: { ...example.model, classes: 3 }, series: [series] },
      series,
      certificates,
    };
  }

  it('gives certificates that follow from their evidence, and refuses any that say more', async () => {
    const { header, series, certificates } = await run();
    const typed = series as never;
    const faultOf = (certificate: Certificate<DeterministicEvidence>) =>
      deterministic.fault(certificate, typed, header);
    expect(deterministic.headerFault(typed, header)).toBeNull();
    const certified = certificates.find(({ radius }) => radius > 0);
    if (certified === undefined) throw new Error('one has a radius');
    for (const certificate of certificates) expect(faultOf(certificate)).toBeNull();
    const { evidence } = certified;
    const farther = (factor: number) => evidence.moved.map((moved) => moved * factor);
    const furthest = Math.max(...evidence.moved);
    const with_ = (changes: Partial<DeterministicEvidence>) => ({
      ...certified,
      evidence: { ...evidence, ...changes },
    });
    expect(faultOf(with_({ moved: farther(1.01) }))).toContain('may move by');
    for (const i of [0, 1, 2].filter((k) => k !== certified.prediction)) {
      const one = evidence.moved.map((moved, k) => (k === i ? moved + 100 : moved));
      expect(faultOf(with_({ moved: one }))).toContain(`class ${i} is at least`);
    }
    expect(faultOf(with_({ moved: farther(1).slice(1) }))).toContain('movements of 3 classes');
    expect(faultOf(with_({ rounding: furthest * 0.01 }))).toContain('may move by');
    expect(faultOf(with_({ scoreError: 1 }))).toContain('behind');
    expect(faultOf(with_({ scoreError: null }))).toContain('scoreError');
    expect(faultOf(with_({ scores: evidence.scores.slice(1) }))).toContain('scores of 3 classes');
    expect(faultOf({ ...certified, prediction: ((certified.prediction ?? 0) + 1) % 3 })).not.toBeNull();
    expect(faultOf({ ...certified, failureProbability: 0.5 })).toContain('failureProbability');
    expect(faultOf({ ...certified, prediction: null, radius: 0 })).not.toBeNull();
  });

  type Change = (
    certificate: Certificate<DeterministicEvidence>,
  ) => Partial<Certificate<DeterministicEvidence>>;

  /** What `verify` says against the model of a run whose certificates were changed. */
  async function confirmed(change: Change, lipschitz: DisplacementBound = 'secant') {
    const { series, certificates } = await run(lipschitz);
    const random = randomSource(9);
    const pixels = certificates.map(() => Float32Array.from(random.float32s(3, 1)));
    const subject = {
      classifier: await prepared(parts),
      data: { image: async (index: number) => pixels[index] } as unknown as Subject['data'],
    };
    const claims = certificates.map((certificate, index) => ({
      ...{ line: index + 2, index },
      certificate: { ...certificate, ...change(certificate) },
    }));
    const request = { bounds: 10, seed: 1, runSeed: 3n };
    return await deterministic.confirm(claims, series as never, subject, request, context);
  }
  const evidenceOf =
    (change: (evidence: DeterministicEvidence) => Partial<DeterministicEvidence>): Change =>
    ({ evidence }) => ({ evidence: { ...evidence, ...change(evidence) } });

  it.each(['global', 'mask', 'secant', 'linear'] as const)(
    'is confirmed against the model, by the %s bound',
    async (bound) => {
      expect(await confirmed(() => ({}), bound)).toMatchObject({ fault: null, unchecked: [] });
    },
  );

  it('is not confirmed with a movement that is understated, a score that is another, or an error that is too small', async () => {
    const less = await confirmed(
      evidenceOf(({ moved }) => ({ moved: moved.map((movement) => 0.99 * movement) })),
    );
    expect(less.fault?.why).toContain('proving it again gives');
    const other = await confirmed(
      evidenceOf(({ scores }) => ({ scores: scores.map((score) => score + 1e-9) })),
    );
    expect(other.fault?.why).toContain('evaluating the network again');
    const exact = await confirmed(evidenceOf(() => ({ scoreError: 0 })));
    expect(exact.fault?.why).toContain('scoreError is 0');
  });

  it('is not confirmed with a larger radius, whatever the file says of its own errors', async () => {
    // A lead may look larger by the error that is claimed for each of its two scores.
    const error = 1e5;
    const forged: Change = ({ prediction, radius, evidence }) =>
      radius === 0
        ? {}
        : {
            radius: 40 * radius,
            evidence: {
              ...evidence,
              scoreError: error,
              scores: evidence.scores.map((score, i) => (i === prediction ? score + error : score - error)),
              moved: evidence.moved.map((movement) => 100 * movement),
            },
          };
    const { series, header, certificates } = await run();
    for (const one of certificates)
      expect(deterministic.fault({ ...one, ...forged(one) }, series as never, header)).toBeNull();
    expect((await confirmed(forged)).fault?.why).toContain('evaluating the network again');
    const quiet: Change = (one) => ({
      radius: 1.2 * one.radius,
      evidence: { ...one.evidence, moved: one.evidence.moved.map(() => 1e3) },
    });
    expect((await confirmed(quiet)).fault?.why).toMatch(/behind, but proving|within the radius/);
  });

  it('is not confirmed with a radius beyond the last that is proved by as little as movements may be stated too small', async () => {
    // The bound that grows with the radius alone, without a jump.
    const { certificates } = await run('global');
    const random = randomSource(9);
    const pixels = certificates.map(() => Float32Array.from(random.float32s(3, 1)));
    const network = boundedNetwork(await prepared(parts), 'global');
    const excess = 1 + 9e-10;
    const beyond: Change = (one) => {
      const j = one.prediction;
      if (j === null || one.radius === 0) return {};
      const evaluation = network.evaluate(
        pixels[certificates.findIndex(({ radius }) => radius === one.radius)]!,
      );
      const leads = leadsOf([...evaluation.latent.value], evaluation.latent.error, j);
      const movedAt = (r: number) => network.bound.movedOn(evaluation, network.against(j), r);
      const proved = (r: number): boolean => {
        const { moved, forwardError } = movedAt(r);
        return leads.every((lead, i) => i === j || moved[i]! + Math.SQRT2 * forwardError <= lead);
      };
      let [low, high] = [one.radius, 2 * one.radius];
      for (let step = 0; step < 60; step++) {
        const middle = (low + high) / 2;
        if (proved(middle)) low = middle;
        else high = middle;
      }
      const radius = low * excess;
      const moved = [...movedAt(radius).moved].map((movement) => movement / excess);
      return { radius, evidence: { ...one.evidence, moved } };
    };
    expect((await confirmed(beyond, 'global')).fault?.why).toContain('behind, but proving its movement');
  });

  it('is not confirmed with a class that does not have the largest score, at any radius', async () => {
    const swapped: Change = ({ prediction }) =>
      prediction === null ? {} : { prediction: (prediction + 1) % 3, radius: 0 };
    expect((await confirmed(swapped)).fault?.why).toMatch(/largest score/);
  });

  it('explains how a radius comes about', async () => {
    const { header, series, certificates } = await run();
    const certified = certificates.find(({ radius }) => radius > 0);
    if (certified === undefined) throw new Error('one has a radius');
    const { steps, symbols } = deterministic.derive(certified, series as never, header);
    expect(steps.map(({ title }) => title)).toEqual([
      'Compare the scores',
      'How far the scores may move',
      'Back to the image',
    ]);
    expect(symbols.map(([symbol]) => symbol)).toContain('M_i(r)');
  });
});
