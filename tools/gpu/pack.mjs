// Packs what a GPU machine without network needs into pieces that travel one at a time, and prints the commands.
//
//   npm run build && node tools/gpu/pack.mjs [--cifar FOLDER [--images 20000]] [--with MODEL.onnx]... [--wheel FILE.whl|none]
//
// Linux x86-64. Needs python3 with pip (for the wheel), tar and xz here. The folder .gpu/ is made anew.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** At most 64 MiB travel per call, the working tree (2 MB) with them. */
const PIECE_BYTES = 59.5e6;
const PROVIDER_LIBRARIES = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];
const RUNTIME = 'node_modules/onnxruntime-node';

const { values: options } = parseArgs({
  options: {
    with: { type: 'string', multiple: true, default: [] },
    wheel: { type: 'string' },
    cifar: { type: 'string' },
    images: { type: 'string', default: '20000' },
  },
});
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const out = join(root, '.gpu');
const staging = fs.mkdtempSync(join(tmpdir(), 'splitz-gpu-'));
const bundle = join(staging, 'bundle');
try {
  collectProject();
  // Without it, to try the rest where there is no such card.
  if (options.wheel !== 'none') collectProvider(options.wheel ?? downloadWheel());
  collectVulkanLoader();
  if (options.cifar !== undefined) collectImages(options.cifar, Number(options.images));
  const archive = join(staging, 'bundle.tar.xz');
  // The provider library is compressed machine code already: the fastest setting gives up 2% in size.
  execFileSync('tar', ['-C', bundle, '--use-compress-program', 'xz -T0 -1', '-cf', archive, '.']);
  printCommands(writePieces(archive));
} finally {
  fs.rmSync(staging, { recursive: true, force: true });
}

/** node, dist, the production dependencies for this platform only, the models, the tools that run there. */
function collectProject() {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('pack on Linux x86-64');
  if (!fs.existsSync(join(root, 'dist/cli/main.js'))) throw new Error('no dist/: run `npm run build` first');
  const needed = (path) => !/\.(map|d\.[cm]?ts)$/.test(path);
  const copy = (path) => fs.cpSync(join(root, path), join(bundle, path), { recursive: true, filter: needed });
  for (const path of ['dist', 'models', 'package.json', 'tools/gpu', 'tools/bench']) copy(path);
  // Packages of packages are copied with the package they lie in; those for other platforms are not installed.
  const { packages } = JSON.parse(fs.readFileSync(join(root, 'package-lock.json'), 'utf8'));
  for (const [path, { dev }] of Object.entries(packages))
    if (!dev && /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && fs.existsSync(join(root, path))) copy(path);
  const binaries = join(bundle, RUNTIME, 'bin/napi-v6');
  for (const platform of ['darwin', 'win32', 'linux/arm64']) {
    fs.rmSync(join(binaries, platform), { recursive: true, force: true });
  }
  fs.mkdirSync(join(bundle, 'bin'));
  fs.copyFileSync(process.execPath, join(bundle, 'bin/node'));
  fs.chmodSync(join(bundle, 'bin/node'), 0o755);
  fs.mkdirSync(join(bundle, 'extra'));
  for (const file of options.with) fs.copyFileSync(file, join(bundle, 'extra', basename(file)));
}

/** PyPI's wheel of the version of onnxruntime-node; what Python it is for does not matter to the provider library. */
function downloadWheel() {
  const { version } = JSON.parse(fs.readFileSync(join(root, RUNTIME, 'package.json'), 'utf8'));
  const platform = ['--python-version', '3.12', '--implementation', 'cp'];
  for (const glibc of ['2_28', '2_27']) platform.push('--platform', `manylinux_${glibc}_x86_64`);
  const command = ['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary=:all:', ...platform];
  execFileSync('python3', [...command, '-d', staging, `onnxruntime-gpu==${version}`], { stdio: 'inherit' });
  return join(
    staging,
    fs.readdirSync(staging).find((name) => name.endsWith('.whl')),
  );
}

