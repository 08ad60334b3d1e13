/**
 * Classifiers whose left half is an orthogonal encoder (Zeng, Su & Huang, "Certified defense via latent space randomized
 * smoothing with orthogonal encoders", 2021): it keeps distances where it is linear, and widens none, so that a radius at the
 * cut is one at the image. Convolutions of windows that do not overlap, each an orthogonal matrix (2×2 pixels of C channels to
 * 4C channels), MinMax between them: a latent as large as the image, at a quarter of its side. Behind it an ordinary network,
 * which is all that a draw of noise runs through.
 */
import type { NetworkBuilder, Wire } from './builder.ts';

export const orthogonal =
  (filters: Filters) =>
  (net: NetworkBuilder): Wire => {
    const x = quartered(net);
    const kernel = { kernel: 1, orthonormal: true };
    return classified(net, net.minMax('enc3', net.conv('enc3', x, x.dims[0] as number, kernel)), filters);
  };

/**
 * The same encoder, which ends in distances: the l2 norms of groups of 4 channels, each an orthonormal projection less a
 * trained offset, so the distance to a prototype of what the window shows. Twice as many channels make half as many numbers.
 */
export const prototypes =
  (filters: Filters) =>
  (net: NetworkBuilder): Wire => {
    const x = quartered(net);
    const channels = 2 * (x.dims[0] as number);
    const projected = net.conv('enc3', x, channels, { kernel: 1, orthonormal: true });
    return classified(net, net.norms('enc3', projected, channels / 4), filters);
  };

/** Filters of the two convolutions behind the encoder. */
type Filters = readonly [number, number];

/** Two orthogonal convolutions with MinMax behind each: a quarter of the side, 16 times the channels. */
function quartered(net: NetworkBuilder): Wire {
  let x = net.image;
  for (const layer of ['enc1', 'enc2']) {
    const filters = 4 * (x.dims[0] as number);
    x = net.minMax(layer, net.conv(layer, x, filters, { kernel: 2, stride: 2, orthonormal: true }));
  }
  return x;
}

function classified(net: NetworkBuilder, latent: Wire, [first, second]: Filters): Wire {
  let x = net.relu('conv1', net.conv('conv1', latent, first, { kernel: 3, padding: 1 }));
  x = net.relu('conv2', net.conv('conv2', x, second, { kernel: 3, stride: 2, padding: 1 }));
  return net.linear('fc2', net.relu('fc1', net.linear('fc1', net.flatten('flatten', x), 128)), 10);
}
