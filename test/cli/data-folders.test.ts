/** Folders of images on the command line: how labels are numbered, files that cannot be read, equal images, grey ones. */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { draw } from '../datasets/draw.ts';
import { sharedFolder } from '../onnx/shared.ts';
import { intAttr, node, tinyProto } from '../onnx/tiny-model.ts';
import { type Ended, newFolder, readResults, splitz } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const cases = join(sharedFolder, 'cases');
const absent = existsSync(cases) ? null : 'the shared cases are not on this machine';
const titled = (title: string): string => (absent === null ? title : `${title} (skipped: ${absent})`);
const { folder, remove } = newFolder();
afterAll(remove);

/** Three classes: which colour is the strongest on average. */
const model = writeModel(
  folder,
  'colours.onnx',
  tinyProto({
    nodes: [
      node('GlobalAveragePool', ['x'], 'mean'),
      node('Flatten', ['mean'], 'y', { attribute: [intAttr('axis', 1)] }),
    ],
    input: ['N', 3, 8, 8],
    output: ['N', 3],
  }),
);

const CLASSES = ['blue', 'green', 'red'];
/** The class numbers by name are those of the folders in order; the colours of the model are red, green, blue. */
const STRONGEST: Readonly<Record<string, number>> = { blue: 2, green: 1, red: 0 };

/** Per class, pictures in which its colour is the strongest, no two alike. */
async function pictures(name: string, perClass = 3): Promise<string> {
  const set = join(folder, name);
  for (const [k, of] of CLASSES.entries())
    for (let i = 0; i < perClass; i++)
      await draw(set, `${of}/${i}.png`, {
        ...{ width: 8, height: 8 },
        pixel: (x, y, c) => (c === STRONGEST[of] ? 200 : 40 + ((x * 7 + y * 13 + i * 29 + k * 17) % 40)),
      });
  return set;
}

// The classes of the folders are in another order than the outputs of the model, so right answers are few: only labels count here.
const SETTINGS = [
  '--split',
  'input',
  '--sigma',
  '0.1',
  '--n',
  '200',
  '--no-baseline',
  '--seed',
  '3',
  '--workers',
  '1',
];
const certify = (set: string, out: string, ...more: string[]): Promise<Ended> =>
  splitz(folder, 'certify', model, '--data', `images:${set}`, ...SETTINGS, '--out', out, ...more);

describe('a class folder on the command line', () => {
  it('has its label printed once, by certify, predict and inspect', async () => {
    const set = await pictures('mapping', 1);
    const labels = 'data   labels 0 = blue, 1 = green, 2 = red (class folders in the order of their names)\n';
    const predict = ['predict', model, '--data', set, ...SETTINGS.filter((word) => word !== '--no-baseline')];
    for (const ended of [
      await certify(set, 'mapping.jsonl'),
      await splitz(folder, ...predict),
      await splitz(folder, 'inspect', model, '--data', set),
    ]) {
      expect(ended.code).toBe(0);
      expect(ended.stderr.split(labels)).toHaveLength(2);
    }
  });
});

