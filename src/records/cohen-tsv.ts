/**
 * The tab-separated format of Cohen et al. 2019 (`idx label predict radius correct time`), which the field's plotting
 * scripts read: -1 and 0.0 for an abstention, time as H:MM:SS.ffffff. Radii are rounded down.
 */

import { roundDown } from '../ground/decimal.ts';
import { UsageError } from '../ground/errors.ts';
import type { Norm } from './norm.ts';
import type { Guarantee, Outcome } from './record.ts';

/** Throws UsageError for radii that such a log cannot hold: it does not say its norm, and whoever reads it takes them for l2. */
export function requireLoggable(norm: Norm): void {
  if (norm === 'l2') return;
  throw new UsageError({
    what: `a log in the format of Cohen et al. cannot hold ${norm} radii`,
    where: '--format tsv',
    why: 'it does not say its norm, and every reader takes its radii for l2',
    remedy: 'Use --format jsonl, or `splitz-onnx report RUN.jsonl --tsv`, which has a column for the norm.',
  });
}

const RADIUS_DIGITS = 6;
const ABSTAIN = -1;
/** Cohen's format knows only labelled data; an unknown label is not a class, nor is an abstention. */
const UNLABELLED = -1;

const row = (...cells: readonly (string | number)[]) => `${cells.join('\t')}\n`;

/** First line. A run that proves nothing is marked in a column of its own, which scripts that select columns by name ignore. */
export function cohenHeader(guarantee: Guarantee): string {
  const columns = ['idx', 'label', 'predict', 'radius', 'correct', 'time'];
  return row(...columns, ...(guarantee === 'certificate' ? [] : ['note']));
}

/** One image's line, of the run's first series. */
export function cohenRow({ index, label, verdicts: [own] }: Outcome, guarantee: Guarantee): string {
  if (own === undefined) throw new RangeError('a run has a series');
  const { prediction, radius, seconds } = own;
  return row(
    index,
    label ?? UNLABELLED,
    prediction ?? ABSTAIN,
    prediction === null ? '0.0' : roundDown(radius, RADIUS_DIGITS),
    prediction !== null && prediction === label ? 1 : 0,
    pythonDuration(seconds),
    ...(guarantee === 'certificate' ? [] : [guarantee]),
  );
}

/** A whole run. */
export function cohenTsv(guarantee: Guarantee, outcomes: readonly Outcome[]): string {
  return cohenHeader(guarantee) + outcomes.map((outcome) => cohenRow(outcome, guarantee)).join('');
}

/** Seconds as Python prints a timedelta: 0:00:15.250000. */
function pythonDuration(seconds: number): string {
  const microseconds = Math.round(seconds * 1e6);
  const two = (n: number) => String(n).padStart(2, '0');
  const whole = Math.floor(microseconds / 1e6);
  const fraction = String(microseconds % 1e6).padStart(6, '0');
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.${fraction}`;
}
