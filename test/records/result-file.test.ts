import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readAttestedRun } from '../../src/attestation/run-digest.ts';
import { type SplitzError, ToolError, UsageError } from '../../src/ground/errors.ts';
import { openResultFile, openResultStream, readRun, recordedStart } from '../../src/methods/result-files.ts';
import type { RunHeader } from '../../src/records/record.ts';
import { runEnd } from '../../src/statistics/run-end.ts';
import { verifyFile } from '../../src/verification/verify-file.ts';
import {
  chainedLines,
  endOf,
  exampleHeader,
  exampleRecord,
  LINES,
  linesOf,
  setting,
  smoothingSeries,
  splitzSeries,
  withEvidence,
  withSelection,
} from './run.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'splitz-results-'));
  path = join(folder, 'run.jsonl');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const header = exampleHeader();
const recordsOf = (n: number) => Array.from({ length: n }, (_, k) => exampleRecord(k));
const lines = (n: number) => chainedLines(linesOf(recordsOf(n)));
const whole = (n: number) => lines(n).join('');
/** Closed by the line that says what the records come to. */
const closed = (n: number) =>
  chainedLines([...linesOf(recordsOf(n)), LINES.lineOf(endOf(recordsOf(n)))]).join('');
const read = () => readFile(path, 'utf8');

/** Opens the file, completes the run to n records and closes it. */
async function complete(n: number, now: RunHeader = header) {
  const file = await openResultFile(path, now);
  for (let k = file.resumed; k < n; k++) await file.append(exampleRecord(k));
  await file.close();
  return file;
}

async function refusal(now: RunHeader = header): Promise<SplitzError> {
  const error = await openResultFile(path, now).then(
    () => undefined,
    (caught: unknown) => caught as SplitzError,
  );
  if (error === undefined) throw new Error('the file was accepted');
  expect(existsSync(`${path}.lock`)).toBe(false);
  return error;
}

describe('an uninterrupted run', () => {
  test('holds the header and one line per record, each on disk when append returns', async () => {
    const file = await openResultFile(path, header);
    expect(await read()).toBe(whole(0));
    await file.append(exampleRecord(0));
    expect(await read()).toBe(whole(1));
    await file.append(exampleRecord(1));
    await file.close();
    await file.close();
    expect(await read()).toBe(whole(2));
    expect(await readdir(folder)).toEqual(['run.jsonl']);
    expect(file.outcomes.map(({ index }) => index)).toEqual([0, 10]);
  });

  test('takes only the image that is due', async () => {
    const file = await openResultFile(path, header);
    await expect(file.append(exampleRecord(1))).rejects.toThrow('record of image 10 where 0 was due');
    await file.close();
  });
});

describe('resume', () => {
  test('cut at any byte, the run continues to the same bytes', async () => {
    const full = Buffer.from(whole(2));
    const [first = '', second = ''] = lines(2);
    const headerEnd = Buffer.byteLength(first);
    const firstEnd = headerEnd + Buffer.byteLength(second);
    for (let cut = 0; cut <= full.length; cut += cut > headerEnd - 3 && cut < headerEnd + 3 ? 1 : 37) {
      await writeFile(path, full.subarray(0, cut));
      const file = await complete(2);
      expect(await readFile(path)).toEqual(full);
      expect(file.resumed).toBe(cut === full.length ? 2 : cut >= firstEnd ? 1 : 0);
      expect(file.outcomes).toHaveLength(2);
      const boundary = cut === 0 || cut === headerEnd || cut === firstEnd || cut === full.length;
      expect(file.repaired).toBe(
        boundary ? 'nothing' : cut < headerEnd ? 'a torn header' : 'a torn last line',
      );
    }
  });

  test('a last line of garbage, with or without a newline, is cut off', async () => {
    for (const garbage of ['\0\0\0\0', '{"kind":"certif\n', 'null\n', '\n']) {
      await writeFile(path, whole(1) + garbage);
      expect((await complete(2)).repaired).toBe('a torn last line');
      expect(await read()).toBe(whole(2));
    }
    await writeFile(path, whole(1) + '\0'.repeat(100_000));
    await complete(1);
    expect(await read()).toBe(whole(1));
  });

  test('the file keeps its own header; time, workers, batch, node, checks, max and origins may change', async () => {
    await complete(1);
    const later: RunHeader = {
      ...withSelection(exampleHeader({ seed: setting(0, 'flag') }), { max: setting(500, 'flag') }),
      started: '2027-01-01T00:00:00.000Z',
      model: { ...header.model, name: 'renamed.onnx' },
      environments: header.environments.map((one) => ({ ...one, workers: 8, node: 'v24.0.0' })),
      series: header.series.map((one) => ({ ...one, checks: { ...one.checks, composition: 9, batch: 1 } })),
    };
    const file = await complete(2, later);
    expect(file.header).toEqual(header);
    expect(await read()).toBe(whole(2));
  });

  test('findings are not part of the identity: runs that find more, or less, continue', async () => {
    const finding = { id: 'SPLITZ008', severity: 'warning' as const, where: "'w'", what: '1 initializer' };
    await writeFile(path, whole(1));
    expect((await complete(2, { ...header, findings: [finding] })).resumed).toBe(1);
    const found = { ...header, findings: [finding] };
    await writeFile(path, chainedLines(linesOf(recordsOf(1), found)).join(''));
    expect((await complete(2, { ...header, findings: [] })).resumed).toBe(1);
  });

  test('lines longer than a read chunk and many lines are found', async () => {
    const counts = Array.from({ length: 400_000 }, (_, c) => (c === 0 ? 9_999 : 0));
    const wide = withEvidence(exampleRecord(0), { counts });
    await writeFile(path, chainedLines(linesOf([wide, exampleRecord(1)])).join(''));
    const file = await complete(3);
    expect(file.resumed).toBe(2);
    expect(file.outcomes.map(({ index }) => index)).toEqual([0, 10, 20]);
  });
});

