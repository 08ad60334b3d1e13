/** What a model shows of votes: τ around the point that noise was added to, and how its rows may be run. */
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import type { Claim, Confirmation } from '../method.ts';
import { GAUSSIAN, type NoiseLaw } from './law.ts';
import type { SmoothingChecks } from './open.ts';
import type { VoteEvidence } from './votes.ts';

/** Two evaluations differ by less. */
const SAME = 1e-9;

/** What is wrong with a τ, or null. @param latent the point, in units of the cut tensor */
export function tauFault(
  { tau, grid }: Pick<VoteEvidence, 'tau' | 'grid'>,
  latent: Float64Array,
  sigma: number,
  { variation: variationOf }: NoiseLaw = GAUSSIAN,
): string | null {
  const variation = variationOf(latent, sigma, grid);
  return Math.abs(variation - tau) <= SAME * variation
    ? null
    : `tau is ${tau}, but the point that noise is added to gives ${variation}`;
}

/** A number of rows per run that this model does not allow, as a list of one difference: votes of mixed rows prove nothing. */
export const batchDifferences = (
  { batch }: Pick<SmoothingChecks, 'batch'>,
  { whyNotBatchable }: PreparedClassifier,
): string[] =>
  whyNotBatchable === null || batch === 1
    ? []
    : [
        `checks.batch: ${batch} rows per run in the file, but rows of this model are run one at a time: ${whyNotBatchable}`,
      ];

/** @param latentOf the point of an image */
export async function confirmTau(
  claims: readonly Claim[],
  sigma: number,
  latentOf: (index: number) => Promise<Float64Array>,
  law: NoiseLaw = GAUSSIAN,
): Promise<Confirmation> {
  for (const claim of claims) {
    const evidence = claim.certificate.evidence as VoteEvidence;
    const why = tauFault(evidence, await latentOf(claim.index), sigma, law);
    if (why !== null) return { fault: { claim, why }, checked: [], unchecked: [] };
  }
  return { fault: null, checked: ['τ of every record'], unchecked: [] };
}
