/**
 * The linear part of every operator that has one, f(z + d) = f(z) + J d + remainder: no movement that a ball allows leaves more than the
 * bounds on the remainder say, around any centre that the computed one may stand for, and the bounds are reached or nearly so.
 */
import { describe, expect, it } from 'vitest';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { boundedOnBalls } from '../../src/operators/nonlinear/local-map.ts';
import type { Linearisation, Nonlinearity } from '../../src/operators/nonlinear/nonlinearity.ts';
import { normalized } from '../../src/operators/nonlinear/unit-scale.ts';
import { compiled } from './compiled.ts';
import { makers } from './one-operator.ts';
import { type Random, randomSource } from './random.ts';

/** Operators whose movement is remainder altogether, or affine. */
const WITH_LINEAR_PART = [
  ...['Relu', 'LeakyRelu', 'PRelu', 'Clip', 'Abs', 'HardSigmoid', 'Shrink', 'ThresholdedRelu'],
  ...['Gelu', 'Mish', 'Swish', 'HardSwish', 'Sigmoid', 'Tanh', 'Elu', 'Selu', 'Celu', 'Softplus', 'Softsign'],
  ...[
    'Erf',
    'Atan',
    'Sin',
    'Cos',
    'MaxPool',
    'GlobalMaxPool',
    'ReduceMax',
    'ReduceMin',
    'Max',
    'Min',
    'TopK',
  ],
  ...['Softmax', 'LogSoftmax', 'LayerNormalization', 'RMSNormalization', 'InstanceNormalization'],
  ...['GroupNormalization', 'LpNormalization', 'Mul', 'Div', 'MatMul'],
];
/** Those that say no more of their chords than how steep they are: J is 0. */
const UNSIGNED = ['ThresholdedRelu', 'Shrink'];

const norm = (v: Float64Array): number => Math.sqrt(v.reduce((sum, c) => sum + c * c, 0));

/** A movement within the box: anywhere, in a corner, of one cell or of two against each other. */
function movement(random: Random, T: Float64Array): Float64Array {
  const kind = random.integer(0, 3);
  const [one, other] = [random.integer(0, T.length - 1), random.integer(0, T.length - 1)];
  return T.map((t, i) => {
    if (kind === 0) return t * random.uniform(-1, 1);
    if (kind === 1) return random.pick([-t, t]);
    if (kind === 2) return i === one ? random.pick([-t, t]) : 0;
    return i === one ? t : i === other ? -t : t * random.uniform(-0.1, 0.1);
  });
}

interface Seen {
  /** Remainders compared. */
  count: number;
  /** Largest shares of the bounds that were reached. */
  box: number;
  rho: number;
}

function attack(
  map: Nonlinearity,
  split: Linearisation,
  at: { readonly centre: Float64Array; readonly error: number; readonly T: Float64Array },
  exact: Float64Array,
  random: Random,
  seen: Seen,
): void {
  const { centre, error, T } = at;
  const from = map.value(exact);
  const size = norm(exact) + norm(T);
  for (let trial = 0; trial < 24; trial++) {
    const d = movement(random, T);
    const to = map.value(exact.map((z, i) => z + d[i]!));
    if (![...from, ...to].every(Number.isFinite)) continue;
    const linear = split.matrix.apply(d);
    const left = to.map((v, i) => v - from[i]! - linear[i]!);
    // What the norms say of this very movement is the least they may say of a ball that holds it.
    const weighted = (rows: Float64Array | null): number =>
      rows === null ? norm(d) : norm(d.map((v, i) => v * rows[i]!));
    const { rho, box } = split.remainder({ centre, error, T, weighted });
    const rounding = 1e-13 * (size + norm(from) + norm(to) + norm(linear));
    if (!Number.isFinite(rho)) continue;
    seen.count++;
    expect(norm(left)).toBeLessThanOrEqual(rho + rounding);
    seen.rho = Math.max(seen.rho, rho > 100 * rounding ? norm(left) / rho : 0);
    for (const [i, v] of left.entries()) {
      expect(Math.abs(v)).toBeLessThanOrEqual(box![i]! + rounding);
      if (box![i]! > 100 * rounding) seen.box = Math.max(seen.box, Math.abs(v) / box![i]!);
    }
  }
}

