/** What one kind of journal is: its lines, their order, when a file may be continued, and what it is called in messages. */

/** Anything a journal holds: lines state their kind, and carry `chain` on the disk only. */
interface AnyLine {
  readonly kind: string;
  readonly chain?: string;
}

/** The first line, of kind `headerKind`. */
export interface HeaderLine extends AnyLine {
  readonly schema: string;
}

/** One image's line. */
export interface RecordLine extends AnyLine {
  readonly index: number;
}

/** The line, of kind `end`, that closes a finished journal. */
export interface ClosingLine extends AnyLine {
  readonly records: number;
}

/** @template E the closing line; never, where a format has none */
export interface JournalFormat<H extends HeaderLine, R extends RecordLine, E extends ClosingLine> {
  readonly headerKind: string;
  /** The header's `schema`: name and version of the format, as in `splitz-onnx/result/2`. */
  readonly schema: string;
  readonly words: JournalWords;
  /** What is wrong with a parsed line as the first of the file, or null. */
  headerViolation(line: unknown): string | null;
  recordViolation(line: unknown, header: H): string | null;
  /** Of a closing line; null where the format has none. */
  readonly closingViolation: ((line: unknown) => string | null) | null;
  /** The bytes of the header or the closing line, newline included, chain omitted. Throws a plain Error if it breaks its schema. */
  lineOf(line: H | E): string;
  /** The same of a record. */
  recordLine(record: R, header: H): string;
  /** Every difference that forbids continuing `file` as `now`, as "sigma: 0.5 in the file, 0.25 now". */
  differences(file: H, now: H): readonly string[];
  order(header: H): RecordOrder;
}

/** Which images may come next, as they come. */
export interface RecordOrder {
  /** What is wrong with this image now, as "image 10 where 0 was due"; null when it may come. */
  fault(index: number): string | null;
  /** It has come. */
  pass(index: number): void;
}

/** The names of things in messages. */
export interface JournalWords {
  /** The file: "result file". */
  readonly file: string;
  /** What it holds: "run". */
  readonly content: string;
}

/** How every file of a format begins, whatever its version; a file that begins otherwise is not ours. */
export const firstBytes = <H extends HeaderLine, R extends RecordLine, E extends ClosingLine>({
  headerKind,
  schema,
}: JournalFormat<H, R, E>): string =>
  `{"kind":"${headerKind}","schema":"${schema.slice(0, schema.lastIndexOf('/') + 1)}`;
