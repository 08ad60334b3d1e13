/** Comma-separated values (RFC 4180): quoted fields, doubled quotes, CRLF or LF. Rows remember their line for errors. */
import { UsageError } from '../ground/errors.ts';

export interface CsvRow {
  /** Line the row begins on, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** One field (quoted or plain) and what ends it: a comma, a line end, or the end of the text. */
const FIELD = /[ \t]*(?:"((?:[^"]|"")*)"[ \t]*|([^",\r\n][^,\r\n]*|))(,|\r?\n|\r|$)/y;

/**
 * The rows that are not empty; plain fields are trimmed.
 * @throws UsageError for a quote that is never closed or stands inside a field
 */
export function parseCsv(text: string, where: string): CsvRow[] {
  const rows: CsvRow[] = [];
  let fields: string[] = [];
  let line = 1;
  let rowLine = 1;
  FIELD.lastIndex = text.startsWith('\ufeff') ? 1 : 0;
  while (FIELD.lastIndex < text.length || fields.length > 0) {
    const found = FIELD.exec(text);
    if (found === null) {
      throw new UsageError({
        what: `the quotes on line ${line} of a CSV file do not match`,
        where,
        remedy: 'Quote a whole field or none of it, and double a quote inside.',
      });
    }
    const [, quoted, plain, end] = found;
    fields.push(quoted === undefined ? (plain as string).trim() : quoted.replaceAll('""', '"'));
    line += (quoted?.match(/\n/g)?.length ?? 0) + (end === ',' || end === '' ? 0 : 1);
    if (end === ',') continue;
    if (fields.some((field) => field !== '')) rows.push({ line: rowLine, fields });
    fields = [];
    rowLine = line;
    if (end === '') break;
  }
  return rows;
}
