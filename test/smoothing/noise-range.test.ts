import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { nearestIn, noiseRangeText, parseNoiseRange } from '../../src/smoothing/noise/range.ts';

describe('a range of noise', () => {
  it.each([
    ['0.25', { least: 0.25, most: 0.25 }, '0.25'],
    ['0.12..0.5', { least: 0.12, most: 0.5 }, '0.12..0.5'],
    [' .1 .. 1e0 ', { least: 0.1, most: 1 }, '0.1..1'],
    ['0.2..0.2', { least: 0.2, most: 0.2 }, '0.2'],
  ])('"%s" is read, and written so that it is read again', (text, range, written) => {
    expect(parseNoiseRange(text, '--sigma')).toEqual(range);
    expect(noiseRangeText(range)).toBe(written);
    expect(parseNoiseRange(written, '--sigma')).toEqual(range);
  });

  it.each([
    '',
    '..',
    '0.1..',
    '..0.5',
    '0.5..0.1',
    '0..0.5',
    '-1',
    'much',
    '0.1..0.2..0.3',
    '0.1..NaN',
    'Infinity',
  ])('"%s" is refused', (text) => {
    expect(() => parseNoiseRange(text, '--sigma')).toThrow(UsageError);
  });

  it('is as near as its nearest end', () => {
    const range = { least: 0.12, most: 0.5 };
    expect([0.05, 0.12, 0.3, 0.5, 2].map((sigma) => nearestIn(range, sigma))).toEqual([
      0.12, 0.12, 0.3, 0.5, 0.5,
    ]);
  });
});