/** The two libraries, next to the .node file; refused unless built from the same commit as onnxruntime-node. */
function collectProvider(wheel) {
  const folder = join(staging, 'wheel');
  execFileSync('python3', ['-m', 'zipfile', '-e', wheel, folder]);
  const capi = join(folder, 'onnxruntime/capi');
  const target = join(bundle, RUNTIME, 'bin/napi-v6/linux/x64');
  const own = fs.readdirSync(capi).find((name) => name.startsWith('libonnxruntime.so'));
  const [theirs, ours] = [commitOf(join(capi, own)), commitOf(join(target, 'libonnxruntime.so.1'))];
  if (theirs !== ours) throw new Error(`the wheel is ONNX Runtime of ${theirs}, onnxruntime-node of ${ours}`);
  for (const name of PROVIDER_LIBRARIES) fs.copyFileSync(join(capi, name), join(target, name));
}

function commitOf(library) {
  const found = /git-commit-id=([0-9a-f]+)/.exec(fs.readFileSync(library, 'latin1'));
  if (found === null) throw new Error(`${library} does not say what commit it was built from`);
  return found[1];
}

/** libvulkan.so.1, which WebGPU needs and GPU machines often lack; only where apt can fetch it. */
function collectVulkanLoader() {
  const folder = join(staging, 'vulkan');
  fs.mkdirSync(folder);
  try {
    execFileSync('apt-get', ['download', 'libvulkan1'], { cwd: folder, stdio: 'pipe' });
    execFileSync('dpkg-deb', ['-x', join(folder, fs.readdirSync(folder)[0]), folder]);
    fs.mkdirSync(join(bundle, 'lib'));
    const library = join(folder, 'usr/lib/x86_64-linux-gnu/libvulkan.so.1');
    fs.copyFileSync(fs.realpathSync(library), join(bundle, 'lib/libvulkan.so.1'));
  } catch (error) {
    console.error(`Without the Vulkan loader, so WebGPU needs one there (${error.message.split('\n')[0]})`);
  }
}

/** The first images of every training batch of CIFAR-10 and of the test batch, in its own format; the files may be packed. */
function collectImages(source, images) {
  const folder = join(bundle, 'cifar10');
  fs.mkdirSync(folder);
  const record = 3073;
  const take = (name, count) =>
    fs.writeFileSync(join(folder, name), unpacked(source, name).subarray(0, count * record));
  for (let k = 1; k <= 5; k++) take(`data_batch_${k}.bin`, Math.ceil(images / 5));
  take('test_batch.bin', 500);
}

function unpacked(folder, name) {
  const path = join(folder, name);
  if (fs.existsSync(path)) return fs.readFileSync(path);
  const tools = { gz: 'gzip', xz: 'xz' };
  const found = Object.keys(tools).find((ending) => fs.existsSync(`${path}.${ending}`));
  if (found === undefined) throw new Error(`no ${name} in ${folder}`);
  return execFileSync(tools[found], ['-dc', `${path}.${found}`], { maxBuffer: 2 ** 26 });
}

/** .gpu/piece-1 … piece-N, each with its part of the archive and the checksums of all parts. Returns N. */
function writePieces(archive) {
  fs.rmSync(out, { recursive: true, force: true });
  const bytes = fs.readFileSync(archive);
  const count = Math.ceil(bytes.length / PIECE_BYTES);
  const parts = Array.from({ length: count }, (_, i) => ({
    name: `part-${i + 1}`,
    bytes: bytes.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES),
  }));
  const sums = parts.map(
    ({ name, bytes }) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`,
  );
  for (const [i, { name, bytes }] of parts.entries()) {
    const folder = join(out, `piece-${i + 1}`);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(join(folder, name), bytes);
    fs.writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
  }
  console.log(`${count} pieces, ${(bytes.length / 1e6).toFixed(1)} MB together, in .gpu/`);
  return count;
}

function printCommands(count) {
  console.log('On the GPU machine, one after the other, each with its piece carried:');
  for (let i = 1; i <= count; i++) {
    const check = i === count ? ' && bash /opt/splitz/tools/gpu/run.sh' : '';
    console.log(`  carry .gpu/piece-${i}   bash tools/gpu/unpack.sh .gpu/piece-${i} /opt/splitz${check}`);
  }
}
