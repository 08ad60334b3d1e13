/**
 * One certificate as a worked derivation (docs/certificates.md, sections 2, 3 and 5), as data: `explain` prints it and a report
 * can draw it. Each step has its formula, the formula with this image's numbers, and what it means. Numbers are rounded to
 * the safe side, so that every line can be checked with a pocket calculator and still holds.
 */

import { roundDown, roundUp } from '../ground/decimal.ts';
import type { CertificateRecord, RunHeader, SmoothingCertificate } from '../records/record.ts';
import { VOTE_BOUNDS } from '../smoothing/votes/index.ts';
import { usableLatentRadius } from './usable-radius.ts';

export interface DerivationStep {
  readonly title: string;
  /** In symbols of `symbols`. */
  readonly formula: string;
  /** The same in numbers. */
  readonly numbers: string;
  /** What it says, in a sentence or two. */
  readonly meaning: string;
}

export interface Derivation {
  readonly method: 'SPLITZ' | 'plain smoothing';
  readonly guarantee: RunHeader['guarantee'];
  readonly abstained: boolean;
  readonly steps: readonly DerivationStep[];
  /** What is certified in the end, or that nothing is. */
  readonly conclusion: string;
  /** Symbols of the formulas and what they stand for. */
  readonly symbols: readonly (readonly [symbol: string, meaning: string])[];
}

const DIGITS = 6;
const down = (x: number): string => roundDown(x, DIGITS);
const up = (x: number): string => roundUp(x, DIGITS);
/** A probability of a few digits, without the last bits of a sum. */
const tidy = (p: number): string => String(Number(p.toPrecision(9)));
/** A tiny upper bound in three digits, rounded up. */
const small = (x: number): string => (x === 0 ? '0' : (x * (1 + 6e-3)).toExponential(2));

/**
 * The derivation of a record's own certificate, or of its baseline's.
 * Throws RangeError when the record has no baseline.
 */
export function derivationOf(
  header: RunHeader,
  record: CertificateRecord,
  of: 'record' | 'baseline' = 'record',
): Derivation {
  const c = of === 'record' ? record : record.baseline;
  const sigma = of === 'record' ? header.settings.sigma.value : header.settings.baselineSigma.value;
  if (c === null || sigma === null) throw new RangeError('the record has no baseline');
  const plain = c.displacementBound === 'identity';
  const facts: Facts = { c, header, sigma, plain };
  return {
    method: plain ? 'plain smoothing' : 'SPLITZ',
    guarantee: plain ? 'certificate' : header.guarantee,
    abstained: c.abstained,
    steps: c.abstained
      ? [
          selection(facts),
          ...(c.selected === null ? [] : [votes(facts), probability(facts), abstention(facts)]),
        ]
      : [
          selection(facts),
          votes(facts),
          probability(facts),
          latent(facts),
          ...(plain ? [] : [rounding(facts)]),
          input(facts),
        ],
    conclusion: conclusionOf(facts),
    symbols: symbolsOf(facts),
  };
}

interface Facts {
  readonly c: SmoothingCertificate;
  readonly header: RunHeader;
  readonly sigma: number;
  readonly plain: boolean;
}

const centre = (plain: boolean): string => (plain ? 'x' : 'u');
const network = (plain: boolean): string => (plain ? 'f' : 'f_R');

function selection({ c, sigma, plain }: Facts): DerivationStep {
  return {
    title: 'Choose the class',
    formula: `c_A = the class with most votes among n0 draws of ${network(plain)}(${centre(plain)} + N(0, σ² I))`,
    numbers: `c_A = ${c.selected ?? 'none'}   (n0 = ${c.n0}, σ = ${sigma})`,
    meaning:
      c.selected === null
        ? 'No draw gave finite logits, so there is no class to certify.'
        : 'These draws only choose what to test; they prove nothing and are not used again.',
  };
}

function votes({ c, header }: Facts): DerivationStep {
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
    numbers: `k = ${c.counts[top] ?? 0} of n = ${c.n}   (${rest}${lost})`,
    meaning: `Fresh draws, so that having chosen the class cannot flatter its count.${
      c.n < header.settings.n.value
        ? ` Of up to ${header.settings.n.value}: drawing ended once the votes left little to gain or nothing to certify.`
        : ''
    }`,
  };
}

const OF_TAU = 'τ bounds how far the noise drawn is from ideal noise.';

