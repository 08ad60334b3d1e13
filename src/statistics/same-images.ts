/** Whether two runs are over the same images with the same labels: only then is every image its own comparison. */
import type { RunHeader } from '../records/record.ts';
import type { Identified } from './equal-images.ts';

/** What of a run this needs. */
export interface RunImages {
  readonly header: Pick<RunHeader, 'data'>;
  /** In the order of the run. */
  readonly outcomes: readonly Identified[];
}

/** How the images of two runs differ: the parts of an error message. */
export interface ImagesDifference {
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

/** Null where the images and their labels are the same. */
export function imagesDifference(first: RunImages, second: RunImages): ImagesDifference | null {
  const [a, b] = [first.header.data, second.header.data];
  if (a.digest !== b.digest)
    return {
      what: 'the two runs are of different data',
      why: `${named(a)} and ${named(b)}${onCommonImages(first, second)}`,
      remedy: 'Certify both models on the same data: only then is every image its own comparison.',
    };
  const [left, right] = [first, second].map(
    ({ outcomes }) => new Set(outcomes.map(({ index }) => index)),
  ) as [Set<number>, Set<number>];
  if ([...left].join() === [...right].join()) return null;
  const only = (one: Set<number>, other: Set<number>): number =>
    [...one].filter((index) => !other.has(index)).length;
  return {
    what: 'the two runs are of different images',
    why: `${only(left, right)} images are only in the first, ${only(right, left)} only in the second`,
    remedy: 'Finish both runs with the same --start, --skip and --max (the same command continues a run).',
  };
}

const named = ({ name, digest }: RunHeader['data']): string => `${name} (digest ${digest.slice(0, 12)}…)`;

/** What differs in the images of the same number, as far as the records say: pixels, or labels alone. */
function onCommonImages(first: RunImages, second: RunImages): string {
  const others = new Map(second.outcomes.map((image) => [image.index, image]));
  const pairs = first.outcomes.flatMap((image): [Identified, Identified][] => {
    const other = others.get(image.index);
    return other === undefined ? [] : [[image, other]];
  });
  const pixels = pairs.filter(([one, other]) => one.sha256 !== other.sha256).length;
  const labels = pairs.filter(([one, other]) => one.label !== other.label).length;
  return pairs.length === 0
    ? ''
    : `; of ${pairs.length} images of the same number, ${pixels} have other pixels and ${labels} have other labels`;
}
