/** A network for the built-in glyphs, 1×28×28 → 10 classes, small enough to be trained in minutes on two cores. */
import type { NetworkBuilder, Wire } from './builder.ts';
import { BEFORE_CLIP } from './initial-weights.ts';

export function glyphNet(net: NetworkBuilder): Wire {
  const latent = net.clip('conv1', net.conv('conv1', net.image, 16, { kernel: 5, ...BEFORE_CLIP }), 1);
  const second = net.relu('conv2', net.conv('conv2', latent, 32, { kernel: 5, stride: 2 }));
  const third = net.relu('conv3', net.conv('conv3', second, 32, { kernel: 3, stride: 2 }));
  const hidden = net.relu('fc1', net.linear('fc1', net.flatten('flatten', third), 64));
  return net.linear('fc2', hidden, 10);
}
