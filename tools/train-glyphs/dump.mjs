// Writes the built-in glyph set for the training script: FOLDER/{train,test}-images.bin (28×28 bytes per image),
// FOLDER/{train,test}-labels.bin (one byte each) and FOLDER/glyphs.json (seed, lengths, digests, class names).
// Usage: node tools/train-glyphs/dump.mjs FOLDER [SEED]      (after `npm run build`)
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDataset } from '../../dist/datasets/open-dataset.js';

const [folder, seed = '1'] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node tools/train-glyphs/dump.mjs FOLDER [SEED]');
  process.exit(4);
}
mkdirSync(folder, { recursive: true });
const summary = { seed: Number(seed), digests: {}, lengths: {} };
for (const subset of ['train', 'test']) {
  const data = await openDataset(`glyphs:${seed}`, { subset });
  const size = data.shape.reduce((product, length) => product * length, 1);
  const bytes = new Uint8Array(data.length * size);
  for (let index = 0; index < data.length; index++) {
    const pixels = await data.image(index);
    for (let i = 0; i < size; i++) bytes[index * size + i] = Math.round(pixels[i] * 255);
  }
  writeFileSync(join(folder, `${subset}-images.bin`), bytes);
  writeFileSync(join(folder, `${subset}-labels.bin`), Uint8Array.from(data.labels));
  summary.digests[subset] = data.digest;
  summary.lengths[subset] = data.length;
  summary.classNames = data.classNames;
}
writeFileSync(join(folder, 'glyphs.json'), `${JSON.stringify(summary, null, 2)}\n`);
