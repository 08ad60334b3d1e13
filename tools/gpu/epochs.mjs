// How many passes over the training images fit into the seconds that are left, by what a first run printed.
//   node tools/gpu/epochs.mjs FILE CIFAR_FOLDER SECONDS MOST
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of an image with its label. */
const RECORD = 3073;
/** Share of the time that the steps get; the rest is for starting, preparing the step and writing. */
const SHARE = 0.7;

const [file, folder, seconds, most] = process.argv.slice(2);
const rate = [...readFileSync(file, 'utf8').matchAll(/([\d.,]+) img\/s/g)].at(-1)?.[1];
if (rate === undefined) throw new Error(`${file} names no images per second`);
const images = readdirSync(folder)
  .filter((name) => name.startsWith('data_batch_'))
  .reduce((sum, name) => sum + statSync(join(folder, name)).size / RECORD, 0);
const epochs = Math.floor((SHARE * Number(seconds) * Number(rate.replaceAll(',', ''))) / images);
console.log(Math.max(1, Math.min(Number(most), epochs)));
