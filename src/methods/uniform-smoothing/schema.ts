/** Settings and evidence of smoothing with uniform noise. */
import { UsageError } from '../../ground/errors.ts';
import { number, object, type TypeOf } from '../../ground/json-schema.ts';
import { LARGEST_SIGMA, SMALLEST_SIGMA } from '../../smoothing/noise/rounded-noise.ts';
import type { Asked, WithOrigins } from '../method.ts';
import { resolveVotes, type Sigma, voteSettingFields } from '../smoothing/settings.ts';
import { voteEvidenceFields } from '../smoothing/votes.ts';
import { askedOr } from '../sourced.ts';

export const uniformSettings = object('Smoothing with uniform noise.', {
  lambda: number('Half-width λ of the noise added to the image: uniform on [−λ, λ] in every pixel.', {
    minimum: 0,
  }),
  ...voteSettingFields,
});
export type UniformSettings = TypeOf<typeof uniformSettings>;

export const uniformEvidence = object('Votes, and what follows from them.', {
  ...voteEvidenceFields,
  grid: number('q, the spacing of the grid that image + noise is rounded to; depends on lambda alone.', {
    minimum: 0,
  }),
  tau: number(
    'τ, an upper bound on the total variation between the noise drawn and ideal rounded uniform noise; taken off pA and added to pB.',
    { minimum: 0, maximum: 1 },
  ),
  latentRadius: number('R_u, the certified l1 radius before the last rounding; 0 when abstaining.', {
    minimum: 0,
  }),
});

const DEFAULT_LAMBDA = 0.5;

/** Throws UsageError for a half-width whose grid no float32 holds. */
export function lambdaOf(value: number): Sigma {
  if (value >= SMALLEST_SIGMA && value <= LARGEST_SIGMA) return value as Sigma;
  throw new UsageError({
    what: `--lambda is ${value}`,
    why: 'the noise needs a positive half-width, and its grid one that a float32 can hold',
    remedy: 'Write --lambda 0.5, for instance.',
  });
}

/** Throws UsageError for settings that cannot certify anything. */
export function settleUniform(asked: Asked): WithOrigins<UniformSettings> {
  const lambda = askedOr(asked, 'lambda', DEFAULT_LAMBDA);
  lambdaOf(lambda.value);
  return { lambda, ...resolveVotes(asked) };
}
