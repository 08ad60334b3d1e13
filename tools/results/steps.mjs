/** What the programs of this folder share: where the built command is, how it is run, and where results are kept. */
import { spawnSync } from 'node:child_process';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const cli = join(root, 'dist/cli/main.js');

/** Files of a work folder by name and ending. */
export const pathsIn = (folder) => (name, ending) => join(folder, `${name}${ending}`);

/** Runs the command, says which on the error stream, and ends this program where it fails. */
export function splitzOnnx(...args) {
  run(args, 'inherit');
}

/** The same without what the command prints as its result. */
export function splitzOnnxSilently(...args) {
  run(args, 'ignore');
}

function run(args, stdout) {
  console.error(`\n$ splitz-onnx ${args.map((a) => (a.includes('/') ? basename(a) : a)).join(' ')}`);
  const { status } = spawnSync(process.execPath, [cli, ...args], { stdio: ['ignore', stdout, 'inherit'] });
  if (status !== 0) process.exit(status ?? 2);
}
