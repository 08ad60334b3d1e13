/** Runs the built command line as users do, in a folder of its own: in a new process, or in one that is already warm. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import type { CertificateRecord, RunHeader, SeriesCertificate } from '../../src/records/record.ts';
import { DIGEST_FILE, sourceDigest } from '../../tools/source-digest.mjs';
import { LINES } from '../records/run.ts';

// A test of yesterday's program says nothing about these sources.
if (!existsSync(DIGEST_FILE) || readFileSync(DIGEST_FILE, 'utf8').trim() !== sourceDigest())
  throw new Error('dist/ was not built from these sources, and this test runs it: npm run build');

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const WARM = fileURLToPath(new URL('warm-program.mjs', import.meta.url));

export interface Ended {
  /** Exit code; null when a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/**
 * Starts `splitz-onnx ARGS` in `folder`, with more variables in its environment, by way of another command perhaps, its standard
 * output to a descriptor perhaps.
 */
export function start(
  folder: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  via: readonly string[] = [],
  out: number | 'pipe' = 'pipe',
): Started {
  const began = performance.now();
  const [command = process.execPath, ...words] = [...via, process.execPath, MAIN, ...args];
  const child = spawn(command, words, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', out, 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, stdout, stderr, seconds: (performance.now() - began) / 1000 }),
    );
  });
  return { child, ended };
}

let warm: ChildProcess | null = null;
let previous: Promise<unknown> = Promise.resolve();

/**
 * The same without a process of its own: one run after the other in a process that keeps the program's modules loaded.
 * What a run leaves behind there, the next one meets; tests of starting, signals and the environment take `start`.
 *
 * @throws Error when the process ends before the run does
 */
export function splitz(folder: string, ...args: readonly string[]): Promise<Ended> {
  const ended = previous.then(() => {
    const began = performance.now();
    warm ??= fork(WARM, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const child = warm;
    return new Promise<Ended>((resolve, reject) => {
      const died = (code: number | null, signal: string | null) => {
        warm = null;
        reject(
          new Error(`splitz-onnx ${args.join(' ')}: the process ended, ${signal ?? `exit code ${code}`}`),
        );
      };
      child.once('exit', died);
      child.once('message', (reply: Omit<Ended, 'seconds'>) => {
        child.off('exit', died);
        resolve({ ...reply, seconds: (performance.now() - began) / 1000 });
      });
      child.send({ folder, args });
    });
  });
  previous = ended.catch(() => {});
  return ended;
}

/** A new folder, and how to remove it. */
export function newFolder(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'splitz-cli-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface Results {
  readonly header: RunHeader;
  readonly records: readonly CertificateRecord[];
}

/** Reads a result file or stream, every line checked against its schema. */
export function parseResults(text: string): Results {
  if (!text.endsWith('\n')) throw new Error('the last line is torn');
  const [header, ...lines] = text
    .slice(0, -1)
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  const records = lines.filter((line) => (line as { kind: string }).kind !== 'end');
  const problem =
    LINES.headerViolation(header) ??
    records.map((record) => LINES.recordViolation(record, header as RunHeader)).find((p) => p !== null);
  if (problem) throw new Error(problem);
  return { header: header as RunHeader, records: records as CertificateRecord[] };
}

/** A series' settings as values, by name. */
export const settingsOf = ({ series }: RunHeader, k = 0): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries((series[k]?.settings ?? {}) as Readonly<Record<string, { readonly value: unknown }>>).map(
      ([name, { value }]) => [name, value],
    ),
  );

/** The cut of a run; "input" where there is none in front of the noise. */
export const cutOf = (header: RunHeader): unknown => settingsOf(header)['split'] ?? 'input';

/** Votes of the first series. */
export const countsOf = ({ series }: CertificateRecord, k = 0): readonly number[] =>
  (series[k]?.evidence as VoteEvidence | undefined)?.counts ?? [];

/** Verdict of the first series. */
export function ownVerdict({ series: [own] }: CertificateRecord): SeriesCertificate {
  if (own === undefined) throw new Error('a run has a series');
  return own;
}

export const readResults = (path: string): Results => parseResults(readFileSync(path, 'utf8'));

/** The bytes of a result file with its time fields (`started`, `seconds`) blanked, and the chain, which covers them. */
export function withoutTimes(path: string): string {
  return readFileSync(path, 'utf8')
    .replace(/"started":"[^"]*"/g, '"started":""')
    .replace(/"seconds":[0-9.e-]+/g, '"seconds":0')
    .replace(/"chain":"[0-9a-f]*"/g, '"chain":""');
}

/** What the draws decided, without what computed them. */
export function outcome(record: CertificateRecord): unknown {
  const { index, answer } = record;
  const series = record.series.map(({ prediction, radius, evidence }) => {
    const { counts, nonFinite, selected, pA } = evidence as VoteEvidence;
    return { prediction, radius, counts, nonFinite, selected, pA };
  });
  return { index, answer, series };
}
