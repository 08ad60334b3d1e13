/**
 * Plain smoothing at the noise that a cut's is matched to, σ/L with L the median local bound: at it, a linear left half could
 * not beat plain smoothing (data processing).
 */
import { UsageError } from '../../ground/errors.ts';
import type { Sourced } from '../../records/record.ts';
import type { FairComparison } from '../method.ts';
import { shortened } from '../smoothing/settings.ts';
import { derived } from '../sourced.ts';

/** Plain smoothing counts as noise-matched when its σ is within this share of σ/L. */
const MATCHED_WITHIN = 0.05;

/** @param matched σ/L, input units */
export function atMatchedNoise(matched: number): FairComparison {
  const sigma = Number(matched.toPrecision(3));
  return {
    text: `The fair comparison is plain smoothing at the matched noise σ/L = ${sigma} (L the median local bound): at it, a linear left half could never beat plain smoothing.`,
    advice: (alongside) =>
      alongside.some(({ method }) => method === 'smoothing')
        ? 'The plain smoothing shown is of the same network, which may not have been trained for noise on its input.'
        : `No plain smoothing was run alongside; certify the network with --split input --sigma ${sigma}, or one trained for it, and give both result files to the report.`,
    // Settings of a file were judged by the schema of their method.
    matches: ({ method, settings }) =>
      method === 'smoothing' &&
      Math.abs((settings as { readonly sigma: Sourced<number> }).sigma.value / matched - 1) <= MATCHED_WITHIN,
  };
}

/**
 * The noise at the input that noise behind a left half of Lipschitz constant `lipschitz` is matched to. A derived level was
 * rounded to four digits when it was multiplied: within that, the shorter level is what it was derived from.
 */
export function inputLevel(sigma: Sourced<number>, lipschitz: number): number {
  const matched = shortened(sigma.value / lipschitz);
  const shorter = Number(matched.toPrecision(3));
  return sigma.origin === 'derived' && Math.abs(shorter - matched) <= 5e-4 * matched ? shorter : matched;
}

/** σ/L: for a linear left half plain smoothing at this noise can never be beaten (data processing). */
export function matchedNoise(sigma: Sourced<number>, cut: string, lipschitz: number): Sourced<number> {
  const matched = inputLevel(sigma, lipschitz);
  if (matched > 0) return derived(matched);
  throw new UsageError({
    what: `plain smoothing alongside the cut '${cut}' needs a --baseline-sigma`,
    why: 'the default is sigma divided by the Lipschitz constant of the left half, and only balls around images have a bound here',
    remedy: 'Write --baseline-sigma 0.25, for instance, or --no-baseline.',
  });
}
