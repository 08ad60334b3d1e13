/** What is said of a policy before the run has ended is what is said at its end, whatever comes in between. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/records/record.ts';
import { foregone } from '../../src/statistics/foregone.ts';
import { judge, parseRequirements, type Requirement } from '../../src/statistics/policy.ts';
import { exampleHeader } from '../records/run.ts';

const header = exampleHeader();
const leftOut = {
  ...header,
  selection: { ...header.selection, unreadable: [900, 901] },
};
const requirement = (text: string): Requirement => parseRequirements(text)[0] as Requirement;

/** An image among few pictures, so that copies are common. */
const outcome = fc.record({
  picture: fc.integer({ min: 0, max: 12 }),
  prediction: fc.constantFrom(null, 0, 0, 0, 1),
  radius: fc.constantFrom(0.1, 0.4, 0.6, 1),
});
type Image = { picture: number; prediction: number | null; radius: number };
const run = (images: readonly Image[]): Outcome[] =>
  images.map(({ picture, prediction, radius }, index) => ({
    ...{ index, label: 0, answer: 0, sha256: `picture ${picture}` },
    verdicts: [
      {
        ...{ prediction, radius: prediction === null ? 0 : radius },
        ...{ localLipschitz: 1, failureProbability: 0.001, seconds: 0 },
      },
    ],
  }));

const quantity = fc.constantFrom('certified@0.5', 'accuracy', 'abstained');
const operator = fc.constantFrom('>=', '>', '<=', '<');
const share = fc.integer({ min: 0, max: 20 }).map((k) => `${5 * k}%`);
const confidence = fc.constantFrom('', ' with 95%', ' with 60%');
const ofShares = fc
  .tuple(quantity, operator, share, confidence)
  .map(([what, than, part, level]) => `${what} ${than} ${part}${level}`);
const ofRadii = fc
  .tuple(operator, fc.integer({ min: 0, max: 20 }))
  .map(([than, k]) => `acr ${than} ${(k / 20).toFixed(2)}`);

describe('a judgement before the end', () => {
  it('is that of the end, whatever the images left are: new ones, copies, copies that fail', () => {
    let known = 0;
    const images = fc.array(outcome, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(
        fc.oneof(ofShares, ofRadii),
        images,
        fc.array(outcome, { maxLength: 20 }),
        fc.boolean(),
        (text, first, rest, unreadable) => {
          const asked = requirement(text);
          const at = unreadable ? leftOut : header;
          const early = foregone(asked, at, run(first), rest.length);
          if (early === null) return;
          known++;
          expect(early.met).toBe(judge(asked, at, run([...first, ...rest])).met);
        },
      ),
      { numRuns: 4000, seed: 5 },
    );
    expect(known).toBeGreaterThan(1000);
  });

  it('is made where all that are left could not change it, and no sooner', () => {
    const good: Image = { picture: 0, prediction: 0, radius: 1 };
    const distinct = (count: number, image: Image): Image[] =>
      Array.from({ length: count }, (_, picture) => ({ ...image, picture }));
    const asked = requirement('certified@0.5 >= 60%');
    expect(foregone(asked, header, run(distinct(59, good)), 41)).toBeNull();
    expect(foregone(asked, header, run(distinct(60, good)), 40)).toMatchObject({
      met: true,
      found: 'between 60 and 100 of 100, whatever the 40 images left come to',
    });
    const bad = { ...good, prediction: 1 };
    expect(foregone(asked, header, run(distinct(40, bad)), 60)).toBeNull();
    expect(foregone(asked, header, run(distinct(41, bad)), 59)).toMatchObject({ met: false });
    expect(foregone(asked, header, [], 100)).toBeNull();
    expect(foregone(requirement('acr >= 0.5'), header, run(distinct(50, good)), 50)).toMatchObject({
      met: true,
      found: 'at least 0.5000, whatever the 50 images left come to',
    });
    expect(foregone(requirement('acr < 0.5'), header, run(distinct(49, good)), 51)).toBeNull();
    // The average under a confidence level waits for the end.
    expect(foregone(requirement('acr >= 0.1 with 95%'), header, run(distinct(99, good)), 1)).toBeNull();
    expect(foregone(requirement('acr >= 0.1 with 95%'), header, run(distinct(99, good)), 0)).toMatchObject({
      met: true,
    });
  });

  it('of radii that are estimates is known at once', () => {
    const estimated = {
      ...header,
      series: header.series.map((one) => ({ ...one, guarantee: 'estimate, not a bound' as const })),
    };
    const one = run([{ picture: 0, prediction: 0, radius: 1 }]);
    expect(foregone(requirement('certified@0.5 >= 60%'), estimated, one, 99)).toMatchObject({ met: false });
  });
});
