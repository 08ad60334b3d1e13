/** `train` as users run it: resumable to the bit, its file certified without flags, its errors in words. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeModel, encodeModel } from '../../src/onnx/model/codec.ts';
import { npy } from '../datasets/files.ts';
import { catalogue, noShared, sharedFolder, titled } from '../onnx/shared.ts';
import { floatTensor, node, tinyModel } from '../onnx/tiny-model.ts';
import { type Ended, newFolder, readResults, splitz, start } from './command-line.ts';

const { folder: root, remove } = newFolder();
afterAll(remove);

const GLYPHS = ['--architecture', 'glyphs'];
const QUICK = ['--batch', '32', '--max', '320', '--threads', '2', '--sigma', '0.3'];

/** Weights by name, as bytes. */
function weightsOf(path: string): Map<string, string> {
  const { graph } = decodeModel(readFileSync(path));
  return new Map(
    (graph?.initializer ?? []).map((t) => [t.name ?? '', Buffer.from(t.rawData ?? []).toString('hex')]),
  );
}

const metadataOf = (path: string): Map<string, string> =>
  new Map(
    (decodeModel(readFileSync(path)).metadataProps ?? []).map(({ key, value }) => [key ?? '', value ?? '']),
  );

describe('a training run', () => {
  it('killed twice (kill -9) and interrupted once (Ctrl-C) ends with the weights of one that was not', async () => {
    const command = [
      'train',
      ...GLYPHS,
      ...QUICK,
      '--epochs',
      '6',
      '--augment',
      'crop',
      '--loss',
      'consistency',
    ];
    const whole = await splitz(root, ...command, '--out', 'whole.onnx');
    expect(whole.code, whole.stderr).toBe(0);
    const checkpoint = join(root, 'torn.onnx.checkpoint');
    for (const signal of ['SIGKILL', 'SIGINT', 'SIGKILL'] as const) {
      const before = existsSync(checkpoint) ? readFileSync(checkpoint).toString('hex').length : 0;
      const { child, ended } = start(root, [...command, '--out', 'torn.onnx']);
      let over = false;
      ended.then(() => {
        over = true;
      });
      const seen = (): string => (existsSync(checkpoint) ? readFileSync(checkpoint).toString('base64') : '');
      const first = seen();
      while (!over && seen() === first) await sleep(5);
      await sleep(20);
      child.kill(signal);
      const { code } = await ended;
      expect(code, `${signal} after ${before} bytes`).toBe(signal === 'SIGINT' ? 130 : null);
      expect(existsSync(join(root, 'torn.onnx'))).toBe(false);
    }
    const resumed = await splitz(root, ...command, '--out', 'torn.onnx');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/^resume /m);
    expect(weightsOf(join(root, 'torn.onnx'))).toEqual(weightsOf(join(root, 'whole.onnx')));
    expect(existsSync(checkpoint)).toBe(false);
    expect(readdirSync(root).filter((name) => /tmp|lock/.test(name))).toEqual([]);
  });

  it('without noise (--noise-scale 0) is judged without noise, and says of none that it was trained for it', async () => {
    const command = ['train', ...GLYPHS, ...QUICK, '--split', 'input', '--noise-scale', '0', '--epochs', '1'];
    const [quiet, loud] = [
      await splitz(root, ...command, '--out', 'clean.onnx'),
      await splitz(root, ...command, '--sigma', '90', '--json', '--out', 'loud.onnx'),
    ];
    expect(quiet.code, quiet.stderr).toBe(0);
    expect(quiet.stdout).toMatch(/clean\.onnx: [\d.]+ % of held-out images right, without noise$/mu);
    const metadata = metadataOf(join(root, 'clean.onnx'));
    expect([metadata.has('splitz.sigma'), metadata.has('splitz.split')]).toEqual([false, false]);
    // The level that is multiplied by 0 does not matter, to weights or to what is measured.
    expect(weightsOf(join(root, 'loud.onnx'))).toEqual(weightsOf(join(root, 'clean.onnx')));
    const { sigma, history } = JSON.parse(loud.stdout) as {
      sigma: number | null;
      history: { validation: { accuracy: number } }[];
    };
    expect(sigma).toBeNull();
    expect(quiet.stdout).toContain(` ${((history[0]?.validation.accuracy ?? 0) * 100).toFixed(1)} %`);
  });

  it('writes a file that certify takes without flags, and that says how it was made', async () => {
    const out = join(root, 'own.onnx');
    const trained = await splitz(
      root,
      'train',
      ...GLYPHS,
      ...QUICK,
      '--epochs',
      '1',
      '--recipe',
      'matched',
      '--out',
      out,
    );
    expect(trained.code, trained.stderr).toBe(0);
    const metadata = metadataOf(out);
    expect(metadata.get('splitz.split')).toBe('conv1');
    expect(metadata.get('splitz.dataset')).toBe('glyphs');
    expect(metadata.get('splitz.baseline_sigma')).toBe('0.3');
    expect(Number(metadata.get('splitz.sigma'))).toBeGreaterThan(0);
    expect(metadata.get('splitz.data_digest')).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.parse(metadata.get('splitz.training') as string)).toMatchObject({
      recipe: 'matched',
      seed: 0,
    });
    const certified = await splitz(root, 'certify', out, '--n', '100', '--max', '2', '--out', 'own.jsonl');
    expect(certified.code, certified.stderr).toBe(0);
    const { header } = readResults(join(root, 'own.jsonl'));
    expect(header.series[0]?.settings).toMatchObject({
      sigma: { value: Number(metadata.get('splitz.sigma')), origin: 'model metadata' },
    });
  });
});

