/** Progress of a training run, on stderr: a redrawn line per step on a terminal, one kept line per epoch everywhere. */

import { displayWidth } from '../../ground/text-width.ts';
import { visible } from '../../ground/visible.ts';
import type { EpochReport, StepReport } from '../../training/train.ts';
import { clock } from './progress.ts';
import { screenOf } from './style.ts';

type Stream = Pick<NodeJS.WriteStream, 'write' | 'columns' | 'isTTY'>;

const REDRAW_MS = 100;
const LOG_MS = 30_000;
const CLEAR_LINE = '\r\u001b[K';

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/**
 * What is worth showing: a network under noise, one whose left half has an L, one that is certified without noise, or what a
 * denoiser leaves of the noise.
 */
export type Shown = 'noise' | 'noise and L' | 'margin' | 'denoiser';

const withL = (shown: Shown): boolean => shown === 'noise and L' || shown === 'margin';

interface Measured {
  readonly accuracy: number | null;
  readonly lipschitz: number | null;
  readonly noiseLeft?: number;
}

/** "noise left 21.0 %", "noisy accuracy 84.1 %": what was measured of these. */
function measuredText({ accuracy, noiseLeft }: Measured, shown: Shown, where = ''): string[] {
  const prefix = { denoiser: 'denoised ', margin: '', noise: 'noisy ', 'noise and L': 'noisy ' }[shown];
  return [
    ...(noiseLeft === undefined ? [] : [`${where || 'noise left'} ${percent(noiseLeft)}`]),
    ...(accuracy === null ? [] : [`${where || `${prefix}accuracy`} ${percent(accuracy)}`]),
  ];
}

const lipschitzText = ({ lipschitz }: Measured, shown: Shown): string[] =>
  lipschitz === null || !withL(shown) ? [] : [`L ${lipschitz.toFixed(3)}`];

/** "epoch 3/15  loss 0.512  noisy accuracy 84.1 %  L 0.87  2710 img/s  ETA 0:12" without a line end. */
export function stepLine(report: StepReport, epochs: number, shown: Shown): string[] {
  const left = ((report.steps - report.step) * report.batch) / report.imagesPerSecond;
  return [
    `epoch ${report.epoch}/${epochs}`,
    `step ${report.step}/${report.steps}`,
    `loss ${report.loss.toFixed(3)}`,
    ...measuredText(report, shown),
    ...lipschitzText(report, shown),
    `${report.imagesPerSecond.toFixed(0)} img/s`,
    `epoch done in ${clock(left)}`,
  ];
}

/** "held out 81.3 %"; of a denoiser "held out: noise left 22.1 %, denoised accuracy 41.3 %". */
const heldOutText = (validation: Measured, shown: Shown): string[] =>
  shown === 'denoiser'
    ? [`held out: ${measuredText(validation, shown).join(', ')}`]
    : measuredText(validation, shown, 'held out');

/** The line that stays. */
export function epochLine(report: EpochReport, epochs: number, shown: Shown): string {
  const { validation } = report;
  const { sigma, verified } = validation;
  const seen = [
    `loss ${report.loss.toFixed(3)}`,
    ...measuredText(report, shown),
    ...heldOutText(validation, shown),
    ...(verified === null ? [] : [`verified ${percent(verified)}`]),
    ...lipschitzText(validation, shown),
    ...(shown === 'noise and L' && sigma !== null ? [`sigma ${sigma.toFixed(3)}`] : []),
    `${report.imagesPerSecond.toFixed(0)} img/s`,
    clock(report.seconds),
  ];
  return `epoch ${String(report.epoch).padStart(String(epochs).length)}/${epochs}  ${seen.join('  ')}`;
}

export interface TrainingProgress {
  step(report: StepReport): void;
  epoch(report: EpochReport): void;
  note(text: string): void;
  finish(): void;
}

/** `now` gives milliseconds. */
export function startTrainingProgress(
  stream: Stream,
  epochs: number,
  shown: Shown,
  quiet: boolean,
  now: () => number = Date.now,
): TrainingProgress {
  const redraws = stream.isTTY === true && process.env['TERM'] !== 'dumb';
  let shownAt = now();
  let drawn = false;
  const keep = (text: string): void => {
    if (quiet) return;
    stream.write(`${drawn ? CLEAR_LINE : ''}${visible(text)}\n`);
    drawn = false;
  };
  return {
    step: (report) => {
      const at = now();
      if (quiet || at - shownAt < (redraws ? REDRAW_MS : LOG_MS)) return;
      shownAt = at;
      const parts = stepLine(report, epochs, shown);
      if (!redraws) return keep(parts.join(', '));
      const { columns } = screenOf(stream, process.env);
      while (parts.length > 1 && displayWidth(parts.join('  ')) >= columns) parts.pop();
      stream.write(CLEAR_LINE + parts.join('  '));
      drawn = true;
    },
    epoch: (report) => {
      keep(epochLine(report, epochs, shown));
      shownAt = now();
    },
    note: keep,
    finish: () => {
      if (drawn) stream.write('\n');
      drawn = false;
    },
  };
}
