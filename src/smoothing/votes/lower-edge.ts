/**
 * The largest point at which a monotone check still holds: how every bound of this folder is made safe. The value of a
 * library or of a formula is only the first guess; what is returned has itself passed the check.
 */

/** Relative width at which the search stops. Far above the rounding of the checks, far below what a radius shows. */
const PRECISION = 2 ** -48;

/**
 * A point x in [low, high] with `holds(x)`, within a relative 2^-48 of the edge, for a check that holds below the edge
 * and fails above it. `holds(low)` is taken for granted. The returned point was checked (or is `low`), so rounding in
 * `holds` can cost tightness and never safety, provided `holds` itself errs on the side of false.
 */
export function lowerEdge(low: number, high: number, guess: number, holds: (x: number) => boolean): number {
  if (holds(high)) return high;
  let inside = low;
  let outside = high;
  if (guess > low && guess < high) {
    // Widen a bracket around the guess, which is nearly always right to ten digits.
    for (let step = guess * PRECISION; ; step *= 16) {
      const below = guess - step;
      if (below <= low) break;
      if (holds(below)) {
        inside = below;
        break;
      }
      outside = below;
    }
    for (let step = guess * PRECISION; inside < guess; step *= 16) {
      const above = guess + step;
      if (above >= outside) break;
      if (!holds(above)) {
        outside = above;
        break;
      }
      inside = above;
    }
  }
  while (outside - inside > PRECISION * outside) {
    const middle = inside + (outside - inside) / 2;
    if (middle <= inside || middle >= outside) break;
    if (holds(middle)) inside = middle;
    else outside = middle;
  }
  return inside;
}
