/**
 * Our own evaluation of the binomial tail, the check that makes a confidence bound safe.
 *
 * The point probability follows C. Loader, "Fast and accurate computation of binomial probabilities" (2000): with
 * q = 1 - p and the saddle-point deviance,
 *
 *   ln P[X = k] = s(n) - s(k) - s(n-k) - D(k, np) - D(n-k, nq) + 1/2 ln(n / (2π k (n-k)))
 *
 * where s is the remainder of Stirling's series and D(x, m) = x ln(x/m) + m - x. No large numbers are subtracted, so the
 * relative error stays near 1e-14 where ln Γ would lose ten digits. The tail is the point probability times
 * 1 + r1 + r1 r2 + …, all terms positive, cut off only when a geometric series that dominates the rest is added.
 */

/**
 * Relative margin that covers the rounding of this file: against 50-digit sums (tests, tools/golden) the error is below
 * 3e-14 up to n = 1e7. It moves a Clopper-Pearson bound by about 1e-10 / n.
 */
export const TAIL_MARGIN = 1e-10;

/** ln n! - ln(sqrt(2πn) (n/e)^n) for n = 0..15, where the series is not yet accurate. */
const STIRLING_REMAINDER: readonly number[] = exactRemainders(15);

function exactRemainders(last: number): number[] {
  const values = [0];
  let factorial = 1;
  for (let n = 1; n <= last; n++) {
    factorial *= n; // exact: 15! < 2^53
    // e^n / n^n · n! / sqrt(2πn), of order 1, so its logarithm is small and accurate to 1e-15.
    values.push(Math.log((factorial / n ** n) * (Math.exp(n) / Math.sqrt(2 * Math.PI * n))));
  }
  return values;
}

function stirlingRemainder(n: number): number {
  const exact = STIRLING_REMAINDER[n];
  if (exact !== undefined) return exact;
  const nn = n * n;
  return (
    (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - (1 / 1188 - 691 / 360360 / nn) / nn) / nn) / nn) / nn) / n
  );
}

/**
 * x ln(x/m) + m - x for x, m > 0, without cancellation when x is near m. Its derivative in m is (m - x)/m, so a rounding
 * of m costs |x - m| 2^-53 and no more.
 */
function deviance(x: number, m: number): number {
  const difference = x - m;
  const v = difference / (x + m);
  if (Math.abs(v) > 0.1) return x * Math.log(x / m) - difference;
  // With v = (x-m)/(x+m): ln(x/m) = 2 artanh v, so the deviance is (x-m) v + 2 x (v³/3 + v⁵/5 + …).
  let sum = difference * v;
  let power = 2 * x * v;
  for (let j = 1; ; j++) {
    power *= v * v;
    const next = sum + power / (2 * j + 1);
    if (next === sum) return sum;
    sum = next;
  }
}

/** P[X = k] for X ~ Binomial(n, p), 0 < p < 1. */
export function binomialPoint(k: number, n: number, p: number): number {
  if (k === 0) return Math.exp(n * Math.log1p(-p));
  if (k === n) return Math.exp(n * Math.log(p));
  const rest = n - k;
  const exponent =
    stirlingRemainder(n) -
    stirlingRemainder(k) -
    stirlingRemainder(rest) -
    deviance(k, n * p) -
    deviance(rest, n * (1 - p));
  return Math.exp(exponent) * Math.sqrt(n / (2 * Math.PI * k * rest));
}

/**
 * P[X >= k] for X ~ Binomial(n, p), 0 <= k <= n, 0 <= p < 1: an upper bound, too large by a relative 1e-10 at most.
 * @throws RangeError for any other p, NaN included
 */
export function binomialUpperTail(k: number, n: number, p: number): number {
  if (!(p >= 0 && p < 1)) throw new RangeError(`a probability of ${p}`);
  if (k <= 0) return 1;
  // Above the mode the ratios of neighbouring terms fall below 1 and shrink: sum upwards. Else take the complement.
  if (k + 1 > (n + 1) * p) return Math.min(1, sumAway(k, n, p) * (1 + TAIL_MARGIN));
  const below = sumAway(n - k + 1, n, 1 - p) * (1 - TAIL_MARGIN);
  return Math.min(1, 1 - below + 2 ** -52);
}

/** P[X >= k] for k + 1 > (n+1) p, as the first term times the sum of the falling ratios. */
function sumAway(k: number, n: number, p: number): number {
  if (k > n) return 0;
  const odds = p / (1 - p);
  let term = 1;
  let sum = 1;
  for (let j = k; j < n; j++) {
    const ratio = ((n - j) / (j + 1)) * odds;
    term *= ratio;
    sum += term;
    // All later ratios are smaller: what is left is at most term · ratio / (1 - ratio).
    if (ratio < 1 && term * ratio < (1 - ratio) * 1e-17 * sum) {
      sum += (term * ratio) / (1 - ratio);
      break;
    }
  }
  return binomialPoint(k, n, p) * sum;
}
