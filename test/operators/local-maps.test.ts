/** Maps that are bounded on balls: what each promises about its slopes, its cells and its rounding. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrixProducts } from '../../src/operators/nonlinear/bilinear.ts';
import type { LocalMap } from '../../src/operators/nonlinear/local-map.ts';
import { products, quotients } from '../../src/operators/nonlinear/products.ts';
import { normalized } from '../../src/operators/nonlinear/unit-scale.ts';
import { softmaxOf } from '../../src/operators/softmax.ts';
import * as fixedPoint from '../lipschitz/fixed-point.ts';
import { exponential, fixed, logarithm, ONE, over, squareRoot, times } from '../lipschitz/fixed-point.ts';
import { type Random, randomSource } from './random.ts';

const N = 6;
const first = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);
const deviation = (epsilon: number, centred: boolean): LocalMap =>
  normalized({ cells: first(N), length: N, centred, gain: Math.sqrt(N), floor: Math.sqrt(N * epsilon) });
/** Groups that are interleaved: cells 0, 2, 4 and 1, 3, 5. */
const interleaved = Int32Array.of(0, 2, 4, 1, 3, 5);

const maps: Readonly<Record<string, LocalMap>> = {
  product: products(N / 2),
  quotient: quotients(N / 2),
  'layer normalisation': deviation(1e-5, true),
  'layer normalisation with a large epsilon': deviation(0.5, true),
  'root mean square normalisation': deviation(1e-5, false),
  'l2 normalisation of interleaved groups': normalized({
    cells: interleaved,
    length: 3,
    centred: false,
    gain: 1,
    floor: 0,
  }),
  softmax: softmaxOf(first(N), N, false),
  'softmax of interleaved groups': softmaxOf(interleaved, 3, false),
  'log softmax': softmaxOf(first(N), N, true),
  'matrix product': matrixProducts({ blocks: 1, rows: 2, inner: 1, columns: 4 }),
  'matrix product of a row': matrixProducts({ blocks: 1, rows: 1, inner: 2, columns: 2 }),
  'matrix product of numbers, in blocks': matrixProducts({ blocks: 3, rows: 1, inner: 1, columns: 1 }),
};

/** Without the last digit that the distance is rounded up by. */
const distance = (approximate: Float64Array, exact: readonly bigint[]): number =>
  Math.max(0, fixedPoint.distance(approximate, exact) - 1e-40);
const norm = (v: Float64Array): number => Math.sqrt(v.reduce((sum, c) => sum + c * c, 0));
const minus = (a: Float64Array, b: Float64Array): Float64Array => a.map((v, i) => v - b[i]!);

/** A movement that the ball allows: anywhere inside, in a corner of the box, along the centre or one cell alone. */
function movement(random: Random, z: Float64Array, T: Float64Array, rho: number): Float64Array {
  const kind = random.integer(0, 4);
  const only = random.integer(0, N - 1);
  let d = T.map((t, i) => {
    if (kind === 0) return t * random.uniform(-1, 1);
    if (kind === 1) return random.pick([-t, t]);
    if (kind === 2) return i === only ? random.pick([-t, t]) : 0;
    return (kind === 3 ? -z[i]! : random.normal()) * random.uniform(0.2, 2);
  });
  d = d.map((v, i) => Math.max(-T[i]!, Math.min(T[i]!, v)));
  const size = norm(d);
  return size > rho ? d.map((v) => (v * rho * (1 - 1e-12)) / size) : d;
}