describe('a line longer than 16 MiB', () => {
  const refused = {
    exitCode: 4,
    report: { where: expect.stringMatching(/, line 2$/u), why: 'it is longer than 16 MiB' },
  };
  /** Zeros behind the header, without a newline: a sparse file that no memory could hold. */
  async function pad(bytes: number): Promise<void> {
    await writeFile(path, whole(0));
    await truncate(path, Buffer.byteLength(whole(0)) + bytes);
  }

  test('is refused by everybody who reads lines, and not read to its end', async () => {
    const size = 2 ** 40;
    await pad(size);
    const before = process.memoryUsage().rss;
    for (const read of [
      () => openResultFile(path, header),
      () => readRun(path),
      () => verifyFile(path, true),
    ])
      await expect(read()).rejects.toMatchObject(refused);
    await expect(readAttestedRun(path)).rejects.toMatchObject(refused);
    expect(process.memoryUsage().rss - before).toBeLessThan(512 << 20);
    expect((await stat(path)).size).toBe(Buffer.byteLength(whole(0)) + size);
    expect(existsSync(`${path}.lock`)).toBe(false);
    expect(await recordedStart(path)).toEqual({ seed: header.seed, unreadable: [] });
  });

  test('begins one byte behind 16 MiB', async () => {
    await pad(16 << 20);
    expect((await complete(0)).repaired).toBe('a torn last line');
    await pad((16 << 20) + 1);
    expect((await refusal()).report.why).toBe('it is longer than 16 MiB');
  });

  test('names no seed as a first line', async () => {
    await writeFile(path, '');
    await truncate(path, 2 ** 30);
    expect(await recordedStart(path)).toBeNull();
    expect((await refusal()).report.where).toBe(`${path}, line 1`);
  });
});

describe('the closing line', () => {
  /** Completes the run to n records and closes it. */
  async function finished(n: number) {
    const file = await openResultFile(path, header);
    for (let k = file.resumed; k < n; k++) await file.append(exampleRecord(k));
    await file.finish(runEnd(file.header, file.outcomes, file.digest()));
    await file.finish(runEnd(file.header, file.outcomes, file.digest()));
    await file.close();
    return file;
  }

  test('says what the records come to; opening a finished run again changes no byte', async () => {
    await finished(3);
    expect(await read()).toBe(closed(3));
    expect(JSON.parse((await read()).trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      kind: 'end',
      records: 3,
      measure: 'certified accuracy',
      right: 3,
      series: [{ method: 'splitz' }, { method: 'smoothing' }],
    });
    expect((await finished(3)).repaired).toBe('nothing');
    expect(await read()).toBe(closed(3));
  });

  test('goes when the run goes on, and comes back: cut at any byte, the same bytes in the end', async () => {
    const full = Buffer.from(closed(2));
    const from = Buffer.byteLength(whole(2));
    for (let cut = from; cut <= full.length; cut += 29) {
      await writeFile(path, full.subarray(0, cut));
      await finished(2);
      expect(await readFile(path)).toEqual(full);
    }
    await finished(3);
    expect(await read()).toBe(closed(3));
  });

  test('the stream gets it too', async () => {
    const stream = new PassThrough();
    const file = await openResultStream(stream, header);
    await file.append(exampleRecord(0));
    await file.finish(runEnd(file.header, file.outcomes, file.digest()));
    await file.close();
    expect(String(stream.read())).toBe(closed(1));
  });

  test('has the digest of the whole run, also of one that was continued', async () => {
    await complete(2);
    expect((await finished(3)).digest()).toBe(endOf(recordsOf(3)).digest);
  });
});

