/** The distribution of a figure over the images, by its quantiles. */

/** Shares of the images below each quantile. */
export const QUANTILES = [0.1, 0.25, 0.5, 0.75, 0.9] as const;

export interface Distribution {
  readonly images: number;
  /** One per quantile of `QUANTILES`: the lower of two values between which it lies. */
  readonly quantiles: readonly number[];
}

/** Null without values. */
export function distributionOf(values: readonly number[]): Distribution | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return {
    images: sorted.length,
    quantiles: QUANTILES.map((share) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0),
  };
}
