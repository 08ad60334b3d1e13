/** A distribution of noise and its theorem, as checking computes them. */
import type { Enclosure } from './binomial-sum.ts';

/** What checking knows of a distribution of noise. */
export interface CheckedLaw {
  /** Id of the noise that certificates may rest on. */
  readonly noise: string;
  /** What the scale of the noise is called. */
  readonly scale: string;
  /** τ of one coordinate near 0, with `steps` of the grid in the scale. */
  errorAtZero(steps: number): number;
  /** Encloses the radius where the noise is added; not positive where nothing is certified. */
  radius(pA: number, pB: number | null, scale: number): Enclosure;
  /** Encloses the p_A that gives such a radius, without a p_B. */
  probabilityAt(radius: number, scale: number): Enclosure;
}