describe.each(Object.entries(maps))('the bound of the %s', (_, map) => {
  it('holds for every movement the ball allows, of a centre known up to its error', () => {
    let bounded = 0;
    let tightest = 0;
    for (let seed = 0; seed < 150; seed++) {
      const random = randomSource(seed);
      const z = Float64Array.from({ length: N }, () => random.normal() * random.pick([0.3, 1, 4]));
      const radius = random.pick([1e-6, 0.05, 0.4, 2]);
      const T = z.map(() => (random.integer(0, 4) === 0 ? 0 : radius * random.uniform(0.2, 1)));
      const rho = norm(T) * random.pick([0.4, 0.8, 1]);
      const error = random.pick([0, 0, 1e-9, 1e-3]);
      const bound = map.on({ centre: z, error, T, rho: () => rho });
      if (bound === null) continue;
      bounded++;
      const off = movement(random, z, new Float64Array(N).fill(error), error);
      const centre = z.map((v, i) => v + off[i]!);
      const from = map.value(centre);
      let excess = 0;
      for (let k = 0; k < 200; k++) {
        const d = movement(random, centre, T, rho);
        const moved = minus(map.value(centre.map((v, i) => v + d[i]!)), from);
        const [size, length] = [norm(moved), norm(d)];
        const allowed = bound.slopes.reduce((sum, s) => sum + norm(s.map((v, i) => v * d[i]!)), 0);
        if (allowed > 1e-9) tightest = Math.max(tightest, size / allowed);
        excess = Math.max(excess, size - allowed, ...moved.map((m, i) => Math.abs(m) - bound.box[i]!));
        if (length > 0) excess = Math.max(excess, size - map.lipschitz * length);
      }
      expect(excess, `seed ${seed}`).toBeLessThanOrEqual(1e-13);
    }
    expect(bounded).toBeGreaterThan(50);
    // A bound that only holds by being enormous would eat the radius.
    expect(tightest).toBeGreaterThan(0.5);
  });

  it('grows with the ball, and is 0 for cells that do not move', () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = randomSource(seed);
      const z = random.normals(N);
      let smaller: readonly Float64Array[] | null = null;
      for (const radius of [1e-3, 0.01, 0.1, 1, 10]) {
        const T = new Float64Array(N).fill(radius);
        const bound = map.on({ centre: z, error: 0, T, rho: () => radius * 1.5 });
        if (bound === null) break;
        const parts = [...bound.slopes, bound.box];
        for (const [k, part] of parts.entries())
          for (const [i, v] of part.entries())
            expect(v * (1 + 1e-9)).toBeGreaterThanOrEqual(smaller?.[k]?.[i] ?? 0);
        smaller = parts;
      }
      const still = map.on({ centre: z, error: 0, T: new Float64Array(N), rho: () => 0 });
      expect(Math.max(...(still?.box ?? [0]))).toBe(0);
    }
  });
});

describe('the slope', () => {
  const ball = (centre: number[], T: number, rho: number) => ({
    centre: Float64Array.from(centre),
    error: 0,
    T: new Float64Array(centre.length).fill(T),
    rho: () => rho,
  });

  it('of a softmax is 1/2 between two equal cells, and small where one cell has all the weight', () => {
    const map = softmaxOf(first(2), 2, false);
    expect(map.on(ball([0, 0], 1e-9, 1e-9))?.slopes[0]?.[0]).toBeCloseTo(0.5, 8);
    expect(map.on(ball([20, 0], 0.1, 0.1))?.slopes[0]?.[0]).toBeLessThan(1e-8);
    expect(softmaxOf(first(1), 1, false).on(ball([3], 1, 1))?.box[0]).toBe(0);
  });

  it('of a log softmax is that of its Jacobian: sqrt(n) ||p||', () => {
    const map = softmaxOf(first(4), 4, true);
    expect(map.on(ball([0, 0, 0, 0], 1e-9, 1e-9))?.slopes[0]?.[0]).toBeCloseTo(1, 7);
    expect(map.on(ball([50, 0, 0, 0], 0.1, 0.1))?.slopes[0]?.[0]).toBeCloseTo(2, 7);
  });

  it('of a normalisation is attained on the tangent from the origin to the ball', () => {
    const unit = normalized({ cells: first(2), length: 2, centred: false, gain: 1, floor: 0 });
    for (const angle of [0.01, 0.5, 1.2, 1.5]) {
      const d = 3 * Math.sin(angle);
      const steepest = unit.on(ball([3, 0], 10, d))?.slopes[0]?.[0] as number;
      // The chord between unit vectors at this angle, over the distance d.
      expect(steepest / ((2 * Math.sin(angle / 2)) / d)).toBeCloseTo(1, 9);
    }
  });

  it('does not exist where a divisor, or a norm without epsilon, may become 0', () => {
    expect(quotients(1).on(ball([1, 0.5], 0.5, 0.5))).toBeNull();
    expect(quotients(1).on(ball([1, 0.5], 0.49, 0.5))).not.toBeNull();
    const unit = normalized({ cells: first(2), length: 2, centred: false, gain: 1, floor: 0 });
    expect(unit.on(ball([0, 0], 0.1, 0.1))).toBeNull();
    // Through the origin the direction may turn round; that moves it by 2 at most, after at least the way there.
    expect(unit.on(ball([1, 0], 5, 5))?.slopes[0]?.[0]).toBeCloseTo(2, 9);
  });

  it('of a layer normalisation never exceeds 1/sqrt(epsilon), even of a flat group', () => {
    const flat = deviation(0.01, true).on(ball([7, 7, 7, 7, 7, 7], 3, 3));
    expect(flat?.slopes[0]?.[0]).toBeLessThanOrEqual(10 * (1 + 1e-9));
    expect(flat?.slopes[0]?.[0]).toBeGreaterThan(9.9);
  });
});

