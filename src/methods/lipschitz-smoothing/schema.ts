/** What a series of Lipschitz-aware smoothing is in a result file. */
import { count, list, nullable, number, object, oneOf, type TypeOf, text } from '../../ground/json-schema.ts';
import { SCORE_MAP_NAMES } from '../../ground/score-map-names.ts';
import { DISPLACEMENT_BOUNDS } from '../../lipschitz/displacement-bounds.ts';
import { MEAN_BOUND_NAMES } from '../../smoothing/means/index.ts';
import { noiseFacts, samplingChecks } from '../smoothing/open.ts';
import { voteSettingFields } from '../smoothing/settings.ts';

const { alpha: _, bound: _b, until: _u, ...draws } = voteSettingFields;

export const settingsSchema = object('Lipschitz-aware smoothing.', {
  split: text('Name of the cut; input is the image itself.'),
  sigma: number('Standard deviation of the noise added at the cut.', { minimum: 0 }),
  ...draws,
  alpha: number('Failure probability of the bounds on the scores, per image.', { minimum: 0, maximum: 1 }),
  delta: number('Failure probability of the norm bounds, per image.', { minimum: 0, maximum: 1 }),
  lipschitz: oneOf('How the left half is bounded; power is not a bound.', DISPLACEMENT_BOUNDS),
  scores: oneOf(
    'How logits become scores in [0,1]; votes: 1 for the largest, which has no Lipschitz constant.',
    SCORE_MAP_NAMES,
  ),
  temperature: nullable(number('What logits are divided by first; null for votes.', { minimum: 0 })),
  compared: count(
    'Draws at which the scores of ONNX Runtime are compared with those in exact arithmetic; 0 for votes.',
  ),
});
export type LipschitzSettings = TypeOf<typeof settingsSchema>;

export const factsSchema = object('What is scored, and how steep the scores can be.', {
  index: count('Number of the cut in the list of cuts; 0: the input.'),
  tensor: text('Name of the tensor.'),
  latentShape: list('Shape of what noise is added to, for one image.', count('Extent of an axis.')),
  nodesLeft: count('Nodes before the cut (bounded in float64).'),
  nodesRight: count('Nodes behind the cut (smoothed).'),
  ...noiseFacts,
  pairLipschitz: nullable(
    number(
      'Λ, an upper bound on the Lipschitz constant of every difference of two logits, on all of space; null where there is none.',
      { minimum: 0 },
    ),
  ),
  scoreLipschitz: nullable(
    number('L, an upper bound on the Lipschitz constant of every score; null for votes.', { minimum: 0 }),
  ),
  noGain: nullable(
    text('Why no more than plain smoothing certifies is to be expected; null where more may be.'),
  ),
});
export type LipschitzFacts = TypeOf<typeof factsSchema>;

export const checksSchema = object('Largest differences found before the first certificate.', {
  leftHalf: number('|float64 left half - ONNX Runtime left half| of the worst entry.', { minimum: 0 }),
  leftHalfNorm: number('The same in l2 over all entries, rounded up.', { minimum: 0 }),
  leftHalfSigmas: number('leftHalfNorm in units of sigma, rounded up; at most 0.01.', { minimum: 0 }),
  ...samplingChecks,
});
export type LipschitzChecks = TypeOf<typeof checksSchema>;

const weights = (description: string) =>
  list(
    `${description}: weights of the knots 0, 1/64, ..., 1 in units of 1/1024 draw, non-finite draws included.`,
    count('Weight.'),
  );
const probability = { minimum: 0, maximum: 1 };

export const FORMS = ['one', 'two'] as const;
export type Form = (typeof FORMS)[number];

export const evidenceSchema = object('Scores under noise, and what follows from them.', {
  selected: nullable(
    count('Class with the largest mean score over the n0 draws; null when none of them was finite.'),
  ),
  own: weights('Scores of that class among the n fresh draws'),
  others: weights('The largest other score of each of them'),
  nonFinite: count('Draws with a non-finite logit: counted as 0 for the class and as 1 for the others.'),
  mean: oneOf('How means are bounded; chosen on the n0 draws.', MEAN_BOUND_NAMES),
  form: oneOf(
    'Whether the radius rests on the score of the class alone, or on the others too; chosen on the n0 draws.',
    FORMS,
  ),
  grid: number('q, the spacing of the grid that latent + noise is rounded to; depends on sigma alone.', {
    minimum: 0,
  }),
  tau: number(
    'τ, an upper bound on the total variation between the noise drawn and ideal noise.',
    probability,
  ),
  rounding: number('ρ, an upper bound on what rounding to the grid changes in a mean score; 0 for votes.', {
    minimum: 0,
  }),
  difference: number(
    'The largest difference, against the class, of a score in ONNX Runtime from the exact one, over the draws compared.',
    probability,
  ),
  deviation: number(
    'ε, an upper bound on the mean of such differences over all draws: `difference`, and the probability of a larger one.',
    probability,
  ),
  pA: number('Lower bound on the smoothed score of the class.', probability),
  pB: nullable(
    number(
      'Upper bound on every other smoothed score, at most 1 - pA; null in the form of one.',
      probability,
    ),
  ),
  latentRadius: number('R_u, the certified radius where the noise is added; 0 when abstaining.', {
    minimum: 0,
  }),
  publishedRadius: number(
    'The radius there by the published approximation (Delattre et al. 2025), for comparison; no certificate rests on it.',
    { minimum: 0 },
  ),
  plainRadius: number(
    'The radius there without the Lipschitz constant (plain smoothing of the same scores), for comparison.',
    { minimum: 0 },
  ),
  displacement: nullable(
    number(
      'D(radius), an upper bound on how far the latent moves inside the radius; null when abstaining, and at the input.',
      {
        minimum: 0,
      },
    ),
  ),
  localLipschitz: nullable(
    number('D(radius)/radius, an upper bound; null when the radius is 0, and at the input.', { minimum: 0 }),
  ),
  forwardError: nullable(
    number(
      'η, an upper bound on the rounding error of f_L(x) in l2, taken off R_u; null where there is none (then the radius is 0), and at the input.',
      {
        minimum: 0,
      },
    ),
  ),
  forwardErrorNearby: nullable(
    number('η′, the same for every x′ within the radius; null when the radius is 0, and at the input.', {
      minimum: 0,
    }),
  ),
});
export type LipschitzEvidence = TypeOf<typeof evidenceSchema>;
