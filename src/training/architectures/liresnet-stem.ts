/**
 * A left half of several layers for CIFAR, 3×32×32 → 10 classes: a strided convolution and two linear residual blocks
 * x + Conv(x), each clipped. A linear residual is one affine map with a norm of its own, where the product of bounds around
 * a block with an activation inside would be loose (LiResNet: Hu, Zou, Wang, Leino & Fredrikson, "Unlocking deterministic
 * robustness certification on ImageNet", NeurIPS 2023). The latent is 32×16×16; a plain convolutional head follows.
 */
import type { NetworkBuilder, Wire } from './builder.ts';
import { BEFORE_CLIP } from './initial-weights.ts';

export function liresnetStem(net: NetworkBuilder): Wire {
  const stem = net.conv('stem', net.image, 32, { kernel: 4, stride: 2, padding: 1, ...BEFORE_CLIP });
  let x = net.clip('stem', stem, 1);
  for (const block of ['block1', 'block2']) x = net.clip(block, net.linearResidual(block, x, 3, 1 / 8), 1);
  for (const [layer, channels] of Object.entries({ conv1: 64, conv2: 128 })) {
    const y = net.conv(layer, x, channels, { kernel: 4, stride: 2, padding: 1 });
    x = net.relu(layer, y);
  }
  const hidden = net.relu('fc1', net.linear('fc1', net.flatten('flatten', x), 256));
  return net.linear('fc2', hidden, 10);
}
