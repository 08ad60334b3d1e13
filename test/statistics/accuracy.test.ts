import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/records/record.ts';
import {
  averageRadius,
  certifiedCount,
  certifiedShare,
  failureAllowance,
  roundRadii,
  type Score,
  scoreOf,
} from '../../src/statistics/accuracy.ts';
import { equalImages, equalImagesInWords } from '../../src/statistics/equal-images.ts';
import { summarise } from '../../src/statistics/summary.ts';
import { exampleHeader, exampleRecord, outcomesOf, smoothingSeries } from '../records/run.ts';

/** An image whose class is certified to be 1. @param correct null without label */
const outcome = (radius: number, correct: boolean | null = true, abstained = false): Outcome => ({
  ...{ index: 0, label: correct === null ? null : correct ? 1 : 2, answer: 1 },
  verdicts: [
    {
      ...{ prediction: abstained ? null : 1, radius, localLipschitz: null },
      ...{ failureProbability: 0.001, seconds: 1 },
    },
  ],
});

/** Uniform numbers in [0,1) (mulberry32), so that every simulation below is the same each time. */
function uniforms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const score = (radii: readonly number[]): Score => scoreOf(radii.map((r) => outcome(r)));

describe('certified accuracy', () => {
  test('counts what is certified and right, at a radius not below the one asked', () => {
    const one = scoreOf([
      outcome(0.5),
      outcome(0.25),
      outcome(0.9, false),
      outcome(0, false, true),
      outcome(0),
    ]);
    expect(one.measure).toBe('certified accuracy');
    expect([0, 0.25, 0.250_001, 0.5, 0.6].map((r) => certifiedCount(one, r))).toEqual([3, 2, 1, 1, 0]);
    expect(one.abstained).toBe(1);
    expect(averageRadius(one, 'independent').mean).toBeCloseTo(0.75 / 5, 15);
  });

  test('without labels it is a certified fraction, whatever the class', () => {
    const one = scoreOf([outcome(0.5, null), outcome(0, null, true)]);
    expect(one.measure).toBe('certified fraction');
    expect(certifiedCount(one, 0)).toBe(1);
  });

  test('its band is Clopper-Pearson: 90 of 100 is 82.4 % to 95.1 %', () => {
    const share = certifiedShare(score(Array.from({ length: 100 }, (_, i) => (i < 90 ? 1 : 0.1))), 0.5);
    expect(share.certified).toBe(90);
    // R: binom.test(90, 100)$conf.int
    expect(share.lower).toBeCloseTo(0.823_777_4, 6);
    expect(share.upper).toBeCloseTo(0.950_995_3, 6);
    expect(certifiedShare(score([]), 0)).toMatchObject({ lower: 0, upper: 1 });
  });

  test('never rises with the radius and equals a plain count', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 4, noNaN: true })),
        fc.double({ min: 0, max: 4, noNaN: true }),
        (radii, r) => {
          expect(certifiedCount(score(radii), r)).toBe(radii.filter((x) => x >= r).length);
        },
      ),
      { seed: 3 },
    );
  });
});

describe('equal images', () => {
  /** Radii of images of the given pictures; a negative radius is one that is wrong. */
  const of = (images: readonly (readonly [picture: string, radius: number])[]): Score =>
    scoreOf(
      images.map(([sha256, radius], index) => ({
        ...outcome(Math.abs(radius), radius >= 0),
        ...{ index, sha256 },
      })),
    );

  test('leave the shares as they are, but bands are those of distinct images', () => {
    const once = of([
      ['a', 0.5],
      ['b', 0.25],
      ['c', 0.1],
    ]);
    const often = of([
      ['a', 0.5],
      ['a', 0.75],
      ['b', 0.25],
      ['b', 0.5],
      ['b', 0.5],
      ['c', 0.1],
    ]);
    expect(once.distinct).toBeNull();
    const { lower, upper } = certifiedShare(once, 0.25);
    expect(certifiedShare(often, 0.25)).toEqual({ radius: 0.25, certified: 5, images: 6, lower, upper });
    expect(averageRadius(often, 'independent').lower).toBe(averageRadius(once, 'independent').lower);
    expect(averageRadius(often, 'independent').mean).toBeCloseTo(2.6 / 6, 15);
  });

  test('count as one that is right only if all copies are', () => {
    const { distinct } = of([
      ['a', 0.5],
      ['a', -0.75],
      ['b', 0.25],
    ]);
    expect(distinct).toMatchObject({ images: 2, credited: [0, 0.25], radii: [0.25] });
  });

  test('are told, with the labels that contradict each other', () => {
    const images = [
      { index: 0, label: 1, sha256: 'a' },
      { index: 3, label: 2, sha256: 'b' },
      { index: 6, label: 1, sha256: 'a' },
      { index: 9, label: 0, sha256: 'b' },
      { index: 12, label: 0 },
      { index: 15, label: 0 },
    ];
    const found = equalImages(images);
    expect(found.copies).toBe(2);
    expect(equalImagesInWords(found)).toEqual([
      '2 images are copies of another one of the run, pixel by pixel; bands count each picture once.',
      'Equal images have different labels, of which at most one is right: 3 (label 2) and 9 (label 0). Correct the labels.',
    ]);
    expect(equalImagesInWords(equalImages(images.slice(4)))).toEqual([]);
  });
});

