/** A model made for the noise of a seed that its maker knew, and where seeds come from: drawn, recorded, taken up again. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttackHeader } from '../../src/attack/attack-record.ts';
import { Stage } from '../../src/smoothing/noise/philox.ts';
import { float64Normals } from '../../src/smoothing/noise/rounded-noise.ts';
import { npy, npz } from '../datasets/files.ts';
import { floatTensor, intAttr, node, tinyProto } from '../onnx/tiny-model.ts';
import { newFolder, readResults, splitz, countsOf as votesOf } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const SIDE = 32;
const SIZE = SIDE * SIDE;
const DRAWS = { n0: 20, n: 130 };
const SIGMA = 0.25;
const KNOWN = 5;

const { folder, remove } = newFolder();
const path = (name: string) => join(folder, name);
afterAll(remove);

/** The noise that a run of this seed adds to image 0, in units of sigma. */
const noiseOf = (seed: number, stage: number, sample: number): ArrayLike<number> =>
  float64Normals(SIZE, { seed: BigInt(seed), stage, image: 0, sample });

/** Solves A y = b for a positive definite A by elimination without pivoting. */
function solved(a: readonly number[][], b: readonly number[]): number[] {
  const rows = a.map((row, i) => [...row, b[i] as number]);
  const n = rows.length;
  for (const [k, pivot] of rows.entries()) {
    for (const row of rows.slice(k + 1)) {
      const factor = (row[k] as number) / (pivot[k] as number);
      for (let j = k; j <= n; j++) row[j] = (row[j] as number) - factor * (pivot[j] as number);
    }
  }
  const y = new Array<number>(n).fill(0);
  for (let k = n - 1; k >= 0; k--) {
    const row = rows[k] as number[];
    let sum = row[n] as number;
    for (let j = k + 1; j < n; j++) sum -= (row[j] as number) * (y[j] as number);
    y[k] = sum / (row[k] as number);
  }
  return y;
}

/** The shortest w with w · n = 1 for every draw n of the known seed. On fresh noise w · n is normal with deviation |w|. */
function fitted(): Float64Array {
  const draws = [
    ...Array.from({ length: DRAWS.n0 }, (_, k) => noiseOf(KNOWN, Stage.selection, k)),
    ...Array.from({ length: DRAWS.n }, (_, k) => noiseOf(KNOWN, Stage.estimation, k)),
  ].map((noise) => Float64Array.from(noise));
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, i) => sum + v * (b[i] ?? 0), 0);
  const y = solved(
    draws.map((a) => draws.map((b) => dot(a, b))),
    draws.map(() => 1),
  );
  return Float64Array.from({ length: SIZE }, (_, i) =>
    draws.reduce((sum, draw, k) => sum + (y[k] ?? 0) * (draw[i] ?? 0), 0),
  );
}

beforeAll(() => {
  const w = fitted();
  // Class 0 where w · noise > 1/2: never at the image itself, and at fresh noise with probability Φ(-1 / 2|w|) = 0.1.
  expect(Math.hypot(...w)).toBeLessThan(0.45);
  const bias = -w.reduce((sum, v) => sum + (v / SIGMA) * 0.5, 0) - 0.5;
  const proto = tinyProto({
    nodes: [
      node('Flatten', ['x'], 'f', { attribute: [intAttr('axis', 1)] }),
      node('Gemm', ['f', 'g', 'b'], 'y'),
    ],
    initializers: [
      floatTensor(
        'g',
        [SIZE, 2],
        [...w].flatMap((v) => [v / SIGMA, -v / SIGMA]),
      ),
      floatTensor('b', [2], [bias, -bias]),
    ],
    input: ['N', 1, SIDE, SIDE],
    output: ['N', 2],
  });
  writeModel(folder, 'made.onnx', proto);
  const images = npy('<f4', [2, 1, SIDE, SIDE], new Float32Array(2 * SIZE).fill(0.5));
  writeFileSync(path('grey.npz'), npz({ images, labels: npy('<i8', [2], new BigInt64Array(2)) }));
});

