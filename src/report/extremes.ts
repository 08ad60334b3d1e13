/** The images a reader wants to see: those with the largest and the smallest certified radius, and some that abstain. */
import type { AuditedRun, ImageVerdict } from './audited-run.ts';

export interface Extremes {
  readonly title: string;
  readonly images: readonly ImageVerdict[];
}

const MOST = 8;

/** Groups that are not empty, of the run's own series. No image is in both of the first two. */
export function extremes({ series: [{ images }] }: AuditedRun): Extremes[] {
  const certified = images
    .filter(({ radius }) => radius > 0)
    .sort((a, b) => b.radius - a.radius || a.index - b.index);
  const each = Math.min(MOST, Math.ceil(certified.length / 2));
  const largest = certified.slice(0, each);
  const smallest = certified.slice(each).slice(-MOST).reverse();
  const none = images.filter(({ prediction }) => prediction === null).slice(0, MOST);
  return [
    { title: 'Largest certified radius', images: largest },
    { title: 'Smallest certified radius', images: smallest },
    { title: 'Abstained (the first in the run)', images: none },
  ].filter((group) => group.images.length > 0);
}
