/** What was asked for is dealt to the series that know it, and refused where none does. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerMethod } from '../../src/methods/index.ts';
import { valuesOf } from '../../src/methods/method.ts';
import { openContext } from '../../src/runs/context.ts';
import { openSubject } from '../../src/runs/open-subject.ts';
import { checkSettings, type SeriesRequests, settle } from '../../src/runs/settle.ts';
import { writeModel } from '../cli/glyph-network.ts';
import { nearestMean } from '../methods/own-method.ts';

const folder = mkdtempSync(join(tmpdir(), 'splitz-settle-'));
const context = openContext({ workers: 1 });
let forget = () => {};
beforeAll(() => {
  writeModel(folder, 'net.onnx');
  forget = registerMethod(nearestMean);
});
afterAll(async () => {
  forget();
  await context.resources.close();
  rmSync(folder, { recursive: true });
});

async function settled(request: SeriesRequests) {
  const subject = await openSubject({ model: `${folder}/net.onnx`, data: 'glyphs' });
  const { series } = await settle(request, subject, context);
  return series.map(({ method, settings }) => [method.name, valuesOf(settings)] as const);
}

describe('settings', () => {
  it('go to the method, and to what it is fairly compared with at its own level of noise', async () => {
    const [own, beside, ...more] = await settled({ settings: { sigma: 0.1, n: 500 } });
    expect([own?.[0], beside?.[0], more]).toEqual(['splitz', 'smoothing', []]);
    expect(own?.[1]).toMatchObject({ split: 'Relu_1', sigma: 0.1, n: 500, n0: 100 });
    expect(beside?.[1]).toMatchObject({ n: 500, n0: 100 });
    expect(beside?.[1]).not.toMatchObject({ sigma: 0.1 });
  });

  it('that only a method beside it has go there', async () => {
    const request = { method: 'nearest-mean', against: ['smoothing'] };
    const series = await settled({ ...request, settings: { images: 7, n: 500 }, beside: { sigma: 0.3 } });
    expect(series).toEqual([
      ['nearest-mean', { images: 7 }],
      ['smoothing', { sigma: 0.3, n0: 100, n: 500, alpha: 0.001, bound: 'clopper-pearson' }],
    ]);
  });

  it('are shared with another method beside it, but not the noise, which belongs to a place', async () => {
    const [own, beside] = await settled({
      method: 'smoothing',
      settings: { sigma: 0.1, n: 500 },
      against: ['splitz'],
    });
    expect(own?.[1]).toMatchObject({ sigma: 0.1, n: 500 });
    expect(beside?.[0]).toBe('splitz');
    expect(beside?.[1]).toMatchObject({ n: 500, split: 'Relu_1' });
    expect(beside?.[1]).not.toMatchObject({ sigma: 0.1 });
  });

  it('that no series has are refused by name; those of a config file, which speaks to many commands, are not', () => {
    const method = 'nearest-mean';
    expect(() => checkSettings({ method, settings: { sigma: 1 } })).toThrow(
      '--sigma does not go with --method nearest-mean',
    );
    const origins = new Map([['sigma', 'config file' as const]]);
    expect(() => checkSettings({ method, settings: { sigma: 1 }, origins })).not.toThrow();
    expect(() => checkSettings({ method: 'magic' })).toThrow("there is no method 'magic'");
  });

  it('that can certify nothing are refused before a model is opened', () => {
    for (const settings of [{ sigma: -1 }, { n: 99.5 }, { n: 3 }, { alpha: 2 }, { bound: 'magic' }])
      expect(() => checkSettings({ settings }), JSON.stringify(settings)).toThrow(/^--/);
  });
});