describe('jpeg-warnings: an image that cannot be read', () => {
  const damaged = async (name: string): Promise<string> => {
    const set = await pictures(name);
    truncateSync(join(set, 'blue/1.png'), 100);
    writeFileSync(join(set, 'red/0.png'), '');
    return set;
  };
  const UNREADABLE = [1, 6];

  it('is left out, and the notes, the header and the summary say so', async () => {
    const set = await damaged('damaged');
    const ended = await certify(set, 'damaged.jsonl');
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(
      /warning images that cannot be read are left out: 2 images: blue\/1\.png, red\/0\.png; the first: .*--strict-images/,
    );
    const { header, records } = readResults(join(folder, 'damaged.jsonl'));
    expect(header.selection.unreadable).toEqual(UNREADABLE);
    expect(records.map(({ index }) => index)).toEqual([0, 2, 3, 4, 5, 7, 8]);
    const screen = ended.stdout.replace(/\s+/gu, ' ');
    expect(screen).toContain('Left out, since they could not be read: 2 images: 1, 6.');
    expect(screen).toContain('counted as not certified, these would take up to 22.3 points off');
    const report = await splitz(folder, 'report', 'damaged.jsonl', '--markdown', '--out', '-');
    expect(report.stdout).toContain('Left out, since they could not be read: 2 images: 1, 6.');
  });

  it('stops the run with --strict-images, before anything is written', async () => {
    const ended = await certify(join(folder, 'damaged'), 'strict.jsonl', '--strict-images');
    expect(ended.code).toBe(4);
    expect(ended.stderr).toMatch(
      /images of the run cannot be read[\s\S]*2 images: blue\/1\.png, red\/0\.png/,
    );
    expect(existsSync(join(folder, 'strict.jsonl'))).toBe(false);
  });

  it('does not count among the images of --max, and a run that comes to one later needs a new file', async () => {
    const set = join(folder, 'damaged');
    expect((await certify(set, 'max.jsonl', '--max', '4')).code).toBe(0);
    expect(readResults(join(folder, 'max.jsonl')).records.map(({ index }) => index)).toEqual([0, 2, 3, 4]);
    const further = await certify(set, 'max.jsonl', '--max', '7');
    expect([further.code, further.stderr]).toEqual([
      4,
      expect.stringMatching(/unreadable images: not 6 in the file, but now[\s\S]*another file with --out/),
    ]);
    expect((await certify(set, 'max.jsonl', '--max', '5')).code).toBe(0);
    expect(readResults(join(folder, 'max.jsonl')).records.map(({ index }) => index)).toEqual([0, 2, 3, 4, 5]);
  });

  it('counts as not certified for a policy', async () => {
    const set = await damaged('policy');
    const ended = await certify(set, 'policy.jsonl', '--require', 'abstained <= 20%');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('(2 of 9, 2 of them unreadable)');
  });

  it('that can be read after all makes verify fail: nothing is left out because it would not be certified', async () => {
    const set = await damaged('forged');
    expect((await certify(set, 'forged.jsonl')).code).toBe(0);
    const alone = await splitz(folder, 'verify', 'forged.jsonl');
    expect([alone.code, alone.stdout]).toEqual([
      0,
      expect.stringContaining('- that the 2 images left out cannot be read'),
    ]);
    const verify = () => splitz(folder, 'verify', 'forged.jsonl', model, '--data', `images:${set}`);
    const honest = await verify();
    expect([honest.code, honest.stdout]).toEqual([
      0,
      expect.stringContaining('+ that the 2 images left out cannot be read'),
    ]);
    // The digest of a folder is over names and sizes: a file of the same size passes it.
    const whole = readFileSync(join(set, 'blue/0.png'));
    const size = 100;
    expect(whole.length).toBeGreaterThan(size);
    const small = join(set, 'blue/1.png');
    await draw(folder, 'small.png', { width: 8, height: 8, pixel: () => 9 });
    copyFileSync(join(folder, 'small.png'), small);
    // Bytes after the end of a PNG are ignored.
    appendFileSync(small, Buffer.alloc(Math.max(0, size - readFileSync(small).length)));
    expect(readFileSync(small)).toHaveLength(size);
    const forged = await verify();
    expect([forged.code, forged.stderr]).toEqual([
      1,
      expect.stringContaining('left out image 1 as unreadable'),
    ]);
  });

  it('is not the end of a run by --split auto, nor of inspect or an attack', async () => {
    const set = await pictures('auto', 8);
    for (const name of ['blue/0.png', 'green/1.png', 'red/7.png']) truncateSync(join(set, name), 60);
    const auto = await splitz(
      folder,
      ...['certify', model, '--data', `images:${set}`, '--split', 'auto', '--sigma', '0.1', '--n', '100'],
      ...['--no-baseline', '--workers', '1', '--seed', '3', '--out', 'auto.jsonl'],
    );
    expect([auto.code, auto.stderr]).toEqual([0, expect.stringContaining('held-out images')]);
    const inspect = await splitz(folder, 'inspect', model, '--data', `images:${set}`);
    expect(inspect.code).toBe(0);
    const attack = await splitz(
      folder,
      ...['attack', model, '--data', `images:${set}`, '--undefended', '--max', '3', '--out', 'attack.jsonl'],
      ...['--steps', '2', '--restarts', '1', '--seed', '3', '--workers', '1'],
    );
    expect([attack.code, attack.stderr]).toEqual([0, expect.stringContaining('1 image: blue/0.png')]);
  });
});

