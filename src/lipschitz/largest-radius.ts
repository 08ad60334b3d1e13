/**
 * The largest r with D(r) <= target, within a relative tolerance, for nondecreasing D with D(r)/r nondecreasing or nearly so:
 * fixed-point steps r <- target * r / D(r), aimed just below the target, until D reaches it within the tolerance (no r larger
 * by more than that is then left) or the root is bracketed; regula falsi (Illinois) inside the bracket, and bisection
 * whenever three steps have not halved it (D jumps where a mask switches on).
 *
 * @param start the radius to try first
 */
export function largestRadius(
  D: (r: number) => number,
  target: number,
  tolerance = 1e-6,
  start = target,
): number {
  let low = 0;
  let lowValue = -target;
  let high = Number.POSITIVE_INFINITY;
  let highValue = 0;
  let lastSide = 0;
  let r = start;
  let width = Number.POSITIVE_INFINITY;
  let slow = 0;
  const below = 1 - tolerance / 2;
  for (let i = 0; i < 120; i++) {
    const value = D(r) - target;
    const side = value <= 0 ? -1 : 1;
    if (side < 0) {
      low = r;
      lowValue = value;
      if (side === lastSide) highValue /= 2;
    } else {
      high = r;
      highValue = value;
      if (side === lastSide) lowValue /= 2;
    }
    lastSide = side;
    if (side < 0 && -value <= tolerance * target) break;
    if (Number.isFinite(high) && high - low <= tolerance * high) break;
    if (high - low > width / 2) slow++;
    else {
      width = high - low;
      slow = 0;
    }
    if (!Number.isFinite(high)) {
      const moved = value + target;
      // A latent that does not move at all is certified for any radius; stop at one larger than any image needs.
      if (r > 1e6 * Math.max(1, target)) break;
      r = moved > 0 ? (target / moved) * r * below : r * 16;
    } else if (low === 0 && !Number.isFinite(value)) {
      // This ball has no bound (it reaches a jump, or leaves a domain): far smaller ones may have one.
      if (r < 1e-12 * target) break;
      r = high / 8;
    } else if (low === 0) {
      r = Math.min((target / (value + target)) * r * below, high * (1 - tolerance));
    } else {
      const next = (low * highValue - high * lowValue) / (highValue - lowValue);
      r = next > low && next < high && slow < 3 ? next : (low + high) / 2;
    }
  }
  return low;
}
