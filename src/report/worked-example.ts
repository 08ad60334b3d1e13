/** The certificate that a report works out step by step: the median one, so that it is representative. */
import { capitalised } from '../ground/sentence.ts';
import { type Derivation, derivationOf } from '../methods/derivation.ts';
import { classInWords, imageInWords } from '../records/names.ts';
import type { AuditedRun, ImageVerdict } from './audited-run.ts';

export interface WorkedExample {
  readonly title: string;
  /** Index of the image. */
  readonly index: number;
  /** Which image it is and why this one, in a sentence. */
  readonly chosen: string;
  readonly derivation: Derivation;
}

/** Null without a certified image. */
export function medianImage({ series: [{ images }] }: AuditedRun): ImageVerdict | null {
  const certified = byRadius(images);
  return certified[Math.floor((certified.length - 1) / 2)]?.[1] ?? null;
}

/** The images that have a radius, with their places in the run. */
const byRadius = (images: readonly ImageVerdict[]): [number, ImageVerdict][] =>
  [...images.entries()]
    .filter(([, { radius }]) => radius > 0)
    .sort(([, a], [, b]) => a.radius - b.radius || a.index - b.index);

/**
 * The image with the median radius of those that have one (of two in the middle the smaller); without any, the first
 * image, whose derivation ends with why it has none. Null for logs, which hold no evidence, and without images.
 */
export function workedExample(run: AuditedRun): WorkedExample | null {
  if (run.kind !== 'result') return null;
  const [{ images }] = run.series;
  const certified = byRadius(images);
  const [at] = certified[Math.floor((certified.length - 1) / 2)] ?? [0];
  const record = run.records[at];
  if (record === undefined) return null;
  const { index, label } = record;
  const named = label === null ? '' : `, label ${classInWords(run.header.model, label)}`;
  const which = `${capitalised(imageInWords(record))}${named}`;
  const chosen =
    certified.length > 1
      ? `${which}: the median radius of the ${certified.length} images that have one.`
      : certified.length === 1
        ? `${which}: the only image with a radius.`
        : `${which}: no image has a radius; this is why the first has none.`;
  const derivation = derivationOf(run.header, record);
  const title = `One ${derivation.abstained ? 'abstention' : 'certificate'}, step by step`;
  return { title, index, chosen, derivation };
}
