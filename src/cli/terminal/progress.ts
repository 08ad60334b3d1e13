/**
 * Progress of a run over images, on stderr: one redrawn line on a terminal, a line every 10 % or 30 s elsewhere,
 * nothing with --quiet.
 */

import { roundDown, shareDown } from '../../ground/decimal.ts';
import { displayWidth } from '../../ground/text-width.ts';
import type { Outcome } from '../../records/record.ts';
import type { Measure } from '../../statistics/accuracy.ts';
import { type Screen, screenOf } from './style.ts';

/** What a progress line is drawn from. */
export interface ProgressState {
  readonly done: number;
  readonly total: number;
  /** Share of the current image done, in [0,1). */
  readonly partial: number;
  readonly imagesPerSecond: number;
  readonly measure: Measure;
  /** Images that count as certified (and right, with labels). */
  readonly certified: number;
  readonly sumOfRadii: number;
  /** Images on which the network alone is right, without noise; null without labels. */
  readonly right: number | null;
}

/** Seconds as 0:07, 12:30 or 1:02:03, rounded up. */
export function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function speed(imagesPerSecond: number): string {
  if (imagesPerSecond >= 1 || imagesPerSecond === 0) return `${imagesPerSecond.toFixed(1)} img/s`;
  return `${(1 / imagesPerSecond).toFixed(1)} s/img`;
}

function remaining({ done, total, partial, imagesPerSecond }: ProgressState): number | null {
  return imagesPerSecond > 0 ? (total - done - partial) / imagesPerSecond : null;
}

function verdicts({ done, certified, measure, sumOfRadii, right }: ProgressState): string[] {
  if (done === 0) return [];
  return [
    `${measure} ${shareDown(certified, done, 1)} %`,
    `ACR ${roundDown(sumOfRadii / done, 3)}`,
    ...(right === null ? [] : [`network alone ${shareDown(right, done, 1)} %`]),
  ];
}

/** The redrawn line, without a line end; parts that do not fit are omitted, the last first. */
export function progressLine(state: ProgressState, { columns, style }: Screen): string {
  const { done, total, partial } = state;
  const left = remaining(state);
  const share = total === 0 ? 1 : Math.min(1, (done + partial) / total);
  const width = columns < 100 ? 12 : 20;
  const filled = Math.floor(share * width);
  const bar = style.cyan('━'.repeat(filled)) + style.dim('─'.repeat(width - filled));
  const parts = [
    `${bar} ${done}/${total}`,
    ...(left === null ? [] : [`ETA ${clock(left)}`, speed(state.imagesPerSecond)]),
    ...verdicts(state),
  ];
  while (parts.length > 1 && displayWidth(parts.join('  ')) >= columns) parts.pop();
  return parts.join('  ');
}

/** The line for logs. */
export function progressText(state: ProgressState): string {
  const { done, total } = state;
  const left = remaining(state);
  const percent = total === 0 ? '100' : shareDown(done, total, 0);
  return [
    `${done}/${total} images (${percent} %)`,
    ...(left === null ? [] : [speed(state.imagesPerSecond), `${clock(left)} left`]),
    ...verdicts(state),
  ].join(', ');
}

export interface Progress {
  /** An image is done. */
  image(outcome: Outcome): void;
  /** Share of the current image done, in [0,1). */
  partial(share: number): void;
  /** A line of its own, kept. Silent with --quiet. */
  note(text: string): void;
  /** Ends the redrawn line. */
  finish(): void;
}

type ProgressStream = Pick<NodeJS.WriteStream, 'write' | 'columns' | 'isTTY'>;

const REDRAW_MS = 100;
const LOG_MS = 30_000;
const LOG_PERCENT = 10;
const CLEAR_LINE = '\r\u001b[K';

/**
 * Starts showing the progress of a run of `total` images of which `before` were done by an earlier run.
 * `now` gives milliseconds.
 */
export function startProgress(
  stream: ProgressStream,
  total: number,
  before: readonly Outcome[],
  quiet: boolean,
  now: () => number = Date.now,
): Progress {
  const redraws = stream.isTTY === true && process.env['TERM'] !== 'dumb';
  const started = now();
  // The caller's list may grow as the run goes on.
  const resumed = before.length;
  const tally = { done: 0, certified: 0, sumOfRadii: 0, right: 0, labelled: true };
  let partial = 0;
  let shownAt: number | null = null;
  const add = ({ label, answer, verdicts: [own] }: Outcome) => {
    tally.done++;
    if (label === null) tally.labelled = false;
    else if (answer === label) tally.right++;
    if (own === undefined || own.prediction === null || (label !== null && own.prediction !== label)) return;
    tally.certified++;
    tally.sumOfRadii += own.radius;
  };
  before.forEach(add);
  const tenths = () => Math.floor((100 * tally.done) / Math.max(1, total) / LOG_PERCENT);
  let shownTenths = tenths();

  const state = (): ProgressState => {
    const seconds = (now() - started) / 1000;
    return {
      ...tally,
      right: tally.labelled ? tally.right : null,
      total,
      partial,
      imagesPerSecond: seconds > 0 ? (tally.done - resumed + partial) / seconds : 0,
      measure: tally.labelled ? 'certified accuracy' : 'certified fraction',
    };
  };
  const draw = () => stream.write(CLEAR_LINE + progressLine(state(), screenOf(stream, process.env)));
  const show = () => {
    if (quiet) return;
    const at = now();
    const last = tally.done === total && partial === 0;
    if (redraws) {
      if (!last && shownAt !== null && at - shownAt < REDRAW_MS) return;
      draw();
    } else {
      if (!last && tenths() === shownTenths && at - (shownAt ?? started) < LOG_MS) return;
      stream.write(`${progressText(state())}\n`);
      shownTenths = tenths();
    }
    shownAt = at;
  };
  return {
    image: (outcome) => {
      add(outcome);
      partial = 0;
      show();
    },
    partial: (share) => {
      partial = share;
      show();
    },
    note: (text) => {
      if (quiet) return;
      stream.write(`${redraws ? CLEAR_LINE : ''}${text}\n`);
      if (redraws && shownAt !== null) draw();
    },
    finish: () => {
      if (!quiet && redraws && shownAt !== null) stream.write('\n');
    },
  };
}