describe('average certified radius', () => {
  /** Share of 2,000 runs of N images whose lower bound lies above the true mean. */
  function missRate(draw: (u: () => number) => number, mean: number, images: number): number {
    const u = uniforms(11);
    let misses = 0;
    for (let run = 0; run < 2000; run++) {
      const bound = averageRadius(score(Array.from({ length: images }, () => draw(u))), 'independent').lower;
      if (bound > mean) misses++;
    }
    return misses / 2000;
  }

  // 0.05 allowed; 0.066 is 3.3 standard errors above it over 2,000 runs.
  test('its lower bound misses in at most 5 % of runs: radii of a classifier that abstains often', () => {
    expect(missRate((u) => (u() < 0.4 ? 0 : 0.2 + u()), 0.42, 60)).toBeLessThan(0.066);
  });

  test('its lower bound holds for heavy-tailed radii, where the normal approximation does not', () => {
    // One image in fifty has radius 10: mean 0.2.
    const rare = (u: () => number) => (u() < 0.02 ? 10 : 0);
    expect(missRate(rare, 0.2, 60)).toBeLessThan(0.066);
    const u = uniforms(5);
    let normalMisses = 0;
    for (let run = 0; run < 500; run++) {
      const { mean, approximateHalfWidth } = averageRadius(
        score(Array.from({ length: 60 }, () => rare(u))),
        'independent',
      );
      if (Math.abs(mean - 0.2) > approximateHalfWidth) normalMisses++;
    }
    expect(normalMisses / 500).toBeGreaterThan(0.2);
  });

  test('its lower bound is worth having: within 1.6 normal half-widths of the mean at 500 images', () => {
    const u = uniforms(2);
    const { mean, lower, approximateHalfWidth } = averageRadius(
      score(Array.from({ length: 500 }, () => (u() < 0.2 ? 0 : 1.5 * u()))),
      'independent',
    );
    expect(lower).toBeLessThan(mean);
    expect((mean - lower) / approximateHalfWidth).toBeLessThan(1.6);
  });

  test('there is none where images share their noise: groups of them have means of their own', () => {
    const radii = Array.from({ length: 60 }, (_, k) => 1 + (k % 2) / 10);
    expect(averageRadius(score(radii), 'independent').lower).toBeGreaterThan(0.5);
    const { mean, lower } = averageRadius(score(radii), 'shared');
    expect([mean > 1, lower]).toEqual([true, 0]);
  });

  test('nothing certified, or no image, gives 0', () => {
    expect(averageRadius(score([0, 0, 0]), 'independent')).toEqual({
      mean: 0,
      lower: 0,
      approximateHalfWidth: 0,
    });
    expect(averageRadius(score([]), 'independent').lower).toBe(0);
    expect(averageRadius(score([1]), 'independent').approximateHalfWidth).toBe(Infinity);
  });
});

