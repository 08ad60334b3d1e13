/**
 * One writer per file. The lock is a file alongside that names the process; it is created exclusively, so that of two processes
 * one wins. A lock whose process is gone (kill -9, power cut) is stale and taken over; one held on another host cannot be checked
 * from here and is respected.
 */
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { ToolError, UsageError } from '../ground/errors.ts';
import { codeOf } from '../ground/system-error.ts';

export interface RunLock {
  release(): Promise<void>;
}

/** A lock that names nobody is being written right now, unless it is older than this. */
const TORN_AFTER_MS = 5_000;

/** Locks this process holds: after a container restart a stale lock may name our own pid. */
const held = new Set<string>();

/**
 * Locks `file` (an absolute path; `name` is its name in messages: "result file"). Throws UsageError when another process
 * is writing it, ToolError when the lock file cannot be written.
 */
export async function lockRun(file: string, name: string): Promise<RunLock> {
  const lock = `${file}.lock`;
  const mine = JSON.stringify({ pid: process.pid, host: hostname() });
  if (!(await create(lock, mine, name))) {
    await removeStale(lock, file, name);
    if (!(await create(lock, mine, name))) throw inUse(file, name, lock, 'another process took it just now');
  }
  held.add(lock);
  return {
    release: async () => {
      if (held.delete(lock)) await rm(lock, { force: true });
    },
  };
}

/** True when the lock is ours now, false when the file already exists. */
async function create(lock: string, content: string, name: string): Promise<boolean> {
  try {
    await writeFile(lock, content, { flag: 'wx' });
    return true;
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false;
    throw new ToolError({
      what: `the lock of the ${name} cannot be written`,
      where: lock,
      why: (cause as Error).message,
      remedy: 'Choose a writable folder with --out.',
      cause,
    });
  }
}

async function removeStale(lock: string, file: string, name: string): Promise<void> {
  const seen = await readFile(lock, 'utf8').catch(() => '');
  const owner = ownerOf(seen);
  const why = owner === null ? await freshReason(lock) : liveReason(lock, owner);
  if (why !== null) throw inUse(file, name, lock, why);
  // Renaming has one winner: a process that finds it moved something other than the stale lock it read puts it back.
  const aside = `${lock}.${process.pid}.stale`;
  try {
    await rename(lock, aside);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return;
    throw cause;
  }
  if ((await readFile(aside, 'utf8')) !== seen) {
    await rename(aside, lock);
    throw inUse(file, name, lock, 'another process took it just now');
  }
  await rm(aside, { force: true });
}

function ownerOf(content: string): { pid: number; host: string } | null {
  try {
    const { pid, host } = JSON.parse(content) as { pid: unknown; host: unknown };
    return Number.isSafeInteger(pid) && typeof host === 'string' ? { pid: pid as number, host } : null;
  } catch {
    // A lock torn by a crash between creation and content names nobody.
    return null;
  }
}

async function freshReason(lock: string): Promise<string | null> {
  const age = await stat(lock).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => Infinity,
  );
  return age < TORN_AFTER_MS ? 'another process took it just now' : null;
}

/** Why the lock is valid, or null when its process is gone. */
function liveReason(lock: string, owner: { pid: number; host: string }): string | null {
  if (owner.host !== hostname()) return `process ${owner.pid} on host ${owner.host} holds it`;
  if (owner.pid === process.pid) return held.has(lock) ? 'this process holds it' : null;
  try {
    process.kill(owner.pid, 0);
  } catch (cause) {
    if (codeOf(cause) === 'ESRCH') return null;
  }
  return `process ${owner.pid} holds it`;
}

function inUse(file: string, name: string, lock: string, why: string): UsageError {
  return new UsageError({
    what: `another process is writing this ${name}`,
    where: file,
    why,
    remedy: `Wait for it, choose another file with --out, or delete ${lock} if no such run exists.`,
  });
}
