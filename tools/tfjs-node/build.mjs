/**
 * Builds the native addon of an installed @tensorflow/tfjs-node(-gpu) against the TensorFlow library of a Python wheel,
 * for machines where the package's own download (TensorFlow 2.9.1) is not possible or not wanted.
 *
 *   node tools/tfjs-node/build.mjs PACKAGE TENSORFLOW
 *
 * PACKAGE     folder of the npm package: node_modules/@tensorflow/tfjs-node
 * TENSORFLOW  folder of the Python package: site-packages/tensorflow
 *
 * Needs g++, make, python3 and Node's headers (node-gyp fetches them, or `npm config set nodedir`).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

const [packageFolder, tensorflow] = process.argv.slice(2).map((path) => resolve(path));
if (tensorflow === undefined) fail('usage: node tools/tfjs-node/build.mjs PACKAGE TENSORFLOW');
requireFolder(packageFolder, 'binding.gyp', 'the folder of the npm package @tensorflow/tfjs-node');
requireFolder(tensorflow, 'include', 'the folder of the Python package tensorflow');

// The wheel names its libraries by their ABI version; the addon links against the plain names.
const LIBRARIES = [
  [/^libtensorflow_cc\.so\.\d+$/, 'libtensorflow.so'],
  [/^libtensorflow_framework\.so\.\d+$/, 'libtensorflow_framework.so'],
];

const deps = join(packageFolder, 'deps');
rmSync(deps, { recursive: true, force: true });
mkdirSync(join(deps, 'lib'), { recursive: true });
mkdirSync(join(deps, 'include'));
for (const [pattern, name] of LIBRARIES) {
  const file = readdirSync(tensorflow).find((entry) => pattern.test(entry));
  if (file === undefined) fail(`${tensorflow} has no library ${pattern.source}`);
  for (const link of [name, file]) symlinkSync(join(tensorflow, file), join(deps, 'lib', link));
}
for (const part of ['tensorflow', 'tsl', 'xla']) {
  const headers = join(tensorflow, 'include', part);
  if (statSync(headers, { throwIfNoEntry: false })) symlinkSync(headers, join(deps, 'include', part));
}

// Through npx, so that npm's settings (nodedir, proxies) reach node-gyp.
const built = spawnSync('npx', ['--no-install', 'node-pre-gyp', 'install', '--build-from-source'], {
  cwd: packageFolder,
  stdio: 'inherit',
});
if (built.status !== 0) fail('the addon did not build; the lines above say why');

const probe = `const tf = require(${JSON.stringify(packageFolder)}); console.log('TensorFlow ' + tf.backend().binding.TF_Version + ', 1 + 1 = ' + tf.add(1, 1).dataSync()[0]);`;
const shim =
  "const u = require('util'); u.isNullOrUndefined ??= (v) => v == null; u.isArray ??= Array.isArray;";
const tried = spawnSync(process.execPath, ['-e', shim + probe], { stdio: 'inherit' });
if (tried.status !== 0) fail('the addon was built, but does not run');

function requireFolder(folder, entry, what) {
  if (!statSync(join(folder, entry), { throwIfNoEntry: false })) fail(`${folder} is not ${what}`);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
