/**
 * A small DnCNN (Zhang, Zuo, Chen, Meng & Zhang, "Beyond a Gaussian denoiser", IEEE TIP 2017): convolutions of one width at
 * full resolution, batch normalisation between them. It predicts the noise, which is subtracted from what came in.
 */
import type { NetworkBuilder, Wire } from './builder.ts';

const WIDTH = 32;
const DEPTH = 10;

export function dncnn(net: NetworkBuilder): Wire {
  const window = { kernel: 3, padding: 1 };
  let x = net.relu('conv1', net.conv('conv1', net.image, WIDTH, window));
  for (let layer = 2; layer < DEPTH; layer++) {
    const y = net.conv(`conv${layer}`, x, WIDTH, window, false);
    x = net.relu(`conv${layer}`, net.batchNorm(`bn${layer}`, y));
  }
  const noise = net.conv(`conv${DEPTH}`, x, net.image.dims[0] as number, { ...window, gain: 0.1 });
  return net.subtract('clean', net.image, noise);
}
