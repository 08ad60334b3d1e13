/**
 * The built-in data set: ten digits drawn on demand, 28×28, no download. Image i of a subset is a pure function of
 * (seed, subset, i); its digit is drawn too, so that every K-th image is as mixed as all of them.
 */
import { assembleDataset, type Dataset, type Subset, unitPixels } from './dataset.ts';
import { drawGlyph, GLYPH_SIZE } from './glyph-drawing.ts';
import { glyphRandom } from './glyph-random.ts';

/** Named in the digest; increment it with every change that alters a picture. */
const GLYPH_VERSION = 1;

export const DEFAULT_GLYPH_SEED = 1;

const LENGTH = { train: 60_000, test: 10_000 } as const;
const SUBSET_NUMBER = { train: 0, test: 1 } as const;
const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
const IMAGES_IN_DIGEST = 100;

/** @param seed an integer from 0 to 2^32-1; another seed is another data set of the same kind */
export function openGlyphs(seed: number, subset: Subset): Dataset {
  const bytes = (index: number): Uint8Array => glyphBytes(seed, subset, index);
  return assembleDataset({
    name: `glyphs ${subset}`,
    kind: 'glyphs',
    shape: [1, GLYPH_SIZE, GLYPH_SIZE],
    length: LENGTH[subset],
    labels: Int32Array.from({ length: LENGTH[subset] }, (_, index) => glyphLabel(seed, subset, index)),
    classNames: DIGITS,
    identity: [
      ['glyphs', JSON.stringify({ version: GLYPH_VERSION, seed, subset, length: LENGTH[subset] })],
      ['first images', Buffer.concat(Array.from({ length: IMAGES_IN_DIGEST }, (_, index) => bytes(index)))],
    ],
    origin: `drawn with seed ${seed}`,
    image: async (index) => unitPixels(bytes(index), 0, GLYPH_SIZE * GLYPH_SIZE),
  });
}

/** The digit of image `index`: the first draw of the image's stream. */
export function glyphLabel(seed: number, subset: Subset, index: number): number {
  return glyphRandom(seed, SUBSET_NUMBER[subset], index).integer(10);
}

/** The picture of image `index`, 28×28 bytes: the draws after the first. */
export function glyphBytes(seed: number, subset: Subset, index: number): Uint8Array {
  const random = glyphRandom(seed, SUBSET_NUMBER[subset], index);
  return drawGlyph(random.integer(10), random);
}
