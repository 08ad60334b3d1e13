/** Which of the two bounds is proved, and how often: a linear part that promises and does not keep costs a proof, not the radius. */
import { describe, expect, it } from 'vitest';
import type { NormOf } from '../../../src/lipschitz/displacement.ts';
import { evaluateLeftHalf } from '../../../src/lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound } from '../../../src/lipschitz/input-radius.ts';
import { betterBound } from '../../../src/lipschitz/linear/better-bound.ts';
import type { LinearBound } from '../../../src/lipschitz/linear/linear-bound.ts';
import { PROOFS } from '../../../src/lipschitz/proved-radius.ts';
import { SegmentNorms } from '../../../src/lipschitz/segment-norms.ts';
import { FAMILIES } from '../../../tools/linear-bound/families.mjs';
import { compiled } from '../../operators/compiled.ts';
import { randomSource } from '../../operators/random.ts';

const LATENT = 0.3;
const half = compiled(FAMILIES.gate!(randomSource(3).normal));
const evaluation = evaluateLeftHalf(half, randomSource(4).normals(8));
const { normals } = randomSource(5);
const secant = createLeftHalfBound(half, 'secant', 1e-6).inputRadius(evaluation, LATENT, normals);

/** A linear part whose estimates are `share` of the radius, and whose proofs come to twice what fits; counts them. */
function promising(share: number, probabilistic = 1) {
  let made = 0;
  const linear = {
    plan: { keeps: half.steps.map(() => true), probabilistic, work: 0 },
    norms: { proving: () => null },
    nearby: () => (r: number) => r,
    bounded: (_: unknown, r: number) => ({ displacement: share * r, forwardError: 0, total: share * r }),
    on() {
      made++;
      return { displacement: 2 * LATENT, forwardError: 0, total: 2 * LATENT };
    },
  } as unknown as LinearBound;
  return { linear, made: () => made };
}

/** The segments' norms, proved `raised` times as large, and how many balls were proved with them. */
function counted(raised = 1) {
  const norms = new SegmentNorms(half, 1e-6);
  const { proving } = norms;
  let asked = 0;
  norms.proving = (gaussian) => {
    const { close, known } = proving.call(norms, gaussian);
    const count =
      (normOf: NormOf): NormOf =>
      (...args) => {
        asked++;
        return raised * normOf(...args);
      };
    return { close: count(close), known: count(known) };
  };
  const each = half.steps.reduce(
    (sum, { nonlinearity, input }) => sum + nonlinearity.norms * input.terms.length,
    half.output.terms.length,
  );
  return { norms, made: () => Math.ceil(asked / each) };
}

describe('the better of two bounds', () => {
  it('falls back on secants when the linear part proves nothing of what it promised, within the proofs of an image', () => {
    for (const spent of [0, 1]) {
      const [promised, segments] = [promising(LATENT), counted()];
      const better = betterBound(half, segments.norms, promised.linear, 1e-6);
      const { radius, displacement } = better.inputRadius(evaluation, LATENT, normals, spent);
      expect(radius).toBeGreaterThan(0.98 * secant.radius);
      expect(displacement).toBeLessThanOrEqual(LATENT);
      expect(promised.made()).toBeGreaterThan(0);
      expect(promised.made() + segments.made()).toBeLessThanOrEqual(PROOFS - spent);
    }
  });

  it('falls back on all of it where proofs are free', () => {
    const segments = counted(1.1);
    const better = betterBound(half, segments.norms, promising(LATENT, 0).linear, 0);
    expect(better.probabilistic).toBe(false);
    const { radius } = better.inputRadius(evaluation, LATENT, normals, 0);
    expect(radius).toBeGreaterThan(0.5 * secant.radius);
    expect(segments.made()).toBeGreaterThan(1);
  });

  it('has no more proofs than an image pays for where those of secants fail too', () => {
    const [promised, segments] = [promising(LATENT), counted(1.1)];
    const better = betterBound(half, segments.norms, promised.linear, 1e-6);
    expect(better.inputRadius(evaluation, LATENT, normals, 0).radius).toBe(0);
    expect(promised.made() + segments.made()).toBe(PROOFS);
  });

  it('does not try the linear part where its estimates promise nothing', () => {
    const promised = promising(LATENT / secant.radius);
    const better = betterBound(half, counted().norms, promised.linear, 1e-6);
    expect(better.inputRadius(evaluation, LATENT, normals, 0)).toEqual(secant);
    expect(promised.made()).toBe(0);
    expect(better.provedBallAt(evaluation, secant.radius / 2, normals).total).toBeLessThan(LATENT);
  });
});
