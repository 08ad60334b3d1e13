/**
 * The deterministic method opened on a model. At each image its scores are evaluated in float64, with a bound on their rounding, and
 * compared with ONNX Runtime's: what is certified is the network in exact arithmetic, and at every image it has to be the one deployed.
 */
import { encodeModel } from '../../onnx/model/codec.ts';
import { openSession } from '../../onnx/runtime/session.ts';
import { TOGETHER } from '../../operators/algebra/row-products.ts';
import { drawnSeed } from '../../smoothing/noise/drawn-seed.ts';
import type { Method } from '../method.ts';
import { answered, marginCertificate } from './certificate.ts';
import { compared, unlikeAny } from './deployed.ts';
import { boundedNetwork } from './network.ts';
import type { DeterministicEvidence, DeterministicSettings } from './schema.ts';

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
    for (const image of unlikeAny(probes[0]?.length ?? 0, drawnSeed()))
      await compared(session, network.evaluate(image), image, classifier);
    return {
      guarantee: network.bound.isUpperBound ? 'certificate' : 'estimate, not a bound',
      facts: { nonlinearities: network.whole.steps.length },
      checks: { scores },
      async *certify(images, { signal }) {
        // Around each image its own norms take longer than its evaluation: there nothing is gained by waiting for others.
        for await (const group of grouped(images, lipschitz === 'global' ? TOGETHER : 1)) {
          const began = performance.now();
          const evaluations = network.evaluateTogether(group.map(({ pixels }) => pixels));
          const each = (performance.now() - began) / group.length;
          for (const [k, { pixels }] of group.entries()) {
            signal.throwIfAborted();
            const started = performance.now();
            const evaluation = evaluations[k]!;
            const { l2 } = await compared(session, evaluation, pixels, classifier);
            const margin = marginCertificate(network, evaluation, l2);
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
