// Writes the untrained networks of `train --architecture` as files, FOLDER/NAME.onnx, and the denoisers of `train --denoiser` for
// images of 3×32×32 and 1×28×28. The same bytes at every run.
// Usage: npm run build, then node tools/models/build.mjs FOLDER [NAME...]      (all of them unless named)
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeModel } from '../../dist/onnx/model/codec.js';
import { buildDenoiser } from '../../dist/training/architectures/denoisers.js';
import { buildArchitecture } from '../../dist/training/architectures/index.js';
import { ARCHITECTURES, DENOISERS } from '../../dist/training/architectures/names.js';

const [folder, ...names] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node tools/models/build.mjs FOLDER [NAME...]');
mkdirSync(folder, { recursive: true });
const wanted = (name) => names.length === 0 || names.includes(name);
function write(name, model) {
  const bytes = encodeModel(model);
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, bytes);
  console.log(
    `${path}  ${bytes.length.toLocaleString('en-US')} bytes  ${createHash('sha256').update(bytes).digest('hex')}`,
  );
}
for (const name of ARCHITECTURES.filter(wanted)) write(name, buildArchitecture(name));
for (const name of DENOISERS.filter(wanted)) {
  for (const dims of [
    [3, 32, 32],
    [1, 28, 28],
  ])
    write(`${name}-${dims.join('x')}`, buildDenoiser(name, dims));
}
