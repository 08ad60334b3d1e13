/** A result file read once, for statements about it: its digests, its header, its results. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { UsageError } from '../ground/errors.ts';
import { FORMATS } from '../methods/index.ts';
import { bare, linesOf, parseObject } from '../records/journal-lines.ts';
import { type CertificateRecord, type Outcome, outcomeOf, type RunHeader } from '../records/record.ts';
import { type ResultDigest, resultDigest } from '../records/result-digest.ts';
import { resultLines } from '../records/result-lines.ts';

const LINES = resultLines(FORMATS);

export interface AttestedRun {
  /** SHA-256 (hex) of the file's bytes, its lines ending in LF as they were written. */
  readonly sha256: string;
  readonly header: RunHeader;
  readonly outcomes: readonly Outcome[];
  /** Result digest of the records. */
  readonly digest: string;
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
  const ofBytes = createHash('sha256');
  const outcomes: Outcome[] = [];
  let begun: { readonly header: RunHeader; readonly digest: ResultDigest } | null = null;
  let finished = false;
  try {
    if (!(await handle.stat()).isFile()) throw unreadable(path, new Error('it is not a regular file'));
    for await (const { number, bytes, text, whole } of linesOf(handle, path)) {
      if (!whole) throw broken(path, number, 'it has no end');
      ofBytes.update(bytes).update('\n');
      const line = parseObject(text);
      if (line === null) throw broken(path, number, 'it is not a JSON object');
      if (finished) throw broken(path, number, 'it follows the closing line');
      if (begun === null) {
        const problem = LINES.headerViolation(line);
        if (problem !== null) throw broken(path, number, problem);
        const header = bare(line as unknown as RunHeader);
        begun = { header, digest: resultDigest(header, LINES) };
      } else if (line['kind'] === 'end') finished = true;
      else {
        const problem = LINES.recordViolation(line, begun.header);
        if (problem !== null) throw broken(path, number, problem);
        const record = bare(line as unknown as CertificateRecord);
        begun.digest.add(record);
        outcomes.push(outcomeOf(record, begun.header, FORMATS));
      }
    }
  } finally {
    await handle.close();
  }
  if (begun === null) throw broken(path, 1, 'the file is empty');
  const { header, digest } = begun;
  return { sha256: ofBytes.digest('hex'), header, outcomes, digest: digest.value(), finished };
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
