/** A denoiser between the noise and the network, on the command line: what is certified, recorded, asked again and refused. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelOf } from '../../src/methods/index.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import type { RunHeader } from '../../src/records/record.ts';
import { headerFault } from '../../src/verification/check-header.ts';
import { npy, npz } from '../datasets/files.ts';
import { floatTensor, intAttr, intsAttr, node, type Parts, tinyProto } from '../onnx/tiny-model.ts';
import { randomSource } from '../operators/random.ts';
import { newFolder, outcome, readResults, settingsOf, splitz } from './command-line.ts';
import { glyphProto, writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const path = (name: string): string => join(folder, name);
/** Without labels: no time goes into the preparation of pixels of a network that knows no glyphs. */
const DATA = ['--data', 'npz:images.npz'];
const QUICK = [...DATA, '--n', '200', '--n0', '20', '--max', '4', '--seed', '7', '--workers', '2'];
const certify = (out: string, ...args: string[]) =>
  splitz(folder, 'certify', ...args, ...QUICK, '--out', out);
const seriesOf = (name: string, k: number) =>
  readResults(path(name)).records.map(
    (record) => (outcome(record) as { series: readonly unknown[] }).series[k],
  );
const denoiserOf = ({ model }: RunHeader) => model.denoiser;

/** A blur of every channel by itself, in an operator set older than the network's. */
function blur(channels: number, size: number, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const shape = ['N', channels, size, size];
  const parts: Parts = {
    ...{ input: shape, output: shape, opset: 9 },
    nodes: [
      node('Conv', ['x', 'conv.weight'], 'h', {
        attribute: [intsAttr('pads', [1, 1, 1, 1]), intAttr('group', channels)],
      }),
      node('Clip', ['h'], 'y', { attribute: [{ name: 'min', type: 1, f: -0.5 }] }),
    ],
    initializers: [
      floatTensor(
        'conv.weight',
        [channels, 1, 3, 3],
        Array.from({ length: 9 * channels }, (_, k) => (k % 9 === 4 ? 0.4 : 0.075)),
      ),
    ],
  };
  return encodeModel({
    ...tinyProto(parts),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
}

/** The denoiser with one bit of a weight changed. */
function flipped(): Uint8Array {
  const bytes = blur(1, 28, { 'splitz.sigma': '0.08' });
  const at = Buffer.from(bytes).indexOf(Buffer.from(Float32Array.of(0.4).buffer));
  expect(at).toBeGreaterThan(0);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

beforeAll(async () => {
  writeModel(folder, 'net.onnx');
  const random = randomSource(5);
  const pixels = Float32Array.from({ length: 24 * 784 }, (_, k) =>
    random.uniform(0, k % 784 < 392 ? 0.2 : 0.6),
  );
  writeFileSync(path('images.npz'), npz({ images: npy('<f4', [24, 28, 28], pixels) }));
  writeFileSync(path('blur.onnx'), blur(1, 28, { 'splitz.sigma': '0.08' }));
  writeFileSync(path('plain.onnx'), blur(1, 28));
  writeFileSync(path('latent.onnx'), blur(3, 8, { 'splitz.split': 'Relu_1', 'splitz.sigma': '0.2' }));
  mkdirSync(path('other'));
  writeFileSync(path('other/blur.onnx'), flipped());
  const runs = [
    await certify('run.jsonl', 'net.onnx', ...['--denoiser', 'blur.onnx', '--sigma', '0.1']),
    await certify(
      'bare.jsonl',
      'net.onnx',
      ...['--split', 'input', '--sigma', '0.08', '--against', 'smoothing', '--baseline-sigma', '0.1'],
    ),
  ];
  for (const { code, stderr } of runs) expect(code, stderr).toBe(0);
}, 60_000);
afterAll(remove);

describe('certify --denoiser', () => {
  it('adds noise to the image and records which denoiser stands behind it, and how it is used', () => {
    const { header } = readResults(path('run.jsonl'));
    expect(header.series[0]).toMatchObject({ method: 'smoothing', denoised: true });
    expect(denoiserOf(header)).toEqual({
      ...{
        name: 'blur.onnx',
        files: [{ name: 'blur.onnx', sha256: expect.stringMatching(/^[0-9a-f]{64}$/u) }],
      },
      ...{ producer: 'test', at: null, trained: { value: 0.08, origin: 'denoiser' } },
      ...{ scaling: { trained: 0.08, sigma: 0.1 }, diffusion: null },
    });
  });

  it('gives the votes of the file that compose writes, which runs as it is', async () => {
    const written = await splitz(
      folder,
      'compose',
      'blur.onnx',
      'net.onnx',
      '--sigma',
      '0.1',
      '--out',
      'defended.onnx',
    );
    expect(written).toMatchObject({ code: 0, stdout: 'defended.onnx\n' });
    expect((await certify('defended.jsonl', 'defended.onnx')).code).toBe(0);
    const { header } = readResults(path('defended.jsonl'));
    expect(seriesOf('defended.jsonl', 0)).toEqual(seriesOf('run.jsonl', 0));
    expect(settingsOf(header)).toMatchObject({ sigma: 0.1 });
    expect(header.series[0]?.settings).toMatchObject({ sigma: { origin: 'model metadata' } });
  });

  it('changes the votes, and uses a denoiser at the noise it was trained for unless told otherwise', async () => {
    const { stderr } = await certify('own.jsonl', 'net.onnx', '--denoiser', 'blur.onnx');
    expect(stderr).toContain(
      'with   blur.onnx in front of the network, behind the noise; trained for sigma 0.08 (its metadata)',
    );
    const own = readResults(path('own.jsonl'));
    expect(own.header.series[0]?.settings).toMatchObject({ sigma: { value: 0.08, origin: 'denoiser' } });
    const bare = readResults(path('bare.jsonl'));
    expect(seriesOf('bare.jsonl', 0)).not.toEqual(seriesOf('own.jsonl', 0));
    // The network alone is the network alone.
    expect(bare.records.map(({ answer }) => answer)).toEqual(own.records.map(({ answer }) => answer));
  });

  it('shows the network without the denoiser alongside, at the same noise, unless told not to', async () => {
    const { header } = readResults(path('run.jsonl'));
    expect(header.series.map(labelOf)).toEqual(['denoised smoothing σ=0.1', 'plain smoothing σ=0.1']);
    expect(seriesOf('run.jsonl', 1)).toEqual(seriesOf('bare.jsonl', 1));
    expect(seriesOf('run.jsonl', 1)).not.toEqual(seriesOf('run.jsonl', 0));
    const lone = await certify('lone.jsonl', 'net.onnx', '--denoiser', 'blur.onnx', '--no-baseline');
    expect(lone.code, lone.stderr).toBe(0);
    expect(readResults(path('lone.jsonl')).header.series).toHaveLength(1);
  });

  it('leaves no doubt which series has the denoiser: a header that says otherwise is false', () => {
    const { header } = readResults(path('run.jsonl'));
    const { header: bare } = readResults(path('bare.jsonl'));
    const denoised = (values: readonly (boolean | undefined)[], of: RunHeader = header) => ({
      ...of,
      series: of.series.map(({ denoised: _, ...one }, k) =>
        values[k] === undefined ? one : { ...one, denoised: values[k] },
      ),
    });
    expect(headerFault(header)).toBeNull();
    expect(headerFault(denoised([false, true]))).toContain(
      'the first series is what the denoiser was run for',
    );
    expect(headerFault(denoised([true, undefined]))).toContain('does not say whether the denoiser');
    expect(headerFault(denoised([undefined, false], bare))).toContain('the run has no denoiser');
  });

  it('uses a denoiser that states nothing as it is, and says so', async () => {
    const { stderr } = await certify('plain.jsonl', 'net.onnx', '--denoiser', 'plain.onnx', '--sigma', '0.1');
    expect(stderr).toContain('used as it is at any noise, as nothing says which it was trained for');
    expect(denoiserOf(readResults(path('plain.jsonl')).header)).toMatchObject({
      trained: null,
      scaling: null,
    });
  });

  it('puts a denoiser of latents behind the cut it was trained for, and composes the same there', async () => {
    const ended = await certify('latent.jsonl', 'net.onnx', '--denoiser', 'latent.onnx');
    expect(ended.code, ended.stderr).toBe(0);
    const own = readResults(path('latent.jsonl'));
    expect(own.header.series.map(labelOf)).toEqual([
      'denoised SPLITZ σ=0.2',
      expect.stringMatching(/^denoised smoothing σ=/u),
      'SPLITZ σ=0.2',
    ]);
    expect(denoiserOf(own.header)).toMatchObject({ at: 'a', scaling: { trained: 0.2, sigma: 0.2 } });
    expect(own.header.series[0]).toMatchObject({
      method: 'splitz',
      settings: { split: { value: 'Relu_1', origin: 'denoiser' }, sigma: { value: 0.2, origin: 'denoiser' } },
    });
    expect((await splitz(folder, 'compose', 'latent.onnx', 'net.onnx', '--out', 'behind.onnx')).code).toBe(0);
    expect((await certify('behind.jsonl', 'behind.onnx', '--no-baseline')).code).toBe(0);
    expect(seriesOf('behind.jsonl', 0)).toEqual(seriesOf('latent.jsonl', 0));
    const again = ['--denoiser', 'latent.onnx', ...DATA, '--image', '0', '1'];
    const replayed = await splitz(folder, 'replay', 'latent.jsonl', 'net.onnx', ...again);
    expect(replayed.code, replayed.stderr).toBe(0);
  });
});

describe('a run with a denoiser', () => {
  it('is not continued with one that differs in a bit', async () => {
    copyFileSync(path('run.jsonl'), path('resumed.jsonl'));
    const before = readFileSync(path('resumed.jsonl'));
    const args = ['net.onnx', '--denoiser', 'other/blur.onnx', '--sigma', '0.1', '--max', '5'];
    const { code, stderr } = await certify('resumed.jsonl', ...args);
    expect(code).toBe(4);
    expect(stderr).toContain('model.denoiser.files.0.sha256');
    expect(readFileSync(path('resumed.jsonl'))).toEqual(before);
  });

  it('is continued with the same one under another name', async () => {
    copyFileSync(path('run.jsonl'), path('renamed.jsonl'));
    copyFileSync(path('blur.onnx'), path('blurred.onnx'));
    const { code, stderr } = await certify(
      'renamed.jsonl',
      'net.onnx',
      '--denoiser',
      'blurred.onnx',
      '--sigma',
      '0.1',
    );
    expect(code, stderr).toBe(0);
  });

  it('is verified, noise and all, with the denoiser found alongside', async () => {
    const verified = await splitz(folder, 'verify', 'run.jsonl', 'net.onnx', ...DATA, '--replay', 'all');
    expect(verified.code, verified.stderr).toBe(0);
    expect(verified.stdout).toContain('+ the digest of the denoiser');
    expect(verified.stdout).toContain('of all 4 records');
  });

  it('does not hold with a denoiser that differs in a bit, and asks for one that is not there', async () => {
    const OTHER = ['--denoiser', 'other/blur.onnx', ...DATA];
    const other = await splitz(folder, 'verify', 'run.jsonl', 'net.onnx', ...OTHER);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain('the denoiser is not the one certified');
    const again = await splitz(folder, 'replay', 'run.jsonl', 'net.onnx', ...OTHER);
    expect(again.code).toBe(4);
    expect(again.stderr).toContain('this is not the denoiser of the result file');
    renameSync(path('blur.onnx'), path('away.onnx'));
    const missing = await splitz(folder, 'verify', 'run.jsonl', 'net.onnx');
    renameSync(path('away.onnx'), path('blur.onnx'));
    expect(missing.code).toBe(4);
    expect(missing.stderr).toContain('--denoiser FOLDER/blur.onnx');
    const needless = await splitz(folder, 'verify', 'bare.jsonl', 'net.onnx', '--denoiser', 'blur.onnx');
    expect(needless.stderr).toContain('the run has no denoiser');
  });

  it('cannot lead verify to another folder by the name it records', async () => {
    const text = readFileSync(path('run.jsonl'), 'utf8');
    writeFileSync(
      path('led.jsonl'),
      text.replace('"denoiser":{"name":"blur.onnx"', '"denoiser":{"name":"other/blur.onnx"'),
    );
    const { code, stderr } = await splitz(folder, 'verify', 'led.jsonl', 'net.onnx');
    expect(code).not.toBe(0);
    expect(stderr).not.toContain('the denoiser is not the one certified');
  });

  it('is attacked as it was certified, and nothing is found within its radii', async () => {
    const args = [
      '--steps',
      '8',
      '--restarts',
      '1',
      '--confirm',
      '100',
      '--max',
      '3',
      '--json',
      '--workers',
      '2',
    ];
    const { code, stderr, stdout } = await splitz(
      folder,
      'attack',
      'run.jsonl',
      'net.onnx',
      ...DATA,
      ...args,
    );
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      attack: { model: { denoiser: { name: 'blur.onnx' } } },
      summary: { contradictions: 0 },
    });
  });

  it('is planned at several levels, with the denoiser scaled to each, and predicted', async () => {
    const asked = [...DATA, '--denoiser', 'blur.onnx', '--seed', '3', '--workers', '2'];
    const pilot = ['--images', '4', '--draws', '40', '--levels', '0.05,0.2', '--max', '10', '--json'];
    const planned = await splitz(folder, 'plan', 'net.onnx', ...asked, ...pilot, '--n', '200');
    expect(planned.code, planned.stderr).toBe(0);
    expect(planned.stderr).toMatch(
      /gain {3}at sigma [\d.]+ an expected average radius of [\d.]+ behind the denoiser, of [\d.]+ without it/u,
    );
    const { grid, config } = JSON.parse(planned.stdout) as {
      grid: { cut: string; sigma: number }[];
      config: object | null;
    };
    expect(grid.map(({ cut, sigma }) => [cut, sigma])).toEqual([
      ['input', 0.05],
      ['input', 0.2],
    ]);
    if (config !== null) expect(config).toMatchObject({ denoiser: 'blur.onnx' });
    const answered = await splitz(folder, 'predict', 'net.onnx', ...asked, '--n', '100', '--json');
    expect(JSON.parse(answered.stdout)).toMatchObject({ settings: { method: 'smoothing', sigma: 0.08 } });
  });
});

/** ε(x, t) = x/2 + t/1000 on glyphs. */
function unet(): Uint8Array {
  const shape = ['N', 1, 28, 28];
  return encodeModel(
    tinyProto({
      nodes: [
        node('Cast', ['timestep'], 'f', { attribute: [intAttr('to', DataType.FLOAT)] }),
        node('Mul', ['f', 'thousandth'], 'g'),
        node('Reshape', ['g', 'each'], 'h'),
        node('Mul', ['sample', 'half'], 's'),
        node('Add', ['s', 'h'], 'y'),
      ],
      initializers: [
        floatTensor('thousandth', [], [0.001]),
        floatTensor('half', [], [0.5]),
        { name: 'each', dataType: DataType.INT64, dims: [4], int64Data: [-1, 1, 1, 1] },
      ],
      inputs: [tensorInfo('sample', DataType.FLOAT, shape), tensorInfo('timestep', DataType.INT64, ['N'])],
      output: shape,
    }),
  );
}

describe('a diffusion model', () => {
  it('is certified as one step, chosen for the noise, and verified without its schedule', async () => {
    writeFileSync(path('unet.onnx'), unet());
    writeFileSync(
      path('scheduler_config.json'),
      JSON.stringify({
        beta_schedule: 'linear',
        beta_start: 1e-4,
        beta_end: 0.02,
        num_train_timesteps: 1000,
      }),
    );
    const args = [
      'net.onnx',
      '--denoiser',
      'unet.onnx',
      '--schedule',
      'scheduler_config.json',
      '--sigma',
      '0.1',
    ];
    const { code, stderr } = await certify('step.jsonl', ...args);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/step \d+ of a diffusion model, which predicts the noise/u);
    const { timestep, alphaBar } = denoiserOf(readResults(path('step.jsonl')).header)?.diffusion ?? {};
    expect(timestep).toBeGreaterThan(10);
    expect(Math.sqrt((1 - (alphaBar ?? 0)) / (alphaBar ?? 1))).toBeCloseTo(0.2, 2);
    const verified = await splitz(folder, 'verify', 'step.jsonl', 'net.onnx', ...DATA, '--replay', 'all');
    expect(verified.code, verified.stderr).toBe(0);
    const missing = await certify('none.jsonl', 'net.onnx', '--denoiser', 'unet.onnx');
    expect(missing.stderr).toContain('--schedule scheduler_config.json');
  });
});

