/** models/README.md describes the files that are there, and the trained ones do what their cards say. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/onnx/model/load.ts';
import { newFolder, ownVerdict, readResults, splitz } from '../cli/command-line.ts';
import { noShared, sharedFolder, titled } from '../onnx/shared.ts';

const MODELS = fileURLToPath(new URL('../../models/', import.meta.url));
const cards = readFileSync(`${MODELS}README.md`, 'utf8');
const files = readdirSync(MODELS).filter((name) => name.endsWith('.onnx'));

describe.each(files)('models/%s', (name) => {
  it('has a card with its digest and its size', () => {
    const bytes = readFileSync(MODELS + name);
    expect(cards).toContain(createHash('sha256').update(bytes).digest('hex'));
    expect(cards).toContain(bytes.length.toLocaleString('en-US'));
    expect(cards).toContain(name);
  });

  it('says what it is for, and nothing of the machine it was made on', async () => {
    const { metadata } = await loadModel(MODELS + name);
    // What was trained for noise says where the noise is; what was not names none.
    const { noiseScale } = JSON.parse(metadata.get('splitz.training') ?? '{}') as { noiseScale?: string };
    expect(metadata.has('splitz.split')).toBe(noiseScale !== '0');
    expect([...metadata.keys()]).toContain('splitz.dataset');
    expect([...metadata.values()].join('\n')).not.toMatch(/(^|[\s"'(:])\/\w+\//m);
  });
});

const { folder, remove } = newFolder();
afterAll(remove);

describe.skipIf(noShared !== null)(titled('the shipped MNIST pair'), () => {
  // Of these 12 images both certify 11 at 0.5 with n = 10,000 (models/README.md); with n = 400, two may fall short.
  it.each(['mnist-splitz', 'mnist-smoothing'])(
    'models/%s.onnx certifies MNIST with no flag but the data',
    async (name) => {
      const out = `${name}.jsonl`;
      const { code, stderr } = await splitz(
        folder,
        ...['certify', `${MODELS}${name}.onnx`, '--data', `mnist:${sharedFolder}/data/mnist`],
        ...['--skip', '20', '--max', '12', '--n', '400', '--seed', '0', '--no-baseline', '--out', out],
      );
      expect([code, stderr]).toEqual([0, expect.not.stringContaining('error')]);
      const { header, records } = readResults(`${folder}/${out}`);
      expect(header.series[0]?.settings).toMatchObject({ sigma: { origin: 'model metadata' } });
      const right = records.filter((record) => {
        const { prediction, radius } = ownVerdict(record);
        return prediction === record.label && radius >= 0.5;
      });
      expect(right.length).toBeGreaterThanOrEqual(9);
    },
  );
});

describe('the shipped network without noise', () => {
  // With n = 1,000 and 40 images: 62.5 % behind the denoiser and 22.5 % without (README.md).
  it('models/glyphs-clean.onnx is certified at 0.5 on more images behind the shipped denoiser than without', async () => {
    const { code, stderr } = await splitz(
      folder,
      ...['certify', `${MODELS}glyphs-clean.onnx`, '--denoiser', `${MODELS}denoiser-digits28.onnx`],
      ...[
        '--sigma',
        '0.5',
        '--max',
        '12',
        '--n',
        '200',
        '--seed',
        '0',
        '--workers',
        '2',
        '--out',
        'clean.jsonl',
      ],
    );
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('error')]);
    const { records } = readResults(`${folder}/clean.jsonl`);
    const certified = [0, 1].map(
      (k) =>
        records.filter(
          ({ label, series }) => series[k]?.prediction === label && (series[k]?.radius ?? 0) >= 0.5,
        ).length,
    );
    expect(certified[0]).toBeGreaterThanOrEqual((certified[1] ?? 0) + 2);
  });
});

describe.skipIf(noShared !== null)(titled('the shipped denoiser of digits'), () => {
  // Without it, 63 of 100 images are certified right at this noise (docs/denoising.md).
  it('models/denoiser-digits28.onnx lets a network that knows no noise be certified, left as it is', async () => {
    const network = `${sharedFolder}/models/real/germanov_mnist_torch20.onnx`;
    const { code, stderr } = await splitz(
      folder,
      ...[
        'certify',
        network,
        '--data',
        `mnist:${sharedFolder}/data/mnist`,
        '--mean',
        '0.1307',
        '--std',
        '0.3081',
      ],
      ...['--denoiser', `${MODELS}denoiser-digits28.onnx`, '--sigma', '0.5', '--skip', '500', '--max', '20'],
      ...['--n', '200', '--seed', '0', '--no-baseline', '--out', 'digits.jsonl'],
    );
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('error')]);
    const { header, records } = readResults(`${folder}/digits.jsonl`);
    expect(header.model.denoiser).toMatchObject({ range: [0.12, 1], scaling: { trained: 0.5, sigma: 0.5 } });
    const right = records.filter((record) => ownVerdict(record).prediction === record.label);
    expect(right.length).toBeGreaterThanOrEqual(17);
  });
});
