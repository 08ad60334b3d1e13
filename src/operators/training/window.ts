/** Sliding windows in TensorFlow.js: images [N, C, rows, columns] padded or cropped so that 'valid' windows fit exactly. */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import type { Sweep } from '../algebra/sweep.ts';
import type { Windows } from '../algebra/window.ts';
import type { Tf } from './form.ts';

/**
 * Padding at both ends of an axis. The end is where the last window ends: less than the file's padding where strides
 * leave a remainder (negative: cells to crop), more where ceil_mode lets a window reach over it.
 */
export function endPadding({ input, output, kernel, stride, padBegin }: Sweep): readonly [number, number] {
  const reached = (output - 1) * stride + kernel;
  return [padBegin, reached - padBegin - input];
}

/** Whether TensorFlow's padding 'same' is this padding: it puts the odd cell at the end. */
export function isSame(sweep: Sweep): boolean {
  const { input, output, kernel, stride, padBegin } = sweep;
  const total = Math.max(0, (Math.ceil(input / stride) - 1) * stride + kernel - input);
  return (
    output === Math.ceil(input / stride) &&
    padBegin === Math.floor(total / 2) &&
    endPadding(sweep)[1] === total - padBegin
  );
}

/** A line [N, C, length] as an image of one row; images are unchanged. */
export function asImage(tf: Tf, x: Tensor): Tensor4D {
  if (x.rank === 4) return x as Tensor4D;
  const [batch, channels, length] = x.shape as [number, number, number];
  return tf.reshape(x, [batch, channels, 1, length]);
}

/** The image [N, C, rows, columns] back in the rank of the operator's input. */
export function inRankOf(tf: Tf, input: Tensor, image: Tensor): Tensor {
  if (input.rank === 4) return image;
  const [batch, channels, , length] = image.shape as [number, number, number, number];
  return tf.reshape(image, [batch, channels, length]);
}

/** The image with `fill` around it, or its end cropped, as `endPadding` says. */
export function fitted(tf: Tf, image: Tensor4D, { y, x }: Windows, fill: number): Tensor4D {
  const [top, bottom] = endPadding(y);
  const [left, right] = endPadding(x);
  let result = image;
  if (bottom < 0 || right < 0) {
    const [batch, channels, rows, columns] = image.shape;
    const kept = [batch, channels, rows + Math.min(bottom, 0), columns + Math.min(right, 0)] as const;
    result = tf.slice(result, [0, 0, 0, 0], [...kept]);
  }
  if (top === 0 && left === 0 && bottom <= 0 && right <= 0) return result;
  const ends = [
    [0, 0],
    [0, 0],
    [top, Math.max(bottom, 0)],
    [left, Math.max(right, 0)],
  ] as [[number, number], [number, number], [number, number], [number, number]];
  return tf.pad(result, ends, fill);
}

/** [N, C, rows, columns] to TensorFlow's [N, rows, columns, C]. */
export const channelsLast = (tf: Tf, image: Tensor4D): Tensor4D => tf.transpose(image, [0, 2, 3, 1]);

/** And back. */
export const channelsFirst = (tf: Tf, image: Tensor4D): Tensor4D => tf.transpose(image, [0, 3, 1, 2]);
