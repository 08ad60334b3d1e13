/** Radii of the tables of a report. */
import { roundRadii } from '../statistics/accuracy.ts';

const MOST_RADII = 10;
const USUAL_STEP = 0.25;
const MOST_USUAL = 16;

/** The field's radii, multiples of 0.25, where they are neither too few nor too many; otherwise round numbers. */
export function tableRadii(largest: number): number[] {
  if (!(largest >= 2 * USUAL_STEP && largest <= MOST_USUAL * USUAL_STEP))
    return roundRadii(largest, MOST_RADII);
  return Array.from({ length: Math.floor(largest / USUAL_STEP) + 1 }, (_, k) => k * USUAL_STEP);
}
