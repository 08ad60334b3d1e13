/** Plain aligned tables: a bold header, two spaces between columns, no rules. */

import { displayWidth, pad } from '../../ground/text-width.ts';
import type { Style } from './style.ts';

export interface Column {
  readonly header: string;
  readonly align?: 'left' | 'right';
}

/** The lines of a table, each ending in a newline. Cells may be coloured; a missing cell is empty. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const widths = columns.map(({ header }, c) =>
    Math.max(displayWidth(header), ...rows.map((row) => displayWidth(row[c] ?? ''))),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, c) => pad(cells[c] ?? '', widths[c] ?? 0, align))
      .join('  ')
      .trimEnd();
  const header = style.bold(line(columns.map((column) => column.header)));
  return [header, ...rows.map(line)].map((text) => `${text}\n`).join('');
}
