/**
 * Augmentation of training images: a random shift with zeros coming in (cutting a window of the image's size out of the
 * image padded with zeros; He et al. 2016, section 4.2) and a random mirror image. What happens to an image is a pure
 * function of (seed, epoch, image).
 */
import type { ImageShape } from '../datasets/dataset.ts';
import { Stage } from '../smoothing/noise/philox.ts';
import { below, randomWords } from './random-words.ts';

export const AUGMENTATIONS = ['none', 'crop', 'flip', 'crop+flip'] as const;
export type Augmentation = (typeof AUGMENTATIONS)[number];

/** Pixel [c, y, x] of the result is pixel [c, y - down, x - across], taken from the mirror image when `mirrored`. */
export interface Placement {
  readonly down: number;
  readonly across: number;
  readonly mirrored: boolean;
}

/** Largest shift in pixels: 4 of 32 as for CIFAR-10, 2 of 28 as for MNIST; in that proportion for other sizes. */
export function largestShift([, rows, columns]: ImageShape): number {
  const side = Math.min(rows, columns);
  return Math.max(1, Math.floor(side >= 32 ? side / 8 : side / 14));
}

export interface Occasion {
  readonly seed: number;
  readonly epoch: number;
  /** Index in the data set. */
  readonly image: number;
}

export function drawPlacement(augment: Augmentation, shape: ImageShape, occasion: Occasion): Placement {
  const next = randomWords(occasion.seed, Stage.augmentation, occasion.image, occasion.epoch);
  const most = largestShift(shape);
  const shift = (word: number): number => below(2 * most + 1, word) - most;
  const [down, across, mirrored] = [shift(next()), shift(next()), next() >= 2 ** 31];
  const cropped = augment === 'crop' || augment === 'crop+flip';
  return {
    down: cropped ? down : 0,
    across: cropped ? across : 0,
    mirrored: (augment === 'flip' || augment === 'crop+flip') && mirrored,
  };
}

/** Writes the image [C,H,W], placed, to `target` from element `at`. */
export function place(
  image: Float32Array,
  [channels, rows, columns]: ImageShape,
  { down, across, mirrored }: Placement,
  target: Float32Array,
  at: number,
): void {
  let to = at;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < rows; y++) {
      const row = y - down;
      const inside = row >= 0 && row < rows;
      const start = (c * rows + row) * columns;
      for (let x = 0; x < columns; x++) {
        const column = x - across;
        const seen = inside && column >= 0 && column < columns;
        const from = mirrored ? columns - 1 - column : column;
        target[to++] = seen ? (image[start + from] as number) : 0;
      }
    }
  }
}