describe.skipIf(noShared !== null)(titled('a pretrained PyTorch export'), () => {
  it('is trained on, keeps its interface and its producer, and remembers its normalisation', async () => {
    const model = join(sharedFolder, 'models/real/germanov_mnist_torch20.onnx');
    const entry = catalogue().find(({ file }) => file === 'models/real/germanov_mnist_torch20.onnx');
    const preprocessing = ['mean', 'std'].flatMap((key) => {
      const values = entry?.[key as 'mean' | 'std'];
      return values === undefined ? [] : [`--${key}`, values.join()];
    });
    const data = ['--data', `mnist:${join(sharedFolder, 'data/mnist')}`];
    const trained = await splitz(
      root,
      ...['train', model, ...data, ...preprocessing, ...QUICK, '--epochs', '1', '--out', 'tuned.onnx'],
    );
    expect(trained.code, trained.stderr).toBe(0);
    const [before, after] = [model, join(root, 'tuned.onnx')].map((path) => decodeModel(readFileSync(path)));
    expect(after?.graph?.input).toEqual(before?.graph?.input);
    expect(after?.graph?.output).toEqual(before?.graph?.output);
    expect(after?.producerName).toBe('pytorch');
    expect(after?.opsetImport).toEqual(before?.opsetImport);
    const certify = ['certify', 'tuned.onnx', ...data, '--n', '100', '--max', '2', '--out', 'tuned.jsonl'];
    const certified = await splitz(root, ...certify);
    expect(certified.code, certified.stderr).toBe(0);
  });
});

/** The error as people read it, and nothing left behind. */
function expectWords(folder: string, { code, stdout, stderr }: Ended, expected: number, says: RegExp): void {
  expect(stderr).toMatch(/^error: \S/m);
  expect(stderr).toMatch(/^ {2}do: {4}\S/m);
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr).not.toContain('internal error');
  expect(stdout).toBe('');
  expect(code).toBe(expected);
  expect(readdirSync(folder).filter((name) => /trained|checkpoint|lock|tmp/.test(name))).toEqual([]);
}

let made = 0;
function caseFolder(): string {
  const folder = join(root, `case${made++}`);
  mkdirSync(folder);
  return folder;
}

