/** A run in TF32 says so, is not part of a run in float32, and its draws are made again in nothing else. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FORMATS, registerMethod } from '../../src/methods/index.ts';
import type { RunHeader } from '../../src/records/record.ts';
import { resultDigest } from '../../src/records/result-digest.ts';
import { resultLines } from '../../src/records/result-lines.ts';
import { differences } from '../../src/records/run-identity.ts';
import { openRun, settleRun } from '../../src/runs/certify.ts';
import { openContext } from '../../src/runs/context.ts';
import { replayOn } from '../../src/runs/replay.ts';
import type { Devices, Precision } from '../../src/smoothing/arithmetic.ts';
import { headerFault } from '../../src/verification/check-header.ts';
import { writeModel } from '../cli/glyph-network.ts';
import { nearestMean } from '../methods/own-method.ts';

const folder = mkdtempSync(join(tmpdir(), 'splitz-precision-'));
let forget = () => {};

/** Of a method that draws nothing, so that no card is needed. */
async function headerIn(precision: Precision, devices?: Devices): Promise<RunHeader> {
  const context = openContext({
    ...{ provider: 'cuda', workers: 1, precision },
    ...(devices === undefined ? {} : { devices }),
  });
  const request = { model: join(folder, 'net.onnx'), data: 'glyphs', method: 'nearest-mean', seed: 1 };
  const opened = await openRun(await settleRun({ ...request, settings: { images: 3 } }, context), context);
  await opened.close();
  await context.resources.close();
  return opened.header;
}

let plain: RunHeader;
let tf32: RunHeader;
beforeAll(async () => {
  writeModel(folder, 'net.onnx');
  forget = registerMethod(nearestMean);
  plain = await headerIn('fp32');
  tf32 = await headerIn('tf32', [0, 1]);
});
afterAll(() => {
  forget();
  rmSync(folder, { recursive: true });
});

describe('a run in TF32', () => {
  it('says so, and a run in float32 says nothing', () => {
    expect(plain.precision).toBeUndefined();
    expect(tf32.precision).toEqual({ value: 'tf32', origin: 'flag' });
  });

  it('has another digest, and continues no file of a run in float32', () => {
    const digest = (header: RunHeader) => resultDigest(header, resultLines(FORMATS)).value();
    expect(digest(tf32)).not.toBe(digest(plain));
    expect(differences(plain, tf32)).toEqual(['precision: absent in the file, "tf32" now']);
  });

  it('is continued on other devices', () => {
    expect(tf32.environments[0]?.devices).toEqual([0, 1]);
    const [environment] = tf32.environments;
    if (environment === undefined) throw new Error('a run has an environment');
    const { devices: _, ...elsewhere } = environment;
    expect(differences(tf32, { ...tf32, environments: [elsewhere] })).toEqual([]);
  });

  it('was made where there is TF32', () => {
    expect(headerFault(tf32)).toBeNull();
    const environments = tf32.environments.map((one) => ({ ...one, provider: 'cpu' }));
    expect(headerFault({ ...tf32, environments })).toMatch(/precision is tf32.*provider is cpu/u);
    expect(headerFault({ ...plain, environments })).toBeNull();
  });

  it('is not drawn again in float32, nor the other way round', async () => {
    const context = openContext({ workers: 1 });
    const subject = undefined as never;
    await expect(replayOn(tf32, [], subject, context)).rejects.toThrow('made in tf32');
    await context.resources.close();
    const other = openContext({ workers: 1, provider: 'cuda', precision: 'tf32' });
    await expect(replayOn(plain, [], subject, other)).rejects.toThrow('made in fp32');
    await other.resources.close();
  });
});
