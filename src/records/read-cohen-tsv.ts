/**
 * Reads the tab-separated logs of Cohen et al. 2019 and of others who use their script (`idx label predict radius correct time`,
 * perhaps with more columns), gzipped or not. Such a log states neither noise nor failure probability, and the script prints
 * radii to three significant digits, rounded to nearest: only what the log states is read.
 */
import { readFile } from 'node:fs/promises';
import { SplitzError, ToolError, UsageError } from '../ground/errors.ts';
import { codeOf } from '../ground/system-error.ts';
import { gunzipUpTo } from '../ground/unpack.ts';
import type { Outcome } from './record.ts';

const COLUMNS = ['idx', 'label', 'predict', 'radius', 'correct'] as const;
/** How a log marks that there is no class. */
const NO_CLASS = -1;

/** Whether bytes look like such a log: gzip, or text that begins with the name of the first column. */
export const isCohenLog = (bytes: Uint8Array): boolean =>
  (bytes[0] === 0x1f && bytes[1] === 0x8b) ||
  Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'idx\t';

/** The bytes of a file named by the user. Throws UsageError when it is not there, ToolError when it cannot be read. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') {
      throw new UsageError({
        what: code === 'EISDIR' ? 'the result file is a folder' : 'there is no such result file',
        where: path,
        remedy: 'Name a file that `splitz-onnx certify` wrote, or a log in the format of Cohen et al.',
        cause,
      });
    }
    throw new ToolError({
      what: 'the result file cannot be read',
      where: path,
      why: (cause as Error).message,
      remedy: 'Check its permissions.',
      cause,
    });
  }
}

/**
 * The verdicts of a log, one series; failure probability and time are 0 where a log does not state them. Throws UsageError
 * naming line and column when it is damaged.
 */
export function readCohenTsv(bytes: Uint8Array, path: string): Outcome[] {
  const [head = '', ...lines] = textOf(bytes, path).split(/\r?\n/);
  const header = head.split('\t');
  const places = COLUMNS.map((name) => header.indexOf(name));
  const missing = COLUMNS.find((_, i) => (places[i] ?? -1) < 0);
  if (missing !== undefined) throw damaged(path, 1, `it has no column '${missing}'`);
  while (lines.at(-1) === '') lines.pop();
  const seen = new Set<number>();
  return lines.map((line, at) => {
    const cells = line.split('\t');
    const [index = 0, label = 0, predict = 0, radius = 0, correct = 0] = places.map((place, column) =>
      numberIn(cells[place], COLUMNS[column] ?? '', path, at + 2),
    );
    const why = contradiction(index, label, predict, radius, correct);
    if (why !== null) throw damaged(path, at + 2, why);
    if (seen.has(index)) throw damaged(path, at + 2, `image ${index} is there twice`);
    seen.add(index);
    return {
      index,
      label: label === NO_CLASS ? null : label,
      answer: null,
      verdicts: [
        {
          prediction: predict === NO_CLASS ? null : predict,
          ...{ radius, failureProbability: 0, seconds: 0, localLipschitz: null },
        },
      ],
    };
  });
}

function contradiction(
  index: number,
  label: number,
  predict: number,
  radius: number,
  correct: number,
): string | null {
  const classes = [index, label, predict];
  if (!classes.every(Number.isInteger) || index < 0 || label < NO_CLASS || predict < NO_CLASS)
    return 'idx, label and predict must be whole numbers, idx at least 0, the others at least -1';
  if (!(radius >= 0)) return `the radius is ${radius}`;
  if (predict === NO_CLASS && radius !== 0) return 'it abstains (predict is -1), but the radius is not 0';
  if (correct !== 0 && correct !== 1) return `correct is ${correct}, neither 0 nor 1`;
  const right = predict !== NO_CLASS && predict === label;
  return (correct === 1) === right
    ? null
    : `correct is ${correct}, but label is ${label} and predict ${predict}`;
}

function numberIn(cell: string | undefined, column: string, path: string, line: number): number {
  const value = cell === undefined || cell.trim() === '' ? Number.NaN : Number(cell);
  if (Number.isFinite(value)) return value;
  throw damaged(path, line, `${column} is ${cell === undefined ? 'missing' : 'not a number'}`);
}

/** Bytes that a log may unpack to: a million images. */
const LONGEST_LOG = 1 << 27;

function textOf(bytes: Uint8Array, path: string): string {
  if (bytes[0] !== 0x1f) return Buffer.from(bytes).toString('utf8');
  try {
    const text = gunzipUpTo(bytes, LONGEST_LOG);
    if (text === null) throw damaged(path, 1, `it unpacks to more than ${LONGEST_LOG >> 20} MiB`);
    return Buffer.from(text).toString('utf8');
  } catch (cause) {
    if (cause instanceof SplitzError) throw cause;
    throw damaged(path, 1, `it does not unpack (${(cause as Error).message})`);
  }
}

function damaged(path: string, line: number, why: string): UsageError {
  return new UsageError({
    what: 'the log is damaged, or not in the format of Cohen et al.',
    where: `${path}, line ${line}`,
    why,
    remedy:
      'Get the log again. Its columns are idx, label, predict, radius, correct and time, separated by tabs.',
  });
}