/** 12×12 images, `labels` by image. */
function writeImages(folder: string, labels: readonly number[]): string[] {
  const pixels = Uint8Array.from({ length: labels.length * 144 }, (_, k) => (k * 37) % 256);
  writeFileSync(join(folder, 'images.npy'), npy('|u1', [labels.length, 1, 12, 12], pixels));
  writeFileSync(join(folder, 'labels.txt'), `${labels.join('\n')}\n`);
  return ['--data', 'npz:images.npy', '--labels', 'labels.txt'];
}

function writeSmall(folder: string, opType = 'Relu'): void {
  const model = tinyModel({
    nodes: [
      node('Conv', ['x', 'w'], 'z', { name: 'conv' }),
      node(opType, ['z'], 'a', { name: 'act' }),
      node('Flatten', ['a'], 'f', { name: 'flat' }),
      node('Gemm', ['f', 'v'], 'y', { name: 'fc' }),
    ],
    initializers: [
      floatTensor(
        'w',
        [2, 1, 3, 3],
        Array.from({ length: 18 }, (_, k) => Math.sin(k)),
      ),
      floatTensor(
        'v',
        [200, 3],
        Array.from({ length: 600 }, (_, k) => Math.sin(k)),
      ),
    ],
    input: ['N', 1, 12, 12],
  });
  writeFileSync(join(folder, 'small.onnx'), encodeModel(model.proto));
}

const labels = (count: number, classes: number): number[] =>
  Array.from({ length: count }, (_, k) => k % classes);

describe('the network to train', () => {
  const ends = (...args: string[]) => splitz(root, 'train', ...args);

  it('is a file or an untrained network, not both and not neither', async () => {
    expectWords(root, await ends(), 4, /there is no network to train[\s\S]*--architecture glyphs, lenet, /);
    const both = await ends('net.onnx', ...GLYPHS);
    expectWords(root, both, 4, /two networks to train: net\.onnx and --architecture glyphs/);
  });

  it('is pointed to where a file of its name used to be', async () => {
    const missing = await ends('models/resnet110.onnx');
    expectWords(root, missing, 4, /there is no file models\/resnet110\.onnx[\s\S]*--architecture resnet110 /);
    expectWords(root, await ends('--architecture', 'lenett'), 4, /lenett/);
  });

  it('is the file of that name where there is one', async () => {
    writeFileSync(join(root, 'lenet.onnx'), 'not a model');
    expectWords(root, await ends('lenet.onnx'), 3, /lenet\.onnx/);
  });

  it('names the file that is written', async () => {
    const { code, stdout, stderr } = await ends(...GLYPHS, ...QUICK, '--epochs', '1', '--split', 'input');
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^model {2}glyphs, 55,9/m)]);
    expect(stdout).toContain(join(root, 'glyphs.trained.onnx'));
    expect(metadataOf(join(root, 'glyphs.trained.onnx')).get('splitz.architecture')).toBe('glyphs');
  });
});

