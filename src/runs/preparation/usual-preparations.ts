/**
 * The ways in which trained networks commonly expect their pixels, as what `--scale`, `--mean`, `--std`, `--channels` and, for
 * models of flat images, `--layout` can say. Means and deviations are those of the data sets, as published with them or by the frameworks.
 */
import type { ImageShape } from '../../datasets/dataset.ts';

/** x ↦ (scale · order(x) − mean) / std; mean and std one number per channel, in the model's units and order. */
export interface Preparation {
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Of three colours. */
  readonly channelOrder: 'rgb' | 'bgr';
  /** Whether the pixels of a channel come column by column; null where images are not flat. */
  readonly columnsFirst: boolean | null;
}

const plain = (scale: number, channels: number): Preparation => ({
  scale,
  mean: new Array<number>(channels).fill(0),
  std: new Array<number>(channels).fill(1),
  channelOrder: 'rgb',
  columnsFirst: null,
});

const normalised = (mean: readonly number[], std: readonly number[], scale = 1): Preparation => ({
  ...{ scale, mean, std },
  channelOrder: 'rgb',
  columnsFirst: null,
});

/** -1..1 of as many channels. */
const centred = (channels: number): Preparation =>
  normalised(new Array<number>(channels).fill(0.5), new Array<number>(channels).fill(0.5));

const GREY: readonly Preparation[] = [
  plain(1, 1),
  plain(255, 1),
  // MNIST, Fashion-MNIST.
  normalised([0.1307], [0.3081]),
  normalised([0.286], [0.353]),
  centred(1),
];

const COLOUR: readonly Preparation[] = [
  plain(1, 3),
  plain(255, 3),
  // ImageNet, CIFAR-10.
  normalised([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
  normalised([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]),
  centred(3),
  // Caffe's: the mean of ImageNet, in 0..255.
  normalised([123.68, 116.779, 103.939], [1, 1, 1], 255),
];

/** The same for a model that takes blue, green and red. */
const reversed = ({ mean, std, ...rest }: Preparation): Preparation => ({
  ...{ ...rest, mean: mean.toReversed(), std: std.toReversed() },
  channelOrder: 'bgr',
});

/** What a network for images of so many channels may have been trained with. @param flat whether it takes flat images */
export function usualPreparations(channels: number, flat = false): readonly Preparation[] {
  const all = ofChannels(channels);
  return flat ? [false, true].flatMap((columnsFirst) => all.map((one) => ({ ...one, columnsFirst }))) : all;
}

function ofChannels(channels: number): readonly Preparation[] {
  if (channels === 1) return GREY;
  if (channels === 3) return [...COLOUR, ...COLOUR.map(reversed)];
  return [plain(1, channels), plain(255, channels), centred(channels)];
}

/**
 * The image that, prepared as `given`, is what `other` makes of `image`: one session answers for every preparation.
 * @param image pixels [C,H,W] in [0,1]
 */
export function asPrepared(
  image: Float32Array,
  [channels, rows, columns]: ImageShape,
  given: Preparation,
  other: Preparation,
): Float32Array {
  const plane = rows * columns;
  const place = (channel: number, { channelOrder }: Preparation): number =>
    channelOrder === 'bgr' ? channels - 1 - channel : channel;
  /** Where the pixel comes from that has to stand at `p`. */
  const source = (p: number): number => {
    if (given.columnsFirst === other.columnsFirst) return p;
    return other.columnsFirst === true
      ? (p % rows) * columns + Math.floor(p / rows)
      : (p % columns) * rows + Math.floor(p / columns);
  };
  const out = new Float32Array(image.length);
  for (let c = 0; c < channels; c++) {
    const from = place(c, other) * plane;
    const to = place(c, given) * plane;
    for (let p = 0; p < plane; p++) {
      const prepared = (other.scale * image[from + source(p)]! - other.mean[c]!) / other.std[c]!;
      out[to + p] = (prepared * given.std[c]! + given.mean[c]!) / given.scale;
    }
  }
  return out;
}

/** The options that say it, all of them, since a model's metadata may say something else. */
export function optionsFor({ scale, mean, std, channelOrder, columnsFirst }: Preparation): string {
  const list = (values: readonly number[]): string =>
    values.every((v) => v === values[0]) ? String(values[0]) : values.join(',');
  return [
    `--scale ${scale} --mean ${list(mean)} --std ${list(std)}`,
    ...(mean.length === 3 ? [`--channels ${channelOrder}`] : []),
    ...(columnsFirst === null ? [] : [`--layout ${columnsFirst ? 'flat-transposed' : 'flat'}`]),
  ].join(' ');
}

export const isSame = (a: Preparation, b: Preparation): boolean =>
  a.scale === b.scale &&
  a.channelOrder === b.channelOrder &&
  a.columnsFirst === b.columnsFirst &&
  a.mean.every((v, c) => v === b.mean[c]) &&
  a.std.every((v, c) => v === b.std[c]);
