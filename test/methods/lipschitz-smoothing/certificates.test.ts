/** Certificates of small networks: what they rest on, what they are held to, and what is refused. */
import { afterAll, describe, expect, it } from 'vitest';
import { ModelRefused, UsageError } from '../../../src/ground/errors.ts';
import { deviationOf } from '../../../src/methods/lipschitz-smoothing/comparison.ts';
import { lipschitzSmoothing } from '../../../src/methods/lipschitz-smoothing/method.ts';
import { roundingLoss } from '../../../src/methods/lipschitz-smoothing/rounding.ts';
import type {
  LipschitzEvidence,
  LipschitzFacts,
  LipschitzSettings,
} from '../../../src/methods/lipschitz-smoothing/schema.ts';
import type { Certificate } from '../../../src/methods/method.ts';
import { Stage } from '../../../src/smoothing/noise/philox.ts';
import { fineGridOf, roundedNoise } from '../../../src/smoothing/noise/rounded-noise.ts';
import { scoresOf } from '../../../src/smoothing/scores/score-map.ts';
import { meanOf } from '../../../src/smoothing/scores/score-sums.ts';
import { floatTensor, node, type Parts } from '../../onnx/tiny-model.ts';
import { setting } from '../../records/run.ts';
import { openTestContext, subjectOf } from '../open.ts';
import { headed, linear, type Opened, openScores, prepared, SETTINGS } from './open.ts';

const W = [
  [1, 0],
  [-1, 0.5],
  [0, -1],
];
const X = Float32Array.of(0.9, 0.2);
const opened: Opened[] = [];
afterAll(() => Promise.all(opened.map((one) => one.close())));

async function open(
  parts: Parts,
  settings: Partial<LipschitzSettings> = {},
  resources: { seed?: bigint; workers?: number; batch?: number } = {},
): Promise<Opened> {
  const one = await openScores(await prepared(parts), { ...SETTINGS, ...settings }, resources);
  opened.push(one);
  return one;
}

