/** Horizontal bar charts in eighths of a cell. */

import { displayWidth, pad, shorten } from '../../ground/text-width.ts';
import { visible } from '../../ground/visible.ts';
import type { Screen } from './style.ts';

export interface Bar {
  readonly label: string;
  /** Length of the bar, >= 0, on a scale shared by all. */
  readonly value: number;
  /** The value as it is to be printed (an upper bound: rounded up). */
  readonly text: string;
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const WIDEST = 60;

/** One line per bar: label, value, bar; the largest fills the width. A positive value is never an empty bar. */
export function renderBars(bars: readonly Bar[], { columns, style }: Screen): string {
  const labelWidth = Math.min(
    Math.max(0, ...bars.map(({ label }) => displayWidth(visible(label)))),
    Math.max(8, Math.floor(columns / 2)),
  );
  const textWidth = Math.max(0, ...bars.map(({ text }) => displayWidth(text)));
  const room = Math.max(4, Math.min(WIDEST, columns - labelWidth - textWidth - 5));
  const largest = Math.max(...bars.map(({ value }) => value));
  return bars
    .map(({ label, value, text }) => {
      const eighths = largest > 0 ? Math.round((value / largest) * room * 8) : 0;
      const length = value > 0 ? Math.max(1, eighths) : 0;
      const bar = '█'.repeat(length >> 3) + EIGHTHS[length & 7];
      return `${pad(shorten(visible(label), labelWidth), labelWidth)}  ${pad(text, textWidth, 'right')}  ${style.cyan(bar)}`;
    })
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}
