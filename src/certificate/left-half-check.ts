/**
 * A left half is never trusted unchecked (design, principle 5): the float64 evaluation the bound rests on is compared
 * with ONNX Runtime's own left half on real images, before the first certificate. A difference beyond float32 rounding
 * means that one of the two computes another function, and refuses.
 */
import { ModelRefused } from '../errors.ts';
import type { LeftHalfBound } from '../lipschitz/input-radius.ts';
import { sizeOf } from '../onnx/graph.ts';
import { runRows, withSession } from '../onnx/session.ts';

/** Float32 evaluation of a few layers stays well within this part of the latent's largest entry. */
const TOLERANCE = 1e-4;

/**
 * @param left the left half as ONNX bytes
 * @param images canonical images
 * @returns the largest |float64 - ONNX Runtime| over all entries
 * @throws ModelRefused when the two differ by more than float32 rounding explains
 */
export async function checkLeftHalf(
  bound: LeftHalfBound,
  left: Uint8Array,
  images: readonly Float32Array[],
  where: string,
): Promise<number> {
  let largest = 0;
  await withSession(left, where, async (session) => {
    for (const image of images) {
      const ours = bound.evaluate(Float64Array.from(image)).latent.value;
      const { data } = await runRows(session, [image], bound.half.inputDims.slice(1));
      const scale = ours.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
      const difference = data.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (ours[i] ?? Number.NaN))),
        0,
      );
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
    }
  });
  return largest;
}
