/** What `--lipschitz global` spends on its norms: nothing where a symbol bounds the only one, its share of delta where probes do. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { npy } from '../datasets/files.ts';
import { encodedGate } from '../lipschitz/two-stream-gate.ts';
import { randomSource } from '../operators/random.ts';
import { newFolder, ownVerdict, readResults, settingsOf, splitz } from './command-line.ts';

const SIDE = 72;
const { folder, remove } = newFolder();
afterAll(remove);

it.each([
  // 9 million multiplications, and 4 million: a symbol is taken where products are many.
  ['by its symbol', 64, 0],
  ['by products with a probe', 28, 1e-6],
] as const)(
  'a norm bounded %s is recorded with its failure probability, and verified',
  async (_, channels, delta) => {
    const random = randomSource(1);
    const pixels = Float32Array.from({ length: 3 * SIDE * SIDE }, () => random.uniform(0, 1));
    writeFileSync(join(folder, 'stem.onnx'), encodedGate({ channels, side: SIDE, streams: 1 }));
    writeFileSync(join(folder, 'images.npy'), npy('<f4', [1, 3, SIDE, SIDE], pixels));
    const bound = ['--split', 's0', '--lipschitz', 'global', '--sigma', '0.2'];
    const draws = ['--n', '24', '--n0', '4', '--alpha', '0.01', '--no-baseline', '--seed', '0'];
    const out = `${channels}.jsonl`;
    const ended = await splitz(
      folder,
      'certify',
      'stem.onnx',
      '--data',
      'images.npy',
      ...bound,
      ...draws,
      '--out',
      out,
    );
    expect(ended.code, ended.stderr).toBe(0);
    const { header, records } = readResults(join(folder, out));
    expect(settingsOf(header)['delta']).toBe(delta);
    const { radius, failureProbability } = ownVerdict(records[0]!);
    expect(radius).toBeGreaterThan(0);
    expect(failureProbability).toBe(0.01 + delta);
    const verified = await splitz(folder, 'verify', out);
    expect(verified.code, verified.stderr).toBe(0);
  },
  120_000,
);
