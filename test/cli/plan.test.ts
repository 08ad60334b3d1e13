/** `plan` as users run it, on a tiny network. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { totalSeconds } from '../../src/runs/plan/forecast.ts';
import { newFolder, readResults, splitz } from './command-line.ts';
import { glyphProto, writeModel } from './glyph-network.ts';

/** A network that certifies something; the one below guesses. */
const LENET = fileURLToPath(new URL('../../models/glyphs-lenet.onnx', import.meta.url));

let work: ReturnType<typeof newFolder>;
let model = '';
beforeAll(() => {
  work = newFolder();
  model = writeModel(work.folder, 'tiny.onnx', glyphProto({}, { 'splitz.dataset': 'glyphs' }));
});
afterAll(() => work.remove());

interface Document {
  readonly pilot: { readonly from: string; readonly images: number };
  readonly grid: readonly { readonly cut: string; readonly sigma: number; readonly averageRadius: number }[];
  readonly best: { readonly cut: string; readonly sigma: number; readonly averageRadius: number };
  readonly forecast: { readonly images: number; readonly seconds: number; readonly memoryBytes: number };
  readonly levers: readonly { readonly name: string; readonly seconds: number }[];
  readonly config: { readonly [name: string]: unknown };
}

const small = ['--images', '4', '--draws', '30', '--n0', '10', '--n', '100', '--levels', '0.1,0.3'];

describe('plan', () => {
  it('takes the best of its grid, writes it as a config file, and certify runs with that', async () => {
    const args = ['plan', LENET, ...small, '--max', '3', '--out', 'splitz.config.yaml', '--json'];
    const planned = await splitz(work.folder, ...args);
    expect(planned.stderr).toMatch(/4 images of glyphs train/);
    expect(planned.code).toBe(0);
    const document = JSON.parse(planned.stdout) as Document;
    const radii = document.grid.map(({ averageRadius }) => averageRadius);
    expect(document.best.averageRadius).toBe(Math.max(...radii));
    expect(new Set(document.grid.map(({ cut }) => cut))).toContain('input');
    expect(document.forecast.images).toBe(3);
    expect(document.forecast.seconds).toBeGreaterThan(0);
    expect(document.levers.some(({ name }) => name.startsWith('--n 1000'))).toBe(true);
    const config: unknown = parse(readFileSync(join(work.folder, 'splitz.config.yaml'), 'utf8'));
    expect(config).toEqual({
      ...{ n: 100, split: document.best.cut, sigma: document.best.sigma },
      certify: { n0: 10, max: 3 },
    });

    const certified = await splitz(work.folder, 'certify', LENET, '--out', 'r.jsonl');
    expect(certified.code).toBe(0);
    const { header, records } = readResults(join(work.folder, 'r.jsonl'));
    expect(header.series[0]).toMatchObject({
      method: document.best.cut === 'input' ? 'smoothing' : 'splitz',
      settings: { sigma: { value: document.best.sigma, origin: 'config file' } },
    });
    if (document.best.cut !== 'input')
      expect(header.series[0]?.settings).toMatchObject({ split: { value: document.best.cut } });
    expect(records).toHaveLength(3);

    const again = await splitz(work.folder, ...args, '--no-config', '--force');
    expect((JSON.parse(again.stdout) as Document).grid).toEqual(document.grid);
  });

  it('does not replace a config file unasked', async () => {
    writeFileSync(join(work.folder, 'kept.yaml'), 'sigma: 1\n');
    const { code, stderr } = await splitz(
      work.folder,
      'plan',
      model,
      ...small,
      '--out',
      'kept.yaml',
      '--no-config',
    );
    expect(code).toBe(4);
    expect(stderr).toMatch(/already exists/);
    expect(readFileSync(join(work.folder, 'kept.yaml'), 'utf8')).toBe('sigma: 1\n');
  });

  it('judges by certified accuracy where a radius is given, tries the cuts named, and shows a screen', async () => {
    const args = [
      'plan',
      LENET,
      ...small,
      '--cuts',
      'input,1',
      '--at',
      '0.05',
      '--no-baseline',
      '--no-config',
    ];
    const { code, stdout } = await splitz(work.folder, ...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^best {3}--split .* --sigma /m);
    expect(stdout).not.toMatch(/--no-baseline/);
    expect(stdout.split('\n').every((line) => line.length <= 140)).toBe(true);
    expect(existsSync(join(work.folder, 'glyphs-lenet.input.jsonl'))).toBe(false);
  });

  it('refuses a method that has nothing to plan, and names one that has', async () => {
    const { code, stderr } = await splitz(
      work.folder,
      ...['plan', model, '--method', 'smoothing', '--no-config'],
    );
    expect(code).toBe(4);
    expect(stderr).toMatch(/nothing to plan for --method smoothing/);
    expect(stderr).toMatch(/--method splitz/);
  });

  it('refuses levels that are not noise', async () => {
    const { code, stderr } = await splitz(work.folder, 'plan', model, '--levels', '0.1,0', '--no-config');
    expect(code).toBe(4);
    expect(stderr).toMatch(/--levels holds 0/);
  });
});

describe('the forecast', () => {
  it('is the start and the mean image as often as there are images; its range shrinks with the pilot', () => {
    const time = (own: number) => ({ own, beside: 1 });
    const even = totalSeconds({ startSeconds: 2, perImage: [time(3), time(3)] }, 10);
    expect(even).toEqual({ seconds: 42, halfWidth: 0 });
    const few = totalSeconds({ startSeconds: 0, perImage: [time(1), time(3)] }, 10);
    const many = totalSeconds(
      { startSeconds: 0, perImage: Array.from({ length: 20 }, (_, k) => time(1 + 2 * (k % 2))) },
      10,
    );
    expect(few.seconds).toBeCloseTo(many.seconds, 12);
    expect(many.halfWidth).toBeLessThan(few.halfWidth);
  });
});
