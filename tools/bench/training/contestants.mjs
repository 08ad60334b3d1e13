// Contestants of the training benches: every engine that is present, and the same step in PyTorch. They take turns in one run.
import { spawn } from 'node:child_process';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SplitzError } from '../../../dist/ground/errors.js';
import { openEngine } from '../../../dist/training/engines/select-engine.js';
import { inTurns, median, ratio, table } from '../measure.mjs';

const ENGINES = ['onnxruntime', 'tfjs-node', 'tfjs-node-gpu'];

export const sizeOf = (dims) => dims.reduce((product, d) => product * d, 1);

/** One label per row, as rows of ones and zeros. */
export function oneHot(batch, classes) {
  const labels = new Float32Array(batch * classes);
  for (let row = 0; row < batch; row++) labels[row * classes + (row % classes)] = 1;
  return labels;
}

/** The engine as a contestant, or a line saying why it is absent. */
async function engineContestant(name, { program, feeds, step }, { batch, device, threads }) {
  let engine;
  try {
    engine = await openEngine(program, name, device, threads);
  } catch (error) {
    if (!(error instanceof SplitzError)) throw error;
    return { absent: `${name}: ${error.report.what}` };
  }
  let k = 0;
  return {
    name: engine.description,
    close: () => engine.close(),
    work: async (seconds) => {
      const began = performance.now();
      let images = 0;
      while (performance.now() - began < seconds * 1e3) {
        const results = await engine.run(step, feeds(k++));
        if (!Number.isFinite(results.get('loss')[0])) throw new Error(`${name}: the loss is not finite`);
        images += batch;
      }
      return images;
    },
  };
}

/** A script of this folder in a process of its own, which rests while it is not its turn. */
async function pytorchContestant(python, script, flags) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(python, [path, ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
  const failed = new Promise((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => code !== 0 && reject(new Error(`${python} ended with code ${code}`)));
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => JSON.parse((await Promise.race([lines.next(), failed])).value);
  const { description } = await answer();
  return {
    name: description,
    close: () => child.stdin.end(),
    work: async (seconds) => {
      child.stdin.write(`${seconds}\n`);
      return (await answer()).images;
    },
  };
}

/**
 * Prints images per second of every contestant, and what they are of the last one's.
 * @param trained {program, feeds, step}: the program, the feeds of step k, and the name of its training step
 * @param torch {python, script, flags}; python undefined: without PyTorch
 */
export async function compare(title, trained, torch, { batch, device, threads, rounds, seconds }) {
  const contestants = [];
  for (const name of ENGINES)
    contestants.push(await engineContestant(name, trained, { batch, device, threads }));
  if (torch.python !== undefined)
    contestants.push(await pytorchContestant(torch.python, torch.script, torch.flags));
  for (const { absent } of contestants) if (absent !== undefined) console.log(`absent  ${absent}`);
  const present = contestants.filter(({ absent }) => absent === undefined);
  const [load = 0] = loadavg();
  console.log(
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}`,
  );
  if (load > 0.5) console.log(`(the machine is not idle: load ${load.toFixed(1)} before the start)`);
  console.log(`${title}\n`);
  const results = await inTurns(
    present.map(({ work }) => work),
    { rounds, seconds },
  );
  const rounded = (value) => Math.round(value).toLocaleString('en-US');
  const last = results.at(-1);
  const rows = results.map(({ wall }, i) => [
    present[i].name,
    rounded(median(wall)),
    `${rounded(Math.min(...wall))} to ${rounded(Math.max(...wall))}`,
    `${ratio(wall, last.wall).toFixed(2)}×`,
  ]);
  console.log(table([['engine', 'images/s', 'rounds', `of ${present.at(-1)?.name.split(' ')[0]}`], ...rows]));
  for (const { close } of present) await close();
}
