/** Lipschitz-aware smoothing as a worked derivation (docs/certificates.md, section 10). */
import { roundDown } from '../../ground/decimal.ts';
import type { RunHeader } from '../../records/record.ts';
import { meanOf } from '../../smoothing/scores/score-sums.ts';
import type { Certificate, DerivationStep, MethodDerivation, Series } from '../method.ts';
import { valuesOf } from '../method.ts';
import { down, shapeText, small, up } from '../smoothing/derivation.ts';
import { backThrough } from '../splitz/derivation.ts';
import { shares } from './certificate.ts';
import type { LipschitzEvidence, LipschitzFacts, LipschitzSettings } from './schema.ts';

interface Part {
  readonly evidence: LipschitzEvidence;
  readonly settings: LipschitzSettings;
  readonly facts: LipschitzFacts;
}

export function deriveLipschitz(
  { prediction, radius, evidence }: Certificate<LipschitzEvidence>,
  { settings: sourced, facts, guarantee }: Series<LipschitzSettings, LipschitzFacts>,
  { data }: RunHeader,
): MethodDerivation {
  const settings = valuesOf<LipschitzSettings>(sourced);
  const part = { evidence, settings, facts };
  const input = facts.index === 0;
  const centre = input ? 'x' : 'u';
  const begun =
    evidence.selected === null
      ? [selection(part, centre)]
      : [selection(part, centre), means(part), loss(part)];
  const last =
    prediction === null
      ? evidence.selected === null
        ? []
        : [abstention(part)]
      : [latent(part), ...(input ? [reported(radius)] : backThrough(radius, evidence, settings.lipschitz))];
  return {
    steps: [...begun, ...last],
    classifier: 'the smoothed classifier',
    chance: guarantee === 'certificate' ? 'over the draws' : 'not known',
    symbols: [
      ['x', `the image, pixels in [0,1], ${shapeText(data.shape)}`],
      ...(input
        ? []
        : ([['u', `f_L(x) at the cut '${settings.split}', ${shapeText(facts.latentShape)}`]] as const)),
      ['s_c', `score of class c: ${inWords(settings)}`],
      ['σ', `standard deviation of the noise, added to ${centre}`],
      [
        'L',
        `Lipschitz constant of a score, ${facts.scoreLipschitz === null ? 'none' : `≤ ${up(facts.scoreLipschitz)}`}`,
      ],
      ['W(r)', 'mean of Φ(t/σ) over t from r − 1/2L to r + 1/2L: the steepest way from 0 to 1, smoothed'],
      ['τ, ρ, ε', 'what drawn noise, rounding to a grid and float32 may each have added to a mean score'],
      ['α', 'probability with which the draws may mislead'],
    ],
  };
}

/** The scores of a series. */
export const inWords = ({
  scores,
  temperature,
}: Pick<LipschitzSettings, 'scores' | 'temperature'>): string =>
  scores === 'votes'
    ? '1 for the largest logit, 0 for all others'
    : `${scores} of the logits / ${temperature}`;

function selection({ evidence, settings }: Part, centre: string): DerivationStep {
  const { selected } = evidence;
  return {
    title: 'Choose the class',
    formula: `c_A = the class with the largest mean score among n0 draws of ${centre} + N(0, σ² I)`,
    numbers: `c_A = ${selected ?? 'none'}   (n0 = ${settings.n0}, σ = ${settings.sigma})`,
    meaning:
      selected === null
        ? 'No draw gave finite logits, so there is no class to certify.'
        : 'These draws choose what to test and by which bound; they prove nothing and are not used again.',
  };
}

const BOUNDS = {
  betting: 'by betting',
  bernstein: 'empirical Bernstein',
  'clopper-pearson': 'Clopper-Pearson',
} as const;

function means({ evidence, settings }: Part): DerivationStep {
  const { mean, form, own, others } = evidence;
  const level = shares(settings.scores, form, settings.alpha).mean;
  const two = form === 'two';
  return {
    title: `Average its scores over fresh draws, and bound the mean (${BOUNDS[mean]})`,
    formula: two ? 'm_A ≤ E s_A,   m_B ≥ E max over c ≠ A of s_c' : 'm_A ≤ E s_A',
    numbers: `average of s_A = ${down(meanOf(own))}${two ? `, of the largest other ${up(meanOf(others))}` : ''}   (n = ${settings.n}, ${level} of α${two ? ' each' : ''})`,
    meaning: `Fresh draws, so that having chosen the class cannot flatter its score.${evidence.nonFinite === 0 ? '' : ` ${evidence.nonFinite} draws without finite logits count against it.`}`,
  };
}

function loss({ evidence: c, settings }: Part): DerivationStep {
  return {
    title: 'Take off what separates drawn scores from exact ones',
    formula: c.form === 'two' ? 'p_A = m_A − τ − ρ − ε,   p_B = m_B + τ + ρ + ε' : 'p_A = m_A − τ − ρ − ε',
    numbers: `p_A ≥ ${down(c.pA)}${c.pB === null ? '' : `,   p_B ≤ ${up(c.pB)}`}   (τ ≤ ${small(c.tau)}, ρ ≤ ${small(c.rounding)}, ε ≤ ${small(c.deviation)})`,
    meaning:
      settings.scores === 'votes'
        ? 'τ bounds how far the noise drawn is from ideal noise. Votes need no more.'
        : `At ${settings.compared} draws the scores were computed in exact arithmetic as well and ran ${small(c.difference)} below those drawn at most; ε adds how often they may run further.`,
  };
}

function abstention({ evidence: { pA, pB } }: Part): DerivationStep {
  return {
    title: 'Not enough: abstain',
    formula: pB === null ? 'p_A > 1/2 would be needed' : 'p_A > p_B would be needed',
    numbers: `p_A = ${down(pA)}${pB === null ? '' : `, p_B = ${up(pB)}`}`,
    meaning:
      'The draws do not show that this class has the largest score. More draws (--n, --compared), less noise (--sigma) or steeper scores (--temperature) may.',
  };
}

function latent({ evidence: c, settings: { sigma }, facts: { scoreLipschitz } }: Part): DerivationStep {
  const two = c.pB !== null;
  return {
    title: 'The radius where the noise is added',
    formula: two ? 'R_u = (W⁻¹(p_A) + W⁻¹(1 − p_B)) / 2' : 'R_u = W⁻¹(p_A)',
    numbers: `R_u ≥ ${down(c.latentRadius)}   (L σ = ${scoreLipschitz === null ? '∞' : up(scoreLipschitz * sigma)}; without L ${down(c.plainRadius)}; published approximation ${down(c.publishedRadius)})`,
    meaning:
      'No score of this constant falls faster than a ramp. The other two figures are for comparison: the certificate does not rest on them.',
  };
}

const reported = (radius: number): DerivationStep => ({
  title: 'Down to what is reported',
  formula: 'r = R_u, rounded down',
  numbers: `r = ${roundDown(radius, 6)}`,
  meaning: 'Noise is added at the input itself: the radius needs no translation.',
});
