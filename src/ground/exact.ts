/** Sums and products of float64 that are exact, or not made: for constants that are compared, where a rounding would decide. */

/** Whole numbers up to here, and sums and products of them up to here, are exact in float64. */
export const MOST_EXACT = 2 ** 52;

/** a + b, where float64 holds it exactly; else null. */
export function exactSum(a: number, b: number): number | null {
  const sum = a + b;
  // What was lost of each (Knuth's TwoSum).
  const ofB = sum - a;
  const lost = a - (sum - ofB) + (b - ofB);
  return lost === 0 ? sum : null;
}

/** Splits 53 bits into two halves (Veltkamp). */
const SPLITTER = 2 ** 27 + 1;
/** Between these magnitudes no part of a product of halves leaves float64. */
const [LEAST, MOST] = [2 ** -400, 2 ** 400];

const halves = (a: number): readonly [high: number, low: number] => {
  const scaled = SPLITTER * a;
  const high = scaled - (scaled - a);
  return [high, a - high];
};

/** a b, where float64 holds it exactly; else null. */
export function exactProduct(a: number, b: number): number | null {
  if (a === 0 || b === 0) return Number.isFinite(a) && Number.isFinite(b) ? 0 : null;
  if (![a, b].every((v) => Math.abs(v) >= LEAST && Math.abs(v) <= MOST)) return null;
  const product = a * b;
  // What was lost (Dekker's TwoProduct).
  const [[highA, lowA], [highB, lowB]] = [halves(a), halves(b)];
  const lost = lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB);
  return lost === 0 ? product : null;
}
