/** Deviations of noise that a denoiser is trained for: one, or a range, written "0.25" or "0.12..0.5". */
import { UsageError } from '../../ground/errors.ts';

export interface NoiseRange {
  readonly least: number;
  /** At least `least`; equal to it for a single deviation. */
  readonly most: number;
}

/** @param where names the option or the metadata in errors. @throws UsageError for text that is neither */
export function parseNoiseRange(text: string, where: string): NoiseRange {
  const ends = text.split('..').map((end) => (end.trim() === '' ? Number.NaN : Number(end)));
  const [least = Number.NaN, most = least] = ends;
  if (ends.length <= 2 && ends.every(Number.isFinite) && least > 0 && least <= most) return { least, most };
  throw new UsageError({
    what: `'${text}' is not a deviation of noise, nor a range of them`,
    where,
    ...(least > most ? { why: `${least} is above ${most}` } : {}),
    remedy: 'Write a number above 0 such as 0.25, or a range such as 0.12..0.5.',
  });
}

/** As `parseNoiseRange` reads it. */
export const noiseRangeText = ({ least, most }: NoiseRange): string =>
  least === most ? String(least) : `${least}..${most}`;

/** The deviation of the range that is nearest to one asked for. */
export const nearestIn = ({ least, most }: NoiseRange, sigma: number): number =>
  Math.min(Math.max(sigma, least), most);