describe('a denoiser is refused', () => {
  const refused = async (text: string, code: number, ...args: string[]) => {
    const ended = await certify('refused.jsonl', 'net.onnx', ...args);
    expect(ended.stderr).toContain(text);
    expect(ended.code).toBe(code);
    expect(existsSync(path('refused.jsonl'))).toBe(false);
  };

  it('when it does not fit the images, or is a classifier', async () => {
    await refused(
      'the denoiser takes FLOAT[N,3,8,8], and the images are [1,28,28]',
      3,
      '--denoiser',
      'latent.onnx',
      '--split',
      'input',
    );
    await refused('this model is not a denoiser', 3, '--denoiser', 'net.onnx');
  });

  it('with options that contradict it', async () => {
    await refused(
      '--split auto does not go with --denoiser',
      4,
      '--denoiser',
      'blur.onnx',
      '--split',
      'auto',
    );
    await refused(
      'does not go with --method deterministic',
      4,
      '--denoiser',
      'blur.onnx',
      '--method',
      'deterministic',
    );
    await refused('--denoiser-sigma needs a denoiser', 4, '--denoiser-sigma', '0.1');
    await refused(
      '--method smoothing adds noise to the image',
      4,
      '--denoiser',
      'latent.onnx',
      '--method',
      'smoothing',
    );
    writeFileSync(path('bytes.onnx'), blur(1, 28, { 'splitz.scale': '255' }));
    await refused(
      'the denoiser takes its pixels prepared (metadata splitz.scale 255)',
      4,
      '--denoiser',
      'bytes.onnx',
    );
  });

  it('by compose, which neither overwrites what it reads nor what is there', async () => {
    writeModel(folder, 'there.onnx', glyphProto());
    const over = (out: string, ...more: string[]) =>
      splitz(folder, 'compose', 'blur.onnx', 'net.onnx', '--out', out, ...more);
    const before = readFileSync(path('net.onnx'));
    expect((await over('net.onnx', '--force')).stderr).toContain('the output file would overwrite net.onnx');
    expect(readFileSync(path('net.onnx'))).toEqual(before);
    expect((await over('there.onnx')).code).toBe(4);
    expect((await over('there.onnx', '--force')).code).toBe(0);
  });
});
