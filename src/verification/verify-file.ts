/**
 * Verifies a result file from its bytes alone: every line against its schema, its place, what each method recomputes of its
 * certificates (`Method.fault`), the chain over all lines, and the closing line, counted again here. Stops at the first line
 * that does not hold.
 */
import { FORMATS, methodOf } from '../methods/index.ts';
import type { Claim } from '../methods/method.ts';
import { chainOf, withoutChain } from '../records/chain.ts';
import { bare, type Line, linesOf, parseObject } from '../records/journal-lines.ts';
import { openToRead } from '../records/read-results.ts';
import {
  type CertificateRecord,
  type Outcome,
  outcomeOf,
  plannedIndices,
  RESULT_FORMAT,
  type RunEnd,
  type RunHeader,
} from '../records/record.ts';
import { resultDigest } from '../records/result-digest.ts';
import { resultLines } from '../records/result-lines.ts';
import { headerFault } from './check-header.ts';
import { tallyOf } from './closing-line.ts';
import { ofSeries } from './of-series.ts';

/** The first line that does not hold. */
export interface Fault {
  readonly line: number;
  /** "image 17", "the run's first line", "the closing line". */
  readonly record: string;
  /** Everything found wrong with that line. */
  readonly why: readonly string[];
}

/** A record and where it is. */
export interface PlacedRecord {
  readonly line: number;
  readonly record: CertificateRecord;
}

export interface FileVerification {
  /** Null when the file holds. */
  readonly fault: Fault | null;
  /** Null only when the first line does not hold. */
  readonly header: RunHeader | null;
  /** Records that hold. */
  readonly records: readonly PlacedRecord[];
  /** The same without evidence. */
  readonly outcomes: readonly Outcome[];
  /** Result digest of the records that hold; null only when the first line does not. */
  readonly digest: string | null;
  /** Whether the closing line is there. */
  readonly finished: boolean;
  /** Whether line ends are CR LF somewhere; chain and digests are over LF, so that nothing else may have changed. */
  readonly returned: boolean;
}

/** The certificates of one series, by its number. */
export const claimsOf = (records: readonly PlacedRecord[], k: number): Claim[] =>
  records.flatMap(({ line, record: { index, series } }) => {
    const certificate = series[k];
    return certificate === undefined ? [] : [{ line, index, certificate }];
  });

const CHAIN_FAULT = 'its chain value does not fit: this line, or the chain before it, was changed';
const FIRST_LINE = "the run's first line";
const CLOSING_LINE = 'the closing line';
const LINES = resultLines(FORMATS);

/**
 * @param acceptUnfinished whether a file without a closing line holds: an unfinished run cannot be told from lost lines
 * @throws UsageError when there is no such file or a line is too long to be one, ToolError when it cannot be read
 */
export async function verifyFile(path: string, acceptUnfinished: boolean): Promise<FileVerification> {
  const handle = await openToRead(path);
  try {
    return await verifyLines(linesOf(handle, path), acceptUnfinished);
  } finally {
    await handle.close();
  }
}

async function verifyLines(
  lines: AsyncGenerator<Line, undefined>,
  acceptUnfinished: boolean,
): Promise<FileVerification> {
  const first = await lines.next();
  const opening = first.done ? { why: ['the file is empty'] } : headerOf(first.value);
  if ('why' in opening) {
    const fault = { line: 1, record: FIRST_LINE, why: opening.why };
    return { fault, header: null, records: [], outcomes: [], digest: null, finished: false, returned: false };
  }
  const { header } = opening;
  const records: PlacedRecord[] = [];
  const outcomes: Outcome[] = [];
  const digest = resultDigest(header, LINES);
  const tally = tallyOf(header);
  const planned = plannedIndices(header);
  let { chain } = opening;
  let finished = false;
  let returned = first.value?.returned ?? false;
  let last = 1;
  const result = (fault: Fault | null): FileVerification => ({
    ...{ fault, header, records, outcomes, digest: digest.value(), finished, returned },
  });

  for await (const line of lines) {
    last = line.number;
    returned ||= line.returned;
    const parsed = parseObject(line.text);
    const isEnd = parsed?.['kind'] === 'end';
    const why: string[] = [];
    const note = (problem: string | null): boolean => {
      if (problem !== null) why.push(problem);
      return problem === null;
    };
    const due = isEnd || finished ? undefined : planned.next().value;
    if (!line.whole) note('it does not end in a newline: it was torn');
    if (finished) note('it follows the closing line');
    if (parsed === null) note('it is not a JSON object');
    else if (isEnd) {
      if (note(LINES.endViolation(parsed)))
        note(tally.fault(bare(parsed as unknown as RunEnd), digest.value()));
    } else if (note(LINES.recordViolation(parsed, header))) {
      const record = bare(parsed as unknown as CertificateRecord);
      if (record.index !== due)
        note(`it is image ${record.index} where ${due ?? 'no further image'} was due`);
      note(recordFault(record, header));
      if (why.length === 0) {
        tally.add(record);
        digest.add(record);
        records.push({ line: line.number, record });
        outcomes.push(outcomeOf(record, header, FORMATS));
      }
    }
    const { content, chain: link } = withoutChain(line.text);
    if (link === null) note('it has no chain value');
    else if (link !== chainOf(chain, content)) note(CHAIN_FAULT);
    if (why.length > 0) {
      const index = parsed?.['index'];
      const record = isEnd ? CLOSING_LINE : typeof index === 'number' ? `image ${index}` : 'a line';
      return result({ line: line.number, record, why });
    }
    chain = link;
    if (isEnd) finished = true;
  }
  if (finished || acceptUnfinished) return result(null);
  return result({
    line: last + 1,
    record: CLOSING_LINE,
    why: ['it is missing: the run was not finished, or lines are missing at the end'],
  });
}

function headerOf(line: Line): { header: RunHeader; chain: string | null } | { why: string[] } {
  const parsed = line.whole ? parseObject(line.text) : null;
  if (parsed === null) return { why: [line.whole ? 'it is not a JSON object' : 'it was torn'] };
  const { schema } = parsed;
  if (typeof schema === 'string' && schema !== RESULT_FORMAT)
    return { why: [`its format is ${schema}, this version reads ${RESULT_FORMAT}`] };
  const problem = LINES.headerViolation(parsed);
  if (problem !== null) return { why: [problem] };
  const header = bare(parsed as unknown as RunHeader);
  const { content, chain } = withoutChain(line.text);
  const fault = headerFault(header);
  const why = fault === null ? [] : [fault];
  if (chain === null) why.push('it has no chain value');
  else if (chain !== chainOf(null, content)) why.push(CHAIN_FAULT);
  return why.length > 0 ? { why } : { header, chain };
}

/** The first thing in a record that is wrong, or null. */
function recordFault({ label, answer, series }: CertificateRecord, header: RunHeader): string | null {
  const { classes } = header.model;
  const { labelled } = header.data;
  const noClass = (what: string, value: number | null): string | null =>
    value === null || value < classes ? null : `${what} ${value} is not one of ${classes} classes`;
  if ((label !== null) !== labelled)
    return `label is ${label}, but the data are ${labelled ? '' : 'not '}labelled`;
  const image = noClass('label', label) ?? noClass('answer', answer);
  if (image !== null) return image;
  for (const [k, certificate] of series.entries()) {
    const one = header.series[k];
    if (one === undefined) continue;
    const fault =
      noClass('prediction', certificate.prediction) ?? methodOf(one).fault(certificate, one, header);
    if (fault !== null) return ofSeries(header, k, fault);
  }
  return null;
}