describe('what cannot be trained ends in words', () => {
  const train = (folder: string, ...args: string[]): Promise<Ended> =>
    splitz(folder, 'train', 'small.onnx', '--batch', '8', '--epochs', '1', ...args);

  it('an operator without a training form', async () => {
    const folder = caseFolder();
    writeSmall(folder, 'HardSwish');
    const ended = await train(folder, ...writeImages(folder, labels(60, 3)), '--split', 'input');
    expectWords(folder, ended, 3, /train.*HardSwish node 'act'/s);
  });

  it.each([
    ['a split that is not a cut', ['--split', 'nowhere'], 4, /nowhere/],
    ['a loss that is none', ['--loss', 'huber'], 4, /huber/],
    ['a schedule that is none', ['--lambda', 'fast'], 4, /--lambda/],
    ['an engine that is not installed', ['--engine', 'tfjs-node-gpu'], 2, /tfjs-node-gpu/],
    ['a recipe without its left half', ['--split', 'input', '--recipe', 'paper'], 4, /--recipe paper/],
    [
      'a folder that is not there',
      ['--out', 'nowhere/net.onnx'],
      4,
      /folder for the output file does not exist/,
    ],
    ['no epochs', ['--epochs', '0'], 4, /--epochs/],
  ] as const)('%s', async (_, args, code, says) => {
    const folder = caseFolder();
    writeSmall(folder);
    expectWords(folder, await train(folder, ...writeImages(folder, labels(60, 3)), ...args), code, says);
  });

  it.each([
    ['labels out of range', labels(60, 4), /image 3 has the label 3/],
    ['one class only', labels(60, 1), /all 60 images are of class 0/],
    ['fewer images than a batch', labels(6, 3), /--batch|too few/],
  ] as const)('%s', async (_, given, says) => {
    const folder = caseFolder();
    writeSmall(folder);
    expectWords(folder, await train(folder, ...writeImages(folder, given)), 4, says);
  });

  it('images of another size', async () => {
    const folder = caseFolder();
    writeSmall(folder);
    expectWords(folder, await train(folder, '--data', 'glyphs'), 4, /\[1,28,28\]/);
  });

  it('a checkpoint of other settings, and a file that would be lost', async () => {
    const folder = caseFolder();
    writeSmall(folder);
    const data = writeImages(folder, labels(60, 3));
    const command = ['train', 'small.onnx', '--batch', '8', ...data, '--out', 'net.onnx'];
    const { child, ended } = start(folder, [...command, '--epochs', '2000']);
    while (!existsSync(join(folder, 'net.onnx.checkpoint'))) await sleep(5);
    child.kill('SIGKILL');
    await ended;
    const checkpoint = readFileSync(join(folder, 'net.onnx.checkpoint'));
    const other = await splitz(folder, ...command, '--epochs', '1');
    expect(other.stderr).toMatch(/its epochs is 2000, now it is 1/);
    expect(other.code).toBe(4);
    expect(readFileSync(join(folder, 'net.onnx.checkpoint')).equals(checkpoint)).toBe(true);
    const anew = await splitz(folder, ...command, '--epochs', '1', '--restart');
    expect(anew.code, anew.stderr).toBe(0);
    const again = await splitz(folder, ...command, '--epochs', '1');
    expect(again.stderr).toMatch(/the output file already exists/);
    expect(again.code).toBe(4);
  });

  it('a loss that runs away: the last checkpoint stays, and a word on what to change', async () => {
    const folder = caseFolder();
    writeSmall(folder);
    const data = writeImages(folder, labels(60, 3));
    const ended = await train(
      folder,
      ...data,
      '--epochs',
      '5',
      '--optimizer',
      'sgd',
      '--lr',
      'step:1e-6,1,1',
    );
    expect(ended.code, ended.stderr).toBe(0);
    const wild = await splitz(
      folder,
      ...['train', 'small.onnx', '--batch', '8', '--epochs', '30', ...data],
      ...['--optimizer', 'sgd', '--weight-decay', '1000', '--lr', '1e-6:100', '--out', 'wild.onnx'],
    );
    expect(wild.code).toBe(2);
    expect(wild.stderr).toMatch(/the loss is not a finite number in epoch \d+, step \d+/);
    expect(wild.stderr).toMatch(/--clip-norm/);
    expect(existsSync(join(folder, 'wild.onnx'))).toBe(false);
    expect(existsSync(join(folder, 'wild.onnx.checkpoint'))).toBe(true);
  });

  it.skipIf(process.getuid?.() === 0)('a folder that may not be written to (skipped for root)', async () => {
    const folder = caseFolder();
    writeSmall(folder);
    const locked = join(folder, 'locked');
    mkdirSync(locked);
    chmodSync(locked, 0o500);
    const ended = await train(folder, ...writeImages(folder, labels(60, 3)), '--out', 'locked/net.onnx');
    expectWords(folder, ended, 4, /cannot be written/);
  });
});
