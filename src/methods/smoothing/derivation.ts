/**
 * Votes as a worked derivation (docs/certificates.md, section 2): each step has its formula, the formula with this image's
 * numbers, and what it means. Numbers are rounded to the safe side, so that every line can be checked with a pocket calculator
 * and still holds.
 */
import { roundDown, roundUp, tidy } from '../../ground/decimal.ts';
import { DoesNotHold } from '../../ground/errors.ts';
import type { RunHeader } from '../../records/record.ts';
import { isLook, levelAt, type Spending } from '../../smoothing/stopping/spending.ts';
import { untilOf } from '../../smoothing/stopping/until.ts';
import { ruleOf, votingOf } from '../../smoothing/stopping/voting.ts';
import { drawsOf } from '../../smoothing/votes/vote-counts.ts';
import {
  type Certificate,
  type DerivationStep,
  type MethodDerivation,
  type Series,
  valuesOf,
} from '../method.ts';
import type { SmoothingFacts, SmoothingSettings } from './open.ts';
import type { VoteSettings } from './settings.ts';
import type { VoteEvidence } from './votes.ts';

const DIGITS = 6;
export const down = (x: number): string => roundDown(x, DIGITS);
export const up = (x: number): string => roundUp(x, DIGITS);
/** A tiny upper bound in three digits, rounded up. */
export const small = (x: number): string => (x === 0 ? '0' : (x * (1 + 6e-3)).toExponential(2));

/** What the steps up to R_u are made of. */
export interface VoteFacts {
  readonly prediction: number | null;
  readonly evidence: VoteEvidence;
  readonly settings: VoteSettings & { readonly sigma: number };
  /** What noise is added to, in symbols: "x" and "f", or "u" and "f_R". */
  readonly centre: string;
  readonly network: string;
  /** "at the input", "at the cut". */
  readonly where: string;
}

/** What steps say of the noise, whose scale is `settings.sigma`. */
export interface NoiseWords {
  /** The scale, as in "σ", and the flag that sets it. */
  readonly symbol: string;
  readonly flag: string;
  /** The noise, as in "N(0, σ² I)". */
  readonly noise: string;
  /** From probabilities to the radius where the noise is added. */
  radius(facts: VoteFacts): DerivationStep;
}

/** Selection, votes, p_A and R_u; or why there is none. */
export function voteSteps(facts: VoteFacts, words: NoiseWords = GAUSSIAN_WORDS): DerivationStep[] {
  const { prediction, evidence } = facts;
  if (evidence.selected === null) return [selection(facts, words)];
  const begun = [selection(facts, words), votes(facts), probability(facts)];
  const decided = evidence.target === undefined ? [] : [decision(facts, evidence.target)];
  return prediction === null
    ? [...begun, abstention(facts, words)]
    : [...begun, words.radius(facts), ...decided];
}

/** Symbols of those steps. */
export const voteSymbols = (centre: string): [string, string][] => [
  ['σ', `standard deviation of the noise, added to ${centre}`],
  ['α', 'probability with which the votes may mislead'],
  ['τ', 'bound on the total variation between the noise drawn and ideal noise'],
  ['Φ⁻¹', 'quantile of the standard normal distribution'],
];

export const shapeText = (dims: readonly number[]): string => dims.join('×');

export function deriveSmoothing(
  { prediction, radius, evidence }: Certificate<VoteEvidence>,
  { settings }: Series<SmoothingSettings, SmoothingFacts>,
  { data }: RunHeader,
): MethodDerivation {
  const steps = voteSteps({
    ...{ prediction, evidence, settings: valuesOf<SmoothingSettings>(settings) },
    ...{ centre: 'x', network: 'f', where: 'at the input' },
  });
  const last: DerivationStep = {
    title: 'Down to what is reported',
    formula: 'r = R_u, rounded down',
    numbers: `r = ${down(radius)}`,
    meaning: 'Noise is added at the input itself: the radius needs no translation.',
  };
  return {
    steps: prediction === null ? steps : [...steps, last],
    classifier: 'the smoothed classifier',
    chance: 'over the draws',
    symbols: [
      ['x', `the image, pixels in [0,1], ${shapeText(data.shape)}`],
      ['f', 'the network'],
      ...voteSymbols('x'),
    ],
  };
}

function selection(
  { evidence, settings, centre, network }: VoteFacts,
  { noise, symbol }: NoiseWords,
): DerivationStep {
  return {
    title: 'Choose the class',
    formula: `c_A = the class with most votes among n0 draws of ${network}(${centre} + ${noise})`,
    numbers: `c_A = ${evidence.selected ?? 'none'}   (n0 = ${settings.n0}, ${symbol} = ${settings.sigma})`,
    meaning:
      evidence.selected === null
        ? 'No draw gave finite logits, so there is no class to certify.'
        : 'These draws only choose what to test; they prove nothing and are not used again.',
  };
}

