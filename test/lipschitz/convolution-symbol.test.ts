/** The norm of a convolution bounded by its symbol is never below the norm, close to it on large planes, and made of terms that all count. */
import { describe, expect, it } from 'vitest';
import {
  hasSymbolNorm,
  normFrom,
  type ProvedSymbol,
  symbolNorm,
} from '../../src/lipschitz/convolution-symbol.ts';
import { lanczosEstimate } from '../../src/lipschitz/lanczos.ts';
import { ConvolutionMap } from '../../src/operators/algebra/convolution-map.ts';
import type { Kernel } from '../../src/operators/algebra/kernel.ts';
import { selection } from '../../src/operators/algebra/sparse-matrix.ts';
import type { Sweep } from '../../src/operators/algebra/sweep.ts';
import { type Random, randomSource } from '../operators/random.ts';
import { randomMap } from '../operators/random-convolution.ts';
import { denseColumns, largestSingularValue } from './dense-svd.ts';

const POINT: Sweep = { input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, padBegin: 0, padEnd: 0 };

function axis(input: number, kernel: number, stride = 1, dilation = 1, pad = Math.floor(kernel / 2)): Sweep {
  const output = Math.floor((input + 2 * pad - dilation * (kernel - 1) - 1) / stride) + 1;
  return { input, output, kernel, stride, dilation, padBegin: pad, padEnd: pad };
}

function kernelOf(
  random: Random,
  shape: Pick<Kernel, 'groups' | 'perGroup' | 'outChannels' | 'y' | 'x'>,
): Kernel {
  const { outChannels, perGroup, y, x } = shape;
  return { batch: 1, ...shape, weights: random.normals(outChannels * perGroup * y.kernel * x.kernel) };
}

const estimate = (map: ConvolutionMap): number =>
  Math.sqrt(lanczosEstimate(map.gram(null, null), map.cols, 60));