describe('equal images', () => {
  it('are told, with labels that contradict each other, and bands count each picture once', async () => {
    const set = await pictures('equal', 2);
    copyFileSync(join(set, 'blue/0.png'), join(set, 'blue/9.png'));
    copyFileSync(join(set, 'blue/0.png'), join(set, 'red/9.png'));
    const ended = await certify(set, 'equal.jsonl', '--json');
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/warning 2 images are copies of another one of the run/);
    expect(ended.stderr).toMatch(/different labels.*0 \(label 0\) and 7 \(label 2\)/);
    const { summary } = JSON.parse(ended.stdout);
    expect(summary.equal.copies).toBe(2);
    expect([summary.series[0].score.images, summary.series[0].score.distinct.images]).toEqual([8, 6]);
    const report = await splitz(folder, 'report', 'equal.jsonl', '--markdown', '--out', '-');
    expect(report.stdout).toContain('6 distinct images');
    expect(report.stdout).toContain('2 images are copies');
  });
});

describe('grey-first: grey images for a colour model', () => {
  it('are read on request, and the run is verified and reported as such; without it the flag is named', async () => {
    const set = join(folder, 'grey');
    mkdirSync(set);
    await draw(set, 'a/0.png', { channels: 1, width: 8, height: 8, pixel: (x, y) => 20 * x + y });
    await draw(set, 'b/0.png', { width: 8, height: 8, pixel: (_x, _y, c) => 60 * c });
    const refused = await certify(set, 'grey.jsonl');
    expect([refused.code, refused.stderr]).toEqual([
      4,
      expect.stringContaining('Add --channels grey-to-rgb'),
    ]);
    const ended = await certify(set, 'grey.jsonl', '--channels', 'grey-to-rgb');
    expect(ended.code).toBe(0);
    const { header } = readResults(join(folder, 'grey.jsonl'));
    expect(header.data.shape).toEqual([3, 8, 8]);
    expect(header.intake.channelOrder).toEqual({ value: 'grey-to-rgb', origin: 'flag' });
    const verified = await splitz(folder, 'verify', 'grey.jsonl', model, '--data', `images:${set}`);
    expect([verified.code, verified.stdout]).toEqual([
      0,
      expect.stringContaining('+ the pixels, the name and the label of every image'),
    ]);
  });
});

describe.skipIf(absent !== null)(titled('shared cases on the command line'), () => {
  it('jpeg-warnings: what common readers only warn about is read, to the same pixels', async () => {
    const set = join(cases, 'jpeg-warnings');
    const { stderr } = await splitz(
      folder,
      ...['certify', join(cases, 'grey-first/c32.onnx'), '--data', `images:${set}`, '--out', 'jpeg.jsonl'],
      ...[
        '--split',
        'input',
        '--sigma',
        '0.1',
        '--n',
        '100',
        '--no-baseline',
        '--workers',
        '1',
        '--seed',
        '3',
      ],
    );
    expect(stderr).not.toContain('cannot be read');
    const { header, records } = readResults(join(folder, 'jpeg.jsonl'));
    expect(header.selection.unreadable).toBeUndefined();
    expect(new Set(records.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(records.map(({ name }) => name)).toEqual(['extraneous.jpg', 'ref.jpg']);
  });
});
