/**
 * Reads a journal whole, once, and judges every line: its schema, its place, its chain. Changes nothing. Only the last
 * line may be torn, as a killed process leaves it.
 */
import type { FileHandle } from 'node:fs/promises';
import type { UsageError } from '../ground/errors.ts';
import { chainOf, withoutChain } from './chain.ts';
import {
  type ClosingLine,
  firstBytes,
  type HeaderLine,
  type JournalFormat,
  type RecordLine,
} from './journal-format.ts';
import { bare, type Line, linesOf, parseObject } from './journal-lines.ts';

export interface Scanned<H, E> {
  /** The file's header; null when the file is empty or its header is torn, and the journal starts anew. */
  readonly header: H | null;
  /** Chain value of the last record (of the header, when there is none); null when the journal starts anew. */
  readonly chain: string | null;
  /** Byte after the last record: where the next one goes. */
  readonly end: number;
  /** The closing line and the byte after it; null when there is none. */
  readonly closing: { readonly line: E; readonly end: number } | null;
  readonly repaired: 'nothing' | 'a torn last line' | 'a torn header';
}

/** The errors for a file that cannot be used: they depend on whether it was to be written. */
export interface Refusals {
  notOurs(why: string): UsageError;
  damaged(line: number, why: string): UsageError;
}

/** @param accept sees the header before any record; throws when it does not fit */
export async function scanJournal<H extends HeaderLine, R extends RecordLine, E extends ClosingLine>(
  handle: FileHandle,
  path: string,
  format: JournalFormat<H, R, E>,
  { notOurs, damaged }: Refusals,
  accept: (header: H) => void,
  take: (record: R) => void,
): Promise<Scanned<H, E>> {
  const nothing = { header: null, chain: null, end: 0, closing: null };
  const lines = linesOf(handle, path);
  const first = await lines.next();
  if (first.done) return { ...nothing, repaired: 'nothing' };
  const header = readHeader(first.value);
  if (header === null) {
    if (!(await lines.next()).done) throw damaged(1, 'it is not a JSON object');
    return { ...nothing, repaired: 'a torn header' };
  }
  accept(header);
  let chain = link(first.value, null);
  const order = format.order(header);
  let records = 0;
  let end = first.value.end;
  let closing: Scanned<H, E>['closing'] = null;
  let torn: Line | null = null;
  for await (const line of lines) {
    if (torn !== null) throw damaged(torn.number, 'it is not a JSON object');
    const parsed = line.whole ? parseObject(line.text) : null;
    if (parsed === null) {
      torn = line;
      continue;
    }
    if (closing !== null) throw damaged(line.number, 'it follows the closing line');
    if (parsed['kind'] === 'end' && format.closingViolation !== null) {
      const problem = format.closingViolation(parsed);
      if (problem !== null) throw damaged(line.number, problem);
      const closed = bare(parsed as unknown as E) as E;
      if (closed.records !== records)
        throw damaged(line.number, `it closes ${closed.records} records, but there are ${records} before it`);
      link(line, chain);
      closing = { line: closed, end: line.end };
      continue;
    }
    const problem = format.recordViolation(parsed, header);
    if (problem !== null) throw damaged(line.number, problem);
    const record = bare(parsed as unknown as R) as R;
    const misplaced = order.fault(record.index);
    if (misplaced !== null) throw damaged(line.number, `it is ${misplaced}`);
    chain = link(line, chain);
    order.pass(record.index);
    take(record);
    records++;
    end = line.end;
  }
  return { header, chain, end, closing, repaired: torn === null ? 'nothing' : 'a torn last line' };

  /** A line's chain value, checked against the previous one. */
  function link({ text, number }: Line, previous: string | null): string {
    const { content, chain: value } = withoutChain(text);
    if (value === null) throw damaged(number, 'it has no chain value');
    if (value === chainOf(previous, content)) return value;
    throw damaged(number, 'its chain value does not fit: this line, or the chain before it, was changed');
  }

  /** The header in the first line, or null when that line was torn while being written. */
  function readHeader(line: Line): H | null {
    const parsed = line.whole ? parseObject(line.text) : null;
    if (parsed === null) {
      const begins = firstBytes(format);
      if (line.text.startsWith(begins) || begins.startsWith(line.text)) return null;
      throw notOurs(`its first line does not begin with ${begins}`);
    }
    const { kind, schema } = parsed;
    if (kind !== format.headerKind || typeof schema !== 'string')
      throw notOurs(`its first line is not the header of ${aOrAn(format.words.content)}`);
    if (schema !== format.schema)
      throw notOurs(`its format is ${schema}, this version reads ${format.schema}`);
    const problem = format.headerViolation(parsed);
    if (problem !== null) throw damaged(1, problem);
    return bare(parsed as unknown as H) as H;
  }
}

/** "a run", "an attack". */
export const aOrAn = (noun: string): string => `${/^[aeiou]/u.test(noun) ? 'an' : 'a'} ${noun}`;
