/**
 * ResNets for CIFAR, 3×32×32 → 10 classes (He, Zhang, Ren & Sun 2016, section 4.2): three stages of `blocks` residual
 * blocks with 16, 32 and 64 channels, 6 · blocks + 2 layers. As in the SPLITZ paper the first layer is a convolution with a
 * bias and a clip in place of batch normalisation and Relu, for a left half whose bound does not depend on statistics.
 * Where the shape changes, the shortcut is a 1×1 convolution of stride 2.
 */
import type { NetworkBuilder, Wire } from './builder.ts';
import { BEFORE_CLIP } from './initial-weights.ts';

const STAGES = [16, 32, 64];

export function resnet(net: NetworkBuilder, blocks: number): Wire {
  let x = net.clip('conv1', net.conv('conv1', net.image, 16, { kernel: 3, padding: 1, ...BEFORE_CLIP }), 1);
  for (const [stage, channels] of STAGES.entries()) {
    for (let block = 0; block < blocks; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      x = residual(net, `layer${stage + 1}.${block}`, x, channels, stride);
    }
  }
  return net.linear('fc', net.flatten('flatten', net.globalAveragePool('pool', x)), 10);
}

function residual(net: NetworkBuilder, module: string, x: Wire, channels: number, stride: number): Wire {
  const normalised = (part: string, input: Wire, kernel: number, step: number): Wire => {
    const window = { kernel, stride: step, padding: kernel >> 1 };
    const y = net.conv(`${module}.conv${part}`, input, channels, window, false);
    return net.batchNorm(`${module}.bn${part}`, y);
  };
  const inner = net.relu(`${module}.relu1`, normalised('1', x, 3, stride));
  const branch = normalised('2', inner, 3, 1);
  const shortcut = stride === 1 ? x : normalised('_shortcut', x, 1, stride);
  return net.relu(module, net.add(module, branch, shortcut));
}