describe('what is refused is named and untouched', () => {
  const beside = smoothingSeries();
  const others: [string, RunHeader, string][] = [
    [
      'sigma',
      { ...header, series: [splitzSeries({ sigma: setting(0.25) }), beside] },
      'sigma: 0.5 in the file, 0.25 now',
    ],
    [
      'n',
      { ...header, series: [splitzSeries({ n: setting(500) }), beside] },
      'n: 10000 in the file, 500 now',
    ],
    [
      'alpha',
      { ...header, series: [splitzSeries({ alpha: setting(0.01) }), beside] },
      'alpha: 0.001 in the file, 0.01 now',
    ],
    [
      'bound',
      { ...header, series: [splitzSeries({ bound: setting('runner-up') }), beside] },
      'bound: "clopper-pearson" in the file, "runner-up" now',
    ],
    ['seed', { ...header, seed: setting(1) }, 'seed: 0 in the file, 1 now'],
    ['skip', withSelection(header, { skip: setting(1) }), 'skip: 10 in the file, 1 now'],
    [
      'shard',
      withSelection(header, { shard: { index: 0, of: 2 } }),
      'shard: null in the file, absent now; shard.index: absent in the file, 0 now; shard.of: absent in the file, 2 now',
    ],
    [
      'mean',
      { ...header, intake: { ...header.intake, mean: setting([0.5]) } },
      'mean: null in the file, [0.5] now',
    ],
    [
      'noise beside it',
      { ...header, series: [splitzSeries(), smoothingSeries({ sigma: setting(1) })] },
      'series 1: sigma: 0.5 in the file, 1 now',
    ],
  ];
  test.each(others)('another %s', async (_, now, why) => {
    await writeFile(path, whole(1));
    const error = await refusal(now);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.report).toMatchObject({ what: 'the result file holds another run', where: path, why });
    expect(error.report.remedy).toContain('--out');
    expect(await read()).toBe(whole(1));
  });

  test('every leaf of the header counts unless it is on the list of those that may change', async () => {
    const free = new Set(['started', 'name', 'max', 'workers', 'node', 'checks']);
    await writeFile(path, whole(1));
    const changed: string[] = [];
    const { model, data, series, environments } = header;
    const [machine] = environments;
    const [own] = series;
    if (machine === undefined || own === undefined) throw new Error('a run has both');
    const put: Record<string, [object, (changed: object) => object]> = {
      model: [model, (changed) => ({ model: changed })],
      data: [data, (changed) => ({ data: changed })],
      facts: [own.facts, (changed) => ({ series: [{ ...own, facts: changed }, ...series.slice(1)] })],
      environment: [machine, (changed) => ({ environments: [changed] })],
    };
    for (const [group, [fields, within]] of Object.entries(put)) {
      for (const [key, value] of Object.entries(fields) as [string, unknown][]) {
        if (free.has(key)) continue;
        const other =
          typeof value === 'number'
            ? value + 1
            : typeof value === 'boolean'
              ? !value
              : Array.isArray(value)
                ? []
                : 'c'.repeat(64);
        if (Array.isArray(value) && value.length === 0) continue;
        const error = await refusal({ ...header, ...within({ ...fields, [key]: other }) } as RunHeader);
        expect(error.report.what, `${group}.${key}`).toBe('the result file holds another run');
        changed.push(`${group}.${key}`);
      }
    }
    expect(changed).toContain('environment.provider');
    expect(changed).toContain('model.files');
    expect(changed).toContain('data.digest');
    expect(changed.length).toBeGreaterThan(15);
  });

  test('a model that was modified', async () => {
    await writeFile(path, whole(1));
    const model = { ...header.model, modified: ["Dropout node 'd' switched to inference"] };
    const error = await refusal({ ...header, model });
    expect(error.report.why).toContain('model.modified: absent in the file');
  });

  test('several differences are all named', async () => {
    await writeFile(path, whole(0));
    const error = await refusal({
      ...header,
      series: [splitzSeries({ n: setting(5), n0: setting(6) }), beside],
    });
    expect(error.report.why).toBe('n0: 100 in the file, 6 now; n: 10000 in the file, 5 now');
  });

  const foreign = [
    'hello',
    'hello\n',
    '{"a":1}\n',
    '[]\n',
    '{"kind":"run","schema":"other"}\n',
    '{"kind":"run"}\n{}\n',
  ];
  test.each(foreign)('a file that is not ours: %j', async (content) => {
    await writeFile(path, content);
    const error = await refusal();
    expect(error).toBeInstanceOf(UsageError);
    expect(error.report.what).toContain('not a result file');
    expect(await read()).toBe(content);
  });

  const damage: [string, (l: string[]) => string[], string][] = [
    ['a duplicate', ([h = '', a = '', b = '']) => [h, a, a, b], 'it is image 0 where 10 was due'],
    ['a gap', ([h = '', , b = '']) => [h, b], 'it is image 10 where 0 was due'],
    [
      'a torn line in the middle',
      ([h = '', a = '', b = '']) => [h, `${a.slice(0, 50)}\n`, b],
      'it is not a JSON object',
    ],
    [
      'an edited field',
      ([h = '', a = '']) => [h, a.replace('"radius":', '"radius":-')],
      'series[0].radius: is below 0',
    ],
    ['a second header', ([h = '', a = '']) => [h, a, h], 'schema: is not a field of this format'],
    [
      'a last digit changed',
      ([h = '', a = '']) => [h, a.replace('"seconds":0.25', '"seconds":0.24')],
      'its chain value does not fit: this line, or the chain before it, was changed',
    ],
    [
      'a record without its chain value',
      ([h = '', a = '']) => [h, a.replace(/,"chain":"[0-9a-f]*"/u, '')],
      'it has no chain value',
    ],
    ['a record behind the closing line', ([, , , c = '']) => [closed(2), c], 'it follows the closing line'],
    [
      'a torn header with records behind',
      ([h = '', a = '']) => [`${h.slice(0, 80)}\n`, a],
      'it is not a JSON object',
    ],
  ];
  test.each(damage)('%s, naming the line', async (_, spoil, why) => {
    const content = spoil(lines(3)).join('');
    await writeFile(path, content);
    const error = await refusal();
    expect(error).toBeInstanceOf(UsageError);
    expect(error.report.why).toBe(why);
    expect(error.report.where).toMatch(/line \d$/u);
    expect(await read()).toBe(content);
  });

  test('a folder, a missing folder, a path below a file', async () => {
    const cases: [string, string][] = [
      [folder, 'the result file is a folder'],
      [join(folder, 'none', 'run.jsonl'), 'the folder for the result file does not exist'],
      [join(path, 'below.jsonl'), 'the path of the result file leads through a file'],
    ];
    await writeFile(path, whole(0));
    for (const [where, what] of cases) {
      const error = await openResultFile(where, header).catch((caught: unknown) => caught as SplitzError);
      expect(error).toBeInstanceOf(UsageError);
      expect((error as SplitzError).report.what).toBe(what);
    }
  });

  test('a device', async (ctx) => {
    if (!existsSync('/dev/null')) return ctx.skip('no /dev/null here');
    const other = join(folder, 'device');
    await symlink('/dev/null', other);
    const error = await openResultFile(other, header).catch((caught: unknown) => caught as SplitzError);
    expect((error as SplitzError).report.what).toBe('the result file is not a regular file');
  });
});

