/**
 * LeNet-5 as used for MNIST in the literature on smoothing, 1×28×28 → 10 classes, in three forms. Their first layer
 * starts in the middle of its clip.
 */
import type { NetworkBuilder, Wire } from './builder.ts';
import { BEFORE_CLIP } from './initial-weights.ts';

/**
 * As in the SPLITZ paper (Zhong & Tandon 2024, section V): a clipped first convolution without pooling, so the latent is
 * 20×24×24; the second one is pooled to 50×10×10.
 */
export function lenetSplitz(net: NetworkBuilder): Wire {
  const latent = net.clip('conv1', net.conv('conv1', net.image, 20, { kernel: 5, ...BEFORE_CLIP }), 1);
  return head(net, latent);
}

/** As in the baselines: both convolutions are pooled, so 50×4×4 reach the linear layers. */
export function lenet(net: NetworkBuilder): Wire {
  const latent = net.clip('conv1', net.conv('conv1', net.image, 20, { kernel: 5, ...BEFORE_CLIP }), 1);
  return head(net, net.maxPool('pool1', latent, 2));
}

/**
 * For training behind noise: as in the SPLITZ paper, but the second convolution steps by two instead of being pooled. A
 * maximum of noisy numbers is pushed up by the noise; a step is not. Fewer units in the linear layer keep the file small.
 */
export function lenetStrided(net: NetworkBuilder): Wire {
  const latent = net.clip('conv1', net.conv('conv1', net.image, 20, { kernel: 5, ...BEFORE_CLIP }), 1);
  const features = net.relu('conv2', net.conv('conv2', latent, 50, { kernel: 5, stride: 2 }));
  return net.linear('fc2', net.relu('fc1', net.linear('fc1', net.flatten('flatten', features), 128)), 10);
}

function head(net: NetworkBuilder, x: Wire): Wire {
  const features = net.relu('conv2', net.conv('conv2', x, 50, { kernel: 5 }));
  const flat = net.flatten('flatten', net.maxPool('pool2', features, 2));
  return net.linear('fc2', net.relu('fc1', net.linear('fc1', flat, 500)), 10);
}
