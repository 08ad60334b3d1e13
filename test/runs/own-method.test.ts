/** A program's own method, without noise and exact: half-spaces. It is predicted, attacked and refused a plan like any other. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { number, object } from '../../src/ground/json-schema.ts';
import type { Context } from '../../src/methods/context.ts';
import { registerMethod } from '../../src/methods/index.ts';
import { defineMethod } from '../../src/methods/method.ts';
import { type AttackRequest, openAttack } from '../../src/runs/attack/attack.ts';
import { targetOfModel } from '../../src/runs/attack/target.ts';
import { openContext } from '../../src/runs/context.ts';
import { plan } from '../../src/runs/plan/plan.ts';
import { predict } from '../../src/runs/predict.ts';
import { writeModel } from '../cli/glyph-network.ts';
import { npy, npz } from '../datasets/files.ts';
import { floatTensor, intAttr, node, tinyProto } from '../onnx/tiny-model.ts';
import { randomSource } from '../operators/random.ts';

const SIDE = 6;
const PIXELS = SIDE * SIDE;
const DISTANCE = 0.5;
const random = randomSource(3);
const w = Array.from({ length: PIXELS }, () => Math.fround(random.uniform(-1, 1)));
const image = Float32Array.from({ length: PIXELS }, () => random.uniform(0.2, 0.8));
const dot = (x: Float32Array) => w.reduce((sum, value, i) => sum + value * (x[i] as number), 0);
const offset = Math.fround(dot(image) - DISTANCE * Math.hypot(...w));
const marginOf = (x: Float32Array): number => (dot(x) - offset) / Math.hypot(...w);

/** @param claimed the radius, in units of the distance */
const halfSpaces = (name: string, claimed: number) =>
  defineMethod<object, { readonly margin: number }>({
    name,
    title: 'half-spaces',
    settings: object('Nothing to set.', {}),
    evidence: object('The distance.', { margin: number('Of the image from the boundary.') }),
    fault: () => null,
    derive: () => ({ steps: [], classifier: 'the classifier', chance: 'never', symbols: [] }),
    open: async () => ({
      ...{ guarantee: 'certificate', facts: {}, checks: {} },
      async *certify(images) {
        for await (const { pixels } of images) {
          const margin = marginOf(pixels);
          const prediction = margin > 0 ? 0 : 1;
          const radius = claimed * Math.abs(margin);
          yield { prediction, radius, failureProbability: 0, evidence: { margin }, seconds: 0 };
        }
      },
      answer: async ({ pixels }, { draws }) => ({
        ...{
          prediction: marginOf(pixels) > 0 ? 0 : 1,
          votes: draws,
          runnerUp: null,
          runnerUpVotes: 0,
          draws,
        },
      }),
      close: async () => {},
    }),
  });

let folder = '';
let request: { model: string; data: string; seed: number };
let context: Context;
const forget: (() => void)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'splitz-own-'));
  const proto = tinyProto({
    nodes: [
      node('Flatten', ['x'], 'f', { attribute: [intAttr('axis', 1)] }),
      node('Gemm', ['f', 'w', 'b'], 'y', { attribute: [intAttr('transB', 1)] }),
    ],
    initializers: [
      floatTensor('w', [2, PIXELS], [...w.map((v) => v / 2), ...w.map((v) => -v / 2)]),
      floatTensor('b', [2], [-offset / 2, offset / 2]),
    ],
    input: ['N', 1, SIDE, SIDE],
    output: ['N', 2],
  });
  const data = join(folder, 'one.npz');
  const images = npy('<f4', [1, 1, SIDE, SIDE], image);
  writeFileSync(data, npz({ images, labels: npy('<i8', [1], new BigInt64Array(1)) }));
  request = { model: writeModel(folder, 'linear.onnx', proto), data: `npz:${data}`, seed: 1 };
  context = openContext({ workers: 1 });
  forget.push(registerMethod(halfSpaces('honest', 1 - 1e-9)), registerMethod(halfSpaces('liar', 2)));
});
afterAll(async () => {
  for (const one of forget) one();
  await context.resources.close();
  rmSync(folder, { recursive: true, force: true });
});

const search: AttackRequest = {
  ...{ search: 'gradient', steps: 30, restarts: 1, draws: 16, threads: 1 },
  ...{ seed: 5, seedOrigin: 'chosen', clip: false },
};

async function attacked(method: string) {
  const target = await targetOfModel({ ...request, method }, { start: 0 }, context);
  const attack = await openAttack(target, search, context);
  try {
    const images = [];
    for await (const one of attack.images(target.indices)) images.push(one);
    return { header: attack.header, found: images[0]! };
  } finally {
    await attack.close();
  }
}

describe('a method of a program', () => {
  it('answers with one draw and no doubt where it draws nothing', async () => {
    const { series, poll, answers } = await predict({ ...request, method: 'honest' }, [0], context);
    expect(series.method).toBe('honest');
    expect(poll).toEqual({ draws: 1, alpha: 0 });
    expect(answers).toEqual([
      { index: 0, label: 0, prediction: 0, votes: 1, runnerUp: null, runnerUpVotes: 0, draws: 1 },
    ]);
  });

  it('is attacked through its own answers, by a search without noise, and bracketed', async () => {
    const { header, found } = await attacked('honest');
    expect(header.certified).toEqual({ method: 'honest', settings: {}, seed: 1 });
    expect(header.settings).toMatchObject({ draws: 0, confirm: 1, alpha: 0 });
    const { record, contradiction } = found;
    expect(contradiction).toBeNull();
    expect(record).toMatchObject({ contradiction: false, failureProbability: 0, prediction: 0 });
    expect(record.inside?.distance).toBeLessThanOrEqual(record.radius);
    expect(record.attacked?.distance).toBeGreaterThan(record.radius);
    expect(record.attacked?.distance).toBeLessThan(1.05 * record.radius);
  });

  it('that claims too much is contradicted, and looked at twice', async () => {
    const { record, contradiction } = (await attacked('liar')).found;
    expect(record.contradiction).toBe(true);
    expect(contradiction?.refuting.distance).toBeLessThanOrEqual(record.radius);
    expect(contradiction?.second.answer.prediction).toBe(1);
    expect(contradiction?.second.certificate).toMatchObject({ prediction: 0, radius: record.radius });
  });

  it('is refused a plan where it has nothing to choose', async () => {
    const counts = { images: 2, draws: 10, start: 0, skip: 1 };
    await expect(plan({ ...request, ...counts, method: 'honest' }, context)).rejects.toThrow(
      'there is nothing to plan for --method honest',
    );
  });
});
