// Gives mutants to child processes and watches these: time, memory, death. A mutant that seems to break a limit is tried
// again alone in a fresh process, so that what its forerunners left in memory is not held against it.
import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of processor time, so that other work on the machine is not held against a mutant; and of the clock. */
export const HANG_MS = 10_000;
const WAITING_MS = 120_000;
export const MEMORY_BYTES = 2 ** 30;
/** A child is replaced after so many mutants, or when it has grown so large. */
const MUTANTS_PER_CHILD = 1000;
const TIRED_BYTES = MEMORY_BYTES / 2;

/** A process and those it started (the one that tries models); null where the system has no /proc. */
function family(pid) {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const below = threads.flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' ').filter(Boolean),
    );
    return [pid, ...below.flatMap((child) => family(child) ?? [])];
  } catch {
    return null;
  }
}

/** What `read` says of each process of a family that still lives, added up; null where the system has no /proc. */
function sumOver(pid, read) {
  const members = family(pid);
  if (members === null) return null;
  return members.reduce((sum, member) => {
    try {
      return sum + read(member);
    } catch {
      return sum;
    }
  }, 0);
}

/** Bytes in memory now. */
const residentBytes = (pid) =>
  sumOver(pid, (one) => Number(readFileSync(`/proc/${one}/statm`, 'utf8').split(' ')[1]) * 4096);

/** Milliseconds computed so far, by processes that ended and were waited for, too. */
const processorMs = (pid) =>
  sumOver(pid, (one) => {
    const fields = readFileSync(`/proc/${one}/stat`, 'utf8').split(') ')[1].split(' ');
    return 10 * fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  });

/** One supervised child; `run` answers with the mutant's outcome, whatever becomes of the process. */
async function startChild(script) {
  const folder = mkdtempSync(join(tmpdir(), 'splitz-fuzz-'));
  const child = fork(script, [folder], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let said = '';
  child.stderr.on('data', (text) => {
    said = `${said}${text}`.slice(-2000);
  });
  const gone = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  await new Promise((resolve) => child.once('message', resolve));
  return {
    async run(job) {
      let ended = null;
      const answer = new Promise((resolve) => child.once('message', resolve));
      const started = Date.now();
      const computed = processorMs(child.pid);
      const spent = () =>
        computed === null ? Date.now() - started : (processorMs(child.pid) ?? computed) - computed;
      const watch = setInterval(() => {
        const memory = residentBytes(child.pid) ?? 0;
        if (spent() > HANG_MS || Date.now() - started > WAITING_MS) ended = { kind: 'hang' };
        else if (memory > MEMORY_BYTES) ended = { kind: 'memory', peak: memory };
        if (ended !== null) child.kill('SIGKILL');
      }, 50);
      try {
        child.send(job);
        const dead = gone.then(
          ({ code, signal }) => ended ?? { kind: 'crash', what: `${signal ?? code}: ${said}` },
        );
        const outcome = await Promise.race([answer, dead]);
        if (outcome.peak > MEMORY_BYTES) return { ...outcome, kind: 'memory' };
        return { ...outcome, seconds: spent() / 1000 };
      } finally {
        clearInterval(watch);
      }
    },
    isAlive: () => child.exitCode === null && child.signalCode === null && child.connected,
    async end() {
      if (child.connected) child.disconnect();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const isBad = ({ kind }) => ['crash', 'hang', 'memory'].includes(kind);

const MODELS = fileURLToPath(new URL('child.mjs', import.meta.url));

/**
 * Mutants `first`, ..., `first + count - 1` of a seed on `jobs` children.
 * @param certifyEvery of the mutants that open, every how many-th is certified
 * @param script run by the children: they answer jobs as child.mjs does
 * @param more what every job says besides
 * @param onProgress hears the number done
 * @returns how many had which outcome, which crashed ONNX Runtime (in the process that tries models), the defects, the
 *   slowest and the largest
 */
export async function fuzz({
  seed,
  first,
  count,
  jobs,
  certifyEvery = 1,
  onProgress = () => {},
  script = MODELS,
  more = {},
}) {
  const counts = { refused: 0, died: 0, opened: 0, certified: 0 };
  const defects = [];
  const died = [];
  let next = first;
  let done = 0;
  let slowest = { seconds: 0, index: first };
  let largest = { bytes: 0, index: first };
  const lane = async () => {
    let child = null;
    let served = 0;
    while (next < first + count) {
      const index = next++;
      const job = { ...more, seed, index, certify: index % certifyEvery === 0 };
      child ??= await startChild(script);
      let outcome = await child.run(job);
      if (isBad(outcome)) {
        await child.end();
        child = await startChild(script);
        served = 0;
        outcome = await child.run(job);
      }
      if (outcome.kind in counts) counts[outcome.kind]++;
      else defects.push({ index, kind: outcome.kind, what: outcome.what ?? '' });
      if (outcome.kind === 'died') died.push(index);
      if (outcome.seconds > slowest.seconds) slowest = { seconds: outcome.seconds, index };
      if (outcome.peak > largest.bytes) largest = { bytes: outcome.peak, index };
      onProgress(++done, defects);
      if (++served >= MUTANTS_PER_CHILD || outcome.peak > TIRED_BYTES || !child.isAlive()) {
        await child.end();
        child = null;
        served = 0;
      }
    }
    await child?.end();
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  return { counts, died, defects, slowest, largest };
}
