/**
 * A run in three sentences, for somebody who never heard of randomized smoothing: what is right without noise, what is
 * certified and how far in terms of an image, what is not covered. The terminal ends and a report opens with them.
 */
import { roundDown, shareDown } from '../ground/decimal.ts';
import { type Norm, normOfRun } from '../records/norm.ts';
import type { RunHeader } from '../records/record.ts';
import type { Score } from '../statistics/accuracy.ts';
import type { AuditedRun } from './audited-run.ts';

/** Largest value of an 8-bit pixel. */
const LEVELS = 255;

/**
 * @param score of the run's own series
 * @param right images whose label the network alone answers; null without labels
 */
export function inPlainWords({ data, series }: RunHeader, score: Score, right: number | null): string[] {
  const { images, radii, measure } = score;
  if (images === 0) return [];
  const [own] = series;
  const labelled = measure === 'certified accuracy';
  const alone =
    right === null
      ? 'The images have no labels, so nobody knows which answers are right.'
      : `Left undisturbed, the network is right on ${right} of ${images} images (${shareDown(right, images, 1)} %).`;
  return [
    alone,
    certified({ images, radii, labelled, shape: data.shape, own, norm: normOfRun({ series }) }),
    NOT_COVERED,
  ];
}

/** The same of a run to be reported; nothing of a log, which does not say how its radii came about. */
export const plainWordsOf = (run: AuditedRun): string[] =>
  run.kind === 'log' ? [] : inPlainWords(run.header, run.series[0].score, run.right);

const NOT_COVERED =
  'Not covered: larger changes, changes of another kind (turning, cropping, other light), images that are not of this set, and what the network answers when it is run in any other way than it was certified.';

interface Certified {
  readonly images: number;
  readonly radii: readonly number[];
  readonly labelled: boolean;
  readonly shape: readonly number[];
  readonly own: RunHeader['series'][number] | undefined;
  readonly norm: Norm;
}

function certified({ images, radii, labelled, shape, own, norm }: Certified): string {
  if (radii.length === 0)
    return `For none of the ${images} images is the certified answer ${labelled ? 'both right and ' : ''}proved to stay the same under any change at all.`;
  const answers = labelled ? 'the certified answer is right and' : 'the certified answer is';
  const proved = own?.guarantee === 'certificate' ? 'proved' : 'estimated, not proved,';
  // The upper of two in the middle would flatter.
  const median = radii[Math.floor((radii.length - 1) / 2)] ?? 0;
  return (
    `For ${radii.length} of ${images} images (${shareDown(radii.length, images, 1)} %) ${answers} ${proved} to stay the same under every change of the pixels up to some size; ` +
    `for half of these up to ${roundDown(median, 3)} at least (${norm}, pixels from 0 to 1), ${inLevels(median, shape, norm)}.`
  );
}

/** A radius in terms of an image. @param radius pixels in [0,1] @param shape [C,H,W] */
export function inLevels(radius: number, shape: readonly number[], norm: Norm): string {
  const pixels = shape.reduce((a, b) => a * b, 1);
  const share = norm === 'l1' ? pixels : Math.sqrt(pixels);
  // A file may state any finite radius.
  const each = Math.min((radius / share) * LEVELS, Number.MAX_VALUE);
  return `as much as changing every pixel by ${roundDown(each, each < 1 ? 2 : 1)} of ${LEVELS} brightness levels`;
}
