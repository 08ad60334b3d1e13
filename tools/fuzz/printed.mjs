// Inspects and certifies one image with every file below a folder that is given as a model, and looks at what is printed:
// no control character (colours are off, so every one would be a file's), no stack trace, a documented exit code.
//   node tools/fuzz/printed.mjs ../shared/models ../shared/cases
// Data: those of the first of --data that fit (one image, 50 draws). Prints one line per file; exits 1 at a fault.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { data: { type: 'string', multiple: true, default: [] } },
});
if (positionals.length === 0) {
  console.error('usage: node tools/fuzz/printed.mjs FOLDER... [--data DATA ...]');
  process.exit(4);
}
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const MODEL = /\.(?:onnx|ort|pb|bin)(?:\.gz)?$/u;
/** Controls but the end of a line and the tab, and characters that turn or hide text. */
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cs}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;
const STACK = /^\s+at .+:\d+:\d+\)?$/mu;
const CODES = [0, 1, 2, 3, 4];

const usable = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => MODEL.test(path) && statSync(path).isFile())
    .sort();

function run(...args) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
    timeout: 300_000,
    maxBuffer: 1 << 26,
  });
  const text = stdout + stderr;
  const faults = [
    ...(UNSEEN.test(text) ? [`prints ${JSON.stringify(UNSEEN.exec(text)[0])}`] : []),
    ...(STACK.test(text) ? ['prints a stack trace'] : []),
    ...(CODES.includes(status) ? [] : [`ends with ${status ?? signal}`]),
  ];
  return { status, text, faults };
}

/** With the first data that fit: other shapes are a usage error, which is printed as well. */
function certified(model) {
  const faults = [];
  let last;
  for (const data of values.data) {
    last = run('certify', model, '--data', data, '--max', '1', '--n', '50', '--n0', '10', '--seed', '1');
    faults.push(...last.faults);
    if (last.status !== 4) break;
  }
  return { ...last, faults };
}

let faulty = 0;
let files = 0;
for (const folder of positionals)
  for (const model of usable(folder)) {
    const inspected = run('inspect', model);
    const certificate = values.data.length > 0 ? certified(model) : run('certify', model, '--max', '1');
    const faults = [...inspected.faults, ...certificate.faults];
    files++;
    faulty += faults.length > 0 ? 1 : 0;
    console.log(
      `${relative(folder, model)}  inspect ${inspected.status}, certify ${certificate.status}${faults.length > 0 ? `  FAULT: ${faults.join('; ')}` : ''}`,
    );
  }
console.log(`${files} files, ${faulty} with a fault`);
process.exitCode = faulty > 0 ? 1 : 0;
