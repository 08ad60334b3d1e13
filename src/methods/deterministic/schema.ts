/** What a deterministic series is in a result file. */
import { count, list, nullable, number, object, oneOf, type TypeOf } from '../../ground/json-schema.ts';
import { DISPLACEMENT_BOUNDS } from '../../lipschitz/displacement-bounds.ts';

export const deterministicSettings = object('A Lipschitz margin.', {
  lipschitz: oneOf(
    'How the scores are bounded: global, once for all images; linear, secant and mask around each; power is the published estimate, not a bound.',
    DISPLACEMENT_BOUNDS,
  ),
});
export type DeterministicSettings = TypeOf<typeof deterministicSettings>;

export const deterministicFacts = object('The network as it was bounded.', {
  nonlinearities: count('Nonlinear steps up to the scores.'),
});
export type DeterministicFacts = TypeOf<typeof deterministicFacts>;

export const deterministicChecks = object('Differences found before the first certificate.', {
  scores: number('|our float64 scores - those of ONNX Runtime|, the largest found.', { minimum: 0 }),
});

export const deterministicEvidence = object('Scores, and how far they can move.', {
  scores: list('The scores.', number('Score.')),
  scoreError: nullable(
    number(
      'η, an upper bound in l2 on the rounding error of the scores and on how far those of ONNX Runtime at the image differ from them together; null where there is none (the network jumps within rounding of the image, or the image is outside of its domain).',
      { minimum: 0 },
    ),
  ),
  moved: list(
    'M_i(radius): upper bounds on how far y_j - y_i moves inside the radius, for the class j that is answered and every class i; 0 for j itself. Empty when the radius is 0.',
    number('Movement.', { minimum: 0 }),
  ),
  rounding: nullable(
    number(
      'η′, an upper bound on the rounding error of the scores in l2 for every image within the radius; null when the radius is 0.',
      { minimum: 0 },
    ),
  ),
});
export type DeterministicEvidence = TypeOf<typeof deterministicEvidence>;
