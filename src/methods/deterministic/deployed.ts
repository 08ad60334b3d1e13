/**
 * The network that is deployed beside the one that is bounded: our scores in float64 against ONNX Runtime's. A file can be made whose
 * difference does not show at any image of the data, behind a unit that is dead there.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { inflate, normUp } from '../../ground/rounding-error.ts';
import type { Evaluation } from '../../lipschitz/evaluate-left-half.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { runRows, type Session } from '../../onnx/runtime/session.ts';
import { Stage } from '../../smoothing/noise/philox.ts';
import { gaussianProbe } from '../../smoothing/noise/probe.ts';

/** Float32 evaluation of a network stays well within this part of its largest score. */
const TOLERANCE = 1e-4;

const RANDOM = 2;

/** Images of pixels in [0,1] that no data set has: black, white, and random ones from a seed that no file can be made for. */
export function unlikeAny(size: number, seed: number): Float32Array[] {
  const random = Array.from({ length: RANDOM }, (_, sample) => {
    const place = { seed: BigInt(seed), stage: Stage.verification, image: 0, sample };
    return Float32Array.from(gaussianProbe(size, place), (value) => Math.min(Math.abs(value) / 2, 1));
  });
  return [new Float32Array(size), new Float32Array(size).fill(1), ...random];
}

/** The largest difference of a score, and of all of them in l2, rounded up. */
interface Difference {
  readonly most: number;
  readonly l2: number;
}

/**
 * Our scores against ONNX Runtime's at an image, or in words how far they are from each other. Where one of them is not finite nothing
 * is known: infinitely far apart in l2, so that nothing is certified.
 */
export async function deviation(
  session: Session,
  { latent }: Evaluation,
  image: Float32Array,
  { inputDims }: PreparedClassifier,
): Promise<Difference | string> {
  // One image at a time: the last bits may depend on the batch, and a resumed run has others.
  const { data } = await runRows(session, [image], inputDims.slice(1));
  const scores = latent.value;
  if (![...data, ...scores].every(Number.isFinite)) return { most: 0, l2: Number.POSITIVE_INFINITY };
  const scale = scores.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  const differences = Float64Array.from(data, (value, i) => value - (scores[i] ?? Number.NaN));
  const most = differences.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  // Written so that another number of scores fails too.
  return most <= TOLERANCE * scale && data.length === scores.length
    ? { most, l2: inflate(normUp(differences), 2) }
    : `scores differ by up to ${most.toExponential(1)} where the largest is ${scale.toExponential(1)}`;
}

/** The same. @throws ModelRefused when ONNX Runtime computes something else */
export async function compared(
  session: Session,
  evaluation: Evaluation,
  image: Float32Array,
  classifier: PreparedClassifier,
): Promise<Difference> {
  const found = await deviation(session, evaluation, image, classifier);
  if (typeof found !== 'string') return found;
  throw new ModelRefused({
    what: 'the network computes something else in ONNX Runtime than in our own evaluation',
    where: classifier.model.path,
    why: found,
    remedy: 'Use --method smoothing, which needs no evaluation of ours, and please report the model.',
  });
}
