/** What is deployed is what was certified: ONNX Runtime's left half against ours, by both of the comparisons. */
import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import { leftHalfBoundAt } from '../../src/methods/splitz/left-half.ts';
import { checkLeftHalf, inSigmas, requireHidden } from '../../src/methods/splitz/left-half-check.ts';
import { findCut } from '../../src/onnx/cuts.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { splitModel } from '../../src/onnx/split.ts';
import { Stage } from '../../src/smoothing/noise/philox.ts';
import { floatTensor, intTensor, node, type Parts, tinyModel } from '../onnx/tiny-model.ts';
import { type OpenedSmoothed, openSmoothed } from './open.ts';

const SIZE = 8;
const IMAGE = Float32Array.from({ length: SIZE }, (_, i) => 0.1 + i / 16);

/** Adds a constant entry of `large` to the latent `from`; its weights in the right half are 0. */
function behind(nodes: Parts['nodes'], from: string, large: number): Parts {
  return {
    nodes: [
      ...nodes,
      node('Pad', [from, 'pads', 'large'], 'u', { name: 'latent' }),
      node('MatMul', ['u', 'weights'], 'y'),
    ],
    initializers: [
      floatTensor('large', [], [large]),
      floatTensor('tiny', [], [1e-12]),
      floatTensor('huge', [], [1e12]),
      intTensor('pads', [0, 0, 0, 1]),
      floatTensor(
        'weights',
        [SIZE + 1, 2],
        Array.from({ length: 2 * SIZE + 2 }, (_, i) => (i < 2 * SIZE ? 1 - 2 * (i % 2) : 0)),
      ),
    ],
    input: ['N', SIZE],
    output: ['N', 2],
  };
}

/** relu(x) in real arithmetic and in float64; 0 in float32, which 1e-48 is too small for. */
const vanishing = (large: number): Parts => {
  const chain = ['tiny', 'tiny', 'tiny', 'tiny', 'huge', 'huge', 'huge', 'huge'];
  const nodes = chain.map((by, k) => node('Mul', [k === 0 ? 'x' : `t${k}`, by], `t${k + 1}`));
  return behind([...nodes, node('Relu', ['t8'], 'r')], 'r', large);
};

/** relu(x), and nothing else. */
const honest = (large: number): Parts => behind([node('Relu', ['x'], 'r')], 'r', large);

async function prepared(parts: Parts) {
  const classifier = await prepareClassifier(tinyModel(parts), undefined, null, undefined, 'as delivered');
  const cut = findCut(classifier.cuts, 'latent');
  const bound = leftHalfBoundAt(classifier, cut, 'secant', 1e-6);
  const { left } = splitModel(classifier.model, cut);
  if (bound === null || left === null) throw new Error('the cut has a left half');
  return { classifier, cut, bound, left };
}

async function opened<T>(parts: Parts, use: (smoothed: OpenedSmoothed) => Promise<T>): Promise<T> {
  const { classifier, cut, bound } = await prepared(parts);
  const smoothed = await openSmoothed(classifier, cut, bound, [IMAGE]);
  try {
    return await use(smoothed);
  } finally {
    await smoothed.close();
  }
}

const settings = (sigma: number) =>
  ({ sigma, n0: 10, n: 100, alpha: 0.001, bound: 'clopper-pearson', seed: 11n }) as const;

describe('a left half of which nothing is left in float32', () => {
  it('is refused entry by entry, whatever the noise', async () => {
    const { bound, left } = await prepared(vanishing(1));
    await expect(checkLeftHalf(bound, left, [IMAGE], 'net')).rejects.toMatchObject({
      report: {
        why: expect.stringMatching(/entries differ by up to 5\.\de-1 where the largest is 1\.0e\+0/),
      },
    });
  });

  it('is refused in units of the noise where a constant entry of 1e5 hides it from the other comparison', async () => {
    await opened(vanishing(1e5), async (smoothed) => {
      const norm = Math.hypot(...IMAGE);
      const { leftHalfNorm } = smoothed.checksAt(101 * norm);
      expect(leftHalfNorm).toBeGreaterThan(norm * (1 - 1e-6));
      expect(leftHalfNorm).toBeLessThan(norm * (1 + 1e-6));
      // 1e-4 of the largest entry is 10: the difference would have to be hidden by noise of 100 times its length.
      await expect(smoothed.certify(IMAGE, 0, settings(0.5))).rejects.toThrow(ModelRefused);
      const draw = { stage: Stage.prediction, draws: 10, sigma: 0.5, seed: 1n };
      await expect(smoothed.votes(IMAGE, 0, draw)).rejects.toMatchObject({
        report: {
          what: 'the left half in ONNX Runtime is too far from the one that is certified',
          where: expect.stringContaining("left of 'latent'"),
          why: expect.stringMatching(
            /differ by 9\.9e-1 in l2 \(5\.\de-1 in the worst entry\), which is 2\.0 sigma at sigma 0\.5/,
          ),
          remedy: expect.stringMatching(/--sigma 99 or more, or an earlier cut/),
        },
      });
      await expect(smoothed.certify(IMAGE, 0, settings(101 * norm))).resolves.toHaveProperty('counts');
    });
  });
});

describe('an honest left half', () => {
  it.each([0, 1, 1e5])(
    'with a constant entry of %d is accepted, and its difference measured',
    async (large) => {
      await opened(honest(large), async (smoothed) => {
        expect(smoothed.checksAt(0.25).leftHalfSigmas).toBeLessThan(1e-3);
        expect((await smoothed.certify(IMAGE, 0, settings(0.25))).prediction).not.toBeNull();
      });
    },
  );
});

describe('the border', () => {
  const difference = { largest: 1e-3, norm: 2e-3 };
  it('lies at a hundredth of sigma in l2', () => {
    expect(inSigmas(difference, 0.1)).toBeCloseTo(0.02, 12);
    expect(() => requireHidden(difference, 0.2001, 'net')).not.toThrow();
    expect(() => requireHidden(difference, 0.1999, 'net')).toThrow(ModelRefused);
    expect(() => requireHidden({ largest: 0, norm: Number.NaN }, 1, 'net')).toThrow(ModelRefused);
  });
  it('is told as a sigma that would do', () => {
    const refusal = (norm: number): string => {
      try {
        requireHidden({ largest: norm, norm }, 1e-6, 'net');
        return '';
      } catch (error) {
        return (error as ModelRefused).report.remedy ?? '';
      }
    };
    expect(refusal(2e-3)).toContain('--sigma 0.2 or more');
    expect(refusal(1.234)).toContain('--sigma 130 or more');
  });
});
