/** What is certified through a layout is the function that the model was meant to be: the same certificates as without it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { certify } from '../../src/runs/certify.ts';
import type { IntakeRequest } from '../../src/runs/intake-settings.ts';
import { writeModel } from '../cli/glyph-network.ts';
import { floatTensor, intAttr, node, tinyProto } from '../onnx/tiny-model.ts';

const SIDE = 28;
const PIXELS = SIDE * SIDE;
const UNITS = 6;
const folder = mkdtempSync(join(tmpdir(), 'splitz-layouts-'));
// Three classes where the glyphs have ten: labels of its own.
const labels = join(folder, 'labels.txt');
writeFileSync(labels, '0\n'.repeat(10_000));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Weight of pixel (row, column) for a unit: no symmetry that a wrong order could hide behind. */
const weight = (row: number, column: number, unit: number): number =>
  Math.sin(1 + 0.11 * row + 0.23 * column + 2.7 * unit) / 10;

/** Flatten → Gemm → Relu → Gemm on pixels in the given order and an input of the given shape. */
function network(
  name: string,
  input: number[],
  placeOf: (k: number) => [row: number, column: number],
): string {
  const first = Array.from({ length: PIXELS }, (_, k) =>
    Array.from({ length: UNITS }, (_, unit) => weight(...placeOf(k), unit)),
  ).flat();
  const last = Array.from({ length: UNITS * 3 }, (_, k) => Math.cos(1 + 1.3 * k));
  const proto = tinyProto({
    nodes: [
      node('Flatten', ['x'], 'f', { attribute: [intAttr('axis', 1)] }),
      node('Gemm', ['f', 'w1'], 'h'),
      node('Relu', ['h'], 'a'),
      node('Gemm', ['a', 'w2'], 'y'),
    ],
    initializers: [floatTensor('w1', [PIXELS, UNITS], first), floatTensor('w2', [UNITS, 3], last)],
    input: ['N', ...input],
    output: ['N', 3],
  });
  return writeModel(folder, name, proto);
}

const byRows = (k: number): [number, number] => [Math.floor(k / SIDE), k % SIDE];
const byColumns = (k: number): [number, number] => [k % SIDE, Math.floor(k / SIDE)];

async function certificates(model: string, layout: IntakeRequest['layout'], split: string) {
  const found: { prediction: number | null; radius: number }[] = [];
  const settings = { split, sigma: 0.05, n: 400, n0: 50 };
  const request = { model, layout, data: 'glyphs', labels, max: 4, seed: 11, settings, against: [] };
  for await (const { series } of certify(request))
    found.push({ prediction: series[0]?.prediction ?? null, radius: series[0]?.radius ?? 0 });
  return found;
}

describe.each(['input', 'first'])('cut at %s, certificates are those of images with channels', (split) => {
  it.each<[string, number[], typeof byRows, IntakeRequest['layout']]>([
    ['flat', [PIXELS], byRows, 'flat'],
    ['flat, with an axis of one', [PIXELS, 1], byRows, 'flat'],
    ['flat, folded into rows of another length', [14, 56], byRows, 'flat'],
    ['flat, column by column', [PIXELS], byColumns, 'flat-transposed'],
    ['flat, column by column, with an axis of one', [PIXELS, 1], byColumns, 'flat-transposed'],
  ])('for a model of pixels laid %s', async (name, input, order, layout) => {
    const plain = await certificates(network('plain.onnx', [1, SIDE, SIDE], byRows), 'nchw', split);
    const other = await certificates(network(`${name}.onnx`, input, order), layout, split);
    expect(plain.some(({ radius }) => radius > 0)).toBe(true);
    expect(other.map(({ prediction }) => prediction)).toEqual(plain.map(({ prediction }) => prediction));
    for (const [k, { radius }] of plain.entries()) expect(other[k]?.radius).toBeCloseTo(radius, 2);
  });
});
