/** What a SPLITZ series is in a result file: settings, what they come to on a model, checks, and the evidence of an image. */
import { count, list, nullable, number, object, oneOf, type TypeOf, text } from '../../ground/json-schema.ts';
import { DISPLACEMENT_BOUNDS } from '../../lipschitz/displacement-bounds.ts';
import { noiseFacts, samplingChecks } from '../smoothing/open.ts';
import { voteSettingFields } from '../smoothing/settings.ts';
import { voteEvidenceFields } from '../smoothing/votes.ts';

export const splitzSettings = object('SPLITZ.', {
  split: text('Name of the cut.'),
  sigma: number('Standard deviation of the noise added at the cut.', { minimum: 0 }),
  ...voteSettingFields,
  delta: number('Failure probability of the norm bounds, per image.', { minimum: 0, maximum: 1 }),
  lipschitz: oneOf(
    'How the left half is bounded; power is the published estimate, not a bound.',
    DISPLACEMENT_BOUNDS,
  ),
});
export type SplitzSettings = TypeOf<typeof splitzSettings>;

export const splitzFacts = object('The tensor the network was cut at.', {
  index: count('Number of the cut in the list of cuts.'),
  tensor: text('Name of the tensor.'),
  latentShape: list('Shape of the latent u = f_L(x) of one image.', count('Extent of an axis.')),
  nodesLeft: count('Nodes before the cut (bounded in float64).'),
  nodesRight: count('Nodes behind the cut (smoothed).'),
  ...noiseFacts,
});
export type SplitzFacts = TypeOf<typeof splitzFacts>;

export const splitzChecks = object('Largest differences found before the first certificate.', {
  leftHalf: number('|float64 left half - ONNX Runtime left half| of the worst entry.', { minimum: 0 }),
  leftHalfNorm: number(
    'The same in l2 over all entries, rounded up: how far what is deployed (what `split` writes) is from what is certified.',
    { minimum: 0 },
  ),
  leftHalfSigmas: number('leftHalfNorm in units of sigma, rounded up; at most 0.01.', { minimum: 0 }),
  globalLipschitz: nullable(
    number(
      'Upper bound on the Lipschitz constant of the left half on all of space; null where only balls around images have one.',
      { minimum: 0 },
    ),
  ),
  ...samplingChecks,
});
export type SplitzChecks = TypeOf<typeof splitzChecks>;

export const splitzEvidence = object('Votes at the cut, and how far the left half moves.', {
  ...voteEvidenceFields,
  displacement: nullable(
    number('D(radius), an upper bound on how far the latent moves inside the radius; null when abstaining.', {
      minimum: 0,
    }),
  ),
  localLipschitz: nullable(
    number('D(radius)/radius, an upper bound; null when the radius is 0.', { minimum: 0 }),
  ),
  forwardError: nullable(
    number(
      'η, an upper bound on the rounding error of f_L(x) in l2, taken off R_u. Null where there is none (f_L jumps within rounding of x, or x is outside of its domain): the radius is 0 then.',
      { minimum: 0 },
    ),
  ),
  forwardErrorNearby: nullable(
    number(
      'η′, an upper bound on the rounding error of f_L(x′) in l2 for every x′ within the radius, taken off R_u; null when the radius is 0.',
      { minimum: 0 },
    ),
  ),
});
export type SplitzEvidence = TypeOf<typeof splitzEvidence>;
