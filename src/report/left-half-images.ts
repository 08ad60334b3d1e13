/** What the certificates of a run say of its left half, for the figures of it. */
import { methodOf } from '../methods/index.ts';
import type { LeftHalfReading } from '../records/series-format.ts';
import type { AuditedRun, ImageVerdict } from './audited-run.ts';

/** An image with what its certificate says of the left half. */
export interface LeftHalfImage extends ImageVerdict {
  readonly leftHalf: LeftHalfReading;
}

/** The images of the run's own series in its order; none for logs, and where the method has no left half. */
export function leftHalfImages(run: AuditedRun): LeftHalfImage[] {
  const [{ header, images }] = run.series;
  if (run.kind === 'log' || header === null) return [];
  const method = methodOf(header);
  return images.flatMap((image, k) => {
    const evidence = run.records[k]?.series[0]?.evidence;
    const leftHalf = evidence === undefined ? null : method.leftHalf(evidence);
    return leftHalf === null ? [] : [{ ...image, leftHalf }];
  });
}
