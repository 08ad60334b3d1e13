// Writes the untrained networks of `train --architecture` as files, FOLDER/NAME.onnx. The same bytes at every run.
// Usage: npm run build, then node tools/models/build.mjs FOLDER [NAME...]      (all of them unless named)
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeModel } from '../../dist/onnx/model/codec.js';
import { buildArchitecture } from '../../dist/training/architectures/index.js';
import { ARCHITECTURES } from '../../dist/training/architectures/names.js';

const [folder, ...names] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node tools/models/build.mjs FOLDER [NAME...]');
mkdirSync(folder, { recursive: true });
for (const name of names.length === 0 ? ARCHITECTURES : names) {
  const bytes = encodeModel(buildArchitecture(name));
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, bytes);
  console.log(`${path}  ${bytes.length.toLocaleString('en-US')} bytes`);
}
