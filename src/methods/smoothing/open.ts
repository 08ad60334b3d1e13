/**
 * Plain randomized smoothing of the whole network (Cohen, Rosenfeld, Kolter 2019, theorem 1): noise is added to the image, so
 * the radius is R_u itself.
 */
import { UsageError } from '../../ground/errors.ts';
import { count, nullable, number, object, type TypeOf, text } from '../../ground/json-schema.ts';
import type { Cut } from '../../onnx/cuts.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { radiusAsked } from '../../smoothing/stopping/until.ts';
import type { Context } from '../context.ts';
import type { SeriesNoise, Subject } from '../method.ts';
import type { NoiseReady, Smoothed } from './certifier.ts';
import { GAUSSIAN, type NoiseLaw } from './law.ts';
import { openRightHalf } from './right-half.ts';
import { type Sigma, type VoteSettings, voteSettingFields } from './settings.ts';
import { noisyHalf, roundedDown, roundedUp, type VoteEvidence } from './votes.ts';

export const smoothingSettings = object('Plain smoothing.', {
  sigma: number('Standard deviation of the noise added to the image.', { minimum: 0 }),
  ...voteSettingFields,
});
export type SmoothingSettings = TypeOf<typeof smoothingSettings>;

export const noiseFacts = {
  noise: text('Generator and distribution of the noise, as in philox4x32-10/box-muller-float64/rounded.'),
};
export const smoothingFacts = object('What plain smoothing is of this model.', noiseFacts);
export type SmoothingFacts = TypeOf<typeof smoothingFacts>;

export const samplingChecks = {
  composition: number('|right(left(x)) - model(x)|, the largest found.', { minimum: 0 }),
  provider: nullable(
    number('|provider - CPU| on one batch; null when the provider is the CPU.', { minimum: 0 }),
  ),
  batch: count('Rows per call of ONNX Runtime.'),
};
export const smoothingChecks = object(
  'Largest differences found before the first certificate.',
  samplingChecks,
);
export type SmoothingChecks = TypeOf<typeof smoothingChecks>;

/** The cut in front of everything. */
export function inputCut({ cuts }: PreparedClassifier): Cut {
  const [input] = cuts.cuts;
  if (input === undefined)
    throw new UsageError({
      what: 'the model has no cut, not even its input',
      remedy: 'Check that its scores depend on its input.',
    });
  return input;
}

/** The whole network under noise. */
export async function openPlain(
  { classifier }: Subject,
  probes: readonly Float32Array[],
  { resources }: Context,
  law: NoiseLaw = GAUSSIAN,
): Promise<NoiseReady<VoteEvidence>> {
  const { sampler, composition } = await openRightHalf(
    classifier,
    inputCut(classifier),
    resources,
    probes,
    law.kind,
  );
  const half = noisyHalf(sampler, classifier.classes, law);
  const at = (
    settings: VoteSettings & { readonly sigma: Sigma },
    noise: SeriesNoise,
  ): Smoothed<VoteEvidence> => ({
    guarantee: 'certificate',
    facts: { noise: sampler.noise },
    checks: { composition, provider: sampler.providerDifference, batch: sampler.batch },
    sigma: settings.sigma,
    async certifyOne({ index, pixels, noise: shared }, { signal, tell }, group) {
      const started = performance.now();
      const asked = radiusAsked(settings.until);
      const centre = {
        ...{ latent: Float64Array.from(pixels), noise: shared?.number ?? index, group },
        target: asked === null ? null : roundedUp(asked),
      };
      const { prediction, evidence } = await half.certify(centre, settings, noise, signal, (share) =>
        tell({ kind: 'draws', index, share }),
      );
      const radius = prediction === null ? 0 : Math.max(0, roundedDown(evidence.latentRadius));
      return {
        ...{ prediction, radius, failureProbability: settings.alpha, evidence },
        seconds: (performance.now() - started) / 1000,
      };
    },
    votes: ({ index, pixels }, draw, signal) => half.votes(Float64Array.from(pixels), index, draw, signal),
    close: () => sampler.close(),
  });
  return { at, close: () => sampler.close() };
}
