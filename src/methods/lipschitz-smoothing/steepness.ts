/** How steep the scores of a series are. */
import { ModelRefused } from '../../ground/errors.ts';
import type { Cut } from '../../onnx/cuts.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import type { LipschitzFacts, LipschitzSettings } from './schema.ts';
import { type ScoredNetwork, scoredNetworkAt, scoreLipschitz } from './scored-network.ts';

export interface Steepness extends Pick<LipschitzFacts, 'pairLipschitz' | 'scoreLipschitz' | 'noGain'> {
  /** Null for votes. */
  readonly network: ScoredNetwork | null;
}

/** From here on the closed form is within a thousandth of σ Φ⁻¹(p). */
const STEEP = 16;

/** @throws ModelRefused when the scores asked for have no Lipschitz constant here */
export function steepnessOf(
  classifier: PreparedClassifier,
  cut: Cut,
  { scores, temperature, sigma }: Pick<LipschitzSettings, 'scores' | 'temperature' | 'sigma'>,
): Steepness {
  const scored = scoredNetworkAt(classifier, cut);
  const proved = scored.network?.pairLipschitz ?? Number.POSITIVE_INFINITY;
  const pairLipschitz = Number.isFinite(proved) ? proved : null;
  const why = scored.network === null ? scored.why : 'the product of the norms of its layers overflows';
  if (scores === 'votes' || temperature === null) {
    const noGain =
      pairLipschitz === null
        ? `the network has no Lipschitz constant: ${why}`
        : `votes have no Lipschitz constant; differences of logits may be ${pairLipschitz.toPrecision(3)}-Lipschitz`;
    return { network: null, pairLipschitz, scoreLipschitz: null, noGain };
  }
  if (scored.network === null || pairLipschitz === null)
    throw new ModelRefused({
      what: `--scores ${scores} has no Lipschitz constant behind the cut '${cut.name}'`,
      where: classifier.model.path,
      why,
      remedy: 'Use --scores votes, which needs none and gains nothing over --method smoothing.',
    });
  const L = scoreLipschitz(pairLipschitz, scores, temperature, classifier.classes);
  return {
    ...{ network: scored.network, pairLipschitz, scoreLipschitz: L },
    noGain:
      L * sigma > STEEP ? `scores may rise from 0 to 1 over 1/${Math.ceil(L * sigma)} of the noise` : null,
  };
}