describe('one writer', () => {
  test('a second opening is refused while the first lives, through a symlink too, and allowed after', async () => {
    const first = await openResultFile(path, header);
    const alias = join(folder, 'alias.jsonl');
    await symlink(path, alias);
    for (const name of [path, alias]) {
      const error = await openResultFile(name, header).catch((caught: unknown) => caught as SplitzError);
      expect(error).toBeInstanceOf(UsageError);
      expect((error as SplitzError).report.what).toBe('another process is writing this result file');
    }
    await first.append(exampleRecord(0));
    await first.close();
    await complete(2);
    expect(await read()).toBe(whole(2));
  });

  test('of many openings at once exactly one wins', async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => openResultFile(path, header)));
    const won = results.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []));
    expect(won).toHaveLength(1);
    await won[0]?.close();
  });

  test('the lock of a process that is gone is taken over; of a living one or another host it is not', async () => {
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    const lock = `${path}.lock`;
    await writeFile(lock, JSON.stringify({ pid: gone, host: hostname() }));
    await complete(1);
    // Our own pid, but no lock of ours: a container that was restarted.
    await writeFile(lock, JSON.stringify({ pid: process.pid, host: hostname() }));
    await complete(2);
    expect(await readdir(folder)).toEqual(['run.jsonl']);
    for (const owner of [
      { pid: process.ppid, host: hostname() },
      { pid: gone, host: `not-${hostname()}` },
    ]) {
      await writeFile(lock, JSON.stringify(owner));
      const error = await openResultFile(path, header).catch((caught: unknown) => caught as SplitzError);
      expect((error as SplitzError).report.why).toContain(`process ${owner.pid}`);
      expect((error as SplitzError).report.remedy).toContain(lock);
      await rm(lock);
    }
    expect(await read()).toBe(whole(2));
  });
});