describe.each(WITH_LINEAR_PART)('the linear part of %s', (type) => {
  it('leaves no more than its bounds say, for any centre within the error, and about as much', () => {
    const seen: Seen = { count: 0, box: 0, rho: 0 };
    for (let seed = 0; seed < 40; seed++) {
      const random = randomSource(1000 + seed);
      const made = makers[type]!(random);
      const half = compiled(made);
      const x = random.normals(made.dims.reduce((a, b) => a * b, 1)).map((v) => v * random.pick([0.1, 1, 3]));
      const { inputs } = evaluateLeftHalf(half, x);
      for (const [k, { nonlinearity: map }] of half.steps.entries()) {
        const centre = inputs[k]!.value;
        // On a kink, and level, now and then.
        if (seed % 5 === 4) centre.fill(random.pick([0, 0.5, centre[0]!]));
        const error = random.pick([0, 0, 1e-9, 1e-4, 0.03]);
        const reach = random.pick([1e-6, 1e-3, 0.03, 0.3, 1, 4]);
        const T = centre.map(() => (random.integer(0, 6) === 0 ? 0 : reach * random.uniform(0.1, 1)));
        const off = random.normals(centre.length);
        const exact = centre.map((z, i) => z + (off[i]! / norm(off)) * error * random.pick([1, 0.3]));
        const at = { centre, error, T };
        // The J of a ball of another size holds on this one too.
        const chosen = { ...at, T: T.map((t) => t * random.pick([1, 1, 0.2, 3])) };
        const split = map.linear?.at(chosen) ?? null;
        if (split === null) continue;
        const allowed = map.linear!.pattern();
        expect([split.matrix.rows, split.matrix.cols]).toEqual([allowed.rows, allowed.cols]);
        expect(map.linear!.entries).toBeGreaterThanOrEqual(allowed.value.length);
        for (let row = 0; row < allowed.rows; row++) {
          const places = new Set(allowed.column.subarray(allowed.rowStart[row]!, allowed.rowStart[row + 1]!));
          for (let e = split.matrix.rowStart[row]!; e < split.matrix.rowStart[row + 1]!; e++)
            expect(places.has(split.matrix.column[e]!)).toBe(true);
        }
        attack(map, split, at, exact, random, seen);
      }
    }
    expect(seen.count).toBeGreaterThan(60);
    expect(seen.box).toBeGreaterThan(0.4);
    expect(seen.rho).toBeGreaterThan(0.3);
  });

  it.skipIf(UNSIGNED.includes(type))(
    'is the Jacobian for small balls: what it leaves is of second order',
    () => {
      let smooth = 0;
      for (let seed = 0; seed < 24; seed++) {
        const random = randomSource(seed);
        const made = makers[type]!(random);
        const half = compiled(made);
        const x = random.normals(made.dims.reduce((a, b) => a * b, 1)).map((v) => v + 0.1);
        const { inputs } = evaluateLeftHalf(half, x);
        for (const [k, { nonlinearity: map }] of half.steps.entries()) {
          const centre = inputs[k]!.value;
          const T = centre.map(() => 1e-5);
          const at = { centre, error: 0, T };
          const split = map.linear?.at(at) ?? null;
          if (split === null) continue;
          const rest = split.remainder({
            ...at,
            weighted: (rows) => norm(rows === null ? T : T.map((t, i) => t * rows[i]!)),
          });
          // Of first order it would be about 1e-5.
          if (rest.rho < 1e-7 * Math.sqrt(centre.length)) smooth++;
        }
      }
      expect(smooth).toBeGreaterThan(8);
    },
  );
});

/** Compares remainders of one map for given movements; `check` sees each with its bound. */
function remainders(
  map: Nonlinearity,
  at: { readonly centre: Float64Array; readonly error: number; readonly T: Float64Array },
  exact: Float64Array,
  movements: readonly Float64Array[],
  check: (left: number, rho: number) => void,
): void {
  const split = map.linear?.at(at) ?? null;
  if (split === null) return;
  const from = map.value(exact);
  for (const d of movements) {
    const linear = split.matrix.apply(d);
    const left = map.value(exact.map((z, i) => z + d[i]!)).map((v, i) => v - from[i]! - linear[i]!);
    const weighted = (rows: Float64Array | null): number =>
      rows === null ? norm(d) : norm(d.map((v, i) => v * rows[i]!));
    check(norm(left), split.remainder({ ...at, weighted }).rho);
  }
}

describe.each(['Softmax', 'LogSoftmax', 'LayerNormalization', 'LpNormalization', 'Mul', 'Div', 'MatMul'])(
  'J of %s, chosen at the computed centre,',
  (type) => {
    it('leaves what the exact centre has another Jacobian by: more than the second order in a small ball', () => {
      let first = 0;
      for (let seed = 0; seed < 40; seed++) {
        const random = randomSource(300 + seed);
        const made = makers[type]!(random);
        const half = compiled(made);
        const { inputs } = evaluateLeftHalf(half, random.normals(made.dims.reduce((a, b) => a * b, 1)));
        for (const [k, { nonlinearity: map }] of half.steps.entries()) {
          const centre = inputs[k]!.value;
          const error = 2 ** -11;
          const T = centre.map(() => 1e-7);
          const off = random.normals(centre.length);
          const exact = centre.map((z, i) => z + (off[i]! / norm(off)) * error * 0.99);
          const ds = Array.from({ length: 8 }, () => movement(random, T));
          remainders(map, { centre, error, T }, exact, ds, (left, rho) => {
            expect(left).toBeLessThanOrEqual(rho + 1e-13 * (1 + norm(exact)));
            if (left > 1e-12 * (1 + norm(exact))) first++;
          });
        }
      }
      expect(first).toBeGreaterThan(10);
    });
  },
);

describe('the linear part of a normalisation', () => {
  it.each([0, 1])(
    'leaves no more than it says of a vector that nearly vanishes (epsilon %s / 100)',
    (cents) => {
      const N = 4;
      const map = boundedOnBalls(
        normalized({
          cells: Int32Array.from({ length: N }, (_, i) => i),
          length: N,
          centred: false,
          gain: 1,
          floor: Math.sqrt(cents / 100),
        }),
      );
      const random = randomSource(11);
      let [most, count] = [0, 0];
      for (let trial = 0; trial < 4000; trial++) {
        const centre = random.normals(N);
        const towards = random.uniform(0.3, 0.95);
        const across = random.normals(N);
        const along = across.reduce((sum, v, i) => sum + v * centre[i]!, 0) / norm(centre) ** 2;
        const turned = random.uniform(0, Math.sqrt(1 - towards ** 2)) * norm(centre);
        const side = across.map((v, i) => v - along * centre[i]!);
        const d = centre.map((z, i) => -towards * z + (side[i]! / norm(side)) * turned);
        const T = d.map((v) => Math.abs(v));
        remainders(map, { centre, error: 0, T }, centre, [d], (left, rho) => {
          expect(left).toBeLessThanOrEqual(rho + 1e-12);
          if (!Number.isFinite(rho)) return;
          count++;
          most = Math.max(most, left / rho);
        });
      }
      expect(count).toBeGreaterThan(1000);
      expect(most).toBeGreaterThan(0.3);
    },
  );
});