function probability({ c, header }: Facts): DerivationStep {
  const alpha = header.settings.alpha.value;
  const k = c.counts[c.selected ?? 0] ?? 0;
  if (c.pB !== null) {
    return {
      title: 'Bound the probabilities of the class and of every other (Clopper-Pearson, α/2 each)',
      formula:
        'p_A = sup { p : P[Bin(n, p) ≥ k] ≤ α/2 } − τ,   p_B = inf { p : P[Bin(n, p) ≤ k_B] ≤ α/2 } + τ',
      numbers: `p_A ≥ ${down(c.pA)},   p_B ≤ ${up(c.pB)}   (k = ${k}, n = ${c.n}, α = ${alpha}, τ ≤ ${small(c.tau)})`,
      meaning: `k_B is the largest count of anything else. Were the true probabilities beyond these, counts like these would be seen with probability at most α. ${OF_TAU}`,
    };
  }
  if (header.settings.bound.value === 'anytime') {
    return {
      title: 'Bound its probability from below, whenever drawing ends (betting)',
      formula: 'p_A = sup { p < k/n : B(k + ½, n − k + ½) / (B(½, ½) p^k (1 − p)^(n−k)) > 1/α } − τ',
      numbers: `p_A ≥ ${down(c.pA)}   (k = ${k}, n = ${c.n}, α = ${alpha}, τ ≤ ${small(c.tau)})`,
      meaning: `Were the true probability of class ${c.selected} p, the fraction would exceed 1/α at any n at all with probability at most ${alpha}: stopping when it looks best gains nothing. ${OF_TAU}`,
    };
  }
  return {
    title: 'Bound its probability from below (Clopper-Pearson)',
    formula: 'p_A = sup { p : P[Bin(n, p) ≥ k] ≤ α } − τ',
    numbers: `p_A ≥ ${down(c.pA)}   (k = ${k}, n = ${c.n}, α = ${alpha}, τ ≤ ${small(c.tau)})`,
    meaning: `Were the true probability of class ${c.selected} below p_A, as many votes would be seen with probability at most ${alpha}. ${OF_TAU}`,
  };
}

function abstention({ c, header }: Facts): DerivationStep {
  if (c.pB !== null) {
    return {
      title: 'Not enough: abstain',
      formula: 'p_A > p_B would be needed',
      numbers: `p_A = ${down(c.pA)}, p_B = ${up(c.pB)}`,
      meaning: 'The draws do not show that this class beats every other. More draws (--n) may.',
    };
  }
  const needed = votesNeeded(c, header.settings);
  return {
    title: 'Not enough: abstain',
    formula: 'p_A > 1/2 would be needed',
    numbers: `p_A = ${down(c.pA)} ≤ 1/2   (${needed} votes of ${c.n} would have done)`,
    meaning:
      c.n < header.settings.n.value && 2 * (c.counts[c.selected ?? 0] ?? 0) < c.n
        ? 'Drawing ended because the draws speak against this class having more than half of the votes. Less noise (--sigma) or a network trained with this noise may help.'
        : 'The draws do not show that this class has more than half of the votes. More draws (--n), less noise (--sigma) or a network trained with this noise may.',
  };
}

/** The smallest count whose bound, less τ, exceeds 1/2. */
function votesNeeded({ n, tau }: SmoothingCertificate, { alpha, bound }: RunHeader['settings']): number {
  const boundOf = (votes: number): number =>
    VOTE_BOUNDS[bound.value].probabilities({ counts: [votes, n - votes], nonFinite: 0 }, 0, alpha.value).pA;
  let [low, high] = [Math.floor(n / 2), n];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (boundOf(middle) - tau > 0.5) high = middle;
    else low = middle;
  }
  return high;
}

function latent({ c, sigma, plain }: Facts): DerivationStep {
  const runnerUp = c.pB !== null;
  const where = plain ? 'at the input' : 'at the cut';
  return {
    title: `The radius ${where}`,
    formula: runnerUp ? 'R_u = σ/2 · (Φ⁻¹(p_A) − Φ⁻¹(p_B))' : 'R_u = σ · Φ⁻¹(p_A)',
    numbers: runnerUp
      ? `Φ⁻¹(p_A) − Φ⁻¹(p_B) ≥ ${down((2 * c.latentRadius) / sigma)},   R_u ≥ ${down(c.latentRadius)}`
      : `Φ⁻¹(p_A) ≥ ${down(c.latentRadius / sigma)},   R_u ≥ ${down(c.latentRadius)}`,
    meaning: `However ${centre(plain)} is moved by at most R_u in l2, class ${c.selected} keeps most of the votes (Cohen et al. 2019, theorem 1).`,
  };
}