function votes({ evidence: c, settings }: VoteFacts): DerivationStep {
  const top = c.selected ?? 0;
  const others = c.counts
    .map((count, k) => ({ count, k }))
    .filter(({ k, count }) => k !== top && count > 0)
    .sort((a, b) => b.count - a.count);
  const [next] = others;
  const rest = next === undefined ? 'all others none' : `next: class ${next.k} with ${next.count}`;
  const lost = c.nonFinite === 0 ? '' : `; ${c.nonFinite} draws without finite logits count for no class`;
  return {
    title: 'Count its votes among fresh draws',
    formula: 'k = votes for c_A among n new draws',
    numbers: `k = ${c.counts[top] ?? 0} of n = ${drawsOf(c)}   (${rest}${lost})`,
    meaning: `Fresh draws, so that having chosen the class cannot flatter its count.${
      drawsOf(c) < settings.n ? ` Of up to ${settings.n}: drawing ended ${whyEnded(settings)}.` : ''
    }`,
  };
}

/** Why draws ended before all were made. */
function whyEnded({ until: text }: VoteSettings): string {
  const until = untilOf(text);
  switch (until.kind) {
    case 'n':
      return 'once the votes left little to gain or nothing to certify';
    case 'radius':
      return `once it was decided whether radius ${until.radius} is reached`;
    case 'tolerance':
      return `once the radius was within ${until.percent} % of what all of them would give, were the rest like these, or a majority was out of reach`;
  }
}

/** Whether the radius asked for is reached. */
function decision(
  { evidence: { latentRadius }, settings }: VoteFacts,
  target: number | null,
): DerivationStep {
  const until = untilOf(settings.until);
  const radius = until.kind === 'radius' ? until.radius : 0;
  const needed = target ?? Number.POSITIVE_INFINITY;
  return {
    title: `Decide about radius ${radius}`,
    formula: `R_u ≥ T, what radius ${radius} needs where the noise is added`,
    numbers:
      target === null
        ? 'there is no T: nothing suffices'
        : `T ≤ ${up(target)},   R_u ≥ ${down(latentRadius)}`,
    meaning:
      latentRadius >= needed
        ? `Radius ${radius} is certified.`
        : `Radius ${radius} is not certified: all n draws would hardly show it.`,
  };
}

const OF_TAU = 'τ bounds how far the noise drawn is from ideal noise.';

function probability({ evidence: c, settings }: VoteFacts): DerivationStep {
  const { alpha, bound } = settings;
  const n = drawsOf(c);
  const k = c.counts[c.selected ?? 0] ?? 0;
  if (c.pB !== null) {
    return {
      title: 'Bound the probabilities of the class and of every other (Clopper-Pearson, α/2 each)',
      formula:
        'p_A = sup { p : P[Bin(n, p) ≥ k] ≤ α/2 } − τ,   p_B = inf { p : P[Bin(n, p) ≤ k_B] ≤ α/2 } + τ',
      numbers: `p_A ≥ ${down(c.pA)},   p_B ≤ ${up(c.pB)}   (k = ${k}, n = ${n}, α = ${alpha}, τ ≤ ${small(c.tau)})`,
      meaning: `k_B is the largest count of anything else. Were the true probabilities beyond these, counts like these would be seen with probability at most α. ${OF_TAU}`,
    };
  }
  const rule = ruleOf(untilOf(settings.until));
  if (rule !== null) return spentProbability(c, settings, rule.spending);
  if (bound === 'anytime') {
    return {
      title: 'Bound its probability from below, whenever drawing ends (betting)',
      formula: 'p_A = sup { p < k/n : B(k + ½, n − k + ½) / (B(½, ½) p^k (1 − p)^(n−k)) > 1/α } − τ',
      numbers: `p_A ≥ ${down(c.pA)}   (k = ${k}, n = ${n}, α = ${alpha}, τ ≤ ${small(c.tau)})`,
      meaning: `Were the true probability of class ${c.selected} p, the fraction would exceed 1/α at any n at all with probability at most ${alpha}: stopping when it looks best gains nothing. ${OF_TAU}`,
    };
  }
  return {
    title: 'Bound its probability from below (Clopper-Pearson)',
    formula: 'p_A = sup { p : P[Bin(n, p) ≥ k] ≤ α } − τ',
    numbers: `p_A ≥ ${down(c.pA)}   (k = ${k}, n = ${n}, α = ${alpha}, τ ≤ ${small(c.tau)})`,
    meaning: `Were the true probability of class ${c.selected} below p_A, this many votes would be seen with probability at most ${alpha}. ${OF_TAU}`,
  };
}