describe('a certificate', () => {
  it('is the same to the bit with any number of workers and rows per run', async () => {
    const certificates = [];
    for (const resources of [
      { workers: 1, batch: 7 },
      { workers: 2, batch: 64 },
    ])
      certificates.push(await (await open(linear(W, [0, 0, 0]), {}, resources)).certify(X));
    const [one, two] = certificates.map(({ seconds: _, ...rest }) => JSON.stringify(rest));
    expect(one).toBe(two);
    expect(certificates[0]?.radius).toBeGreaterThan(0);
  });

  it('is no smaller than the published approximation, nor that than plain smoothing of the same scores', async () => {
    const one = await open(linear(W, [0, 0, 0]), {
      scores: 'softmax',
      temperature: 0.5,
      n: 2000,
      compared: 1000,
    });
    let gains = 0;
    for (let index = 0; index < 8; index++) {
      const pixels = Float32Array.of(1 + index / 10, Math.sin(index));
      const { evidence } = await one.certify(pixels, index);
      const { latentRadius, publishedRadius, plainRadius } = evidence;
      expect(plainRadius).toBeLessThanOrEqual(publishedRadius * (1 + 1e-9));
      expect(publishedRadius).toBeLessThanOrEqual(latentRadius * (1 + 1e-9));
      if (latentRadius > 1.01 * publishedRadius && publishedRadius > 0) gains++;
    }
    expect(gains).toBeGreaterThan(1);
  });

  it('spends alpha on comparison and means, and the norms beside', async () => {
    const { certifier, certify } = await open(linear(W, [0, 0, 0]), { delta: 0 });
    expect((await certify(X)).failureProbability).toBe(0.001);
    expect(certifier.guarantee).toBe('certificate');
  });

  it('takes rounding off by the constant and the size of the grid', async () => {
    const { certifier, certify } = await open(linear(W, [0, 0, 0]));
    const { evidence } = await certify(X);
    const { scoreLipschitz } = certifier.facts as LipschitzFacts;
    const q = fineGridOf(0.5);
    expect(evidence.grid).toBe(q);
    expect(evidence.rounding).toBe(roundingLoss(scoreLipschitz ?? 0, Float64Array.from(X), 0.5, q));
    expect(evidence.rounding).toBeGreaterThan((scoreLipschitz ?? 0) * q * Math.sqrt(2 / 12));
    expect(evidence.rounding).toBeLessThan((scoreLipschitz ?? 0) * q);
    expect(evidence.deviation).toBe(deviationOf(evidence.difference, 100, 0.0005));
    // Float32 and 2^-17 of rounding, no more.
    expect(evidence.difference).toBeLessThan(1e-5);
    expect(evidence.deviation).toBeGreaterThan(1 - 0.0005 ** 0.01);
  });

  it('averages the draws of the estimation, which the selection has not seen', async () => {
    const { evidence } = await (await open(linear(W, [0, 0, 0]))).certify(X, 5);
    const mean = (stage: Stage): number => {
      const scores = new Float64Array(3);
      let sum = 0;
      for (let sample = 0; sample < SETTINGS.n; sample++) {
        const counter = { seed: 3n, stage, image: 5, sample };
        const [x = 0, y = 0] = roundedNoise(Float64Array.from(X), SETTINGS.sigma, counter, fineGridOf(0.5));
        const logits = Float64Array.from(W, ([a = 0, b = 0]) => a * x + b * y);
        scoresOf('sparsemax', 1, logits, 0, scores);
        sum += scores[0] ?? 0;
      }
      return sum / SETTINGS.n;
    };
    expect(evidence.selected).toBe(0);
    expect(Math.abs(meanOf(evidence.own) - mean(Stage.estimation))).toBeLessThan(1e-5);
    expect(Math.abs(meanOf(evidence.own) - mean(Stage.selection))).toBeGreaterThan(1e-4);
  });

  it('rests on the steepest difference of any two logits', async () => {
    const steep = linear(
      [
        [0, 0],
        [1, 0],
        [-1, 0],
      ],
      [0, 0, 0],
    );
    const { pairLipschitz } = (await open(steep)).certifier.facts as LipschitzFacts;
    expect(pairLipschitz).toBeGreaterThanOrEqual(2);
    expect(pairLipschitz).toBeLessThan(2.001);
  });

  it('by votes has the radius of plain smoothing, and says that nothing is gained', async () => {
    const { certifier, certify } = await open(linear(W, [0, 0, 0]), {
      ...{ scores: 'votes', temperature: null, compared: 0 },
    });
    const { evidence, radius } = await certify(X);
    expect(radius).toBeGreaterThan(0);
    expect([evidence.mean, evidence.rounding, evidence.deviation]).toEqual(['clopper-pearson', 0, 0]);
    expect(evidence.latentRadius).toBeCloseTo(evidence.plainRadius, 12);
    const facts = certifier.facts as LipschitzFacts;
    expect(facts.noGain).toContain('votes have no Lipschitz constant');
    const { series } = headed(certifier, { ...SETTINGS, scores: 'votes', temperature: null, compared: 0 }, 3);
    expect(lipschitzSmoothing.notes(series, null).join()).toContain('none over plain smoothing');
    expect(lipschitzSmoothing.describe(series, headed(certifier, SETTINGS, 3).header).join()).toContain(
      'No gain over plain smoothing is to be expected',
    );
  });

  it('by scores that are too steep says so as well', async () => {
    const { certifier } = await open(linear(W, [0, 0, 0]), { temperature: 1e-4 });
    expect((certifier.facts as LipschitzFacts).noGain).toContain('of the noise');
  });
});

describe('behind a cut', () => {
  const parts: Parts = {
    nodes: [node('Gemm', ['x', 'A', 'a'], 'z'), node('Relu', ['z'], 'u'), node('Gemm', ['u', 'V', 'd'], 'y')],
    initializers: [
      floatTensor('A', [2, 3], [2, 0, 0.5, 0, 1, -0.5]),
      floatTensor('a', [3], [0, 0, 0.1]),
      floatTensor('V', [3, 2], [1, -1, 0.2, 0, -0.3, 0.4]),
      floatTensor('d', [2], [0, 0]),
    ],
    input: ['N', 2],
    output: ['N', 2],
  };

  it('the latent radius is that of the scores, and the radius what D(r) leaves of it', async () => {
    const { certify, certifier } = await open(parts, { split: 'u', temperature: 2 });
    const { prediction, radius, evidence } = await certify(X);
    expect(prediction).toBe(0);
    expect(radius).toBeGreaterThan(0);
    expect(evidence.displacement).toBeLessThanOrEqual(evidence.latentRadius);
    expect(evidence.displacement).toBeGreaterThan(0.9 * evidence.latentRadius);
    // The left half stretches by 2 at most.
    expect(radius).toBeGreaterThanOrEqual((evidence.latentRadius / 2.2) * 0.9);
    const settings = { ...SETTINGS, split: 'u', temperature: 2 };
    const { series, header } = headed(certifier, settings, 2);
    const certificate = { prediction, radius, failureProbability: 0.001, evidence, seconds: 0 };
    expect(lipschitzSmoothing.headerFault(series, header)).toBeNull();
    expect(lipschitzSmoothing.fault(certificate, series, header)).toBeNull();
    expect(lipschitzSmoothing.fault({ ...certificate, radius: radius * 1.1 }, series, header)).not.toBeNull();
    const { steps } = lipschitzSmoothing.derive(certificate, series, header);
    expect(steps.map(({ title }) => title)).toEqual([
      'Choose the class',
      'Average its scores over fresh draws, and bound the mean (by betting)',
      'Take off what separates drawn scores from exact ones',
      'The radius where the noise is added',
      'Take off the rounding error of f_L in floating point, at x and at x′',
      'Back through the left half',
    ]);
  });
});

