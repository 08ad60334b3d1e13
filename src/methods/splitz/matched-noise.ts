/**
 * Plain smoothing at the noise that a cut's is matched to, σ/L with L the median local bound: at it, a linear left half could
 * not beat plain smoothing (data processing).
 */
import type { Sourced } from '../../records/record.ts';
import type { FairComparison } from '../method.ts';

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
