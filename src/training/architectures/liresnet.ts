/**
 * Networks for certificates without noise (LiResNet: Hu, Zou, Wang, Leino & Fredrikson, "Unlocking deterministic robustness
 * certification on ImageNet", NeurIPS 2023): every layer has a norm that is tight on its own, so that their product means
 * something. A strided convolution, linear residual blocks x + Conv(x), a neck with orthonormal rows, linear residual blocks
 * of vectors, MinMax behind each, and a head with rows of norm 1.
 */
import type { NetworkBuilder, Wire } from './builder.ts';

interface Size {
  /** Channels of the blocks, at half the image's resolution. */
  readonly channels: number;
  readonly blocks: number;
  /** Side and stride of the neck's windows, and its filters. */
  readonly window: number;
  readonly filters: number;
  readonly width: number;
  readonly denseBlocks: number;
}

/** What a block's kernel starts with beside the identity: He's variance times this squared. */
const BLOCK_GAIN = 0.2;

export const liresnet =
  ({ channels, blocks, window, filters, width, denseBlocks }: Size) =>
  (net: NetworkBuilder): Wire => {
    const stem = net.conv('stem', net.image, channels, { kernel: 5, stride: 2, padding: 2, gain: 0.4 });
    let x = net.minMax('stem', stem);
    for (let k = 1; k <= blocks; k++)
      x = net.minMax(`block${k}`, net.linearResidual(`block${k}`, x, 3, BLOCK_GAIN));
    const neck = net.conv('neck', x, filters, { kernel: window, stride: window, orthonormal: true });
    x = net.minMax('neck', neck);
    x = net.minMax('dense', net.linear('dense', net.flatten('flatten', x), width, 'orthonormal'));
    for (let k = 1; k <= denseBlocks; k++)
      x = net.minMax(`dense${k}`, net.linearResidualDense(`dense${k}`, x, BLOCK_GAIN));
    return net.linear('head', x, 10, 'unit rows');
  };
