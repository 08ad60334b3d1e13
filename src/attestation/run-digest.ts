/** A result file read once: its digest, its header, what its records come to. For statements about the file. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { UsageError } from '../ground/errors.ts';
import { linesOf, parseObject } from '../records/journal-lines.ts';
import {
  type CertificateRecord,
  headerViolation,
  type Outcome,
  outcomeOf,
  type RunHeader,
  recordViolation,
} from '../records/record.ts';

export interface AttestedRun {
  /** SHA-256 (hex) of the file's bytes. */
  readonly sha256: string;
  readonly header: RunHeader;
  readonly outcomes: readonly Outcome[];
  /** Whether the closing line is present. */
  readonly finished: boolean;
}

/**
 * Digest and content come from the same bytes, so the file cannot change between the two.
 * @throws UsageError when the file cannot be read, or is not a whole result file
 */
export async function readAttestedRun(path: string): Promise<AttestedRun> {
  const handle = await open(path, 'r').catch((cause: Error) => {
    throw unreadable(path, cause);
  });
  const digest = createHash('sha256');
  const outcomes: Outcome[] = [];
  let header: RunHeader | null = null;
  let finished = false;
  try {
    if (!(await handle.stat()).isFile()) throw unreadable(path, new Error('it is not a regular file'));
    for await (const { number, bytes, text, whole } of linesOf(handle, path)) {
      if (!whole) throw broken(path, number, 'it has no end');
      digest.update(bytes).update('\n');
      const line = parseObject(text);
      if (line === null) throw broken(path, number, 'it is not a JSON object');
      if (finished) throw broken(path, number, 'it follows the closing line');
      if (header === null) {
        const problem = headerViolation(line);
        if (problem !== null) throw broken(path, number, problem);
        header = line as unknown as RunHeader;
      } else if (line['kind'] === 'end') finished = true;
      else {
        const problem = recordViolation(line);
        if (problem !== null) throw broken(path, number, problem);
        outcomes.push(outcomeOf(line as unknown as CertificateRecord));
      }
    }
  } finally {
    await handle.close();
  }
  if (header === null) throw broken(path, 1, 'the file is empty');
  return { sha256: digest.digest('hex'), header, outcomes, finished };
}

const unreadable = (path: string, cause: Error): UsageError =>
  new UsageError({
    what: 'the result file cannot be read',
    where: path,
    why: cause.message,
    remedy: 'Name a result file of `splitz-onnx certify`.',
    cause,
  });

const broken = (path: string, line: number, why: string): UsageError =>
  new UsageError({
    what: 'this is not a whole result file',
    where: `${path}, line ${line}`,
    why,
    remedy: 'Name a result file of `splitz-onnx certify`; `splitz-onnx verify` checks it line by line.',
  });
