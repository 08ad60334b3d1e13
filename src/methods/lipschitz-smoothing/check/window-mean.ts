/**
 * The mean of Φ over a window, and its inverse, for checking: by Gauss-Legendre quadrature of the series of
 * `smoothing/check/normal-series.ts`, where `certify` uses an antiderivative. For σ = 1.
 */
import { distributionMinus, quantileEnclosure } from '../../smoothing/check/normal-series.ts';

const NODES = 10;
/** Width of a panel: ten nodes integrate Φ over it to 1e-20. */
const PANEL = 1;
/** Beyond, Φ is 0 or 1 to the last digit. */
const FAR = 8.5;

/** Zeros of the Legendre polynomial of degree NODES, with their weights, by Newton's method. */
const RULE = Array.from({ length: NODES }, (_, i) => {
  let x = Math.cos((Math.PI * (i + 0.75)) / (NODES + 0.5));
  let slope = 1;
  for (let step = 0; step < 50; step++) {
    let [before, value] = [1, x];
    for (let k = 2; k <= NODES; k++)
      [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
    slope = (NODES * (x * value - before)) / (x * x - 1);
    x -= value / slope;
  }
  return { x, weight: 2 / ((1 - x * x) * slope * slope) };
});

/** 1 - Φ(t). */
function beyond(t: number): number {
  const s = Math.abs(t);
  if (s >= FAR) return t > 0 ? 0 : 1;
  const { lower, upper } = distributionMinus(s, 1);
  const tail = -(lower + upper) / 2;
  return t >= 0 ? tail : 1 - tail;
}

/** 1 - W(r): the mean of 1 - Φ over [r - 1/2λ, r + 1/2λ]; at r itself where λ is null. */
export function windowRest(r: number, lambda: number | null): number {
  if (lambda === null) return beyond(r);
  const [from, to] = [r - 1 / (2 * lambda), r + 1 / (2 * lambda)];
  const [a, b] = [Math.max(from, -FAR), Math.min(to, FAR)];
  if (a >= b) return beyond(r);
  const panels = Math.ceil((b - a) / PANEL);
  const width = (b - a) / panels;
  let sum = 0;
  for (let k = 0; k < panels; k++)
    for (const { x, weight } of RULE) sum += (weight / 2) * beyond(a + width * (k + 0.5 + x / 2));
  const whole = a === from && b === to;
  return whole ? sum / panels : lambda * (sum * width + Math.max(0, -FAR - from));
}

/** W'(r), for windows that are not narrow, or to a few digits. */
export const windowSlope = (r: number, lambda: number): number =>
  lambda * (beyond(r - 1 / (2 * lambda)) - beyond(r + 1 / (2 * lambda)));

/** Φ⁻¹(p). */
export function quantile(p: number): number {
  const { lower, upper } = quantileEnclosure(p);
  return (lower + upper) / 2;
}

/** W⁻¹(p), 0 < p < 1, to about 1e-14. @param lambda as `certify` uses it: null for none */
export function inverse(p: number, lambda: number | null): number {
  if (p < 0.5) return -fromRest(p, lambda);
  return fromRest(1 - p, lambda);
}

/** The r >= 0 with 1 - W(r) = rest, rest <= 1/2. */
function fromRest(rest: number, lambda: number | null): number {
  const plain = -quantile(rest);
  if (lambda === null) return plain;
  let [low, high] = [0, plain + 1 / (2 * lambda)];
  let r = plain;
  for (let step = 0; step < 100; step++) {
    const off = windowRest(r, lambda) - rest;
    if (off > 0) low = r;
    else high = r;
    const newton = r + off / windowSlope(r, lambda);
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (Math.abs(next - r) <= 1e-15 * (1 + r)) return next;
    r = next;
  }
  return r;
}
