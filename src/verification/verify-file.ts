/**
 * Verifies a result file from its bytes alone: every line against its schema, its place, the recomputed bounds of its
 * counts (`check-certificate.ts`), the chain over all lines, and the closing line's figures, counted again here. Stops at
 * the first line that does not hold.
 */
import { chainOf, withoutChain } from '../records/chain.ts';
import { bare, type Line, linesOf, parseObject } from '../records/journal-lines.ts';
import { openToRead } from '../records/read-results.ts';
import {
  type CertificateRecord,
  endViolation,
  headerViolation,
  type Outcome,
  outcomeOf,
  plannedIndices,
  type RunEnd,
  type RunHeader,
  recordViolation,
  type Verdict,
} from '../records/record.ts';
import { expectedOf, recordFault } from './check-certificate.ts';
import { headerFault } from './check-header.ts';

/** The first line that does not hold. */
export interface Fault {
  readonly line: number;
  /** "image 17", "the run's first line", "the closing line". */
  readonly record: string;
  /** Everything found wrong with that line. */
  readonly why: readonly string[];
}

/** What a certificate says of the left half, kept of every record for a sample to be drawn from. */
export type BoundClaim = Pick<
  CertificateRecord,
  'index' | 'label' | 'radius' | 'latentRadius' | 'displacement' | 'forwardError' | 'tau' | 'abstained'
> & { readonly line: number };

export interface FileVerification {
  /** Null when the file holds. */
  readonly fault: Fault | null;
  /** Null only when the first line does not hold. */
  readonly header: RunHeader | null;
  /** Records that hold. */
  readonly records: number;
  readonly classes: number;
  readonly claims: readonly BoundClaim[];
  /** Verdicts of the records that hold. */
  readonly outcomes: readonly Outcome[];
  /** Whether lines are chained; files of the first version are not. */
  readonly chained: boolean;
  /** Whether the closing line is there. */
  readonly finished: boolean;
}

const CHAIN_FAULT = 'its chain value does not fit: this line, or the chain before it, was changed';

/**
 * @param acceptUnfinished whether a file without closing line holds: one cannot tell an unfinished run from lost lines
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
  const claims: BoundClaim[] = [];
  const outcomes: Outcome[] = [];
  const state = { header: null as RunHeader | null, chained: false, finished: false, classes: 0 };
  const result = (fault: Fault | null): FileVerification => ({
    fault,
    ...state,
    records: claims.length,
    claims,
    outcomes,
  });

  const first = await lines.next();
  if (first.done) return result({ line: 1, record: "the run's first line", why: ['the file is empty'] });
  const opening = headerOf(first.value);
  if ('why' in opening) return result({ line: 1, record: "the run's first line", why: opening.why });
  const { header } = opening;
  state.header = header;
  state.chained = opening.chain !== null;
  const planned = plannedIndices(header);
  const expected = expectedOf(header);
  const tally = tallyOf(header);
  let chain = opening.chain;
  let last = 1;
  for await (const line of lines) {
    last = line.number;
    const parsed = parseObject(line.text);
    const isEnd = parsed?.['kind'] === 'end';
    const why: string[] = [];
    const note = (problem: string | null): boolean => {
      if (problem !== null) why.push(problem);
      return problem === null;
    };
    const due = isEnd || state.finished ? undefined : planned.next().value;
    if (!line.whole) note('it does not end in a newline: it was torn');
    if (state.finished) note('it follows the closing line');
    if (parsed === null) note('it is not a JSON object');
    else if (isEnd) {
      if (!state.chained) note('a closing line in a file without chain');
      else if (note(endViolation(parsed))) note(endFault(bare(parsed as unknown as RunEnd), tally()));
    } else if (note(recordViolation(parsed))) {
      const record = bare(parsed as unknown as CertificateRecord);
      if (claims.length === 0) state.classes = record.counts.length;
      note(
        record.index === due
          ? null
          : `it is image ${record.index} where ${due ?? 'no further image'} was due`,
      );
      note(recordFault(record, expected, header.data.labelled, state.classes));
      if (why.length === 0) {
        tally(record);
        claims.push(claimOf(record, line.number));
        outcomes.push(outcomeOf(record));
      }
    }
    const { content, chain: link } = withoutChain(line.text);
    if ((link !== null) !== state.chained)
      note(state.chained ? 'it has no chain value' : 'it has a chain value, and the first line has none');
    else if (link !== null && link !== chainOf(chain, content)) note(CHAIN_FAULT);
    if (why.length > 0) {
      const index = parsed?.['index'];
      const record = isEnd ? 'the closing line' : typeof index === 'number' ? `image ${index}` : 'a line';
      return result({ line: line.number, record, why });
    }
    chain = link;
    if (isEnd) state.finished = true;
  }
  if (state.chained && !state.finished && !acceptUnfinished) {
    return result({
      line: last + 1,
      record: 'the closing line',
      why: ['it is missing: the run was not finished, or lines are missing at the end'],
    });
  }
  return result(null);
}

function headerOf(line: Line): { header: RunHeader; chain: string | null } | { why: string[] } {
  const parsed = line.whole ? parseObject(line.text) : null;
  if (parsed === null) return { why: [line.whole ? 'it is not a JSON object' : 'it was torn'] };
  const problem = headerViolation(parsed);
  if (problem !== null) return { why: [problem] };
  const header = bare(parsed as unknown as RunHeader);
  const { content, chain } = withoutChain(line.text);
  const fault = headerFault(header);
  const broken = chain !== null && chain !== chainOf(null, content);
  const why = [...(fault === null ? [] : [fault]), ...(broken ? [CHAIN_FAULT] : [])];
  return why.length > 0 ? { why } : { header, chain };
}

function claimOf(record: CertificateRecord, line: number): BoundClaim {
  const { index, label, radius, latentRadius, displacement, forwardError, tau, abstained } = record;
  return { index, label, radius, latentRadius, displacement, forwardError, tau, abstained, line };
}

/** One method's figures, counted as records come. */
interface Tally {
  readonly name: RunEnd['series'][number]['name'];
  readonly sigma: number;
  images: number;
  abstained: number;
  /** Of the images that count, with labels and without. */
  readonly radii: number[];
}