describe('a disk that refuses', () => {
  /** Lets `fits` bytes through, then behaves like a full disk: a short write, then ENOSPC. */
  async function fillDiskAfter(fits: number): Promise<void> {
    const probe = await open(join(folder, 'probe'), 'w');
    const prototype = Object.getPrototypeOf(probe) as typeof probe;
    await probe.close();
    await rm(join(folder, 'probe'));
    const write = prototype.write as (
      buffer: Buffer,
      offset: number,
      length: number,
      at: number,
    ) => Promise<{ bytesWritten: number; buffer: Buffer }>;
    let left = fits;
    vi.spyOn(prototype, 'write').mockImplementation(async function (this: typeof probe, ...args: unknown[]) {
      const [buffer, offset, length, at] = args as [Buffer, number, number, number];
      if (left === 0)
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      const part = Math.min(left, length);
      left -= part;
      return write.call(this, buffer, offset, part, at);
    } as never);
  }

  test('disk full in mid-record: a ToolError, whole lines remain, and the run can be resumed', async () => {
    const file = await openResultFile(path, header);
    await file.append(exampleRecord(0));
    await fillDiskAfter(100);
    const error = await file.append(exampleRecord(1)).catch((caught: unknown) => caught as SplitzError);
    expect(error).toBeInstanceOf(ToolError);
    expect((error as SplitzError).report).toMatchObject({ what: 'the disk is full', where: path });
    expect((error as SplitzError).report.remedy).toContain('continues after the last whole record');
    expect(await read()).toBe(whole(1));
    expect(file.outcomes).toHaveLength(1);
    vi.restoreAllMocks();
    await file.append(exampleRecord(1));
    await file.close();
    expect(await read()).toBe(whole(2));
    await complete(3);
    expect(await read()).toBe(whole(3));
  });

  test('disk full in the header leaves no file behind', async () => {
    await fillDiskAfter(100);
    await expect(openResultFile(path, header)).rejects.toBeInstanceOf(ToolError);
    expect(await readdir(folder)).toEqual([]);
  });

  test('a read-only folder or file is a ToolError', async (ctx) => {
    if (process.getuid?.() === 0) return ctx.skip('root may write anywhere');
    const locked = join(folder, 'locked');
    await mkdir(locked);
    await chmod(locked, 0o555);
    await expect(openResultFile(join(locked, 'run.jsonl'), header)).rejects.toBeInstanceOf(ToolError);
    await writeFile(path, whole(0));
    await chmod(path, 0o444);
    expect(await refusal()).toBeInstanceOf(ToolError);
  });

  test('a file cut short behind our back is not half-continued', async () => {
    await complete(2);
    await truncate(path, 10);
    expect((await complete(2)).repaired).toBe('a torn header');
    expect(await read()).toBe(whole(2));
  });
});

describe('records on a stream', () => {
  test('the same lines go to standard output as to a file', async () => {
    const stream = new PassThrough();
    const file = await openResultStream(stream, header);
    await file.append(exampleRecord(0));
    await file.close();
    expect(String(stream.read())).toBe(whole(1));
  });

  test('TSV rows go to standard output as they are computed', async () => {
    const stream = new PassThrough();
    const file = await openResultStream(stream, header, 'tsv');
    await file.append(exampleRecord(0));
    expect(String(stream.read())).toBe(
      'idx\tlabel\tpredict\tradius\tcorrect\ttime\n0\t0\t0\t0.100000\t1\t0:00:00.250000\n',
    );
  });

  test('a closed pipe is a ToolError that points to --out', async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    const error = await openResultStream(stream, header).catch((caught: unknown) => caught as SplitzError);
    expect(error).toBeInstanceOf(ToolError);
    expect((error as SplitzError).report.remedy).toContain('--out');
  });
});