function rounding({ c }: Facts): DerivationStep {
  const step = {
    title: 'Take off what f_L may be off by in floating point, at x and at x′',
    formula: 'R_u − η − η′',
  };
  if (c.forwardError === null) {
    return {
      ...step,
      numbers: 'η has no bound: nothing is left of R_u',
      meaning: 'f_L jumps within rounding of this image, or the image lies outside of its domain.',
    };
  }
  return {
    ...step,
    numbers: `η ≤ ${small(c.forwardError)},   η′ ≤ ${small(c.forwardErrorNearby ?? 0)},   R_u − η − η′ ≥ ${down(Math.max(0, usableLatentRadius(c) - c.latentRadius * 1e-15))}`,
    meaning:
      'η bounds the distance between the exact f_L(x) and the latent that is sampled around; η′ bounds it for whoever evaluates f_L at a perturbed image.',
  };
}

function input({ c, plain }: Facts): DerivationStep {
  if (plain) {
    return {
      title: 'Down to what is reported',
      formula: 'r = R_u, rounded down',
      numbers: `r = ${down(c.radius)}`,
      meaning: 'Noise is added at the input itself: the radius needs no translation.',
    };
  }
  const estimate = c.displacementBound === 'power estimate, not a bound';
  const how = {
    secant: 'each activation by its steepest secant through this image',
    mask: 'neurons that cannot move on the ball left out (SPLITZ, eq. 18)',
    global: 'the product of the layers’ norms',
    'power estimate, not a bound': 'norms by power iteration: an ESTIMATE, NOT A BOUND',
    identity: 'none',
  }[c.displacementBound];
  if (c.radius === 0) {
    return {
      title: 'Back through the left half',
      formula: 'D(r) ≤ R_u − η − η′',
      numbers: 'r = 0',
      meaning: `No ball around the image was ${estimate ? 'found' : 'proved'} whose image stays within R_u − η − η′.`,
    };
  }
  return {
    title: 'Back through the left half',
    formula: 'r = the largest radius found with D(r) ≤ R_u − η − η′, rounded down',
    numbers: `r = ${down(c.radius)}:  D(r) ≤ ${up(c.displacement ?? 0)}   (D(r)/r = ${up(c.localLipschitz ?? 0)})`,
    meaning: `D(r) bounds how far f_L moves the latent while the image moves by at most r: ${how}. ${estimate ? 'So r is an estimate too.' : 'It was proved at exactly this r.'}`,
  };
}

function conclusionOf({ c, header, plain }: Facts): string {
  if (c.abstained) return 'The smoothed classifier abstains: nothing is certified for this image.';
  const estimate = !plain && header.guarantee !== 'certificate';
  const claim =
    `the smoothed classifier answers class ${c.prediction} for every image within l2 distance ${down(c.radius)} ` +
    `(${roundDown(c.radius * 255, 1)} in units of 1/255)`;
  if (estimate) return `ESTIMATE, NOT A BOUND: it is not proved that ${claim}.`;
  return `Except with probability ${tidy(c.alphaTotal)} over the draws, ${claim}.`;
}

function symbolsOf({ plain, c, header }: Facts): [string, string][] {
  const { split } = header;
  const shape = (dims: readonly number[]): string => dims.join('×');
  return [
    ['x', `the image, pixels in [0,1], ${shape(header.data.shape)}`],
    ...(plain
      ? ([['f', 'the network']] as [string, string][])
      : ([
          ['f_L, f_R', `the network before and behind the cut '${split.cut}'`],
          ['u', `f_L(x), ${shape(split.latentShape)}`],
        ] as [string, string][])),
    ['σ', `standard deviation of the noise, added to ${centre(plain)}`],
    ['α', 'probability with which the votes may mislead'],
    ['τ', 'bound on the total variation between the noise drawn and ideal noise'],
    ['Φ⁻¹', 'quantile of the standard normal distribution'],
    ...(plain
      ? []
      : ([
          ['η, η′', 'bounds on the rounding error of f_L(x), and of f_L(x′) for any ‖x′ − x‖ ≤ r, in l2'],
          ['D(r)', `bound on ‖f_L(x′) − f_L(x)‖ for ‖x′ − x‖ ≤ r (${c.displacementBound})`],
          ...(header.settings.delta.value > 0
            ? [['δ', 'probability with which a norm behind D may fail; part of the total']]
            : []),
        ] as [string, string][])),
  ];
}
