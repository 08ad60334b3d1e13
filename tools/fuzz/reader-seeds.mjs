// Small files of every kind that is read besides models: what the mutants of readers are made from.
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { chained } from '../../dist/records/chain.js';

const ascii = (text) => Buffer.from(text, 'latin1');

/** An array as NumPy writes it, format 1.0. */
export function npy(descr, shape, data, fortran = false) {
  const dictionary = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const padded = `${dictionary.padEnd(Math.ceil((dictionary.length + 11) / 64) * 64 - 11)}\n`;
  const size = Buffer.alloc(2);
  size.writeUInt16LE(padded.length);
  return Buffer.concat([Buffer.from([0x93]), ascii('NUMPY'), Buffer.from([1, 0]), size, ascii(padded), data]);
}

const bytes = (count, step = 37) => Buffer.from(Uint8Array.from({ length: count }, (_, i) => i * step));
const floats = (count) => Buffer.from(Float32Array.from({ length: count }, (_, i) => (i % 10) / 10).buffer);

function idx(dims, data) {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.writeUInt32BE(0x0800 + dims.length);
  for (const [k, dim] of dims.entries()) header.writeUInt32BE(dim, 4 + 4 * k);
  return Buffer.concat([header, data]);
}

const SIDE = 6;
const pixels = (channels) => ({
  raw: { width: SIDE, height: SIDE, channels },
  bytes: bytes(SIDE * SIDE * channels),
});

async function picture(format, channels = 3) {
  const { raw, bytes: data } = pixels(channels);
  return sharp(data, { raw }).toFormat(format).toBuffer();
}

/** A journal's lines as values, without chain. */
const linesOf = (text) =>
  text
    .trim()
    .split('\n')
    .map((line) => {
      const { chain: _, ...rest } = JSON.parse(line);
      return rest;
    });

/** Lines as a file holds them, its chain made anew. */
export function chainedText(lines) {
  let previous = null;
  return lines
    .map((line) => {
      const { line: text, chain } = chained(previous, JSON.stringify(line));
      previous = chain;
      return text;
    })
    .join('');
}

/**
 * The files of each kind by name, relative to the folder they are read from.
 * @param runs result and attack file of a short run, as text
 */
export async function readerSeeds({ results, attack }) {
  const images = idx([4, SIDE, SIDE], bytes(4 * SIDE * SIDE));
  const labels = idx([4], Buffer.from([0, 1, 2, 1]));
  const cifar = Buffer.concat(
    Array.from({ length: 10 }, (_, k) => Buffer.concat([Buffer.from([k]), bytes(3072, k + 3)])),
  );
  const [png, jpeg, webp, grey] = [
    await picture('png'),
    await picture('jpeg'),
    await picture('webp'),
    await picture('png', 1),
  ];
  return {
    npz: [
      {
        'data.npz': Buffer.from(
          zipSync({
            'x.npy': npy('<f4', [3, 1, 4, 4], floats(48)),
            'y.npy': npy('<i8', [3], Buffer.alloc(24)),
          }),
        ),
      },
      {
        'data.npz': Buffer.from(
          zipSync(
            { 'images.npy': npy('|u1', [2, 4, 4, 3], bytes(96)), 'labels.npy': npy('|u1', [2], bytes(2, 1)) },
            { level: 0 },
          ),
        ),
      },
    ],
    npy: [
      { 'data.npy': npy('<f4', [3, 1, 4, 4], floats(48)) },
      { 'data.npy': npy('>f8', [2, 4, 4], Buffer.alloc(256), true) },
    ],
    idx: [
      { 't10k-images-idx3-ubyte': images, 't10k-labels-idx1-ubyte': labels },
      { 't10k-images-idx3-ubyte.gz': gzipSync(images), 't10k-labels-idx1-ubyte.gz': gzipSync(labels) },
    ],
    cifar: [{ 'test_batch.bin': cifar }],
    images: [
      { 'a/1.png': png, 'b/1.jpg': jpeg },
      { '0/1.webp': webp, '1/x.png': png },
      { 'one/1.png': grey, 'two/2.png': grey },
    ],
    labels: [{ '1.png': png, '2.png': png, 'labels.csv': ascii('file,label\n1.png,0\n2.png,1\n') }],
    config: [
      {
        'splitz.config.yaml': ascii(
          'sigma: 0.5\nn: 1000\ncertify:\n  max: 10\n  data: glyphs\nmean: [0.5, 0.5, 0.5]\n',
        ),
      },
      { 'splitz.config.json': ascii('{"sigma": 0.5, "certify": {"n": 100, "skip": 3}}') },
    ],
    names: [
      { 'names.txt': ascii('cat\ndog\n') },
      { 'names.json': ascii('{"id2label": {"0": "cat", "1": "dog"}}') },
      { 'names.py': ascii("{0: 'cat', 1: 'dog'}") },
    ],
    results: [{ 'run.jsonl': linesOf(results) }],
    attack: [{ 'run.attack.jsonl': linesOf(attack) }],
  };
}
