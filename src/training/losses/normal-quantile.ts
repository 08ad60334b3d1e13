/**
 * Φ⁻¹, the quantile of the standard normal distribution, as a differentiable tfjs operation: Wichura, "Algorithm AS 241:
 * the percentage points of the normal distribution", Applied Statistics 37 (1988), routine PPND7, relative error 1e-7.
 * For training only; certificates use src/smoothing/votes/normal-quantile.ts.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../../operators/training/form.ts';

/**
 * Probabilities are taken no nearer to 0 or 1 than this (to 1 no nearer than float32 can tell anyway), where the quantile
 * is ∓6.6. AS 241 needs a third fraction from 1.4e-11 downwards.
 */
const LEAST = 2e-11;

/** |p - 1/2| up to which the central fraction holds. */
const CENTRE = 0.425;
const CENTRAL_TOP = [3.3871327179, 50.434271938, 159.29113202, 59.10937472];
const CENTRAL_BOTTOM = [1, 17.895169469, 78.757757664, 67.1875636];
const TAIL_FROM = 1.6;
const TAIL_TOP = [1.4234372777, 2.75681539, 1.3067284816, 0.17023821103];
const TAIL_BOTTOM = [1, 0.7370016425, 0.12021132975];

/** Σ c_k x^k, by Horner. */
function polynomial(tf: Tf, coefficients: readonly number[], x: Tensor): Tensor {
  return coefficients
    .slice(0, -1)
    .reduceRight<Tensor>(
      (sum, c) => tf.add(tf.mul(sum, x), c),
      tf.fill(x.shape, coefficients[coefficients.length - 1]!),
    );
}

function fraction(tf: Tf, top: readonly number[], bottom: readonly number[], x: Tensor): Tensor {
  return tf.div(polynomial(tf, top, x), polynomial(tf, bottom, x));
}

function quantile(tf: Tf, p: Tensor): Tensor {
  const fromCentre = tf.sub(p, 0.5);
  const central = tf.mul(
    fromCentre,
    fraction(tf, CENTRAL_TOP, CENTRAL_BOTTOM, tf.sub(CENTRE * CENTRE, tf.square(fromCentre))),
  );
  const rest = tf.maximum(tf.minimum(p, tf.sub(1, p)), LEAST);
  const distance = tf.sub(tf.sqrt(tf.neg(tf.log(rest))), TAIL_FROM);
  const tail = tf.mul(tf.sign(fromCentre), fraction(tf, TAIL_TOP, TAIL_BOTTOM, distance));
  return tf.where(tf.lessEqual(tf.abs(fromCentre), CENTRE), central, tail);
}

/**
 * Φ⁻¹(p) elementwise, with the derivative 1/φ(Φ⁻¹(p)). Below 2e-11 and within 2e-11 of 1 both stay what they are there,
 * so a gradient is never infinite and never lost.
 */
export function normalQuantile(tf: Tf, p: Tensor): Tensor {
  return tf.customGrad((input, save) => {
    const value = quantile(tf, input as Tensor);
    (save as (tensors: Tensor[]) => void)([value]);
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const density = tf.exp(tf.mul(tf.square(saved[0]!), -0.5));
        return tf.mul(dy, tf.div(Math.sqrt(2 * Math.PI), density));
      },
    };
  })(p);
}