describe('a network that is another one in float32', () => {
  // x + a - a, with a = 2^30 max(0, x - 1/2): x in exact arithmetic, a staircase in float32.
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
      floatTensor('half', [], [0.5]),
      floatTensor('large', [], [2 ** 30]),
      floatTensor('V', [1, 2], [1, 0]),
      floatTensor('d', [2], [0, 0.25]),
    ],
    input: ['N', 1],
    output: ['N', 2],
  };

  it('is compared with the exact one where draws are made, and nothing is certified of it', async () => {
    const { certify } = await open(parts, { sigma: 0.05, temperature: 0.2 });
    const { prediction, evidence } = await certify(Float32Array.of(0.9));
    expect(prediction).toBeNull();
    expect(evidence.deviation).toBeGreaterThan(0.3);
    const honest = await (await open(parts, { sigma: 0.05, temperature: 0.2 })).certify(Float32Array.of(0.1));
    expect(honest.evidence.deviation).toBeLessThan(0.1);
  });
});

describe('a network without a Lipschitz constant', () => {
  const parts: Parts = {
    nodes: [node('Mul', ['x', 'x'], 'z'), node('Gemm', ['z', 'V', 'd'], 'y')],
    initializers: [floatTensor('V', [2, 2], [1, 0, 0, 1]), floatTensor('d', [2], [0, 0])],
    input: ['N', 2],
    output: ['N', 2],
  };

  it('is refused scores that need one, with votes as the remedy, and certified by votes with the reason', async () => {
    await expect(open(parts)).rejects.toThrow(ModelRefused);
    await expect(open(parts)).rejects.toThrow('no Lipschitz constant');
    const votes = { scores: 'votes', temperature: null, compared: 0 } as const;
    const { certifier, certify } = await open(parts, votes);
    expect((certifier.facts as LipschitzFacts).noGain).toContain('Mul has no Lipschitz constant');
    expect((await certify(X)).prediction).not.toBeUndefined();
    const context = openTestContext();
    const subject = subjectOf(await prepared(parts));
    const told: string[] = [];
    const resolved = await lipschitzSmoothing.resolve({ sigma: setting(0.3) }, subject, {
      ...context,
      tell: (message) => told.push(message.kind === 'note' ? message.text : ''),
    });
    await context.resources.close();
    expect(resolved).toMatchObject({
      settings: { scores: { value: 'votes', origin: 'derived' }, compared: { value: 0 } },
    });
    expect(told.join()).toContain('nothing is gained over plain smoothing');
  });
});

describe('settings that cannot certify anything', () => {
  it.each([
    [{ compared: setting(4) }, '--compared 4 can certify nothing'],
    [{ compared: setting(500), n: setting(400) }, '--compared is 500, but --n is 400'],
    [{ temperature: setting(0) }, '--temperature is 0'],
    [{ scores: setting('votes'), temperature: setting(2) }, 'does not go with --scores votes'],
    [{ split: setting('auto') }, '--split auto does not go'],
    [{ delta: setting(0) }, 'delta cannot be set'],
  ])('are refused: %o', (asked, message) => {
    expect(() => lipschitzSmoothing.preview(asked, {}, new Map())).toThrow(UsageError);
    expect(() => lipschitzSmoothing.preview(asked, {}, new Map())).toThrow(message);
  });
});

describe('an answer', () => {
  it('is the class of the larger score where the draws show it, and none where they do not', async () => {
    const { certifier, context } = await open(linear(W, [0, 0, 0]), { temperature: 0.5 });
    const question = { stage: Stage.prediction, number: 0, draws: 2000, alpha: 0.001, seed: 9n };
    const clear = await certifier.answer({ index: 0, pixels: X }, question, context);
    expect(clear.prediction).toBe(0);
    expect(clear.votes).toBeGreaterThan(clear.runnerUpVotes);
    const tie = await certifier.answer({ index: 1, pixels: Float32Array.of(0, 0) }, question, context);
    expect(tie.prediction).toBeNull();
  });
});