const COMMON = [
  '--data',
  'npz:grey.npz',
  '--split',
  'input',
  '--sigma',
  String(SIGMA),
  '--n',
  String(DRAWS.n),
];
const certify = (out: string, ...args: string[]) =>
  splitz(
    folder,
    ...['certify', 'made.onnx', ...COMMON, '--n0', String(DRAWS.n0), '--max', '1', '--quiet', '--out', out],
    ...args,
  );
const seedOf = (out: string) => readResults(path(out)).header.seed;
/** Votes of every image, in the run's first series. */
const allCountsOf = (out: string) => readResults(path(out)).records.map((record) => votesOf(record));
const countsOf = (out: string) => allCountsOf(out)[0] ?? [];

describe.concurrent('known-seed: a model made for the noise of a seed its maker knew', () => {
  it('wins every draw of that seed, and loses those of a seed that is drawn', async () => {
    const [known, drawn] = await Promise.all([
      certify('known.jsonl', '--seed', String(KNOWN)),
      certify('drawn.jsonl'),
    ]);
    expect([known.code, drawn.code]).toEqual([0, 0]);
    // Why a seed that may have been known is listed as not checked: the certificate is false.
    expect(countsOf('known.jsonl')).toEqual([DRAWS.n, 0]);
    // P[Bin(130, 0.12) > 45] < 1e-9.
    expect(countsOf('drawn.jsonl')[0]).toBeLessThan(45);
    expect(seedOf('known.jsonl')).toEqual({ value: KNOWN, origin: 'flag' });
    expect(seedOf('drawn.jsonl').origin).toBe('operating system');

    const verified = async (out: string) =>
      (await splitz(folder, 'verify', out)).stdout.replace(/\s+/gu, ' ');
    expect(await verified('known.jsonl')).toContain(
      `that the maker of the model did not know the seed ${KNOWN}: it was chosen (flag)`,
    );
    expect(await verified('drawn.jsonl')).toMatch(
      /that the seed \d+ was drawn once .* until the result pleased/u,
    );
  });
});

describe.concurrent('the seed of certify', () => {
  it('is another one in every run, and fills 53 bits', async () => {
    const names = ['a.jsonl', 'b.jsonl', 'c.jsonl'];
    await Promise.all(names.map((name) => certify(name)));
    const seeds = names.map((name) => seedOf(name).value);
    expect(new Set(seeds).size).toBe(3);
    for (const seed of seeds) expect(Number.isSafeInteger(seed)).toBe(true);
    // All three below 2^40: probability 2^-39.
    expect(Math.max(...seeds)).toBeGreaterThan(2 ** 40);
  });

  it('comes from the file when a run is continued, and another one is refused', async () => {
    await certify('more.jsonl');
    const first = seedOf('more.jsonl');
    const again = await certify('more.jsonl', '--max', '2');
    expect([again.code, again.stderr]).toEqual([0, '']);
    expect(seedOf('more.jsonl')).toEqual(first);
    expect(readResults(path('more.jsonl')).records).toHaveLength(2);
    // The same seed, named.
    expect((await certify('more.jsonl', '--max', '2', '--seed', String(first.value))).code).toBe(0);
    // What was continued is what one run draws.
    await certify('whole.jsonl', '--max', '2', '--seed', String(first.value));
    expect(allCountsOf('whole.jsonl')).toEqual(allCountsOf('more.jsonl'));
    const other = await certify('more.jsonl', '--max', '2', '--seed', '1');
    expect([other.code, other.stderr]).toEqual([
      4,
      expect.stringContaining(`seed: ${first.value} in the file, 1 now`),
    ]);
  });

  it('of a file that somebody else began is pointed at: he may have made the model for it', async () => {
    await certify('planted.jsonl', '--seed', String(KNOWN));
    const [header = ''] = readFileSync(path('planted.jsonl'), 'utf8').split('\n');
    const said = async () => {
      const { stderr } = await splitz(
        folder,
        ...[
          'certify',
          'made.onnx',
          ...COMMON,
          '--n0',
          String(DRAWS.n0),
          '--max',
          '1',
          '--out',
          'begun.jsonl',
        ],
      );
      return stderr;
    };
    // A first line is all it takes: no record shows that anything was run before.
    writeFileSync(path('begun.jsonl'), `${header}\n`);
    expect(await said()).toContain(
      'the file was begun earlier, and its seed is kept; if you did not begin it',
    );
    expect(countsOf('begun.jsonl')).toEqual([DRAWS.n, 0]);
    expect(await said()).toContain('its seed and records are kept');
    rmSync(path('begun.jsonl'));
    expect(await said()).not.toContain('begun earlier');
    expect(countsOf('begun.jsonl')[0]).toBeLessThan(45);
  });

  it('is not taken from a file that is torn, or is something else', async () => {
    writeFileSync(path('torn.jsonl'), '{"kind":"run","schema":"splitz-onnx/result/1","tool":{"na');
    expect((await certify('torn.jsonl')).code).toBe(0);
    expect(seedOf('torn.jsonl').origin).toBe('operating system');
    writeFileSync(path('foreign.jsonl'), '{"settings":{"seed":{"value":3}}}\n');
    expect((await certify('foreign.jsonl')).code).toBe(4);
  });
});

