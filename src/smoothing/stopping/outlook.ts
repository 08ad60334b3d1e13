/** What all n draws may be expected to show, from those of a look. A forecast, for saving draws: no certificate rests on it. */
import type { Look } from './spending.ts';

/** Standard deviations that a forecast allows for: more votes than it says come once in a thousand times. */
const DEVIATIONS = 3.1;

/**
 * The most votes that all n draws are likely to come to: the share seen, shrunk by half a vote each way, its own uncertainty
 * counted in the deviation. Where every draw but a few was a vote the truth is more skewed than a normal law, and less likely.
 */
export function mostVotes({ votes, draws }: Look, n: number): number {
  const rest = n - draws;
  const share = (votes + 0.5) / (draws + 1);
  const deviation = Math.sqrt(rest * share * (1 - share) * (1 + rest / (draws + 1)));
  return votes + Math.min(rest, Math.ceil(rest * share + DEVIATIONS * deviation));
}
