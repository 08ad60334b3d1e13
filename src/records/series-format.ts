/**
 * What reading and writing a result file requires of a certification method: the schemas of its part of the lines. The methods
 * themselves (methods/method.ts) are on a higher floor; they are handed down as `SeriesFormats`.
 */
import type { Schema } from '../ground/json-schema.ts';

/** Of vectors of pixels: l1 is the sum of the changes, l2 the root of the sum of their squares. */
export type Norm = 'l1' | 'l2';

/** What a certificate states about a left half, for charts and comparisons of runs; distances in units of the cut tensor. */
export interface LeftHalfReading {
  /** R_u, a lower bound; 0 when abstaining. */
  readonly latentRadius: number;
  /** What is left of it for the displacement, after rounding errors; -Infinity where these have no bound. */
  readonly usable: number;
  /** D(radius), an upper bound; null when abstaining. */
  readonly displacement: number | null;
  /** The rounding error taken off R_u, an upper bound; null where it has none. */
  readonly rounding: number | null;
  /** D(radius) / radius, an upper bound; null when the radius is 0. */
  readonly localLipschitz: number | null;
}

export interface SeriesFormat {
  /** As in `--method` and in the field `method` of a series. */
  readonly name: string;
  /** In which its radii are distances. */
  readonly norm: Norm;
  /** Every setting a plain value; in the file each comes with its origin. */
  readonly settings: Schema<object>;
  /** What the settings come to on this model; part of a run's identity. */
  readonly facts: Schema<object>;
  /** What was measured when the run was opened; informative. */
  readonly checks: Schema<object>;
  /** What an image's verdict rests on. */
  readonly evidence: Schema<object>;
  /** What the evidence states about a left half; null where there is none. */
  leftHalf(evidence: object): LeftHalfReading | null;
  /** Draws that the evidence rests on, those that chose a class omitted; null where none is made or counted. */
  draws(evidence: object): number | null;
}

/** The format of a method by its name; null for a name that no method has. */
export type SeriesFormats = (name: string) => SeriesFormat | null;
