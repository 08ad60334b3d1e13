/** Signs the statement about a result file, and verifies such a statement against the file and a public key. */
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DoesNotHold, UsageError } from '../ground/errors.ts';
import { parseObject } from '../records/journal-lines.ts';
import { type Envelope, envelopeIn, opened, sealed } from './envelope.ts';
import { keyId } from './keys.ts';
import { type AttestedRun, readAttestedRun } from './run-digest.ts';
import {
  PAYLOAD_TYPE,
  PREDICATE_TYPE,
  type SeriesStatement,
  STATEMENT_TYPE,
  type Statement,
  statementOf,
} from './statement.ts';

/** Where `sign` writes the statement about a result file, and `verify` looks for it. */
export const statementPathOf = (runPath: string): string =>
  `${runPath.replace(/\.jsonl$/i, '')}.intoto.jsonl`;

/** One line of JSON, newline included; the same bytes for the same file and key. */
export function signedStatement(path: string, run: AttestedRun, key: KeyObject): string {
  const payload = Buffer.from(JSON.stringify(statementOf(path, run)));
  return `${JSON.stringify(sealed(PAYLOAD_TYPE, payload, key))}\n`;
}

/**
 * Verifies that `statementPath` holds a statement signed with `key` about exactly the bytes of `runPath`, and that it agrees with
 * the file on model, data, settings and results. Names of files do not count. It does not verify the result file itself:
 * `verifyFile` does.
 * @returns the statement
 * @throws DoesNotHold (exit code 1) naming what does not hold; UsageError when a file is not of its kind
 */
export async function verifySignedStatement(
  runPath: string,
  statementPath: string,
  key: KeyObject,
): Promise<Statement> {
  const envelope = await readEnvelope(statementPath);
  const fails = (what: string, why: string): DoesNotHold =>
    new DoesNotHold({
      what,
      where: statementPath,
      why,
      remedy: 'Do not rely on it: get statement, result file and public key again, each from its source.',
    });
  const payload = opened(envelope, key);
  if (payload === null) {
    throw fails(
      'the statement is not signed with this key',
      `key ${keyId(key)}; signed with ${envelope.signatures.map(({ keyid }) => keyid || 'an unnamed key').join(', ')}, or changed since`,
    );
  }
  if (envelope.payloadType !== PAYLOAD_TYPE)
    throw fails('the signed text is not an in-toto statement', `its type is ${envelope.payloadType}`);
  const signed = parseObject(payload.toString('utf8')) as Partial<Statement> | null;
  if (signed?._type !== STATEMENT_TYPE || signed.predicateType !== PREDICATE_TYPE) {
    throw fails(
      'the signed statement is of another kind',
      `_type ${String(signed?._type)}, predicateType ${String(signed?.predicateType)}`,
    );
  }
  const expected = statementOf(runPath, await readAttestedRun(runPath));
  const difference = firstDifference(expected, signed as Statement);
  if (difference !== null) throw fails('the statement is not about this result file', difference);
  return signed as Statement;
}

/** A series without its descriptions in words. */
const withoutProse = ({ method, guarantee, settings, facts }: SeriesStatement): unknown => ({
  ...{ method, guarantee, settings, facts },
});

/** What the statement must state about the file: later versions may word things otherwise, or add to them. */
function firstDifference(expected: Statement, signed: Statement): string | null {
  const digests = ({ subject }: Statement): unknown => subject?.map(({ digest }) => digest);
  const parts: [name: string, of: (statement: Statement) => unknown][] = [
    ['digests of model, data and result file', digests],
    ['preprocessing', ({ predicate }) => predicate?.intake],
    ['images', ({ predicate }) => predicate?.selection],
    ['seed', ({ predicate }) => predicate?.seed],
    ['methods and settings', ({ predicate }) => predicate?.series?.map(withoutProse)],
    ['results', ({ predicate }) => predicate?.results],
  ];
  for (const [name, of] of parts) {
    const [then, now] = [JSON.stringify(of(signed)), JSON.stringify(of(expected))];
    if (then !== now) return `${name}: ${shown(then)} in the statement, ${shown(now)} in the file`;
  }
  return null;
}

const LONGEST = 300;
const shown = (text: string | undefined): string =>
  text === undefined ? 'nothing' : text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;

async function readEnvelope(path: string): Promise<Envelope> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new UsageError({
      what: 'the statement cannot be read',
      where: path,
      why: cause.message,
      remedy: 'Name the file that `splitz-onnx sign` wrote (RUN.intoto.jsonl).',
      cause,
    });
  });
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const envelope = lines.length === 1 ? envelopeIn(parseObject(lines[0] ?? '')) : null;
  if (envelope !== null) return envelope;
  throw new UsageError({
    what: 'the file is not a signed statement',
    where: path,
    why: lines.length === 1 ? 'its line is not a DSSE envelope' : `it has ${lines.length} lines, not one`,
    remedy: 'Name the file that `splitz-onnx sign` wrote (RUN.intoto.jsonl).',
  });
}