interface Tallies {
  readonly labelled: boolean;
  readonly series: readonly Tally[];
}

/** Counts a record when given one; gives the counts so far. */
function tallyOf(header: RunHeader): (record?: CertificateRecord) => Tallies {
  const { labelled } = header.data;
  const { sigma, baselineSigma } = header.settings;
  const start = (name: Tally['name'], level: number): Tally => ({
    name,
    sigma: level,
    images: 0,
    abstained: 0,
    radii: [],
  });
  const series = [start(header.split.cut === 'input' ? 'plain smoothing' : 'SPLITZ', sigma.value)];
  if (baselineSigma.value !== null) series.push(start('plain smoothing', baselineSigma.value));
  const count = (tally: Tally | undefined, verdict: Verdict | null): void => {
    if (tally === undefined || verdict === null) return;
    tally.images++;
    if (verdict.abstained) tally.abstained++;
    else if (!labelled || verdict.correct === true) tally.radii.push(verdict.radius);
  };
  return (record) => {
    if (record !== undefined) {
      count(series[0], record);
      count(series[1], record.baseline);
    }
    return { labelled, series };
  };
}

/** What is wrong with the closing line's figures, or null. */
function endFault(end: RunEnd, { labelled, series }: Tallies): string | null {
  const images = series[0]?.images ?? 0;
  if (end.records !== images) return `it closes ${end.records} records, but ${images} stand before it`;
  if ((end.measure === 'certified accuracy') !== (labelled || images === 0))
    return `measure is ${end.measure}, but the data are ${labelled ? '' : 'not '}labelled`;
  if (end.series.length !== series.length)
    return `it has figures for ${end.series.length} methods, the records for ${series.length}`;
  for (const [s, tally] of series.entries()) {
    const stated = end.series[s];
    if (stated === undefined) continue;
    const where = `series[${s}]`;
    if (stated.name !== tally.name || stated.sigma !== tally.sigma)
      return `${where} is ${stated.name} at ${stated.sigma}, the run's ${tally.name} at ${tally.sigma}`;
    if (stated.abstained !== tally.abstained)
      return `${where}.abstained is ${stated.abstained}, but ${tally.abstained} abstained`;
    for (const [r, radius] of end.radii.entries()) {
      const certified = tally.radii.filter((one) => one >= radius).length;
      if (stated.certified[r] !== certified)
        return `${where}.certified[${r}] is ${stated.certified[r]}, but ${certified} images count at ${radius}`;
    }
    if (stated.certified.length !== end.radii.length) return `${where}.certified has no count per radius`;
    const mean = images === 0 ? 0 : sumOf(tally.radii) / images;
    // Two orders of summation: each is off by at most one rounding per image.
    if (!(Math.abs(stated.averageRadius - mean) <= (images + 4) * 2 ** -51 * mean))
      return `${where}.averageRadius is ${stated.averageRadius}, but the mean is ${mean}`;
  }
  return null;
}

/** Smallest first, so that rounding stays small whatever the order of the images. */
const sumOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b).reduce((sum, value) => sum + value, 0);
