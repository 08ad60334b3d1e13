/** The checker's own norm bound against a dense SVD, and the confirmation of single bounds with it. */
import { describe, expect, test } from 'vitest';
import { createLeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import { boundConfirmer } from '../../src/methods/splitz/confirm/confirm-bounds.ts';
import { residualNorm } from '../../src/methods/splitz/confirm/residual-norm.ts';
import { latentCentre } from '../../src/methods/splitz/left-half.ts';
import type { SplitzEvidence } from '../../src/methods/splitz/schema.ts';
import type { SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import { totalVariation } from '../../src/smoothing/noise/noise-error.ts';
import { gridOf } from '../../src/smoothing/noise/rounded-noise.ts';
import { denseColumns, largestSingularValue } from '../lipschitz/dense-svd.ts';
import { ladder, repeated } from '../lipschitz/ladder.ts';
import { deepNet } from '../lipschitz/nets.ts';
import { compiled } from '../operators/compiled.ts';
import { makers } from '../operators/one-operator.ts';
import { randomSource } from '../operators/random.ts';
import { claimOf } from './bound-claims.ts';

test('the bound is never below the SVD on random masked convolutions, nor 2 % above it', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = randomSource(seed);
    const model = (makers['Conv'] as (typeof makers)[string])(random);
    const matrix = compiled(model).output.terms[0]?.matrix as SparseMatrix;
    const live = random.pick([0.3, 0.7, 1]);
    const scales = (size: number) =>
      Float64Array.from({ length: size }, () => (random.uniform(0, 1) > live ? 0 : random.uniform(0, 1)));
    const rows = random.pick([null, scales(matrix.rows)]);
    const columns = random.pick([null, scales(matrix.cols)]);
    const truth = largestSingularValue(denseColumns(matrix, rows, columns));
    const bound = residualNorm(matrix, rows, columns);
    expect(bound, `seed ${seed}`).toBeGreaterThanOrEqual(truth * (1 - 1e-13));
    expect(bound, `seed ${seed}`).toBeLessThanOrEqual(truth * 1.02);
  }
});

const SIGMA = 0.4;

describe.each(['secant', 'linear'] as const)('the confirmation of a bound (%s)', (kind) => {
  const cases = Array.from({ length: 12 }, (_, seed) => {
    const random = randomSource(seed + 100);
    const model = deepNet(random);
    const left = createLeftHalfBound(compiled(model), kind, 1e-6);
    const image = Float32Array.from(random.float32s(model.dims.reduce((a, b) => a * b, 1)));
    const { evaluation, latent, eta } = latentCentre(left, image);
    const latentRadius = random.uniform(0.1, 2);
    const { radius, displacement } = left.inputRadius(evaluation, latentRadius - eta, random.normals);
    const tau = totalVariation(latent, SIGMA);
    const claim = claimOf(radius, {
      displacement,
      latentRadius,
      forwardError: eta,
      tau,
      grid: gridOf(SIGMA),
    });
    return { left, image, claim, probes: random.normals };
  });

  test('confirms what certify found, on random networks, by the other proof', () => {
    for (const { left, image, claim, probes } of cases) {
      expect(claim.radius).toBeGreaterThan(0);
      const { fault, independent, displacement } = boundConfirmer(left, SIGMA, probes)(image, claim);
      expect(fault).toBeNull();
      const { latentRadius, forwardError } = claim.evidence;
      expect(displacement).toBeLessThanOrEqual(latentRadius - (forwardError ?? Number.NaN));
      expect(independent).toBe(true);
    }
  });

  // Where contested maxima switch on, the bound that keeps the linear part has steps of a few percent.
  const larger = kind === 'secant' ? 1.01 : 1.25;

  test('refutes a larger radius, another rounding error and another error of the noise', () => {
    for (const { left, image, claim, probes } of cases) {
      const confirm = boundConfirmer(left, SIGMA, probes);
      expect(confirm(image, { ...claim, radius: claim.radius * larger }).fault).toContain('is not proved');
      const { evidence } = claim;
      const faultWith = (changes: Partial<SplitzEvidence>): string | null =>
        confirm(image, { ...claim, evidence: { ...evidence, ...changes } }).fault;
      expect(faultWith({ forwardError: 2 * (evidence.forwardError ?? Number.NaN) })).toContain(
        'forwardError',
      );
      expect(faultWith({ tau: evidence.tau * 0.99 })).toContain('tau');
    }
  });

  test('does not take a network whose norms vanish on the way for one that stands still', () => {
    for (const activation of ['Relu', 'LeakyRelu']) {
      const model = ladder([...repeated(1e-50, 8), ...repeated(1e50, 8)], activation);
      const left = createLeftHalfBound(compiled(model), kind, 1e-6);
      const image = new Float32Array(8).fill(0.8);
      const { latent, eta } = latentCentre(left, image);
      const tau = totalVariation(latent, SIGMA);
      const forged = claimOf(1.4e6, {
        latentRadius: 1.4,
        forwardError: eta,
        tau,
        grid: gridOf(SIGMA),
        displacement: 1.3,
      });
      const { fault } = boundConfirmer(left, SIGMA, randomSource(1).normals)(image, forged);
      expect(fault).not.toBeNull();
    }
  });
});
