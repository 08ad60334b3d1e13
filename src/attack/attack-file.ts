/**
 * The append-only file of an attack. Like a result file it is continued by the same command: images that have their line
 * are not attacked again, and a line torn by a crash is cut off. What is refused is left untouched.
 */
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { SplitzError, ToolError, UsageError } from '../ground/errors.ts';
import { codeOf } from '../ground/system-error.ts';
import { parseObject } from '../records/result-lines.ts';
import { lockRun } from '../records/run-lock.ts';
import {
  type AttackHeader,
  type AttackRecord,
  attackHeaderViolation,
  attackLine,
  attackRecordViolation,
} from './attack-record.ts';

export interface AttackFile {
  /** All lines so far, those found in the file first; grows. */
  readonly records: readonly AttackRecord[];
  /** Whether the file held this attack already, if only its first line. */
  readonly begun: boolean;
  /** How many the file held. */
  readonly resumed: number;
  append(record: AttackRecord): Promise<void>;
  close(): Promise<void>;
}

/** Throws UsageError when the file holds something else, ToolError when the disk refuses. */
export async function openAttackFile(path: string, header: AttackHeader): Promise<AttackFile> {
  const lock = await lockRun(path);
  let handle: FileHandle | null = null;
  try {
    const file = await open(path, 'a+').catch((cause: unknown) => {
      throw diskError(path, cause);
    });
    handle = file;
    const found = parse(await file.readFile('utf8'), path, header);
    await file.truncate(found.end);
    const write = async (line: string): Promise<void> => {
      try {
        await file.appendFile(line);
        await file.datasync();
      } catch (cause) {
        throw diskError(path, cause);
      }
    };
    if (found.end === 0) await write(attackLine(header));
    const { records } = found;
    return {
      records,
      begun: found.end > 0,
      resumed: records.length,
      append: async (record) => {
        await write(attackLine(record));
        records.push(record);
      },
      close: async () => {
        await file.close();
        await lock.release();
      },
    };
  } catch (error) {
    await handle?.close();
    await lock.release();
    throw error;
  }
}

function parse(content: string, path: string, now: AttackHeader): { records: AttackRecord[]; end: number } {
  const last = content.lastIndexOf('\n') + 1;
  const lines = content.slice(0, last).split('\n').slice(0, -1);
  const values = lines.map((line, k) => {
    try {
      return JSON.parse(line) as unknown;
    } catch (cause) {
      throw unreadable(path, k + 1, (cause as Error).message);
    }
  });
  if (values.length === 0) {
    if (content === '' || content.startsWith('{"kind":"attack-run"')) return { records: [], end: 0 };
    throw unreadable(path, 1, 'it does not begin with an attack-run line');
  }
  const [header, ...rest] = values;
  const problem = attackHeaderViolation(header);
  if (problem !== null) throw unreadable(path, 1, problem);
  const different = differences(header as AttackHeader, now);
  if (different.length > 0)
    throw new UsageError({
      what: 'the file holds another attack',
      where: path,
      why: different.join('; '),
      remedy: 'Repeat the settings of that attack to continue it, or choose another file with --out.',
    });
  const seen = new Set<number>();
  const records = rest.map((value, k) => {
    const wrong = attackRecordViolation(value);
    if (wrong !== null) throw unreadable(path, k + 2, wrong);
    const record = value as AttackRecord;
    if (seen.has(record.index)) throw unreadable(path, k + 2, `image ${record.index} is there twice`);
    seen.add(record.index);
    return record;
  });
  return { records, end: Buffer.byteLength(content.slice(0, last)) };
}

/**
 * The settings of the attack that a file holds already, for the command that continues it; null where there is no such
 * file, or its first line is not one of ours: opening the file says what is wrong.
 */
export async function recordedAttack(path: string): Promise<AttackHeader['settings'] | null> {
  // Asked first: opening a pipe would wait for who writes to it.
  const found = await stat(path).catch(() => null);
  const content = found?.isFile() ? await readFile(path, 'utf8').catch(() => '') : '';
  const end = content.indexOf('\n');
  const header = end < 0 ? null : parseObject(content.slice(0, end));
  return attackHeaderViolation(header) === null ? (header as unknown as AttackHeader).settings : null;
}

/** What forbids continuing: everything but times, names and who chose the seed; digests count. */
function differences(file: AttackHeader, now: AttackHeader): string[] {
  const identity = ({ model, data, smoothed, settings, environment }: AttackHeader) => ({
    model: model.files.map((one) => one.sha256),
    output: model.output,
    data: data.digest,
    smoothed,
    settings: { ...settings, seedOrigin: null },
    environment: { ...environment, node: '' },
  });
  const [before, after] = [flat(identity(file)), flat(identity(now))];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.get(key) !== after.get(key))
    .map((key) => `${key}: ${before.get(key) ?? 'absent'} in the file, ${after.get(key) ?? 'absent'} now`);
}

function flat(value: object): Map<string, string> {
  return new Map(
    Object.entries(value).flatMap(([group, fields]: [string, unknown]) =>
      typeof fields === 'object' && fields !== null && !Array.isArray(fields)
        ? Object.entries(fields).map(([key, field]): [string, string] => [
            `${group}.${key}`,
            JSON.stringify(field),
          ])
        : [[group, JSON.stringify(fields)]],
    ),
  );
}

function unreadable(path: string, line: number, why: string): UsageError {
  return new UsageError({
    what: 'the file is not an attack file that can be continued, and was left untouched',
    where: `${path}, line ${line}`,
    why,
    remedy: 'Choose another file with --out.',
  });
}

function diskError(path: string, cause: unknown): SplitzError {
  if (cause instanceof SplitzError) return cause;
  const report = { where: path, why: (cause as Error).message, cause };
  if (codeOf(cause) === 'EISDIR')
    return new UsageError({
      ...report,
      what: 'the attack file is a folder',
      remedy: 'Name a file with --out.',
    });
  return new ToolError({
    ...report,
    what: 'the attack file cannot be written',
    remedy: 'Free some space or choose another file with --out; the same command continues.',
  });
}
