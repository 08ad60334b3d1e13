/**
 * CERTIFY (Cohen, Rosenfeld, Kolter 2019, section 3.2) of a right half under noise, where the noise is added:
 *
 *   c_A = top class of n0 draws of f_R(Q(u + N(0, sigma^2 I))), Q rounding to a grid (rounded-noise.ts)
 *   p_A = lower confidence bound on P[f_R = c_A] from up to n fresh draws, less tau, the error of the noise (noise-error.ts)
 *   R_u = sigma Phi^-1(p_A)                     abstain unless p_A > 1/2
 *
 * f_R(Q(u' + noise)) answers c_A most often for every u' with ||u' - u|| <= R_u, except with probability alpha over the draws.
 */
import { count, list, nullable, number, object, optional, type TypeOf } from '../../ground/json-schema.ts';
import type { DrawGroup } from '../../smoothing/draw-group.ts';
import { type Stage, seriesStages } from '../../smoothing/noise/philox.ts';
import { gridOf } from '../../smoothing/noise/rounded-noise.ts';
import type { Sampler } from '../../smoothing/sampler.ts';
import type { Purpose } from '../../smoothing/stopping/rule.ts';
import { votingOf } from '../../smoothing/stopping/voting.ts';
import { lessTau } from '../../smoothing/votes/latent-radius.ts';
import { drawsOf, selectedClass, sumOfVotes, type VoteCounts } from '../../smoothing/votes/vote-counts.ts';
import type { SeriesNoise } from '../method.ts';
import { GAUSSIAN, type NoiseLaw } from './law.ts';
import type { Sigma, VoteSettings } from './settings.ts';

export const voteEvidenceFields = {
  selected: nullable(count('Top class of the n0 draws; null when none of them was finite.')),
  counts: list(
    'Votes per class among the fresh draws: n of them with nonFinite, fewer only where they may end early.',
    count('Votes.'),
  ),
  nonFinite: count('Draws with a non-finite logit, counted for no class.'),
  grid: number('q, the spacing of the grid that latent + noise is rounded to; depends on sigma alone.', {
    minimum: 0,
  }),
  tau: number(
    'τ, an upper bound on the total variation between the noise drawn and ideal rounded Gaussian noise; taken off pA and added to pB.',
    { minimum: 0, maximum: 1 },
  ),
  pA: number('Lower confidence bound on the probability of the selected class under ideal noise.', {
    minimum: 0,
    maximum: 1,
  }),
  pB: nullable(
    number('Upper confidence bound on any other class under ideal noise; null where the bound uses none.', {
      minimum: 0,
      maximum: 1,
    }),
  ),
  latentRadius: number('R_u, the certified radius where the noise is added; 0 when abstaining.', {
    minimum: 0,
  }),
  target: optional(
    nullable(
      number(
        'The R_u that the radius of `until` needs, where a radius was decided; null where the left half has no bound that far.',
        { minimum: 0 },
      ),
    ),
  ),
};

export const voteEvidence = object('Votes, and what follows from them.', voteEvidenceFields);
export type VoteEvidence = TypeOf<typeof voteEvidence>;

/** Votes, and tau: how far the noise behind them can be from ideal noise, in total variation. */
export interface DrawnVotes extends VoteCounts {
  readonly tau: number;
}

/** One set of draws around a point. */
export interface Draw {
  readonly stage: Stage | number;
  readonly draws: number;
  readonly sigma: Sigma;
  readonly seed: bigint;
  /** Sample number of the first draw; 0 unless given. Draws of disjoint numbers are independent. */
  readonly from?: number;
}

/** What noise is added to. */
export interface Centre {
  /** The point, in units of the cut tensor. */
  readonly latent: Float64Array;
  /** Number in the noise's counter: the image's, or that of the images it shares its noise with. */
  readonly noise: number;
  /** The images that are drawn together. */
  readonly group: DrawGroup;
  /** The R_u that the radius to be decided needs, infinite where none suffices; null where none is to be decided. */
  readonly target: number | null;
}

/** A right half under noise. */
export interface NoisyHalf {
  /** Votes around a point of the cut. @param index part of the noise's counter */
  votes(latent: Float64Array, index: number, draw: Draw, signal: AbortSignal): Promise<DrawnVotes>;
  /**
   * Selection, fresh votes and what follows from them, around a point of the cut. Null prediction: it abstains.
   * @param heard called with the share of draws done
   */
  certify(
    centre: Centre,
    settings: VoteSettings & { readonly sigma: Sigma },
    noise: SeriesNoise,
    signal: AbortSignal,
    heard: (share: number) => void,
  ): Promise<{ readonly prediction: number | null; readonly evidence: VoteEvidence }>;
}

/** @param classes scores per row @param law of the noise that `sampler` draws */
export function noisyHalf(sampler: Sampler, classes: number, law: NoiseLaw = GAUSSIAN): NoisyHalf {
  return {
    async votes(latent, index, { stage, draws, sigma, seed, from = 0 }, signal) {
      const votes = await sampler.count({
        ...{ latent, sigma, seed, stage, image: index, from, to: from + draws, signal },
      });
      return { ...votes, tau: law.variation(latent, sigma) };
    },
    async certify(
      { latent, noise: image, group, target },
      { sigma, n0, ...settings },
      { seed, series },
      signal,
      heard,
    ) {
      const { n, alpha } = settings;
      const voting = votingOf(settings);
      const tau = law.variation(latent, sigma);
      const purpose: Purpose = {
        ...{ n, alpha, target: target ?? Number.POSITIVE_INFINITY },
        radiusAt: (probability) => law.radiusAt(lessTau(probability, tau), sigma),
      };
      const { selection, estimation } = seriesStages(series);
      const draw = (stage: number, from: number, to: number, before: number): Promise<VoteCounts> =>
        group.count(sampler, {
          ...{ latent, sigma, seed, stage, image, from, to, signal },
          // Each look goes on from the last.
          continued: from > 0,
          onProgress: (done) => heard((before + done) / (n0 + n)),
        });
      const selected = selectedClass(await draw(selection, 0, n0, 0));
      let votes = sumOfVotes([], classes);
      for (;;) {
        const drawn = drawsOf(votes);
        // Without a class all draws are made all the same, so that they can be counted.
        const more = selected === null ? n - drawn : voting.next(votes, selected, purpose);
        if (more === 0) break;
        votes = sumOfVotes([votes, await draw(estimation, drawn, drawn + more, n0 + drawn)], classes);
      }
      const { pA, pB, radius, abstained } =
        selected === null
          ? { pA: 0, pB: null, radius: 0, abstained: true }
          : law.radius(votes, selected, { sigma, alpha, bound: voting, tau });
      return {
        prediction: abstained ? null : selected,
        evidence: {
          ...{ selected, counts: votes.counts, nonFinite: votes.nonFinite },
          ...{ grid: gridOf(sigma), tau, pA, pB, latentRadius: radius },
          ...(target === null ? {} : { target: Number.isFinite(target) ? target : null }),
        },
      };
    },
  };
}

/** A radius rounded down: R_u less what is taken off it, two operations. */
export const roundedDown = (radius: number): number => radius * (1 - 2 ** -50);

/** A radius such that R_u, if it is no less, is still no less when rounded down. */
export const roundedUp = (radius: number): number => radius * (1 + 2 ** -49);
