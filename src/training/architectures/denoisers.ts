/** The untrained denoisers of `train --denoiser`, built for images (or latents) of a given shape. */
import type { ModelProto } from '../../onnx/model/proto.ts';
import { type NetworkBuilder, networkBuilder, type Wire } from './builder.ts';
import { dncnn } from './dncnn.ts';
import { initialKernel } from './initial-weights.ts';
import type { DenoiserName } from './names.ts';
import { unetSmall } from './unet-small.ts';

const layers: Record<DenoiserName, (net: NetworkBuilder) => Wire> = { 'unet-small': unetSmall, dncnn };

const WEIGHT_SEED = 0n;

/** The untrained denoiser; the same message, to the bit, at every call. @param dims of an image, [C,H,W] */
export function buildDenoiser(name: DenoiserName, dims: readonly number[]): ModelProto {
  const net = networkBuilder(name, dims, (kernel, fanIn, index) =>
    initialKernel(WEIGHT_SEED, kernel, fanIn, index),
  );
  const metadata = new Map([
    ['splitz.architecture', name],
    ['splitz.trained', 'false'],
  ]);
  return net.finish(layers[name](net), metadata, 'denoised');
}
