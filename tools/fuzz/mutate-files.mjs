// Structure-aware mutants of small files: bytes damaged, numbers replaced by extreme ones, parts cut, doubled and exchanged;
// of journals, values and fields, with the chain made anew.
import { randomSource } from './random.mjs';
import { chainedText } from './reader-seeds.mjs';

const EXTREME = [0, 1, 127, 128, 255, 256, 32767, 65535, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const TEXT_NUMBERS = [
  '0',
  '-1',
  '1e999',
  'NaN',
  '-0',
  '2147483648',
  '9007199254740993',
  '1e-400',
  '00',
  '0x10',
  '999999999999',
];
const FRAGMENTS = [
  '\u0000',
  '\u202e',
  '\u001b[31m',
  '../',
  '"',
  "'",
  '{',
  '[',
  ']',
  ',',
  ':',
  '\n',
  '&a *a',
  '<<: *a',
  '!!js/function x',
  '#',
  '\\',
  'É',
];

const EDITS = [
  function flips(data, random) {
    for (let k = 0; k <= random.below(4); k++) data[random.below(data.length)] ^= 1 << random.below(8);
    return data;
  },
  function bytes(data, random) {
    for (let k = 0; k <= random.below(6); k++) data[random.below(data.length)] = random.below(256);
    return data;
  },
  function early(data, random) {
    // Headers are where lengths and types are.
    data[random.below(Math.min(data.length, 64))] = random.pick([0, 1, 127, 128, 255]);
    return data;
  },
  function number(data, random) {
    if (data.length < 4) return data;
    const at = random.below(Math.min(data.length - 3, random.chance(0.5) ? 128 : data.length));
    const value = random.pick(EXTREME);
    if (random.chance(0.5)) data.writeUInt32BE(value, at);
    else data.writeUInt32LE(value, at);
    return data;
  },
  function cut(data, random) {
    return data.subarray(0, random.below(data.length));
  },
  function without(data, random) {
    const from = random.below(data.length);
    return Buffer.concat([data.subarray(0, from), data.subarray(from + 1 + random.below(16))]);
  },
  function doubled(data, random) {
    const from = random.below(data.length);
    const part = data.subarray(from, from + 1 + random.below(64));
    return Buffer.concat([data.subarray(0, from), part, data.subarray(from)]);
  },
  function longer(data, random) {
    return Buffer.concat([data, Buffer.alloc(1 + random.below(4096), random.below(256))]);
  },
  function digits(data, random) {
    const text = data.toString('latin1');
    const numbers = [...text.matchAll(/-?\d+(?:\.\d+)?/gu)];
    if (numbers.length === 0) return data;
    const { 0: found, index } = random.pick(numbers);
    const next = random.pick(TEXT_NUMBERS);
    return Buffer.from(text.slice(0, index) + next + text.slice(index + found.length), 'latin1');
  },
  function fragment(data, random) {
    const at = random.below(data.length + 1);
    const what = random.pick(FRAGMENTS).repeat(random.chance(0.05) ? 5000 : 1 + random.below(3));
    return Buffer.concat([data.subarray(0, at), Buffer.from(what), data.subarray(at)]);
  },
];

const VALUES = (random) =>
  random.pick([
    ...[null, true, 0, -1, 1.5, 1e308, -1e308, 2 ** 53, '', 'x', '../x', '\u0000', [], {}, [[]]],
    'y'.repeat(10 + random.below(10_000)),
    Array.from({ length: 1 + random.below(50) }, (_, k) => k),
    Array.from({ length: 200 }).reduce((inner) => [inner], 0),
  ]);

/** Every place in a value: an object or array, and a key of it. */
function places(value, found = []) {
  if (value === null || typeof value !== 'object') return found;
  for (const key of Object.keys(value)) {
    found.push([value, key]);
    places(value[key], found);
  }
  return found;
}

function journal(lines, random) {
  const copy = structuredClone(lines);
  for (let k = 0; k <= random.below(2); k++) {
    const line = random.pick(copy);
    const [holder, key] = random.pick(places(line));
    const edit = random.below(4);
    if (edit === 0) delete holder[key];
    else if (edit === 1) holder[`${key}${random.pick(['', '_', ' '])}`] = VALUES(random);
    else if (edit === 2 && typeof holder[key] === 'number')
      holder[key] = random.pick([
        -holder[key],
        holder[key] * 2,
        holder[key] + 1e-9,
        holder[key] * 1e200,
        Math.round(holder[key]) + 1,
      ]);
    else {
      const [from, other] = random.pick(places(random.pick(copy)));
      holder[key] = structuredClone(from[other]);
    }
  }
  if (random.chance(0.15)) copy.splice(random.below(copy.length), 1);
  if (random.chance(0.15)) copy.splice(random.below(copy.length + 1), 0, structuredClone(random.pick(copy)));
  return Buffer.from(chainedText(copy));
}

/** Files by name. @param seeds of one kind, as `readerSeeds` gives them */
export function mutantFiles(seeds, seed, index) {
  const random = randomSource(seed, index, 9);
  const files = { ...random.pick(seeds) };
  const changed = random.pick(Object.keys(files));
  for (const [name, content] of Object.entries(files)) {
    if (!Array.isArray(content)) files[name] = Buffer.from(content);
    else
      files[name] =
        name === changed && random.chance(0.7) ? journal(content, random) : Buffer.from(chainedText(content));
  }
  if (!Array.isArray(files[changed]) && (random.chance(0.7) || !changed.endsWith('.jsonl'))) {
    for (let k = 0; k <= random.below(3) && files[changed].length > 0; k++)
      files[changed] = random.pick(EDITS)(Buffer.from(files[changed]), random);
  }
  return files;
}
