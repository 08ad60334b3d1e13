/** What is left of a latent radius for the displacement: R_u − η(x) − η′, the condition being D(r) ≤ R_u − η(x) − η′. */
import type { SplitzEvidence } from './schema.ts';

/**
 * In units of the cut tensor. Where an η has no bound (null) nothing is left; where no radius was found, η′ is not known
 * either, and only η(x) is taken off.
 */
export function usableLatentRadius({
  latentRadius,
  forwardError,
  forwardErrorNearby,
}: Pick<SplitzEvidence, 'latentRadius' | 'forwardError' | 'forwardErrorNearby'>): number {
  if (forwardError === null) return Number.NEGATIVE_INFINITY;
  return latentRadius - forwardError - (forwardErrorNearby ?? 0);
}
