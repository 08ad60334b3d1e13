/** A result file read once: its digest, its header, what its records come to. For statements about the file. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UsageError } from '../ground/errors.ts';
import {
  type CertificateRecord,
  headerViolation,
  type Outcome,
  outcomeOf,
  type RunHeader,
  recordViolation,
} from '../records/record.ts';
import { parseObject } from '../records/result-lines.ts';

export interface AttestedRun {
  /** SHA-256 (hex) of the file's bytes. */
  readonly sha256: string;
  readonly header: RunHeader;
  readonly outcomes: readonly Outcome[];
  /** Whether the closing line is present. */
  readonly finished: boolean;
}

/** Digest and content come from the same bytes, so the file cannot change between the two. */
export async function readAttestedRun(path: string): Promise<AttestedRun> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new UsageError({
      what: 'the result file cannot be read',
      where: path,
      why: cause.message,
      remedy: 'Name a result file of `splitz-onnx certify`.',
      cause,
    });
  });
  const lines = bytes.toString('utf8').split('\n');
  if (lines.pop() !== '') throw broken(path, lines.length + 1, 'it does not end in a newline');
  const [first, ...rest] = lines.map((line) => parseObject(line));
  const problem = first ? headerViolation(first) : 'it is not a JSON object';
  if (problem !== null || !first) throw broken(path, 1, problem ?? '');
  const finished = rest.at(-1)?.['kind'] === 'end';
  const outcomes = (finished ? rest.slice(0, -1) : rest).map((line, k) => {
    const wrong = line ? recordViolation(line) : 'it is not a JSON object';
    if (wrong !== null) throw broken(path, k + 2, wrong);
    return outcomeOf(line as unknown as CertificateRecord);
  });
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    header: first as unknown as RunHeader,
    outcomes,
    finished,
  };
}

const broken = (path: string, line: number, why: string): UsageError =>
  new UsageError({
    what: 'this is not a whole result file',
    where: `${path}, line ${line}`,
    why,
    remedy: 'Name a result file of `splitz-onnx certify`; `splitz-onnx verify` checks it line by line.',
  });
