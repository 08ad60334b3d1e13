/** Draws that end early, as the methods make them: the same whatever the workers and batches, and such that they check out. */
import { afterAll, describe, expect, it } from 'vitest';
import type { UsageError } from '../../src/ground/errors.ts';
import type { Context } from '../../src/methods/context.ts';
import type { Certificate, Series, WithOrigins } from '../../src/methods/method.ts';
import { smoothing } from '../../src/methods/smoothing/method.ts';
import { openPlain, type SmoothingFacts, type SmoothingSettings } from '../../src/methods/smoothing/open.ts';
import { resolveVotes, sigmaOf } from '../../src/methods/smoothing/settings.ts';
import { noisyHalf, type VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import { byFlag } from '../../src/methods/sourced.ts';
import { leftHalfBoundAt } from '../../src/methods/splitz/left-half.ts';
import { UNIFORM } from '../../src/methods/uniform-smoothing/law.ts';
import { uniformSmoothing } from '../../src/methods/uniform-smoothing/method.ts';
import { findCut } from '../../src/onnx/cuts.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { drawGroup } from '../../src/smoothing/draw-group.ts';
import { Stage } from '../../src/smoothing/noise/philox.ts';
import { UNIFORM_NOISE_ID } from '../../src/smoothing/noise/uniform-noise.ts';
import type { DrawRequest, Sampler } from '../../src/smoothing/sampler.ts';
import { drawsOf, type VoteCounts } from '../../src/smoothing/votes/vote-counts.ts';
import { floatTensor, node, tinyModel } from '../onnx/tiny-model.ts';
import { exampleHeader, setting, smoothingSeries } from '../records/run.ts';
import { openSmoothed, openTestContext, subjectOf, type TestSettings } from './open.ts';

const N = 6000;
/** At sigma 0.5 the class of x0 > x1 has p = Φ((x0 - x1) / (σ √2)), here of different sizes. */
const IMAGES = [
  [0.9, 0.1],
  [0.6, 0.1],
  [0.45, 0.1],
  [0.12, 0.1],
].map((pixels) => Float32Array.from(pixels));
const RULES = ['radius >= 0.25', 'radius >= 5', 'tolerance 5%'];

const settingsOf = (until: string): TestSettings => ({
  ...{ sigma: 0.5, n0: 50, n: N, alpha: 0.001, bound: 'clopper-pearson', seed: 5n, until },
});

const classifier = prepareClassifier(
  tinyModel({
    // What moves the image by r moves the latent by 2 r.
    nodes: [node('MatMul', ['x', 'W'], 'h'), node('Relu', ['h'], 'u'), node('MatMul', ['u', 'V'], 'y')],
    initializers: [floatTensor('W', [2, 2], [2, 0, 0, 2]), floatTensor('V', [2, 2], [1, 0, 0, 1])],
    input: ['N', 2],
    output: ['N', 2],
  }),
  undefined,
  null,
);

/** Certificates of all images, cut at `split`. */
async function certificates(split: string, until: string, resources: { workers?: number; batch?: number }) {
  const prepared = await classifier;
  const cut = findCut(prepared.cuts, split);
  const left = split === 'input' ? null : leftHalfBoundAt(prepared, cut, 'secant', 1e-6);
  const smoothed = await openSmoothed(prepared, cut, left, IMAGES, resources);
  try {
    const made = [];
    for (const [k, image] of IMAGES.entries()) made.push(await smoothed.certify(image, k, settingsOf(until)));
    return made;
  } finally {
    await smoothed.close();
  }
}

describe.each(['input', 'u'])('draws that may end early, noise at %s', (split) => {
  it.each(RULES)('come out the same for any workers and batches: "%s"', async (until) => {
    const reference = await certificates(split, until, { workers: 1, batch: 64 });
    for (const resources of [
      { workers: 1, batch: 7 },
      { workers: 3, batch: 33 },
    ])
      expect(await certificates(split, until, resources)).toEqual(reference);
    expect(reference.some((one) => drawsOf(one) < N)).toBe(true);
  });

  it('decide as all of them do, with far fewer', async () => {
    for (const radius of [0.1, 0.4]) {
      const all = await certificates(split, 'n', {});
      const early = await certificates(split, `radius >= ${radius}`, {});
      for (const [k, one] of early.entries()) {
        expect(one.radius >= radius, `image ${k}, radius ${radius}`).toBe((all[k]?.radius ?? 0) >= radius);
        // At the cut a target says more than the radius; what is certified is what it needs.
        if (one.radius >= radius) expect(one.latentRadius).toBeGreaterThanOrEqual(one.target ?? Infinity);
      }
      expect(early.reduce((sum, one) => sum + drawsOf(one), 0)).toBeLessThan((N * IMAGES.length) / 2);
    }
  });

  it('stay within the tolerance of what all of them give', async () => {
    const all = await certificates(split, 'n', {});
    const early = await certificates(split, 'tolerance 10%', {});
    // Votes of the first draws are not those of all: a tenth, and what chance adds.
    for (const [k, one] of early.entries())
      expect(one.radius).toBeGreaterThanOrEqual(0.85 * (all[k]?.radius ?? 0));
    expect(early.some((one) => drawsOf(one) < N)).toBe(true);
  });

  it('are all made where no class was selected to decide about', async () => {
    const prepared = await classifier;
    const cut = findCut(prepared.cuts, split);
    const left = split === 'input' ? null : leftHalfBoundAt(prepared, cut, 'secant', 1e-6);
    const smoothed = await openSmoothed(prepared, cut, left, IMAGES);
    const broken = { ...settingsOf('tolerance 5%'), n: 500 };
    const infinite = Float32Array.of(Number.POSITIVE_INFINITY, 0);
    if (split === 'input') {
      const { selected, ...votes } = await smoothed.certify(infinite, 0, broken);
      expect(selected).toBeNull();
      expect(drawsOf(votes)).toBe(500);
    }
    await smoothed.close();
  });
});

describe('the draws asked of the sampler', () => {
  it('go on from look to look, and only the first of a stage are compared with their rows alone', async () => {
    const asked: DrawRequest[] = [];
    const count = async (request: DrawRequest): Promise<VoteCounts> => {
      asked.push(request);
      const draws = request.to - request.from;
      const first = Math.round(0.9 * draws);
      return { counts: [first, draws - first], nonFinite: 0 };
    };
    const { sigma, seed, ...settings } = settingsOf('tolerance 5%');
    const countTogether: Sampler['countTogether'] = (requests) => Promise.all(requests.map(count));
    await noisyHalf({ countTogether } as Sampler, 2).certify(
      { latent: new Float64Array(2), noise: 7, group: drawGroup(1), target: null },
      { ...settings, sigma: sigmaOf(sigma) },
      { seed, series: 0 },
      new AbortController().signal,
      () => {},
    );
    const [selection, ...looks] = asked;
    expect(selection).toMatchObject({ stage: Stage.selection, from: 0, to: 50, continued: false });
    expect(looks.length).toBeGreaterThan(3);
    for (const [k, look] of looks.entries())
      expect(look).toMatchObject({
        ...{ stage: Stage.estimation, image: 7, continued: k > 0 },
        from: k === 0 ? 0 : looks[k - 1]?.to,
      });
  });
});

describe('draws of uniform noise that may end early', () => {
  const context: Context = openTestContext();
  afterAll(() => context.resources.close());

  it.each(RULES)('check out: "%s"', async (until) => {
    const prepared = await classifier;
    const ready = await openPlain(subjectOf(prepared), IMAGES, context, UNIFORM);
    const { sigma, seed, ...settings } = settingsOf(until);
    const smoothed = ready.at({ ...settings, sigma: sigmaOf(sigma) }, { seed, series: 0 });
    const draws = { n: setting(N), n0: setting(50), until: setting(until) };
    const { sigma: lambda, ...rest } = smoothingSeries(draws).settings as WithOrigins<SmoothingSettings>;
    const series = {
      ...smoothingSeries(draws),
      ...{
        method: 'uniform-smoothing',
        norm: 'l1',
        facts: { noise: UNIFORM_NOISE_ID },
        settings: { ...rest, lambda },
      },
    };
    const header = exampleHeader();
    const tiny = {
      ...header,
      data: { ...header.data, shape: [2] },
      model: { ...header.model, classes: 2 },
    };
    const checked = series as unknown as Parameters<typeof uniformSmoothing.fault>[1];
    for (const [index, pixels] of IMAGES.entries()) {
      const certificate = await smoothed.certifyOne({ index, pixels }, context, drawGroup(1));
      expect(uniformSmoothing.fault(certificate, checked, tiny), `image ${index}`).toBeNull();
    }
    await ready.close();
  });
});

describe('draws of Gaussian noise that may end early', () => {
  it.each(RULES)('check out: "%s"', async (until) => {
    const series = smoothingSeries({ n: setting(N), n0: setting(50), until: setting(until) });
    const header = exampleHeader();
    const tiny = { ...header, data: { ...header.data, shape: [2] }, model: { ...header.model, classes: 2 } };
    for (const { prediction, radius, failureProbability, ...evidence } of await certificates(
      'input',
      until,
      {},
    )) {
      const certificate: Certificate<VoteEvidence> = {
        prediction,
        radius,
        failureProbability,
        evidence,
        seconds: 1,
      };
      const checked = series as unknown as Series<SmoothingSettings, SmoothingFacts>;
      expect(smoothing.fault(certificate, checked, tiny)).toBeNull();
    }
  });
});

describe('the setting', () => {
  it('is recorded as it is understood, with its origin; n is not', () => {
    const until = (text: string) => resolveVotes({ until: byFlag(text) }).until;
    expect(until('radius>=0.50')).toEqual({ value: 'radius >= 0.5', origin: 'flag' });
    expect(until('n')).toBeUndefined();
    expect(resolveVotes({}).until).toBeUndefined();
  });

  it.each(['anytime', 'runner-up'] as const)('does not go with the bound %s', (bound) => {
    expect(() => resolveVotes({ until: byFlag('tolerance 5%'), bound: byFlag(bound) })).toThrow(
      `--until "tolerance 5%" does not go with --bound ${bound}`,
    );
    expect(resolveVotes({ until: byFlag('n'), bound: byFlag(bound) }).bound.value).toBe(bound);
  });

  it('needs as many draws as its part of alpha does', () => {
    // 10 of 10 votes: 0.001^(1/10) > 1/2, and 9 of 9 give less. One look spends all of alpha.
    expect(() => resolveVotes({ n: byFlag(10), until: byFlag('radius >= 0.1') })).not.toThrow();
    expect(() => resolveVotes({ n: byFlag(9), until: byFlag('radius >= 0.1') })).toThrow(
      '--n 9 can certify nothing at --alpha 0.001',
    );
    // 171 of 171 votes: 4e-52^(1/171) > 1/2, and not so at half of it, which is what the last of two looks has.
    const alpha = byFlag(4e-52);
    expect(() => resolveVotes({ n: byFlag(171), alpha })).not.toThrow();
    expect(() => resolveVotes({ n: byFlag(171), alpha, until: byFlag('radius >= 0.1') })).toThrow(
      '--n 171 can certify nothing at --alpha 4e-52',
    );
  });

  it('refuses a failure probability that verify could not recompute', () => {
    expect(() => resolveVotes({ n: byFlag(5000), alpha: byFlag(1e-200) })).not.toThrow();
    for (const alpha of [9e-201, 1e-300, 5e-324])
      expect(() => resolveVotes({ n: byFlag(5000), alpha: byFlag(alpha) })).toThrow(`alpha is ${alpha}`);
  });

  it('refuses more draws than are counted, by any rule', () => {
    for (const until of ['n', 'radius >= 0.1', 'tolerance 5%']) {
      expect(() => resolveVotes({ n: byFlag(2 ** 30), until: byFlag(until) })).not.toThrow();
      expect(() => resolveVotes({ n: byFlag(2 ** 30 + 1), until: byFlag(until) })).toThrow(
        '--n 1073741825 is more than can be drawn',
      );
    }
  });

  it('names a number of draws that is enough, where more draws have more looks', () => {
    // 171 of 171 votes would do at all of alpha, but 171 draws have two looks.
    const asked = { n: byFlag(170), alpha: byFlag(5e-52), until: byFlag('radius >= 0.1') };
    expect(() => resolveVotes(asked)).toThrow('--n 170 can certify nothing');
    const remedy = (() => {
      try {
        resolveVotes(asked);
      } catch (error) {
        return (error as UsageError).report.remedy ?? '';
      }
      return '';
    })();
    const least = Number(/Give --n (\d+)/u.exec(remedy)?.[1]);
    expect(least).toBeGreaterThan(170);
    expect(() => resolveVotes({ ...asked, n: byFlag(least) })).not.toThrow();
  });
});