describe('the norm of a convolution by its symbol', () => {
  it('is never below the SVD: strides, paddings, dilations, groups, scales and mirrored cells around it', () => {
    let known = 0;
    for (let seed = 0; seed < 60; seed++) {
      const { map } = randomMap(seed);
      const bound = symbolNorm(map);
      if (!Number.isFinite(bound)) continue;
      known++;
      const truth = largestSingularValue(denseColumns(map));
      expect(bound, `seed ${seed}`).toBeGreaterThanOrEqual(truth * (1 - 1e-13));
    }
    expect(known).toBeGreaterThan(40);
  });

  it('is close to the norm on a large plane, whatever the geometry', () => {
    const random = randomSource(1);
    const shapes = [
      { groups: 1, perGroup: 3, outChannels: 8, y: axis(48, 3), x: axis(40, 3) },
      { groups: 1, perGroup: 3, outChannels: 6, y: axis(72, 7, 2), x: axis(72, 7, 2) },
      { groups: 1, perGroup: 2, outChannels: 24, y: axis(40, 3, 1, 2, 2), x: axis(60, 5, 3, 1, 0) },
      { groups: 3, perGroup: 2, outChannels: 9, y: axis(40, 3), x: axis(40, 2, 2, 1, 1) },
      { groups: 1, perGroup: 4, outChannels: 5, y: POINT, x: axis(200, 5) },
      { groups: 1, perGroup: 9, outChannels: 4, y: axis(10, 1, 1, 1, 0), x: axis(10, 1, 1, 1, 0) },
    ];
    for (const [k, shape] of shapes.entries()) {
      const map = new ConvolutionMap(kernelOf(random, shape));
      const [bound, from] = [symbolNorm(map), estimate(map)];
      expect(bound, `shape ${k}`).toBeGreaterThanOrEqual(from);
      expect(bound, `shape ${k}`).toBeLessThanOrEqual(from * 1.04);
    }
  });

  it('takes scales channel by channel: as close with a normalisation before and after', () => {
    const random = randomSource(2);
    const kernel = kernelOf(random, {
      groups: 1,
      perGroup: 3,
      outChannels: 6,
      y: axis(40, 3),
      x: axis(40, 3),
    });
    const perChannel = (channels: number, plane: number) => {
      const scales = Float64Array.from({ length: channels }, () => random.uniform(0.1, 4));
      const source = Int32Array.from({ length: channels * plane }, (_, i) => i);
      return selection(
        channels * plane,
        source,
        Float64Array.from(source, (i) => scales[Math.floor(i / plane)]!),
      );
    };
    const map = new ConvolutionMap(kernel, perChannel(6, 1600), perChannel(3, 1600));
    const from = estimate(map);
    expect(symbolNorm(map)).toBeGreaterThanOrEqual(from);
    expect(symbolNorm(map)).toBeLessThanOrEqual(from * 1.04);
  });

  it('covers what lies between the points of its grid', () => {
    // |S|² is Fejér's kernel, of degree 20, with its peak half way between two of 256 points.
    for (const point of [40.5, 64.5, 90.5]) {
      const peak = (2 * Math.PI * point) / 256;
      const [from, into] = [0, 1].map((channel) =>
        Float64Array.from({ length: 21 }, (_, t) =>
          channel === 0 ? Math.cos(t * peak) : Math.sin(t * peak),
        ),
      ) as [Float64Array, Float64Array];
      const weights = Float64Array.from([...from, ...into.map((w) => -w), ...into, ...from]);
      const map = new ConvolutionMap({
        ...{ batch: 1, groups: 1, perGroup: 2, outChannels: 2, weights },
        ...{ y: POINT, x: axis(64, 21) },
      });
      // Rotations by t peak: at the frequency -peak all 21 of them add up.
      const sup = 21;
      expect(symbolNorm(map)).toBeGreaterThanOrEqual(sup);
      expect(symbolNorm(map)).toBeLessThanOrEqual(sup * 1.03);
    }
  });

  it('counts a cell as often as the matrix in front shows it', () => {
    const [shown, weights] = [Int32Array.from({ length: 40 }, (_, i) => i % 10), Float64Array.of(1)];
    const kernel = { batch: 1, groups: 1, perGroup: 1, outChannels: 1, weights, y: POINT, x: axis(40, 1) };
    const map = new ConvolutionMap(kernel, null, selection(10, shown, new Float64Array(40).fill(1)));
    expect(symbolNorm(map)).toBeGreaterThanOrEqual(2);
    expect(symbolNorm(map)).toBeLessThanOrEqual(2.002);
  });

  it('has none where a grid would be too coarse or take too long', () => {
    const random = randomSource(3);
    const wide = kernelOf(random, { groups: 1, perGroup: 1, outChannels: 1, y: POINT, x: axis(99, 41) });
    expect(hasSymbolNorm(wide)).toBe(false);
    expect(symbolNorm(new ConvolutionMap(wide))).toBe(Number.POSITIVE_INFINITY);
    const many = { ...wide, perGroup: 512, outChannels: 512, y: axis(28, 3), x: axis(28, 3) };
    expect(hasSymbolNorm(many)).toBe(false);
  });

  it('is 0 for a kernel of zeros alone, and keeps to scale over the whole range of weights', () => {
    const shape = { groups: 1, perGroup: 2, outChannels: 3, y: axis(9, 3), x: axis(9, 3) };
    const kernel = kernelOf(randomSource(4), shape);
    const zero = new ConvolutionMap({ ...kernel, weights: new Float64Array(kernel.weights.length) });
    expect(symbolNorm(zero)).toBeLessThan(1e-50);
    const bound = symbolNorm(new ConvolutionMap(kernel));
    for (const power of [-190, 190]) {
      const scaled = new ConvolutionMap({ ...kernel, weights: kernel.weights.map((w) => w * 2 ** power) });
      expect(symbolNorm(scaled)).toBeCloseTo(bound * 2 ** power, -Math.floor(Math.log10(2 ** power)) + 10);
    }
  });

  it('comes within the time of a test where the largest eigenvalue is far above the diagonal', () => {
    // Step by step it would be 5,000 factorisations of a matrix of side 320.
    const side = 160;
    const map = new ConvolutionMap({
      ...{ batch: 1, groups: 1, perGroup: side, outChannels: side },
      ...{ weights: new Float64Array(side * side).fill(1 / side), y: POINT, x: axis(4, 1, 1, 1, 0) },
    });
    expect(symbolNorm(map)).toBeGreaterThanOrEqual(1);
    expect(symbolNorm(map)).toBeLessThan(1.002);
  });

  it('is Infinity, and returns, where a weight or a scale is not finite or overflows', () => {
    const shape = { groups: 1, perGroup: 1, outChannels: 1, y: POINT, x: axis(9, 3) };
    const cells = Int32Array.from({ length: 9 }, (_, i) => i);
    const scaledBy = (scale: number) => selection(9, cells, new Float64Array(9).fill(scale));
    for (const [weight, scale] of [
      [Number.NaN, 1],
      [Number.POSITIVE_INFINITY, 1],
      [Number.NEGATIVE_INFINITY, 1],
      [1, Number.NaN],
      [1, Number.POSITIVE_INFINITY],
      [1e200, 1e200],
    ] as const) {
      const kernel: Kernel = { batch: 1, ...shape, weights: Float64Array.of(1, weight, 1) };
      expect(symbolNorm(new ConvolutionMap(kernel, null, scaledBy(scale))), `${weight} · ${scale}`).toBe(
        Number.POSITIVE_INFINITY,
      );
    }
  });
});

