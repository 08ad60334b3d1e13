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
import { TOGETHER } from '../../operators/algebra/row-products.ts';
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
      const [difference] = await compared(session, [network.evaluate(probe)], [probe], classifier);
      scores = Math.max(scores, difference!.most);
    }
    return {
      guarantee: network.bound.isUpperBound ? 'certificate' : 'estimate, not a bound',
      facts: { nonlinearities: network.whole.steps.length },
      checks: { scores },
      async *certify(images, { signal }) {
        // Around each image its own norms take longer than its evaluation: there nothing is gained by waiting for others.
        for await (const group of grouped(images, lipschitz === 'global' ? TOGETHER : 1)) {
          signal.throwIfAborted();
          const began = performance.now();
          const pixels = group.map((image) => image.pixels);
          const evaluations = network.evaluateTogether(pixels);
          const differences = await compared(session, evaluations, pixels, classifier);
          const each = (performance.now() - began) / group.length;
          for (const [k, evaluation] of evaluations.entries()) {
            signal.throwIfAborted();
            const started = performance.now();
            const margin = marginCertificate(network, evaluation, differences[k]!.l2);
            const seconds = (each + performance.now() - started) / 1000;
            yield { ...margin, failureProbability: 0, seconds };
          }
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

/** The images in groups of `size`, the last one with what is left. */
async function* grouped<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** The largest difference of a score, and of all of them in l2, rounded up. */
interface Difference {
  readonly most: number;
  readonly l2: number;
}

/**
 * Our scores against ONNX Runtime's at each image.
 * @throws ModelRefused when ONNX Runtime computes something else
 */
async function compared(
  session: OpenSession,
  evaluations: readonly Evaluation[],
  images: readonly Float32Array[],
  { model, inputDims }: PreparedClassifier,
): Promise<Difference[]> {
  const differences: Difference[] = [];
  for (const [k, image] of images.entries()) {
    // One at a time: the last bits may depend on the batch, and a resumed run has others.
    const { data } = await runRows(session, [image], inputDims.slice(1));
    differences.push(difference(evaluations[k]!, data, model.path));
  }
  return differences;
}

function difference({ latent }: Evaluation, data: Float32Array, where: string): Difference {
  const scores = latent.value;
  const scale = scores.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  const differences = Float64Array.from(data, (value, i) => value - (scores[i] ?? Number.NaN));
  const most = differences.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  // Written so that NaN, and another number of scores, fail too.
  if (most <= TOLERANCE * scale && data.length === scores.length)
    return { most, l2: inflate(normUp(differences), 2) };
  throw new ModelRefused({
    what: 'the network computes something else in ONNX Runtime than in our own evaluation',
    where,
    why: `scores differ by up to ${most.toExponential(1)} where the largest is ${scale.toExponential(1)}`,
    remedy: 'Use --method smoothing, which needs no evaluation of ours, and please report the model.',
  });
}
