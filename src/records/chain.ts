/**
 * The chain that reveals edits of a journal. Every line ends in a field `chain`, the SHA-256 (hex) of
 *
 *   the previous line's chain (nothing, for the first line), then the line's own text without newline and `chain` field.
 *
 * So the field of one line covers every byte before it, and nothing in the file can be changed, removed, repeated or
 * moved without breaking the chain from there on. It needs no key: it shows accidents and casual edits. Someone who rewrites all
 * fields after an edit leaves a chain that holds; only a signature can reveal that.
 */
import { createHash } from 'node:crypto';
import { optional, sha256 } from '../ground/json-schema.ts';

/** The field in the schema of a line. Every line on the disk has it; values in memory do not. */
export const chainField = optional(
  sha256(
    "SHA-256 of the previous line's chain (nothing, for the first line) followed by this line without newline and chain.",
  ),
);

const FIELD = /,"chain":"([0-9a-f]{64})"\}$/u;

/** A line's text (no newline) without its chain field, and that field; null when it has none. */
export function withoutChain(line: string): { readonly content: string; readonly chain: string | null } {
  const match = FIELD.exec(line);
  if (match === null) return { content: line, chain: null };
  return { content: `${line.slice(0, match.index)}}`, chain: match[1] ?? null };
}

/** The chain value of a line with this content (no newline, no chain field). @param previous null for the first line */
export function chainOf(previous: string | null, content: string): string {
  return createHash('sha256')
    .update(previous ?? '')
    .update(content)
    .digest('hex');
}

/** A line as written by `lineOf`, newline included, with its chain field, and that field's value. */
export function chained(
  previous: string | null,
  line: string,
): { readonly line: string; readonly chain: string } {
  const content = line.trimEnd();
  const chain = chainOf(previous, content);
  return { line: `${content.slice(0, -1)},"chain":"${chain}"}\n`, chain };
}
