/** Optimizers against torch.optim in float64 (tools/golden/losses.py). */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  ADAM,
  createOptimizer,
  type Optimizer,
  type OptimizerSettings,
  SGD,
} from '../../src/training/optimizers.ts';
import type { NamedTensors } from '../../src/training/program.ts';
import file from '../fixtures/training-losses.json' with { type: 'json' };

type Numbers = { readonly [name: string]: readonly number[] };

interface OptimizerCase {
  readonly settings: OptimizerSettings;
  readonly shapes: { readonly [name: string]: readonly number[] };
  readonly start: Numbers;
  readonly steps: readonly { readonly rate: number; readonly gradients: Numbers; readonly after: Numbers }[];
}

const golden = file.optimizers as unknown as readonly OptimizerCase[];
const first = golden[0] as OptimizerCase;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function tensors(numbers: Numbers, shapes: OptimizerCase['shapes']): NamedTensors {
  return Object.fromEntries(
    Object.entries(numbers).map(([name, values]) => [
      name,
      tf.tensor([...values], [...(shapes[name] ?? [])]),
    ]),
  );
}

function startState(optimizer: Optimizer, shapes: OptimizerCase['shapes']): NamedTensors {
  const state = optimizer.initialState(new Map(Object.entries(shapes)));
  return Object.fromEntries(
    [...state].map(([name, { dims, values }]) => [name, tf.tensor(values, [...dims])]),
  );
}

function scalarsOf(optimizer: Optimizer, step: number, rate: number): NamedTensors {
  const scalars = optimizer.scalars(step, rate);
  expect([...scalars.keys()]).toEqual([...optimizer.scalarNames]);
  return Object.fromEntries([...scalars].map(([name, value]) => [name, tf.scalar(value)]));
}

/** Parameters after each step of a case; weights decay, biases do not. */
function run({ settings, shapes, start, steps }: OptimizerCase): NamedTensors[] {
  const optimizer = createOptimizer(settings, (name) => name.endsWith('weight'));
  let parameters = tensors(start, shapes);
  let state = startState(optimizer, shapes);
  return steps.map(({ rate, gradients }, k) => {
    const scalars = scalarsOf(optimizer, k + 1, rate);
    const before = Object.keys(state);
    ({ parameters, state } = optimizer.update(tf, {
      parameters,
      gradients: tensors(gradients, shapes),
      state,
      scalars,
    }));
    expect(Object.keys(state).sort()).toEqual(before.sort());
    return parameters;
  });
}

describe('the optimizers', () => {
  it.each(golden.map((c) => [JSON.stringify(c.settings), c] as const))(
    'follow torch.optim step by step: %s',
    (_, c) => {
      const found = run(c);
      for (const [k, { after }] of c.steps.entries()) {
        for (const [name, expected] of Object.entries(after)) {
          const values = found[k]![name]!.dataSync();
          const scale = Math.max(...expected.map(Math.abs));
          for (const [i, e] of expected.entries()) {
            expect(Math.abs(values[i]! - e), `step ${k + 1}, ${name}[${i}]`).toBeLessThan(1e-5 * scale);
          }
        }
      }
    },
  );

  it('name their state after the parameters, zero at the start', () => {
    const shapes = new Map([['w', [2, 3]]]);
    const names = (settings: OptimizerSettings): string[] => {
      const state = createOptimizer(settings, () => true).initialState(shapes);
      for (const { dims, values } of state.values()) {
        expect(dims).toEqual([2, 3]);
        expect([...values]).toEqual([0, 0, 0, 0, 0, 0]);
      }
      return [...state.keys()];
    };
    expect(names(ADAM)).toEqual(['adam.m/w', 'adam.v/w']);
    expect(names(SGD)).toEqual(['sgd.momentum/w']);
  });

  it('decay only what the predicate allows', () => {
    const moved = (settings: OptimizerSettings): number[] => {
      const optimizer = createOptimizer(settings, (name) => name === 'w');
      const shapes = { w: [1], b: [1] };
      const { parameters } = optimizer.update(tf, {
        parameters: tensors({ w: [2], b: [2] }, shapes),
        gradients: tensors({ w: [0], b: [0] }, shapes),
        state: startState(optimizer, shapes),
        scalars: scalarsOf(optimizer, 1, 0.1),
      });
      return [parameters['w']!, parameters['b']!].map((p) => p.dataSync()[0]!);
    };
    for (const kind of [ADAM, SGD]) {
      const [w, b] = moved({ ...kind, weightDecay: 0.5 }) as [number, number];
      expect(w).toBeCloseTo(1.9, 6);
      expect(b).toBe(2);
    }
  });

  it('take a gradient below the limit as it is', () => {
    const free = run({ ...first, settings: { ...SGD, clipNorm: null } });
    const limited = run({ ...first, settings: { ...SGD, clipNorm: 1e6 } });
    for (const [k, parameters] of free.entries())
      for (const [name, p] of Object.entries(parameters))
        expect([...limited[k]![name]!.dataSync()]).toEqual([...p.dataSync()]);
  });

  it('let a gradient that is not a number through, clipped or not', () => {
    const broken = { ...first, steps: [{ ...first.steps[0]!, gradients: { ...first.steps[0]!.gradients } }] };
    broken.steps[0]!.gradients = { ...broken.steps[0]!.gradients, 'conv/bias': [Number.NaN, 0, 0] };
    for (const clipNorm of [null, 1]) {
      const after = run({ ...broken, settings: { ...ADAM, clipNorm } })[0]!['conv/bias']!;
      expect(after.dataSync()[0]).toBeNaN();
    }
  });
});
