// Writes the untrained networks of models/: FOLDER/NAME.onnx for each architecture. The same bytes at every run.
// Usage: node tools/models/build.mjs [FOLDER]      (after `npm run build`; FOLDER is models/ unless given)
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeModel } from '../../dist/onnx/model/codec.js';
import { ARCHITECTURES, buildArchitecture } from '../../dist/training/architectures/index.js';

const models = fileURLToPath(new URL('../../models', import.meta.url));
const [folder = models] = process.argv.slice(2);
for (const name of ARCHITECTURES) {
  const bytes = encodeModel(buildArchitecture(name));
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, bytes);
  console.log(`${path}  ${bytes.length.toLocaleString('en-US')} bytes`);
}