describe('allowance for certificates that fail', () => {
  /** P[Bin(n, p) > k], summed from its terms. */
  function tailAbove(k: number, n: number, p: number): number {
    let term = n * Math.log1p(-p);
    let below = 0;
    for (let i = 0; i <= k; i++) {
      below += Math.exp(term);
      term += Math.log((n - i) / (i + 1)) + Math.log(p / (1 - p));
    }
    return 1 - below;
  }

  test('more certificates fail than it allows for with probability at most 5 %, by the exact binomial tail', () => {
    for (const alpha of [1e-4, 0.001, 0.01, 0.1, 0.5]) {
      for (const images of [1, 10, 100, 500, 1000]) {
        const allowed = Math.round(images * failureAllowance(alpha, images, 'independent'));
        expect(tailAbove(Math.min(images, allowed), images, alpha), `${alpha} ${images}`).toBeLessThanOrEqual(
          0.05,
        );
      }
    }
  });

  test('one failure fewer would be too few', () => {
    for (const alpha of [0.001, 0.01, 0.1, 0.5]) {
      for (const images of [10, 100, 1000]) {
        const allowed = Math.round(images * failureAllowance(alpha, images, 'independent'));
        if (allowed > 0)
          expect(tailAbove(allowed - 1, images, alpha), `${alpha} ${images}`).toBeGreaterThan(0.05);
      }
    }
    expect(failureAllowance(0.001, 20, 'independent')).toBe(0);
    // A file may state certificates that certainly fail: then every one is allowed for.
    for (const dependence of ['independent', 'shared'] as const)
      expect(failureAllowance(1, 20, dependence)).toBe(1);
  });

  test('where noise is shared, it covers failures that come all at once', () => {
    // All N fail together with probability alpha: allowing for fewer than N is wrong whenever alpha > 5 %.
    expect(failureAllowance(0.06, 100, 'shared')).toBe(1);
    for (const alpha of [1e-4, 0.001, 0.01, 0.1]) {
      for (const images of [1, 10, 100, 1000]) {
        const allowed = Math.round(images * failureAllowance(alpha, images, 'shared'));
        // The worst case that Markov's inequality knows: allowed + 1 fail together, as often as their mean allows.
        if (allowed < images)
          expect((images * alpha) / (allowed + 1), `${alpha} ${images}`).toBeLessThanOrEqual(0.05);
        expect(allowed / images).toBeGreaterThanOrEqual(failureAllowance(alpha, images, 'independent'));
      }
    }
    expect(failureAllowance(0, 100, 'shared')).toBe(0);
  });

  test("without Bernstein's factor 2 under the root the published closed form would be too small", () => {
    // P[more than alpha N + sqrt(alpha (1-alpha) ln(1/rho) N) + ln(1/rho)/3 failures] at rho = 1e-6.
    const [alpha, images, evidence] = [0.5, 1000, Math.log(1e6)];
    const published = alpha * images + Math.sqrt(alpha * (1 - alpha) * evidence * images) + evidence / 3;
    expect(tailAbove(Math.floor(published), images, alpha)).toBeGreaterThan(1e-6);
  });
});

describe('radii of the table', () => {
  test.each([
    [1.55, [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]],
    [0.3, [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]],
    [4, [0, 1, 2, 3, 4]],
    [0.0031, [0, 0.0005, 0.001, 0.0015, 0.002, 0.0025, 0.003]],
    [123, [0, 25, 50, 75, 100]],
    [0, [0]],
  ])('up to %d they are %j', (largest, radii) => {
    expect(roundRadii(largest)).toEqual(radii);
  });

  test('are at most as many as asked, short decimals, and cover most of the range', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        fc.integer({ min: 4, max: 20 }),
        (largest, atMost) => {
          const radii = roundRadii(largest, atMost);
          expect(radii.length).toBeLessThanOrEqual(atMost);
          expect(radii.at(-1)).toBeLessThanOrEqual(largest);
          expect(radii.at(-1)).toBeGreaterThan(largest / 3);
          for (const r of radii)
            expect(String(r).replace(/e.*/u, '').replace(/\D/gu, '').length).toBeLessThanOrEqual(9);
        },
      ),
      { seed: 5 },
    );
  });
});

describe('summary of a run', () => {
  const header = exampleHeader();
  const records = Array.from({ length: 20 }, (_, k) => exampleRecord(k));
  const outcomes = outcomesOf(records);

  test('states both methods at the same radii', () => {
    const summary = summarise(header, outcomes);
    expect(summary.radii).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(summary.series.map(({ method }) => method)).toEqual(['splitz', 'smoothing']);
    expect(summary.series[0]?.score).toMatchObject({ images: 20, abstained: 2 });
    expect(summary.series.map((one) => one.medianLocalLipschitz)).toEqual([1.25, null]);
  });

  test('a run of plain smoothing alone is one series and has no left half', () => {
    const plain = exampleHeader({ series: [smoothingSeries()] });
    const alone = Array.from({ length: 20 }, (_, k) => exampleRecord(k, plain));
    const summary = summarise(plain, outcomesOf(alone, plain));
    expect(summary.series.map(({ method }) => method)).toEqual(['smoothing']);
    expect(summary.series[0]?.medianLocalLipschitz).toBeNull();
  });

  test('counts on how many images the network alone is right, and does not without labels', () => {
    const answering = outcomes.map((one, k) => ({ ...one, answer: k < 3 ? null : k < 5 ? 99 : one.label }));
    expect(summarise(header, answering).right).toBe(15);
    expect(
      summarise(
        header,
        outcomes.map((one) => ({ ...one, label: null })),
      ).right,
    ).toBeNull();
  });

  test('no record at all is not an error', () => {
    expect(summarise(header, [])).toMatchObject({ images: 0, radii: [0] });
  });
});