describe('a certificate that says more than its evidence', () => {
  async function honest() {
    const settings: LipschitzSettings = { ...SETTINGS, scores: 'softmax', temperature: 0.4 };
    const { certifier, certify } = await open(linear(W, [0, 0, 0]), settings);
    return { ...headed(certifier, settings, 3), certificate: await certify(X) };
  }

  it('is refused, whatever is changed', async () => {
    const { series, header, certificate } = await honest();
    const faultOf = (changed: Certificate<LipschitzEvidence>) =>
      lipschitzSmoothing.fault(changed, series, header);
    expect(lipschitzSmoothing.headerFault(series, header)).toBeNull();
    expect(faultOf(certificate)).toBeNull();
    const { evidence } = certificate;
    const with_ = (changes: Partial<LipschitzEvidence>) => ({
      ...certificate,
      evidence: { ...evidence, ...changes },
    });
    const [own, others] = [[...evidence.own], [...evidence.others]];
    const k = own.findIndex((w) => w > 1024);
    own[k] = (own[k] ?? 0) - 1024;
    own[64] = (own[64] ?? 0) + 1024;
    const cases: [string, Certificate<LipschitzEvidence>, string][] = [
      ['a better score', with_({ own }), 'pA'],
      ['fewer draws', with_({ own: evidence.own.with(64, 0) }), 'draws'],
      ['a higher p_A', with_({ pA: evidence.pA + 1e-6 }), 'pA'],
      ['a lower p_A', with_({ pA: evidence.pA - 1e-4 }), 'pA'],
      ['a smaller deviation', with_({ deviation: evidence.deviation / 2 }), 'deviation'],
      ['a smaller difference', with_({ difference: 0 }), 'deviation'],
      ['less rounding', with_({ rounding: evidence.rounding / 2 }), 'rounding'],
      ['less variation', with_({ tau: 0 }), 'tau'],
      ['a coarser grid', with_({ grid: evidence.grid * 2 }), 'grid'],
      ['a larger latent radius', with_({ latentRadius: evidence.latentRadius * (1 + 1e-9) }), 'latentRadius'],
      ['a smaller one', with_({ latentRadius: evidence.latentRadius * 0.99 }), 'latentRadius'],
      [
        'another published radius',
        with_({ publishedRadius: evidence.publishedRadius * 1.1 }),
        'publishedRadius',
      ],
      ['another plain radius', with_({ plainRadius: evidence.plainRadius * 1.1 }), 'plainRadius'],
      ['a way back', with_({ displacement: 0.1 }), 'left half'],
      ['another bound', with_({ mean: evidence.mean === 'betting' ? 'bernstein' : 'betting' }), 'pA'],
      ['the bound of votes', with_({ mean: 'clopper-pearson' }), 'mean is'],
      ['a larger radius', { ...certificate, radius: certificate.radius * 1.001 }, 'radius'],
      ['another class', { ...certificate, prediction: 1 }, 'prediction'],
      ['a smaller chance', { ...certificate, failureProbability: 1e-9 }, 'failureProbability'],
      ['an abstention', { ...certificate, prediction: null, radius: 0 }, 'abstained'],
    ];
    for (const [name, changed, word] of cases) expect(faultOf(changed), name).toContain(word);
    expect(faultOf(with_({ others: others.toSorted((a, b) => a - b) }))).not.toBeNull();
    expect(meanOf(evidence.own)).toBeGreaterThan(evidence.pA);
  });

  it('is refused in its header, too', async () => {
    const { series, header } = await honest();
    const facts = series.facts;
    const faultOf = (changes: object) => lipschitzSmoothing.headerFault({ ...series, ...changes }, header);
    expect(faultOf({ facts: { ...facts, scoreLipschitz: (facts.scoreLipschitz ?? 0) * 0.99 } })).toContain(
      'scoreLipschitz',
    );
    expect(faultOf({ facts: { ...facts, index: 1 } })).toContain('split');
    expect(faultOf({ settings: { ...series.settings, temperature: setting(10) } })).toBeNull();
    expect(faultOf({ settings: { ...series.settings, temperature: setting(0.1) } })).toContain(
      'scoreLipschitz',
    );
    expect(faultOf({ settings: { ...series.settings, scores: setting('votes') } })).toContain('votes');
    expect(faultOf({ settings: { ...series.settings, compared: setting(0) } })).toContain('compared');
    expect(faultOf({ guarantee: 'estimate, not a bound' })).toContain('guarantee');
  });
});