describe('what a norm by the symbol is made of', () => {
  const u = 2 ** -53;
  const plain: ProvedSymbol = {
    ...{ mu: 4, absolute: 0, least: 1, most: 1, taps: 1, lost: 1, leftOut: 0, repeats: 1 },
  };
  const grown = (changed: Partial<ProvedSymbol>): number => normFrom({ ...plain, ...changed });

  it('is the root of mu, but for rounding', () => {
    expect(grown({})).toBeGreaterThanOrEqual(2);
    expect(grown({})).toBeLessThan(2 * (1 + 64 * u));
  });

  it('counts what the grid loses, what was left out, and cells that are shown several times', () => {
    expect(grown({ lost: 1.21 })).toBeGreaterThanOrEqual(2.2);
    expect(grown({ leftOut: 3 })).toBeGreaterThanOrEqual(5);
    expect(grown({ repeats: 9 })).toBeGreaterThanOrEqual(6);
    expect(grown({ lost: 1.21, leftOut: 3, repeats: 9 })).toBeGreaterThanOrEqual(3 * (2.2 + 3));
  });

  it('counts the rounding of the symbol: of sines and cosines, and of sums, by the sizes of the weights', () => {
    // With W = 9 mu, in units of u: sines and cosines 32 sqrt(18), sums 9 sqrt(18), and half of 2 gamma W for S* S, 6 · 9.
    const ofSizes = { mu: 1, absolute: 9 };
    expect(grown(ofSizes)).toBeGreaterThanOrEqual(1 + (41 * Math.sqrt(18) + 54) * u);
    // 2^20 taps: sums round by 2^20 u of the same size.
    expect(grown({ ...ofSizes, taps: 2 ** 20 })).toBeGreaterThanOrEqual(1 + 4 * 2 ** 20 * u);
  });

  it('counts the rounding of S* S, by the number of its rows', () => {
    // 2 gamma W with gamma = 2^21 u, beside which the symbol itself rounds by 2^-47 alone.
    const most = 2 ** 20;
    const forming = 2 * 2 * most * u;
    expect(grown({ mu: 0, absolute: 1, most })).toBeGreaterThanOrEqual(Math.sqrt(forming));
  });

  it('counts the backward error of the factorisation, by the size and the trace', () => {
    const least = 2 ** 24;
    const backward = 2 * least * u * 2 * least * 4;
    expect(grown({ least })).toBeGreaterThanOrEqual(Math.sqrt(4 + backward));
    expect(Math.sqrt(4 + backward)).toBeGreaterThan(2 * 1.05);
  });
});
