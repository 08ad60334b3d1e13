/**
 * A U-Net for small images and CPUs: 48 and 96 channels at half and quarter resolution in residual blocks, and only one
 * convolution on the way in and one on the way out at full resolution, where a DnCNN does everything (297,000 parameters and 38
 * million multiply-adds at 3×32×32). It predicts the noise, which is subtracted from what came in.
 */
import type { NetworkBuilder, Wire } from './builder.ts';

const WIDTH = 24;
/** Halvings: sides are padded to a multiple of 2 to this power. */
const HALVINGS = 2;
/** A block starts near the identity, and the whole near it too: little is subtracted at first. */
const BLOCK_GAIN = 0.3;
const NOISE_GAIN = 0.1;

export function unetSmall(net: NetworkBuilder): Wire {
  const { image } = net;
  const [channels = 1, ...sides] = image.dims;
  const whole = sides.map((side) => Math.ceil(side / 2 ** HALVINGS) * 2 ** HALVINGS);
  let x = net.conv('first', net.padTo('pad', image, whole), WIDTH, { kernel: 3, padding: 1 });
  const skipped: Wire[] = [];
  for (let level = 1; level <= HALVINGS; level++) {
    skipped.push(x);
    const window = { kernel: 2, stride: 2 };
    const down = net.conv(`down${level}`, net.relu(`down${level}`, x), WIDTH * 2 ** level, window);
    x = residual(net, `inner${level}`, down);
  }
  for (let level = HALVINGS - 1; level >= 0; level--) {
    const deep = net.conv(`up${level}`, x, 4 * WIDTH * 2 ** level, { kernel: 1 });
    x = net.add(`join${level}`, skipped[level] as Wire, net.depthToSpace(`up${level}`, deep, 2));
    if (level > 0) x = residual(net, `outer${level}`, x);
  }
  const noise = net.conv('noise', net.relu('last', x), channels, { kernel: 3, padding: 1, gain: NOISE_GAIN });
  return net.subtract('clean', image, net.cropTo('crop', noise, sides));
}

/** x + Conv(Relu(Conv(Relu(x)))). */
function residual(net: NetworkBuilder, module: string, x: Wire): Wire {
  const channels = x.dims[0] as number;
  const window = { kernel: 3, padding: 1 };
  const hidden = net.conv(`${module}.conv1`, net.relu(`${module}.relu1`, x), channels, window);
  const branch = net.conv(`${module}.conv2`, net.relu(`${module}.relu2`, hidden), channels, {
    ...window,
    gain: BLOCK_GAIN,
  });
  return net.add(module, x, branch);
}
