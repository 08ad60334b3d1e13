/** How often the network alone, without noise, is right on some images. Reported beside certificates, and not certified. */
import { shareDown } from '../ground/decimal.ts';

export interface AccuracyAlone {
  readonly right: number;
  readonly images: number;
}

/** A clause for people: "the network alone, without noise, is right on 92.5 % of the images (37 of 40)". */
export const aloneInWords = ({ right, images }: AccuracyAlone): string =>
  `the network alone, without noise, is right on ${shareDown(right, images, 1)} % of the images (${right} of ${images})`;
