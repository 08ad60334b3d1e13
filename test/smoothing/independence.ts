/** Tests that noise is uncorrelated between counters and places, for either kernel. */
import { expect, it } from 'vitest';

/** Draws of one sample into buffer 0 or 1, valid until the next draw into the same buffer. */
export type DrawInto = (at: 0 | 1, stage: number, image: number, sample: number) => Float32Array;

export interface Drawn {
  readonly draw: DrawInto;
  /** A value as a standard normal. */
  readonly standard: (value: number) => number;
  readonly samples: number;
  /** Values per sample. */
  readonly length: number;
  /** Every statistic here is standard normal, and refused beyond this. */
  readonly refusedBeyond: number;
}

/** Twelve statistics, and one that must be far beyond. */
export function itIsIndependent({ draw, standard, samples, length, refusedBeyond }: Drawn): void {
  const correlation = (other: (sample: number) => readonly [number, number, number], shift = 0): number => {
    let sum = 0;
    for (let sample = 0; sample < samples; sample++) {
      const a = draw(0, 1, 0, sample);
      const b = draw(1, ...other(sample));
      for (let i = 0; i + shift < length; i++) sum += standard(a[i] ?? 0) * standard(b[i + shift] ?? 0);
    }
    return sum / Math.sqrt(samples * (length - shift));
  };

  it.each([
    ['another stage', (sample: number) => [0, 0, sample] as const],
    ['the next image', (sample: number) => [1, 1, sample] as const],
    ['the next sample', (sample: number) => [1, 0, sample + samples] as const],
    ['stage and image exchanged', (sample: number) => [0, 1, sample] as const],
  ])('is uncorrelated with %s', (_, other) => {
    expect(Math.abs(correlation(other))).toBeLessThan(refusedBeyond);
  });

  it.each([1, 2, 3, 4, 8, 12, 16, 32])('is uncorrelated with itself %i places on', (shift) => {
    expect(Math.abs(correlation((sample) => [1, 0, sample], shift))).toBeLessThan(refusedBeyond);
  });

  it('would be noticed if it were wrong: a shared stage gives a statistic far beyond', () => {
    expect(Math.abs(correlation((sample) => [1, 0, sample]))).toBeGreaterThan(100);
  });
}
