/**
 * The deterministic method opened on a model. Around each image, its scores are evaluated in float64 and compared with ONNX
 * Runtime's. With the global bound ONNX Runtime's own scores are taken, in batches, where their rounding has a bound that is small
 * beside what the scores differ by: in a deep network it may be larger, and every image would be an abstention.
 */
import { ModelRefused } from '../../ground/errors.ts';
import type { Evaluation } from '../../lipschitz/evaluate-left-half.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../onnx/model/codec.ts';
import { type OpenSession, openSession, runRows } from '../../onnx/runtime/session.ts';
import type { Certificate, Image, Method } from '../method.ts';
import { answered, globalMargin, type Margin, marginCertificate } from './certificate.ts';
import { scoreError } from './float32-scores.ts';
import { type BoundedNetwork, boundedNetwork } from './network.ts';
import type { DeterministicEvidence, DeterministicSettings } from './schema.ts';

/** Float32 evaluation of a network stays well within this part of its largest score. */
const TOLERANCE = 1e-4;
/** Images that ONNX Runtime takes at once. */
const BATCH = 128;

/** Margins of images, one after the other. */
type Margins = (images: readonly Image[]) => Promise<readonly Margin[]>;

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
    for (const probe of probes)
      scores = Math.max(scores, await compared(session, network.evaluate(probe), probe, classifier));
    const quick = lipschitz === 'global' ? globalMargins(session, network, classifier) : null;
    const batched = quick !== null && (await roundingIsSmall(quick, probes)) ? quick : null;
    const margins = batched ?? localMargins(session, network, classifier);
    return {
      guarantee: network.bound.isUpperBound ? 'certificate' : 'estimate, not a bound',
      facts: {
        nonlinearities: network.whole.steps.length,
        arithmetic: batched === null ? 'float64' : 'float32',
      },
      checks: { scores },
      certify: (images, { signal }) => certificates(images, margins, batched === null ? 1 : BATCH, signal),
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

async function* certificates(
  images: AsyncIterable<Image>,
  margins: Margins,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Certificate<DeterministicEvidence>> {
  let waiting: Image[] = [];
  async function* finished(): AsyncGenerator<Certificate<DeterministicEvidence>> {
    signal.throwIfAborted();
    const started = performance.now();
    const made = await margins(waiting);
    const seconds = (performance.now() - started) / 1000 / Math.max(1, made.length);
    waiting = [];
    for (const margin of made) yield { ...margin, failureProbability: 0, seconds };
  }
  for await (const image of images) {
    waiting.push(image);
    if (waiting.length === size) yield* finished();
  }
  if (waiting.length > 0) yield* finished();
}

/** Around each image. What is certified is the network in exact arithmetic: at every image it has to be the one deployed. */
const localMargins =
  (session: OpenSession, network: BoundedNetwork, classifier: PreparedClassifier): Margins =>
  async (images) => {
    const made: Margin[] = [];
    for (const { pixels } of images) {
      const evaluation = network.evaluate(pixels);
      await compared(session, evaluation, pixels, classifier);
      made.push(marginCertificate(network, evaluation));
    }
    return made;
  };

/** What two bounds on the rounding of float32, at the image and in its ball, may take of the lead. */
const SMALL = 0.1;

/** Whether the rounding of float32 costs most of the probes little of their radius. */
async function roundingIsSmall(margins: Margins, probes: readonly Float32Array[]): Promise<boolean> {
  const made = await margins(probes.map((pixels, index) => ({ index, pixels })));
  const small = made.filter(({ prediction, evidence: { scores, scoreError } }) => {
    if (prediction === null || scoreError === null) return false;
    const [first = 0, second = 0] = scores.toSorted((a, b) => b - a);
    return 2 * Math.SQRT2 * scoreError <= SMALL * (first - second);
  });
  return 2 * small.length >= made.length;
}

/** One pass through ONNX Runtime; null where the rounding of its scores has no bound. */
function globalMargins(
  session: OpenSession,
  network: BoundedNetwork,
  classifier: PreparedClassifier,
): Margins | null {
  const errorAt = scoreError(classifier, network);
  if (errorAt === null || classifier.whyNotBatchable !== null) return null;
  const slopes = new Map<number, Float64Array>();
  const lipschitz = (j: number): Float64Array => {
    const known = slopes.get(j) ?? network.bound.lipschitz(network.against(j));
    slopes.set(j, known);
    return known;
  };
  const { classes, inputDims } = classifier;
  return async (images) => {
    const rows = images.map(({ pixels }) => pixels);
    const { data } = await runRows(session, rows, inputDims.slice(1));
    return rows.map((image, k) =>
      globalMargin([...data.subarray(k * classes, (k + 1) * classes)], image, errorAt, lipschitz),
    );
  };
}

/**
 * Our scores against ONNX Runtime's at one image: the largest difference.
 * @throws ModelRefused when ONNX Runtime computes something else
 */
async function compared(
  session: OpenSession,
  evaluation: Evaluation,
  image: Float32Array,
  { model, inputDims }: PreparedClassifier,
): Promise<number> {
  const { data } = await runRows(session, [image], inputDims.slice(1));
  const scores = evaluation.latent.value;
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
