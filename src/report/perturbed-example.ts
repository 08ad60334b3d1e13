/** What a certified radius looks like, in pictures of one image. */
import { roundDown } from '../ground/decimal.ts';
import { classInWords } from '../records/names.ts';
import type { RunHeader } from '../records/record.ts';

interface Picture {
  /** A data URI. */
  readonly picture: string;
  /** What the network alone answers to it, without noise; not certified. */
  readonly answer: number;
}

export interface PerturbedExample {
  readonly index: number;
  /** Certified, and the distance of the others from the original; the median of the run. */
  readonly radius: number;
  /** What is certified. */
  readonly prediction: number;
  readonly original: Picture;
  /** Moved in a random direction. */
  readonly random: Picture;
  /** Moved by a short attack on the network alone; null where the image is too large to search. */
  readonly adversarial: Picture | null;
}

/** The pictures with what to write below each. */
export function captioned(
  { original, random, adversarial }: PerturbedExample,
  model: Pick<RunHeader['model'], 'classNames'>,
): { readonly picture: string; readonly title: string; readonly text: string }[] {
  const shown: [title: string, of: Picture][] = [
    ['as it is', original],
    ['moved at random', random],
    ...(adversarial === null ? [] : [['moved by an attack', adversarial] as [string, Picture]]),
  ];
  return shown.map(([title, { picture, answer }]) => ({
    picture,
    title,
    text: `the network alone answers ${classInWords(model, answer)}`,
  }));
}

/** What the pictures show, in sentences. */
export const exampleInWords = (
  { index, radius, prediction, adversarial }: PerturbedExample,
  model: Pick<RunHeader['model'], 'classNames'>,
): string =>
  `Image ${index}, and the same image moved by its certified radius, ${roundDown(radius, 3)}: the median of the run. ` +
  `The certified answer, ${classInWords(model, prediction)}, is the same for all of these and for every other image this near. ` +
  `Below each is what the network alone answers, without noise.${adversarial === null ? ' An attack is not shown: it takes long on images of this size.' : ''}`;
