/** Bounds that are false, whatever proved them: found by points of the ball, which share no norm with any proof. */
import { describe, expect, it } from 'vitest';
import type { DisplacementBound } from '../../src/lipschitz/displacement-bounds.ts';
import { createLeftHalfBound, type LeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import type { Claim } from '../../src/methods/method.ts';
import {
  confirmedBounds,
  described,
  leftOpen,
  motionDoubt,
} from '../../src/methods/splitz/confirm/confirm.ts';
import { boundConfirmer } from '../../src/methods/splitz/confirm/confirm-bounds.ts';
import { refuted } from '../../src/methods/splitz/confirm/moved-points.ts';
import { latentCentre } from '../../src/methods/splitz/left-half.ts';
import { proofsOf } from '../../src/methods/splitz/proofs/proofs.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import type { TensorProto } from '../../src/onnx/model/proto.ts';
import { totalVariation } from '../../src/smoothing/noise/noise-error.ts';
import { gridOf } from '../../src/smoothing/noise/rounded-noise.ts';
import { missing, worthOf } from '../../src/statistics/sample-worth.ts';
import { floatTensor, intAttr, node } from '../onnx/tiny-model.ts';
import { compiled } from '../operators/compiled.ts';
import { randomSource } from '../operators/random.ts';
import { claimOf as boundClaim } from './bound-claims.ts';

const SIZE = 64;
const IMAGE = new Float32Array(SIZE).fill(0.8);

/** relu(weight · x), entry by entry. */
const scaled = (weight: number, bound: DisplacementBound = 'secant'): LeftHalfBound =>
  createLeftHalfBound(
    compiled({
      nodes: [node('Mul', ['x', 'w'], 'h'), node('Relu', ['h'], 'y')],
      initializers: [floatTensor('w', [], [weight])],
      dims: [1, SIZE],
      opset: 17,
    }),
    bound,
    1e-6,
  );

const double = (name: string, value: number): TensorProto => ({
  ...{ name, dataType: DataType.DOUBLE, dims: [] },
  rawData: new Uint8Array(Float64Array.of(value).buffer),
});

/** relu(x) by weights whose squares vanish in float64, as in a run that claimed a radius of 1.4 million. */
const vanishing = (): LeftHalfBound =>
  createLeftHalfBound(
    compiled({
      nodes: [
        node('Cast', ['x'], 'wide', { attribute: [intAttr('to', DataType.DOUBLE)] }),
        node('Mul', ['wide', 'tiny'], 't'),
        node('Relu', ['t'], 'r'),
        node('Mul', ['r', 'huge'], 'r1'),
        node('Relu', ['r1'], 'r2'),
        node('Mul', ['r2', 'huge'], 'y'),
      ],
      initializers: [double('tiny', 1e-170), double('huge', 1e85)],
      dims: [1, SIZE],
      opset: 17,
    }),
    'secant',
    1e-6,
  );

const SIGMA = 0.5;

const boundOf = (left: LeftHalfBound, radius: number, displacement: number) => {
  const { latent, eta } = latentCentre(left, IMAGE);
  const tau = totalVariation(latent, SIGMA);
  return boundClaim(radius, {
    displacement,
    latentRadius: 1.4777,
    forwardError: eta,
    tau,
    grid: gridOf(SIGMA),
  });
};

const claimOf = (left: LeftHalfBound, radius: number, displacement: number, index: number): Claim => ({
  ...{ index, line: index + 2 },
  certificate: {
    ...boundOf(left, radius, displacement),
    prediction: 0,
    failureProbability: 0.001,
    seconds: 0,
  },
});

describe('the radius of 1.4 million of a run made by an earlier version', () => {
  it('does not hold: the latent moves where D is stated as 0', () => {
    let left: LeftHalfBound;
    try {
      left = vanishing();
    } catch (error) {
      // A left half that spans more than float64 holds may be refused altogether.
      expect((error as Error).name).toBe('ModelRefused');
      return;
    }
    const confirm = boundConfirmer(left, SIGMA, randomSource(1).normals);
    expect(confirm(IMAGE, boundOf(left, 1413991.885, 0)).fault).toMatch(
      /D\(1413991\.885\) is stated as 0, but the latent moves by /,
    );
  });
});

describe('points of the ball', () => {
  const { normals } = randomSource(3);
  const at = (left: LeftHalfBound, radius: number, displacement: number) =>
    refuted(
      left,
      Float64Array.from(IMAGE),
      latentCentre(left, IMAGE).evaluation,
      { radius, displacement },
      normals,
    );

  it.each([1e-6, 1, 1e6])('refute a D that is 1 %% too small of a linear map, at radius %d', (radius) => {
    const left = scaled(2);
    const refutation = at(left, radius, 0.99 * 2 * radius);
    expect(refutation?.distance).toBeLessThanOrEqual(radius);
    expect(refutation?.moved).toBeGreaterThan(1.98 * radius);
    expect(refutation?.moved).toBeLessThanOrEqual(2 * radius);
    expect(at(left, radius, 2 * radius)).toBeNull();
  });

  it('refute a D of 0 of a map that moves a little, and of none that is constant', () => {
    expect(at(scaled(1e-9), 1, 0)?.moved).toBeGreaterThan(0);
    expect(at(scaled(0), 1e6, 0)).toBeNull();
    // Dead where the ball is small, alive where it is large.
    const dead = scaled(-1);
    expect(at(dead, 0.1, 0)).toBeNull();
    expect(at(dead, 1e6, 0)).not.toBeNull();
  });

  it('are not proof: a movement that hides in the error of f_L is none', () => {
    const left = scaled(1);
    const { evaluation } = latentCentre(left, IMAGE);
    const unsure = { ...evaluation, latent: { ...evaluation.latent, error: 10 } };
    const claim = { radius: 1, displacement: 0 };
    expect(refuted(left, Float64Array.from(IMAGE), unsure, claim, normals)).toBeNull();
  });
});

describe('which records are confirmed', () => {
  const left = scaled(1);
  const image = async () => IMAGE;
  const good = Array.from({ length: 40 }, (_, k) => claimOf(left, 1, 1, k));
  const run = (claims: typeof good, count: number | null, seed = 5) =>
    confirmedBounds(
      left,
      async (...args) => proofsOf(left).confirm(...args),
      SIGMA,
      claims,
      count,
      seed,
      image,
    );

  it('is all of them where a proof is quick, and nothing is left open', async () => {
    const confirmed = await run(good, null);
    expect(confirmed).toMatchObject({ fault: null, certified: 40, proof: 'as certify' });
    expect(described(confirmed)).toContain('η, τ and D(radius) of all 40 records with a radius');
    expect(leftOpen(confirmed)).toBeNull();
  });

  it('finds the one whose radius is a tenth too large, displacement and all', async () => {
    const claims = good.with(17, claimOf(left, 1.6, 1.45, 17));
    expect((await run(claims, null)).fault?.claim.index).toBe(17);
    // Consistent with the latent radius, not with the left half.
    const larger = good.map((_, k) => claimOf(left, 1.6, 1, k));
    expect((await run(larger, 1)).fault?.why).toMatch(/D\(1\.6\) is stated as 1, but the latent moves by/);
  });

  it('is a draw of those with a radius, by the seed, where a number is given, and says what that is worth', async () => {
    const claims = [...good, ...Array.from({ length: 40 }, (_, k) => claimOf(left, 0, 0, 40 + k))];
    const confirmed = await run(claims, 5);
    const indices = confirmed.sample.map(({ index }) => index);
    expect(indices).toHaveLength(5);
    expect(Math.max(...indices)).toBeLessThan(40);
    expect(indices).toEqual(indices.toSorted((a, b) => a - b));
    expect((await run(claims, 5)).sample).toEqual(confirmed.sample);
    expect((await run(claims, 5, 6)).sample).not.toEqual(confirmed.sample);
    expect(described(confirmed)).toContain(
      `5 of the 40 records with a radius, drawn by the seed 5 (images ${indices.join(', ')}), 5 of them by another proof`,
    );
    expect(leftOpen(confirmed)).toContain(
      '35 records with a radius: --bounds N proves those of N records again; a file in which 4 of these 40 are false passes with probability 0.57',
    );
  });

  it('has those that are said not to move among them, whatever is drawn', async () => {
    for (let seed = 0; seed < 5; seed++) {
      const claims = good.with(seed, claimOf(left, 1e6, 0, seed));
      expect(motionDoubt(claims)).toContain(`within the radius of 1 records (image ${seed})`);
      expect((await run(claims, 1, seed)).fault?.claim.index).toBe(seed);
      expect((await run(claims, 0, seed)).fault?.claim.index).toBe(seed);
    }
  });
});

it('a file with a tenth of false records passes a draw of five with probability 0.59', () => {
  expect(missing(10_000, 1000, 5)).toBeCloseTo(0.9 ** 5, 3);
  expect(worthOf(10_000, 5)).toBe(
    'a file in which 1000 of these 10000 are false passes with probability 0.59',
  );
  // 36·35·34·33·32 of 40·39·38·37·36: drawn without putting back.
  expect(worthOf(40, 20)).toBe('a file in which 4 of these 40 are false passes with probability 0.053');
  expect(missing(10, 1, 3)).toBeCloseTo(0.7, 12);
  expect(missing(10, 1, 10)).toBe(0);
  expect(missing(10, 1, 0)).toBe(1);
});
