/** A table in Markdown (GitHub's). */
import { escapeMarkdown } from './escape.ts';
import type { Table } from './figure.ts';

/** The lines of a table below its caption. */
export function tableLines({ caption, columns, rows }: Table): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  return [
    `${escapeMarkdown(caption)}:`,
    '',
    line(columns.map(({ header }) => header)),
    `| ${columns.map(({ align }) => (align === 'right' ? '---:' : '---')).join(' | ')} |`,
    ...rows.map(line),
    '',
  ];
}
