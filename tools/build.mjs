// Builds dist/: the noise kernel (AssemblyScript -> WebAssembly), then the TypeScript sources, then the files
// that travel beside them. Run by `npm run build`, and by npm itself after `npm install` in a checkout.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binary } from './binary.mjs';
import { DIGEST_FILE, sourceDigest } from './source-digest.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const run = (...command) => execFileSync(process.execPath, command, { cwd: root, stdio: 'inherit' });

// Before the build: what changes during it makes it stale.
const digest = sourceDigest();
rmSync(join(root, 'dist'), { recursive: true, force: true });
mkdirSync(join(root, 'dist/smoothing'), { recursive: true });
run(
  binary('asc', 'assemblyscript'),
  'src/smoothing/noise/noise-kernel/assembly.ts',
  ...['--outFile', 'dist/smoothing/noise-kernel.wasm'],
  ...['-O3', '--runtime', 'stub', '--enable', 'simd', '--importMemory', '--noAssert'],
);
run(binary('tsc', 'typescript'), '-p', 'tsconfig.build.json');
for (const schema of ['attack/attack', 'records/result', 'cli/config/splitz.config'])
  copyFileSync(join(root, `src/${schema}.schema.json`), join(root, `dist/${schema}.schema.json`));
chmodSync(join(root, 'dist/cli/main.js'), 0o755);
writeFileSync(DIGEST_FILE, `${digest}\n`);
