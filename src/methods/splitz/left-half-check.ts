/**
 * A left half is never trusted unchecked: the float64 evaluation the bound rests on is compared
 * with ONNX Runtime's own left half on real images, before the first certificate. A difference beyond float32 rounding
 * means that one of the two computes another function, and refuses.
 *
 * Twice: entry by entry as a part of the largest one, which finds another function whatever the noise; and in l2 in units of
 * the noise, because what is deployed (the file that `split` writes) is what was certified only where the noise hides the
 * difference, and one large constant entry makes the first comparison blind to all others (docs/certificates.md, section 5).
 */
import { ModelRefused } from '../../ground/errors.ts';
import { normUp } from '../../ground/rounding-error.ts';
import type { LeftHalfBound } from '../../lipschitz/input-radius.ts';
import { sizeOf } from '../../onnx/model/graph.ts';
import { runRows, withSession } from '../../onnx/runtime/session.ts';

/** Float32 evaluation of a few layers stays well within this part of the latent's largest entry. */
const TOLERANCE = 1e-4;
/** Largest l2 difference, in units of the noise's standard deviation: it moves a probability of votes by 0.004 at most. */
export const LARGEST_SHARE = 0.01;

/** How far ONNX Runtime's left half is from ours, over the images compared. */
export interface LeftHalfDifference {
  /** Largest |float64 - ONNX Runtime| of an entry. */
  readonly largest: number;
  /** Largest l2 norm of float64 - ONNX Runtime of an image, rounded up. */
  readonly norm: number;
}

/**
 * @param left the left half as ONNX bytes; null at the input, where nothing is computed
 * @param images canonical images
 * @throws ModelRefused when entries differ by more than float32 rounding explains
 */
export async function checkLeftHalf(
  bound: LeftHalfBound,
  left: Uint8Array | null,
  images: readonly Float32Array[],
  where: string,
): Promise<LeftHalfDifference> {
  let [largest, norm] = [0, 0];
  if (left === null) return { largest, norm };
  await withSession(left, where, async (session) => {
    for (const image of images) {
      const ours = bound.evaluate(Float64Array.from(image)).latent.value;
      const { data } = await runRows(session, [image], bound.half.inputDims.slice(1));
      const scale = ours.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
      const differences = Float64Array.from(data, (value, i) => value - (ours[i] ?? Number.NaN));
      const difference = differences.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      // Written so that NaN, and a latent of another size, fail too.
      if (!(difference <= TOLERANCE * scale) || data.length !== sizeOf(bound.half.dims)) {
        throw new ModelRefused({
          what: 'the left half computes something else in ONNX Runtime than in our own evaluation',
          where,
          why: `entries differ by up to ${difference.toExponential(1)} where the largest is ${scale.toExponential(1)}`,
          remedy: 'Cut at "input" (plain smoothing needs no left half), and please report the model.',
        });
      }
      largest = Math.max(largest, difference);
      norm = Math.max(norm, normUp(differences));
    }
  });
  return { largest, norm };
}

/** The l2 difference in units of the noise, rounded up. */
export const inSigmas = ({ norm }: Pick<LeftHalfDifference, 'norm'>, sigma: number): number =>
  norm === 0 ? 0 : (norm / sigma) * (1 + 2 ** -52);

/**
 * Refuses noise that does not hide what the two left halves differ by.
 * @param sigma deviation of the noise at the cut
 * @throws ModelRefused
 */
export function requireHidden(difference: LeftHalfDifference, sigma: number, where: string): void {
  const share = inSigmas(difference, sigma);
  if (share <= LARGEST_SHARE) return;
  throw new ModelRefused({
    what: 'the left half in ONNX Runtime is too far from the one that is certified',
    where,
    why: `they differ by ${difference.norm.toExponential(1)} in l2 (${difference.largest.toExponential(1)} in the worst entry), which is ${share.toPrecision(2)} sigma at sigma ${sigma}; at most ${LARGEST_SHARE} sigma is accepted`,
    remedy: `Where float32 rounding of a large latent explains it, use --sigma ${roughly(difference.norm / LARGEST_SHARE)} or more, or an earlier cut; where it does not, please report the model.`,
  });
}

/** Two digits, rounded up. */
function roughly(value: number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((Math.ceil(value / unit) * unit).toPrecision(2));
}
