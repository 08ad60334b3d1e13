/** Votes in words and figures, for reports. */
import { roundDown } from '../../ground/decimal.ts';
import type { VoteBoundName } from '../../ground/vote-bound-names.ts';
import { type Until, untilOf } from '../../smoothing/stopping/until.ts';
import { drawsOf } from '../../smoothing/votes/vote-counts.ts';
import type { AbstentionReason, WithOrigins } from '../method.ts';
import type { VoteSettings } from './settings.ts';
import type { VoteEvidence } from './votes.ts';

/** Formulas of a law: the radius by p_A alone, and by p_A and p_B. */
export interface RadiusFormulas {
  readonly alone: string;
  readonly both: string;
}

const GAUSSIAN_FORMULAS: RadiusFormulas = { alone: 'σ Φ⁻¹(p_A)', both: 'σ/2 (Φ⁻¹(p_A) − Φ⁻¹(p_B))' };

/** How votes became a latent radius; the draws are named before. */
const OF_BOUND: Readonly<Record<VoteBoundName, (radius: RadiusFormulas) => string>> = {
  'clopper-pearson': ({ alone }) =>
    `p_A is the Clopper-Pearson lower confidence bound on its probability, and the latent radius is R_u = ${alone}`,
  'runner-up': ({ both }) =>
    `p_A is the lower and p_B the upper confidence bound on its and any other probability, and the latent radius is R_u = ${both}`,
  anytime: ({ alone }) =>
    `drawing ended once the votes left little to gain, which is why p_A is a lower confidence bound that holds at all numbers of draws at once (Krichevsky-Trofimov betting), and the latent radius is R_u = ${alone}`,
};

/** How they did where a rule ended the draws. */
function ofRule(until: Until, { alone }: RadiusFormulas): string {
  const ended =
    until.kind === 'radius'
      ? `once it was decided whether radius ${until.radius} is reached`
      : until.kind === 'tolerance'
        ? `once the radius was within ${until.percent} % of what all of them would give, were the rest like those seen, or a majority was out of reach`
        : 'after all of them';
  const others =
    until.kind === 'radius'
      ? '. Radii other than that one were not sought, and may be larger than stated'
      : '';
  return `drawing ended ${ended}. The votes were looked at after numbers of draws fixed beforehand, and the failure probability is split among these looks (alpha spending): p_A is the Clopper-Pearson lower confidence bound of the look where drawing ended, at its part, and the latent radius is R_u = ${alone}${others}`;
}

/** A paragraph on the draws. */
export function ofVotes(
  { n0, n, bound, until: rule }: WithOrigins<VoteSettings>,
  formulas: RadiusFormulas = GAUSSIAN_FORMULAS,
): string {
  const until = untilOf(rule?.value);
  const early = until.kind !== 'n' || bound.value === 'anytime';
  const how = until.kind === 'n' ? OF_BOUND[bound.value](formulas) : ofRule(until, formulas);
  return `The class was selected by ${n0.value} draws and its votes counted among ${early ? 'up to ' : ''}${n.value} fresh ones; ${how}. Without a majority (p_A ≤ 1/2) the classifier abstains.`;
}

/** The class selected, p_A and R_u, both lower bounds. */
export const voteFigures = ({
  selected,
  pA,
  latentRadius,
}: VoteEvidence): (readonly [name: string, value: string])[] => [
  ['selected', selected === null ? '–' : String(selected)],
  ['p_A', roundDown(pA, 5)],
  ['R_u', roundDown(latentRadius, 4)],
];

/** Why votes gave no radius. */
export function whyNoVotes(evidence: VoteEvidence): AbstentionReason {
  const { selected, counts, latentRadius, target } = evidence;
  if (latentRadius > 0)
    return {
      reason:
        'certified to be the class of the image itself, but the radius is 0: what p_A allows is used up by rounding errors, or the left half has no finite bound here',
      remedy: 'Use another cut, or more draws (--n).',
    };
  if (selected === null)
    return {
      reason: 'no draw of the selection had finite logits, so that no class was selected',
      remedy: 'Look at the model and its preprocessing: `splitz-onnx inspect MODEL --data DATA`.',
    };
  if (target !== undefined)
    return {
      reason:
        'the draws ended once the radius to be decided was out of reach, and show no smaller one: p_A is at most 1/2',
      remedy: 'Use --until n, or --until "tolerance 5%", to learn whether a smaller radius is certified.',
    };
  return 2 * (counts[selected] ?? 0) > drawsOf(evidence)
    ? {
        reason:
          'the selected class got more than half of the votes, but so few more that chance explains it (p_A is at most 1/2)',
        remedy: 'Use more draws (--n).',
      }
    : {
        reason:
          'the selected class got half of the votes or less: the smoothed classifier has no majority here, or the selection took another class',
        remedy: 'Use less noise, or a model trained with this noise; more draws will hardly help.',
      };
}
