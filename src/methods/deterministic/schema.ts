/** What a deterministic series is in a result file. */
import { count, list, nullable, number, object, oneOf, type TypeOf } from '../../ground/json-schema.ts';
import { DISPLACEMENT_BOUNDS } from '../../lipschitz/displacement-bounds.ts';

export const deterministicSettings = object('A Lipschitz margin.', {
  lipschitz: oneOf(
    'How the network up to its last layer is bounded; power is the published estimate, not a bound.',
    DISPLACEMENT_BOUNDS,
  ),
  delta: number('Failure probability of the norm bounds, per image; 0 where all of them are proved.', {
    minimum: 0,
    maximum: 1,
  }),
});
export type DeterministicSettings = TypeOf<typeof deterministicSettings>;

export const deterministicFacts = object('Where the last layer begins.', {
  features: count('Numbers that the scores are an affine function of.'),
});
export type DeterministicFacts = TypeOf<typeof deterministicFacts>;

export const deterministicChecks = object('Differences found before the first certificate.', {
  scores: number('|our float64 scores - those of ONNX Runtime|, the largest found.', { minimum: 0 }),
});

export const deterministicEvidence = object('Scores, and how far they can move.', {
  scores: list('The scores in float64.', number('Score.')),
  scoreError: nullable(
    number(
      'η, an upper bound on the rounding error of the scores in l2; null where there is none (the network jumps within rounding of the image, or the image is outside of its domain).',
      { minimum: 0 },
    ),
  ),
  norms: list(
    'Upper bounds on ||w_j - w_i||, the rows of the last layer, for the class j that is answered and every class i; 0 for j itself. Empty when abstaining.',
    number('Norm.', { minimum: 0 }),
  ),
  displacement: nullable(
    number(
      'D(radius), an upper bound on how far the features move inside the radius; null when abstaining.',
      {
        minimum: 0,
      },
    ),
  ),
  rounding: nullable(
    number(
      'η′, an upper bound on the rounding error of the features for every image within the radius; null when the radius is 0.',
      { minimum: 0 },
    ),
  ),
});
export type DeterministicEvidence = TypeOf<typeof deterministicEvidence>;
