// Writes the untrained networks of models/: FOLDER/NAME.onnx for each architecture. The same bytes at every run.
// Usage: node tools/models/build.mjs [FOLDER]      (FOLDER is models/ unless given)
// The networks are TypeScript, which Node 20 does not run: they and what they import of src/ are compiled into .build/
// here, inside the project, where Node finds its package.json and node_modules.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binary } from '../binary.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
rmSync(join(here, '.build'), { recursive: true, force: true });
execFileSync(process.execPath, [binary('tsc', 'typescript'), '-p', here], { stdio: 'inherit' });
const { encodeModel } = await import('./.build/src/onnx/model/codec.js');
const { ARCHITECTURES, buildArchitecture } = await import('./.build/tools/models/architectures/index.js');

const [folder = join(here, '../../models')] = process.argv.slice(2);
for (const name of ARCHITECTURES) {
  const bytes = encodeModel(buildArchitecture(name));
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, bytes);
  console.log(`${path}  ${bytes.length.toLocaleString('en-US')} bytes`);
}
