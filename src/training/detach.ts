/**
 * A value without its past. TensorFlow.js has no stop-gradient, and multiplying a gradient by zero would still run the
 * whole backward pass behind it. An operation of no inputs ends the tape instead: backpropagation never gets there.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../operators/training/form.ts';

/** The same numbers as a constant: gradients stop here, and nothing before it takes part in the backward pass. */
export function detach<T extends Tensor>(tf: Tf, value: T): T {
  return tf.customGrad(() => ({ value: tf.clone(value), gradFunc: () => [] }))() as T;
}
