// Builds dist/: the kernels (AssemblyScript -> WebAssembly), then the TypeScript sources, then the
// JSON Schemas that the compiled modules declare. Run by `npm run build`.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { binary } from './binary.mjs';
import { DIGEST_FILE, sourceDigest } from './source-digest.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const run = (...command) => execFileSync(process.execPath, command, { cwd: root, stdio: 'inherit' });

// Before the build: what changes during it makes it stale.
const digest = sourceDigest();
rmSync(join(root, 'dist'), { recursive: true, force: true });
for (const [source, kernel] of [
  ['src/smoothing/noise/noise-kernel/assembly.ts', 'dist/smoothing/noise-kernel.wasm'],
  ['src/operators/algebra/patch-kernel/assembly.ts', 'dist/operators/patch-kernel.wasm'],
  ['src/operators/algebra/row-kernel/assembly.ts', 'dist/operators/row-kernel.wasm'],
]) {
  mkdirSync(dirname(join(root, kernel)), { recursive: true });
  run(
    binary('asc', 'assemblyscript'),
    ...[source, '--outFile', kernel],
    ...['-O3', '--runtime', 'stub', '--enable', 'simd', '--importMemory', '--noAssert'],
  );
}
run(binary('tsc', 'typescript'), '-p', 'tsconfig.build.json');
const compiled = (module) => import(pathToFileURL(join(root, 'dist', module)).href);
const write = (file, schema) =>
  writeFileSync(join(root, 'dist', file), `${JSON.stringify(schema, null, 2)}\n`);
const { METHODS } = await compiled('methods/index.js');
write('records/result.schema.json', (await compiled('records/result-lines.js')).resultSchema(METHODS));
write('attack/attack.schema.json', (await compiled('attack/attack-record.js')).attackSchema);
write('cli/config/splitz.config.schema.json', (await compiled('cli/config/schema.js')).configSchema());
chmodSync(join(root, 'dist/cli/main.js'), 0o755);
writeFileSync(DIGEST_FILE, `${digest}\n`);
