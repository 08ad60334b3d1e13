/** A run in three sentences: nothing in them is larger than what was certified. */
import { describe, expect, test } from 'vitest';
import { inLevels, inPlainWords } from '../../src/report/plain-words.ts';
import { scoreOf } from '../../src/statistics/accuracy.ts';
import { exampleHeader, exampleRecord, outcomesOf, withVerdict } from '../records/run.ts';

const header = exampleHeader();
const scored = (radii: readonly number[]) =>
  scoreOf(
    outcomesOf(
      radii.map((radius, k) => {
        const record = exampleRecord(k, header);
        return withVerdict(record, { prediction: radius > 0 ? (record.label ?? 0) : null, radius });
      }),
      header,
    ),
  );

describe('plain words', () => {
  test('say what is right without noise, what is certified and how far, and what is not covered', () => {
    const [alone, certified, open, ...more] = inPlainWords(header, scored([0, 0.3, 0.5, 0.7, 0.9]), 4);
    expect(alone).toBe('Left undisturbed, the network is right on 4 of 5 images (80.0 %).');
    expect(certified).toBe(
      'For 4 of 5 images (80.0 %) the certified answer is right and proved to stay the same under every change of the pixels up to some size; for half of these up to 0.500 at least (l2, pixels from 0 to 1), as much as changing every pixel by 4.5 of 255 brightness levels.',
    );
    expect(open).toMatch(/^Not covered: /u);
    expect(more).toEqual([]);
  });

  test('never claim more than half of the certified images reach', () => {
    for (let count = 1; count < 12; count++) {
      const radii = Array.from({ length: count }, (_, k) => 0.1 + 0.07 * k);
      const [, certified = ''] = inPlainWords(header, scored(radii), null);
      const claimed = Number(/up to (\d\.\d+) at least/u.exec(certified)?.[1]);
      expect(2 * radii.filter((radius) => radius >= claimed).length).toBeGreaterThanOrEqual(count);
    }
  });

  test('of a run without certificates promise nothing', () => {
    const [, certified] = inPlainWords(header, scored([0, 0]), 0);
    expect(certified).toBe(
      'For none of the 2 images is the certified answer both right and proved to stay the same under any change at all.',
    );
    expect(inPlainWords(header, scored([]), 0)).toEqual([]);
  });

  test('give a radius in brightness levels, rounded down', () => {
    expect(inLevels(1, [1, 1, 1], 'l2')).toContain('by 255.0 of');
    expect(inLevels(Number.MAX_VALUE, [1, 1, 1], 'l2')).toMatch(/by 17976931\d+\.0 of/u);
    expect(inLevels(0.5, [3, 224, 224], 'l2')).toContain('by 0.32 of');
    expect(inLevels(0.5, [1, 5, 5], 'l1')).toContain('by 5.1 of');
  });
});
