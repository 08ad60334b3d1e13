/**
 * The deterministic method opened on a model. At each image its scores are evaluated in float64, with a bound on their rounding, and
 * compared with ONNX Runtime's: what is certified is the network in exact arithmetic, and at every image it has to be the one deployed.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { inflate, normUp } from '../../ground/rounding-error.ts';
import type { Evaluation } from '../../lipschitz/evaluate-left-half.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../onnx/model/codec.ts';
import { type OpenSession, openSession, runRows } from '../../onnx/runtime/session.ts';
import type { Method } from '../method.ts';
import { answered, marginCertificate } from './certificate.ts';
import { boundedNetwork } from './network.ts';
import type { DeterministicEvidence, DeterministicSettings } from './schema.ts';

/** Float32 evaluation of a network stays well within this part of its largest score. */
const TOLERANCE = 1e-4;
export const openDeterministic: Method<DeterministicSettings, DeterministicEvidence>['open'] = async (
  { classifier },
  { lipschitz },
  _noise,
  probes,
) => {
  const network = boundedNetwork(classifier, lipschitz);
  const session = await openSession(encodeModel(classifier.model.proto), classifier.model.path);
  try {
    let scores = 0;
    for (const probe of probes) {
      const { most } = await compared(session, network.evaluate(probe), probe, classifier);
      scores = Math.max(scores, most);
    }
    return {
      guarantee: network.bound.isUpperBound ? 'certificate' : 'estimate, not a bound',
      facts: { nonlinearities: network.whole.steps.length },
      checks: { scores },
      async *certify(images, { signal }) {
        for await (const { pixels } of images) {
          signal.throwIfAborted();
          const started = performance.now();
          const evaluation = network.evaluate(pixels);
          const { l2 } = await compared(session, evaluation, pixels, classifier);
          const margin = marginCertificate(network, evaluation, l2);
          yield { ...margin, failureProbability: 0, seconds: (performance.now() - started) / 1000 };
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
  } catch (error) {
    await session.close();
    throw error;
  }
};

/**
 * Our scores against ONNX Runtime's at one image: the largest difference, and all of them in l2, rounded up.
 * @throws ModelRefused when ONNX Runtime computes something else
 */
async function compared(
  session: OpenSession,
  evaluation: Evaluation,
  image: Float32Array,
  { model, inputDims }: PreparedClassifier,
): Promise<{ readonly most: number; readonly l2: number }> {
  const { data } = await runRows(session, [image], inputDims.slice(1));
  const scores = evaluation.latent.value;
  const scale = scores.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  const differences = Float64Array.from(data, (value, i) => value - (scores[i] ?? Number.NaN));
  const most = differences.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  // Written so that NaN, and another number of scores, fail too.
  if (most <= TOLERANCE * scale && data.length === scores.length)
    return { most, l2: inflate(normUp(differences), 2) };
  throw new ModelRefused({
    what: 'the network computes something else in ONNX Runtime than in our own evaluation',
    where: model.path,
    why: `scores differ by up to ${most.toExponential(1)} where the largest is ${scale.toExponential(1)}`,
    remedy: 'Use --method smoothing, which needs no evaluation of ours, and please report the model.',
  });
}