describe('the rounding of float64 is within what is stated, against 320-bit arithmetic, for', () => {
  const cells = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: N, maxLength: N });
  const offset = fc.constantFrom(0, 0, 1e3, 1e9);

  it.each([true, false])('normalisations (mean taken off: %s), also of small deviations', (centred) => {
    const epsilon = 2 ** -10;
    const map = deviation(epsilon, centred);
    fc.assert(
      fc.property(cells, offset, (list, shift) => {
        const z = Float64Array.from(list, (v) => v + shift);
        const exact = Array.from(z, fixed);
        const mean = exact.reduce((sum, v) => sum + v, 0n) / BigInt(N);
        const v = exact.map((x) => (centred ? x - mean : x));
        const variance = v.reduce((sum, x) => sum + times(x, x), 0n) / BigInt(N);
        const scale = squareRoot(variance + fixed(epsilon));
        const value = map.value(z);
        const error = distance(
          value,
          v.map((x) => over(x, scale)),
        );
        const stated = map.rounding(z, value, 0, 0);
        expect(error).toBeLessThanOrEqual(stated);
        expect(stated).toBeLessThan(1e-13 * (1 + Math.abs(shift)) * 40);
      }),
      { numRuns: 300 },
    );
  });

  it('softmax and its logarithm', () => {
    fc.assert(
      fc.property(cells, offset, fc.constantFrom(1, 30), (list, shift, spread) => {
        const z = Float64Array.from(list, (v) => spread * v + shift);
        const largest = Math.max(...z);
        const exact = Array.from(z, (v) => fixed(v) - fixed(largest));
        const powers = exact.map(exponential);
        const sum = powers.reduce((total, e) => total + e, 0n);
        const [p, log] = [false, true].map((is) => softmaxOf(first(N), N, is)) as [LocalMap, LocalMap];
        const value = p.value(z);
        const error = distance(
          value,
          powers.map((e) => over(e, sum)),
        );
        expect(error).toBeLessThanOrEqual(p.rounding(z, value, 0, 0));
        expect(p.rounding(z, value, 0, 0)).toBeLessThan(1e-11);
        const logs = log.value(z);
        const logError = distance(
          logs,
          exact.map((x) => x - logarithm(sum)),
        );
        expect(logError).toBeLessThanOrEqual(log.rounding(z, logs, 0, 0));
      }),
      { numRuns: 60 },
    );
  });

  it('matrix products', () => {
    const map = matrixProducts({ blocks: 1, rows: 1, inner: 3, columns: 1 });
    fc.assert(
      fc.property(cells, (list) => {
        const z = Float64Array.from(list);
        const exact = [0, 1, 2].reduce((sum, k) => sum + times(fixed(z[k]!), fixed(z[3 + k]!)), 0n);
        const value = map.value(z);
        expect(distance(value, [exact])).toBeLessThanOrEqual(map.rounding(z, value, 0, 0));
      }),
    );
  });

  it('products and quotients', () => {
    const [product, quotient] = [products(1), quotients(1)];
    fc.assert(
      fc.property(
        fc.double({ min: -1e3, max: 1e3, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        (a, b) => {
          const z = Float64Array.of(a, b);
          const [ab, ratio] = [product.value(z), quotient.value(z)];
          expect(distance(ab, [times(fixed(a), fixed(b))])).toBeLessThanOrEqual(
            product.rounding(z, ab, 0, 0),
          );
          expect(distance(ratio, [over(fixed(a), fixed(b))])).toBeLessThanOrEqual(
            quotient.rounding(z, ratio, 0, 0),
          );
        },
      ),
    );
  });
});

describe('the rounding error stated for a ball', () => {
  // Around small vectors nearly nothing is rounded, and a step away much is: no part of the ball's bound is idle.
  it.each(Object.entries(maps))('of %s is at least that of any of its points', (name, map) => {
    const random = randomSource(77);
    for (let k = 0; k < 400; k++) {
      const size = random.pick([0, 1e-9, 1e-3, 1]);
      // A divisor of 0 has no quotient.
      const z = Float64Array.from(
        random.normals(N),
        (v, i) => v * size + (name === 'quotient' && i >= N / 2 ? 1 : 0),
      );
      const moved = random.pick([1e-6, 0.01, 0.9, 30]);
      const d = random.normals(N);
      const there = z.map((v, i) => v + (0.999 * moved * (d[i] ?? 0)) / norm(d));
      const [value, valueThere] = [map.value(z), map.value(there)];
      if (!valueThere.every(Number.isFinite)) continue;
      const stated = map.rounding(z, value, moved, norm(minus(valueThere, value)) * (1 + 1e-9));
      expect(map.rounding(there, valueThere, 0, 0), `draw ${k}`).toBeLessThanOrEqual(stated);
    }
  });
});

it('320-bit logarithms undo exponentials', () => {
  for (const x of [0, 0.3, 1.7])
    expect(Number(logarithm(exponential(fixed(x)))) / Number(ONE)).toBeCloseTo(x, 14);
});
