/** `train --denoiser` as users run it: resumable to the bit, its file used by certify without a flag, its errors in words. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeModel, encodeModel } from '../../src/onnx/model/codec.ts';
import { npy, npz } from '../datasets/files.ts';
import { floatTensor, node, tinyModel } from '../onnx/tiny-model.ts';
import { randomSource } from '../operators/random.ts';
import { type Ended, newFolder, readResults, splitz, start } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
afterAll(remove);
const path = (name: string): string => join(folder, name);

const QUICK = ['--batch', '8', '--max', '44', '--threads', '1', '--validation', '4'];
const IMAGES = ['--data', 'npz:images.npz'];
const LABELLED = ['--data', 'npz:labelled.npz'];
const train = (...args: string[]): Promise<Ended> => splitz(folder, 'train', ...args, ...QUICK);

const metadataOf = (name: string): Map<string, string> =>
  new Map(
    (decodeModel(readFileSync(path(name))).metadataProps ?? []).map(({ key, value }) => [
      key ?? '',
      value ?? '',
    ]),
  );
const weightsOf = (name: string): [string, string][] =>
  (decodeModel(readFileSync(path(name))).graph?.initializer ?? []).map((t) => [
    t.name ?? '',
    Buffer.from(t.rawData ?? []).toString('hex'),
  ]);

beforeAll(() => {
  const random = randomSource(8);
  const pixels = Float32Array.from({ length: 120 * 784 }, (_, k) =>
    random.uniform(0, k % 28 < 14 ? 0.2 : 0.9),
  );
  const images = npy('<f4', [120, 28, 28], pixels);
  writeFileSync(path('images.npz'), npz({ images }));
  const classes = Int32Array.from({ length: 120 }, (_, k) => k % 10);
  writeFileSync(path('labelled.npz'), npz({ images, labels: npy('<i4', [120], classes) }));
  writeModel(folder, 'net.onnx');
});

describe('a denoiser trained for a network', () => {
  const command = [
    'net.onnx',
    ...LABELLED,
    '--denoiser',
    'unet-small',
    '--sigma',
    '0.1..0.3',
    '--epochs',
    '3',
  ];

  it('killed (kill -9) and run again has the weights of one that was not, but for another network is not continued', async () => {
    const whole = await train(...command, '--out', 'whole.onnx');
    expect(whole.code, whole.stderr).toBe(0);
    expect(whole.stdout).toMatch(
      /sigma 0\.1\.\.0\.3, .* % of the noise left on held-out images; right on .* without the denoiser/,
    );
    const checkpoint = path('torn.onnx.checkpoint');
    const { child, ended } = start(folder, ['train', ...command, ...QUICK, '--out', 'torn.onnx']);
    let over = false;
    ended.then(() => {
      over = true;
    });
    while (!over && !existsSync(checkpoint)) await sleep(5);
    child.kill('SIGKILL');
    expect((await ended).code).toBe(null);
    expect(existsSync(path('torn.onnx'))).toBe(false);
    const before = readFileSync(checkpoint);
    const other = await train(...command, '--scale', '255', '--out', 'torn.onnx');
    expect([other.code, other.stderr]).toEqual([
      4,
      expect.stringContaining('the checkpoint cannot be continued'),
    ]);
    expect(readFileSync(checkpoint)).toEqual(before);
    const resumed = await train(...command, '--out', 'torn.onnx');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/^resume .*: [12] epochs and 0 steps/m);
    expect(weightsOf('torn.onnx')).toEqual(weightsOf('whole.onnx'));
    expect(readdirSync(folder).filter((name) => /checkpoint|tmp|lock/u.test(name))).toEqual([]);
  }, 300_000);

  it('says in its file for which noise, for which network, and what it does to it', () => {
    const metadata = metadataOf('whole.onnx');
    expect(Object.fromEntries(metadata)).toMatchObject({
      'splitz.sigma': '0.1..0.3',
      'splitz.split': 'input',
      'splitz.dataset': expect.any(String),
      'splitz.architecture': 'unet-small',
      'splitz.trained': 'true',
    });
    expect(JSON.parse(metadata.get('splitz.training') ?? '')).toMatchObject({
      loss: 'mse@30%,stability',
      network: { name: 'net.onnx', sha256: expect.stringMatching(/^[0-9a-f]{64}$/u) },
      undefended: { clean: expect.any(Number), noisy: expect.any(Number) },
      lastEpoch: { validation: { noiseLeft: expect.any(Number), accuracy: expect.any(Number) } },
    });
  });

  it('is used by certify as it is within its range, and scaled from the nearest end outside of it', async () => {
    const certify = (sigma: string[], out: string) =>
      splitz(
        folder,
        'certify',
        'net.onnx',
        ...IMAGES,
        '--denoiser',
        'whole.onnx',
        ...sigma,
        '--n',
        '100',
        '--max',
        '2',
        '--out',
        out,
      );
    const own = await certify([], 'own.jsonl');
    expect(own.code, own.stderr).toBe(0);
    expect(own.stderr).toContain('trained for sigma 0.1 to 0.3 (its metadata)');
    const { header } = readResults(path('own.jsonl'));
    expect(header.series[0]?.settings).toMatchObject({ sigma: { value: 0.25, origin: 'denoiser' } });
    expect(header.model.denoiser).toMatchObject({
      range: [0.1, 0.3],
      scaling: { trained: 0.25, sigma: 0.25 },
    });
    const far = await certify(['--sigma', '0.6'], 'far.jsonl');
    expect(far.stderr).toContain('trained for sigma 0.1 to 0.3 (its metadata), scaled to 0.6');
    expect(readResults(path('far.jsonl')).header.model.denoiser).toMatchObject({
      trained: { value: 0.3, origin: 'denoiser' },
      scaling: { trained: 0.3, sigma: 0.6 },
    });
    const again = await splitz(folder, 'verify', 'far.jsonl', 'net.onnx', ...IMAGES, '--replay', 'all');
    expect(again.code, again.stderr).toBe(0);
  }, 120_000);
});

describe('a denoiser', () => {
  it('of images alone needs neither network nor labels, and is trained on from its file', async () => {
    const first = await train(
      '--denoiser',
      'dncnn',
      ...IMAGES,
      '--epochs',
      '1',
      '--sigma',
      '0.2',
      '--out',
      'blind.onnx',
    );
    expect(first.code, first.stderr).toBe(0);
    expect(first.stderr).toContain('for    the images alone');
    expect(first.stdout).not.toContain('without the denoiser');
    const more = await train(
      'net.onnx',
      '--denoiser',
      'blind.onnx',
      ...IMAGES,
      '--loss',
      'stability',
      '--epochs',
      '1',
      '--out',
      'tuned.onnx',
    );
    expect(more.code, more.stderr).toBe(0);
    const rates = [first, more].map(({ stderr }) => /learningRate = (\S+) \(default\)/u.exec(stderr)?.[1]);
    expect(rates).toEqual(['cosine:1.5e-3,5%', 'cosine:1e-4,5%']);
    expect(more.stdout).toContain('its own clean answer on');
    expect(weightsOf('tuned.onnx').map(([name]) => name)).toEqual(
      weightsOf('blind.onnx').map(([name]) => name),
    );
    expect(weightsOf('tuned.onnx')).not.toEqual(weightsOf('blind.onnx'));
    expect(metadataOf('tuned.onnx').get('splitz.sigma')).toBe('0.25');
  }, 120_000);

  it('of latents is trained behind a cut, and used there without a flag', async () => {
    const { code, stderr } = await train(
      'net.onnx',
      ...IMAGES,
      '--denoiser',
      'unet-small',
      '--split',
      'Relu_1',
      '--epochs',
      '2',
      '--out',
      'latent.onnx',
    );
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("behind 'Relu_1'");
    const certified = await splitz(
      folder,
      'certify',
      'net.onnx',
      ...IMAGES,
      '--denoiser',
      'latent.onnx',
      '--n',
      '100',
      '--max',
      '1',
      '--no-baseline',
      '--out',
      'latent.jsonl',
    );
    expect(certified.code, certified.stderr).toBe(0);
    expect(readResults(path('latent.jsonl')).header.model.denoiser).toMatchObject({
      at: 'a',
      scaling: { trained: 0.25 },
    });
  }, 120_000);
});

describe('what cannot be trained as a denoiser ends in words', () => {
  const image = ['N', 1, 28, 28];
  beforeAll(() => {
    const write = (name: string, parts: Parameters<typeof tinyModel>[0]): void =>
      writeFileSync(path(name), encodeModel(tinyModel({ input: image, output: image, ...parts }).proto));
    const weight = floatTensor('w', [1, 1, 1, 1], [0.9]);
    write('fixed.onnx', {
      input: [1, 1, 28, 28],
      output: [1, 1, 28, 28],
      nodes: [node('Conv', ['x', 'w'], 'y')],
      initializers: [weight],
    });
    write('bare.onnx', { nodes: [node('Sigmoid', ['x'], 'y')], initializers: [] });
    write('hard.onnx', {
      nodes: [node('Conv', ['x', 'w'], 'h'), node('HardSwish', ['h'], 'y', { name: 'act' })],
      initializers: [weight],
    });
    write('small.onnx', {
      input: ['N', 1, 12, 12],
      output: ['N', 1, 12, 12],
      nodes: [node('Conv', ['x', 'w'], 'y')],
      initializers: [weight],
    });
  });

  it.each([
    ['a classifier', ['--denoiser', 'net.onnx'], 3, /not a denoiser: it does not map an image to an image/],
    [
      'images of another size',
      ['--denoiser', 'small.onnx'],
      3,
      /the denoiser takes .*12, ?12.* and the images are \[1,28,28\]/,
    ],
    ['a batch of one', ['--denoiser', 'fixed.onnx'], 3, /one image at a time/],
    ['nothing to train', ['--denoiser', 'bare.onnx'], 3, /no weights to train/],
    ['an operator without a gradient', ['--denoiser', 'hard.onnx'], 3, /HardSwish node 'act'/],
    ['a file that is not there', ['--denoiser', 'unet-tiny'], 4, /unet-tiny/],
    [
      'stability without a network',
      ['--denoiser', 'unet-small', '--loss', 'stability'],
      4,
      /--loss stability needs a network/,
    ],
    [
      'preparation without a network',
      ['--denoiser', 'unet-small', '--mean', '0.5'],
      4,
      /--mean needs a network/,
    ],
    [
      'a loss of classifiers',
      ['--denoiser', 'unet-small', '--loss', 'macer'],
      4,
      /"macer" cannot train a denoiser/,
    ],
    [
      'a recipe',
      ['--denoiser', 'unet-small', '--recipe', 'paper'],
      4,
      /--recipe does nothing for a denoiser/,
    ],
    ['a range that goes down', ['--denoiser', 'unet-small', '--sigma', '0.5..0.1'], 4, /0\.5 is above 0\.1/],
    [
      'a cut without rows and columns',
      ['net.onnx', '--denoiser', 'unet-small', '--split', 'Flatten_2'],
      4,
      /unet-small denoises images, and 'Flatten_2' is \[192\]/,
    ],
    [
      'a range for a classifier',
      ['net.onnx', '--split', 'input', '--sigma', '0.1..0.5'],
      4,
      /--sigma is the range 0\.1\.\.0\.5/,
    ],
  ] as const)('%s', async (_, args, code, says) => {
    const before = readdirSync(folder);
    const ended = await train(...args, ...LABELLED, '--epochs', '1', '--out', 'none.onnx');
    expect([ended.code, ended.stdout], ended.stderr).toEqual([code, '']);
    expect(ended.stderr).toMatch(says);
    expect(ended.stderr).toMatch(/^ {2}do: {4}\S/m);
    expect(ended.stderr).not.toMatch(/^\s+at /m);
    expect(readdirSync(folder)).toEqual(before);
  });

  it('a network without a gradient, which is told how it is served all the same', async () => {
    const proto = tinyModel({
      input: image,
      output: ['N', 784],
      nodes: [node('HardSwish', ['x'], 'h', { name: 'act' }), node('Flatten', ['h'], 'y')],
      initializers: [],
    }).proto;
    writeFileSync(path('stiff.onnx'), encodeModel(proto));
    const { code, stderr } = await train(
      'stiff.onnx',
      '--denoiser',
      'unet-small',
      ...IMAGES,
      '--out',
      'none.onnx',
    );
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(/HardSwish node 'act'[\s\S]*stiff\.onnx[\s\S]*--loss mse/),
    ]);
  });
});
