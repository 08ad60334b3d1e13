/**
 * Step curves drawn in braille characters, two by four dots a cell: share of images (0 to 100 %) over the radius. The
 * first curve is solid, the second dotted, so that they can be told apart without colour.
 */

import { displayWidth, pad } from '../../ground/text-width.ts';
import type { Screen, Style } from './style.ts';

export interface Curve {
  readonly name: string;
  /** Share in [0,1] at a radius, nonincreasing. */
  readonly at: (radius: number) => number;
}

export interface Axis {
  /** Right end, > 0. */
  readonly largest: number;
  /** Radii to label, within [0, largest]. */
  readonly ticks: readonly number[];
  readonly title: string;
}

/** Unicode braille: bit of the dot in row 0..3 of the left and the right column. */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;
const BRAILLE = 0x2800;
const MARGIN = 7;
const NARROWEST = 16;
const WIDEST = 72;
/** A dotted curve keeps every third dot. */
const DOTTED = 3;

/** The plot with axes and legend, or '' when the terminal is too narrow or there is nothing to draw. */
export function renderCurves(
  curves: readonly [Curve] | readonly [Curve, Curve],
  axis: Axis,
  { columns, style }: Screen,
  height = 11,
): string {
  const width = Math.min(WIDEST, columns - MARGIN - 1);
  if (width < NARROWEST || !(axis.largest > 0)) return '';
  const cells = curves.map((curve, c) => draw(curve, axis.largest, width, height, c === 0 ? 1 : DOTTED));
  const paints = [style.cyan, style.yellow];
  const lines = Array.from({ length: height }, (_, row) => {
    const label = row === 0 ? '100 %' : row === height - 1 ? '0 %' : row === height >> 1 ? '50 %' : '';
    const body = paintedRow(
      cells.map((canvas) => canvas.subarray(row * width, (row + 1) * width)),
      paints,
    );
    return `${pad(label, MARGIN - 1, 'right')}┤${body}`;
  });
  const indent = ' '.repeat(MARGIN - 1);
  const [marks, labels] = tickLines(axis, width);
  return [
    ...lines,
    `${indent}└${marks}`,
    `${indent} ${labels}`.trimEnd(),
    legend(curves, axis, columns, style),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** One row of cells: dots of all curves together, in the colour of the first that has one there. */
function paintedRow(curves: readonly Uint8Array[], paints: readonly ((text: string) => string)[]): string {
  const cells = Array.from(curves[0] ?? [], (_, column) => {
    const bits = curves.map((row) => row[column] ?? 0);
    const all = bits.reduce((together, b) => together | b, 0);
    return {
      owner: bits.findIndex((b) => b !== 0),
      text: all === 0 ? ' ' : String.fromCharCode(BRAILLE + all),
    };
  });
  while (cells.at(-1)?.owner === -1) cells.pop();
  let line = '';
  for (let from = 0; from < cells.length; ) {
    const owner = cells[from]?.owner ?? -1;
    const next = cells.findIndex((cell, c) => c > from && cell.owner !== owner);
    const to = next === -1 ? cells.length : next;
    const run = cells
      .slice(from, to)
      .map(({ text }) => text)
      .join('');
    line += paints[owner]?.(run) ?? run;
    from = to;
  }
  return line;
}

/** Braille bits per cell, row by row. Drops are drawn as vertical lines. */
function draw(curve: Curve, largest: number, width: number, height: number, every: number): Uint8Array {
  const canvas = new Uint8Array(width * height);
  const bottom = height * 4 - 1;
  const right = width * 2 - 1;
  let drawn = 0;
  let previous: number | null = null;
  for (let x = 0; x <= right; x++) {
    const share = Math.min(1, Math.max(0, curve.at((x / right) * largest)));
    const y = Math.round((1 - share) * bottom);
    const from: number = previous === null || y <= previous ? y : previous + 1;
    for (let dot = from; dot <= y; dot++) {
      if (drawn++ % every !== 0) continue;
      const cell = (dot >> 2) * width + (x >> 1);
      canvas[cell] = (canvas[cell] ?? 0) | (DOTS[dot & 3]?.[x & 1] ?? 0);
    }
    previous = y;
  }
  return canvas;
}

function tickLines(axis: Axis, width: number): [marks: string, labels: string] {
  const marks = Array.from({ length: width }, () => '─');
  let labels = '';
  for (const tick of axis.ticks) {
    const column = Math.round((tick / axis.largest) * (width - 1));
    marks[column] = '┴';
    const label = String(tick);
    const start = Math.min(width - label.length, Math.max(0, column - (label.length >> 1)));
    if (start < labels.length + (labels === '' ? 0 : 1)) continue;
    labels = labels.padEnd(start) + label;
  }
  return [marks.join(''), labels];
}

function legend(curves: readonly Curve[], axis: Axis, columns: number, style: Style): string {
  const keys = [style.cyan('⠒⠒'), style.yellow('⠂⠐')];
  const names = curves.map(({ name }, c) => `${keys[c] ?? ''} ${name}`).join('   ');
  const title = `   ${style.dim(axis.title)}`;
  const line = ' '.repeat(MARGIN) + names;
  return displayWidth(line + title) > columns ? line : line + title;
}
