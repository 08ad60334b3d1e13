/** The images a reader wants to see: those with the largest and the smallest certified radius, and some that abstain. */
import type { AuditedRun } from './audited-run.ts';

type Image = AuditedRun['images'][number];

export interface Extremes {
  readonly title: string;
  readonly images: readonly Image[];
}

const MOST = 8;

/** Groups that are not empty. No image is in both of the first two. */
export function extremes({ images }: AuditedRun): Extremes[] {
  const certified = images
    .filter(({ abstained, radius }) => !abstained && radius > 0)
    .sort((a, b) => b.radius - a.radius || a.index - b.index);
  const each = Math.min(MOST, Math.ceil(certified.length / 2));
  const largest = certified.slice(0, each);
  const smallest = certified.slice(each).slice(-MOST).reverse();
  const none = images.filter(({ abstained }) => abstained).slice(0, MOST);
  return [
    { title: 'Largest certified radius', images: largest },
    { title: 'Smallest certified radius', images: smallest },
    { title: 'Abstained (the first in the run)', images: none },
  ].filter((group) => group.images.length > 0);
}
