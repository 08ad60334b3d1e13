/** The deterministic method opened on a model: scores compared with ONNX Runtime's, then one image after the other. */
import { ModelRefused } from '../../ground/errors.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../onnx/model/codec.ts';
import { runRows, withSession } from '../../onnx/runtime/session.ts';
import type { Method } from '../method.ts';
import { globalLipschitz, probesOf } from '../splitz/left-half.ts';
import { answered, marginCertificate } from './certificate.ts';
import { type BoundedNetwork, boundedNetwork } from './network.ts';
import type { DeterministicEvidence, DeterministicSettings } from './schema.ts';

/** Float32 evaluation of a network stays well within this part of its largest score. */
const TOLERANCE = 1e-4;

export const openDeterministic: Method<DeterministicSettings, DeterministicEvidence>['open'] = async (
  { classifier },
  { lipschitz, delta },
  { seed },
  probes,
) => {
  const network = boundedNetwork(classifier, lipschitz);
  // Norms of large layers are proved once, with probes of the run's seed, and shared by all images.
  globalLipschitz(network.features, seed);
  const scores = await scoreDifference(network, classifier, probes);
  return {
    guarantee: network.features.isUpperBound ? 'certificate' : 'estimate, not a bound',
    facts: { features: network.features.half.output.size },
    checks: { scores },
    async *certify(images, { signal }) {
      for await (const { index, pixels } of images) {
        signal.throwIfAborted();
        const started = performance.now();
        const { prediction, radius, evidence } = marginCertificate(network, pixels, probesOf(seed, index));
        yield {
          ...{ prediction, radius, failureProbability: delta, evidence },
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
    close: async () => {},
  };
};

/** The largest difference of a score. @throws ModelRefused when ONNX Runtime computes something else */
async function scoreDifference(
  network: BoundedNetwork,
  { model, inputDims }: PreparedClassifier,
  probes: readonly Float32Array[],
): Promise<number> {
  let largest = 0;
  await withSession(encodeModel(model.proto), model.path, async (session) => {
    for (const image of probes) {
      const ours = network.evaluate(image).latent.value;
      const { data } = await runRows(session, [image], inputDims.slice(1));
      const scale = ours.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
      const difference = data.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (ours[i] ?? Number.NaN))),
        0,
      );
      // Written so that NaN, and another number of scores, fail too.
      if (!(difference <= TOLERANCE * scale) || data.length !== ours.length) {
        throw new ModelRefused({
          what: 'the network computes something else in ONNX Runtime than in our own evaluation',
          where: model.path,
          why: `scores differ by up to ${difference.toExponential(1)} where the largest is ${scale.toExponential(1)}`,
          remedy: 'Use --method smoothing, which needs no evaluation of ours, and please report the model.',
        });
      }
      largest = Math.max(largest, difference);
    }
  });
  return largest;
}
