/** The deterministic method opened on a model: one image after the other, its scores compared with ONNX Runtime's. */
import { ModelRefused } from '../../ground/errors.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../onnx/model/codec.ts';
import { openSession, runRows } from '../../onnx/runtime/session.ts';
import type { Method } from '../method.ts';
import { globalLipschitz, probesOf } from '../splitz/left-half.ts';
import { answered, marginCertificate } from './certificate.ts';
import { boundedNetwork } from './network.ts';
import type { DeterministicEvidence, DeterministicSettings } from './schema.ts';

/** Float32 evaluation of a network stays well within this part of its largest score. */
const TOLERANCE = 1e-4;

export const openDeterministic: Method<DeterministicSettings, DeterministicEvidence>['open'] = async (
  { classifier },
  { lipschitz },
  { seed },
  probes,
) => {
  const network = boundedNetwork(classifier, lipschitz);
  // Norms of large layers are proved once, with probes of the run's seed, and shared by all images.
  globalLipschitz(network.features, seed);
  const { features } = network;
  const session = await openSession(encodeModel(classifier.model.proto), classifier.model.path);
  /** What is certified is the network in exact arithmetic: at every image it has to be the one that is deployed. */
  const compared = async (image: Float32Array): Promise<number> => {
    const { data } = await runRows(session, [image], classifier.inputDims.slice(1));
    return scoreDifference(network.evaluate(image).latent.value, data, classifier);
  };
  let scores = 0;
  try {
    for (const probe of probes) scores = Math.max(scores, await compared(probe));
  } catch (error) {
    await session.close();
    throw error;
  }
  return {
    guarantee: features.isUpperBound ? 'certificate' : 'estimate, not a bound',
    facts: { features: features.half.output.size },
    checks: { scores },
    async *certify(images, { signal }) {
      for await (const { index, pixels } of images) {
        signal.throwIfAborted();
        const started = performance.now();
        await compared(pixels);
        const { prediction, radius, evidence } = marginCertificate(network, pixels, probesOf(seed, index));
        yield {
          ...{ prediction, radius, failureProbability: features.failureProbability, evidence },
          seconds: (performance.now() - started) / 1000,
        };
      }
    },
    async answer({ pixels }) {
      const { value, error } = network.evaluate(pixels).latent;
      const prediction = answered([...value], error);
      const votes = prediction === null ? 0 : 1;
      return { prediction, votes, runnerUp: null, runnerUpVotes: 0, draws: 1 };
    },
    close: () => session.close(),
  };
};

/**
 * Our scores against ONNX Runtime's at one image: the largest difference.
 * @throws ModelRefused when ONNX Runtime computes something else
 */
function scoreDifference(scores: Float64Array, data: Float32Array, { model }: PreparedClassifier): number {
  const scale = scores.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  const difference = data.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (scores[i] ?? Number.NaN))),
    0,
  );
  // Written so that NaN, and another number of scores, fail too.
  if (difference <= TOLERANCE * scale && data.length === scores.length) return difference;
  throw new ModelRefused({
    what: 'the network computes something else in ONNX Runtime than in our own evaluation',
    where: model.path,
    why: `scores differ by up to ${difference.toExponential(1)} where the largest is ${scale.toExponential(1)}`,
    remedy: 'Use --method smoothing, which needs no evaluation of ours, and please report the model.',
  });
}