describe.concurrent('the other commands', () => {
  it('predict draws a seed and says which, so that it can be repeated', async () => {
    const predict = async (...args: string[]) => {
      const { code, stdout, stderr } = await splitz(folder, 'predict', 'made.onnx', ...COMMON, ...args);
      expect(code).toBe(0);
      return { stdout, seed: /seed (\d+) \(([^)]*)\)/u.exec(stderr)?.slice(1) ?? [] };
    };
    const [first, second] = [await predict(), await predict()];
    expect(first.seed[1]).toBe('operating system');
    expect(second.seed[0]).not.toBe(first.seed[0]);
    const again = await predict('--seed', String(first.seed[0]));
    expect(again).toEqual({ stdout: first.stdout, seed: [first.seed[0], 'flag'] });
  });

  it('attack draws one for its confirmations, records it and goes on with it', async () => {
    await certify('attacked.jsonl', '--max', '2', '--seed', '3');
    const search = ['--steps', '3', '--restarts', '1', '--draws', '4', '--workers', '1', '--quiet'];
    const attack = (out: string, ...args: string[]) =>
      splitz(folder, 'attack', 'attacked.jsonl', '--data', 'npz:grey.npz', ...search, '--out', out, ...args);
    const settingsOf = (out: string) => {
      const [first = ''] = readFileSync(path(out), 'utf8').split('\n');
      return (JSON.parse(first) as AttackHeader).settings;
    };
    const [one, two] = [await attack('one.jsonl', '--max', '1'), await attack('two.jsonl', '--max', '1')];
    expect([one.code, two.code]).toEqual([0, 0]);
    const { seed, seedOrigin } = settingsOf('one.jsonl');
    expect(seedOrigin).toBe('operating system');
    expect(settingsOf('two.jsonl').seed).not.toBe(seed);
    const more = await attack('one.jsonl', '--max', '2');
    expect([more.code, more.stderr]).toEqual([0, '']);
    expect(settingsOf('one.jsonl').seed).toBe(seed);
    const other = await attack('one.jsonl', '--max', '2', '--seed', '1');
    expect([other.code, other.stderr]).toEqual([4, expect.stringContaining('settings.seed')]);
    const chosen = await attack('three.jsonl', '--max', '1', '--seed', '1');
    expect([chosen.code, settingsOf('three.jsonl').seedOrigin]).toEqual([0, 'chosen']);
  });

  it('config show prints no number that no run will use', async () => {
    const show = async (...args: string[]) => {
      const { stdout } = await splitz(folder, 'config', 'show', ...args, 'made.onnx', '--json');
      const { settings } = JSON.parse(stdout) as {
        settings: { name: string; value: unknown; origin: string }[];
      };
      return settings.find(({ name }) => name === 'seed');
    };
    expect(await show('certify')).toMatchObject({ value: 'drawn for each run', origin: 'operating system' });
    expect(await show('plan')).toMatchObject({ value: 0, origin: 'default' });
    expect(existsSync(path('made.input.jsonl'))).toBe(false);
  });
});