/** p_A where a rule may end the draws: the bound of the look where they ended, at what the look spends of α. */
function spentProbability(
  c: VoteEvidence,
  { n: most, alpha }: VoteSettings,
  spending: Spending,
): DerivationStep {
  const n = drawsOf(c);
  const k = c.counts[c.selected ?? 0] ?? 0;
  if (!isLook(n, most, spending)) {
    throw new DoesNotHold({
      what: `the draws of this record ended after ${n} of ${most}, where its rule does not look`,
      remedy: 'Run `splitz-onnx verify` on the file, and certify the images again.',
    });
  }
  const level = levelAt(n, most, alpha, spending);
  return {
    title: 'Bound its probability from below, where drawing ended (Clopper-Pearson)',
    formula: 'p_A = sup { p : P[Bin(n, p) ≥ k] ≤ α₁ } − τ',
    numbers: `p_A ≥ ${down(c.pA)}   (k = ${k}, n = ${n}, α₁ = ${tidy(level)} of α = ${alpha}, τ ≤ ${small(c.tau)})`,
    meaning: `The votes are looked at after numbers of draws fixed beforehand, and α is spent on these looks, α₁ on this one: the bounds of all looks hold at once with probability 1 − α, wherever drawing ends. ${OF_TAU}`,
  };
}

function abstention({ evidence: c, settings }: VoteFacts, { flag }: NoiseWords): DerivationStep {
  if (c.pB !== null) {
    return {
      title: 'Not enough: abstain',
      formula: 'p_A > p_B would be needed',
      numbers: `p_A = ${down(c.pA)}, p_B = ${up(c.pB)}`,
      meaning: 'The draws do not show that this class beats every other. More draws (--n) may.',
    };
  }
  const n = drawsOf(c);
  const needed = votesNeeded(n, c.tau, settings);
  return {
    title: 'Not enough: abstain',
    formula: 'p_A > 1/2 would be needed',
    numbers: `p_A = ${down(c.pA)} ≤ 1/2   (${needed === null ? `not even ${n} votes of ${n}` : `${needed} votes of ${n}`} would have been enough)`,
    meaning: whyNoMajority(c, n, settings, flag),
  };
}

function whyNoMajority(
  { counts, selected }: VoteEvidence,
  n: number,
  settings: VoteSettings,
  flag: string,
): string {
  const until = untilOf(settings.until);
  if (n < settings.n && until.kind === 'radius')
    return `Drawing ended because radius ${until.radius} was out of reach. That a smaller one is certified these draws do not show; all of them (--until n) may.`;
  return n < settings.n && 2 * (counts[selected ?? 0] ?? 0) < n
    ? `Drawing ended because the draws speak against this class having more than half of the votes. Less noise (${flag}) or a network trained with this noise may help.`
    : `The draws do not show that this class has more than half of the votes. More draws (--n), less noise (${flag}) or a network trained with this noise may.`;
}

/** The smallest count whose bound, less τ, exceeds 1/2; null where none does. */
function votesNeeded(n: number, tau: number, settings: VoteSettings): number | null {
  const { probabilities } = votingOf(settings);
  const boundOf = (votes: number): number =>
    probabilities({ counts: [votes, n - votes], nonFinite: 0 }, 0, settings.alpha).pA;
  if (boundOf(n) - tau <= 0.5) return null;
  let [low, high] = [Math.floor(n / 2), n];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (boundOf(middle) - tau > 0.5) high = middle;
    else low = middle;
  }
  return high;
}

function latent({ evidence: c, settings: { sigma }, centre, where }: VoteFacts): DerivationStep {
  const runnerUp = c.pB !== null;
  return {
    title: `The radius ${where}`,
    formula: runnerUp ? 'R_u = σ/2 · (Φ⁻¹(p_A) − Φ⁻¹(p_B))' : 'R_u = σ · Φ⁻¹(p_A)',
    numbers: runnerUp
      ? `Φ⁻¹(p_A) − Φ⁻¹(p_B) ≥ ${down((2 * c.latentRadius) / sigma)},   R_u ≥ ${down(c.latentRadius)}`
      : `Φ⁻¹(p_A) ≥ ${down(c.latentRadius / sigma)},   R_u ≥ ${down(c.latentRadius)}`,
    meaning: `However ${centre} is moved by at most R_u in l2, class ${c.selected} keeps most of the votes (Cohen et al. 2019, theorem 1).`,
  };
}

const GAUSSIAN_WORDS: NoiseWords = { symbol: 'σ', flag: '--sigma', noise: 'N(0, σ² I)', radius: latent };
