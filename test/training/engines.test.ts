import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { ToolError, UsageError } from '../../src/ground/errors.ts';
import type { Tf } from '../../src/operators/training/form.ts';
import type { Engine } from '../../src/training/engines/engine.ts';
import { DEVICES, ENGINES, openEngine } from '../../src/training/engines/select-engine.ts';
import { diagnoseTfjsNode, probeTfjsNode } from '../../src/training/engines/tfjs-node.ts';
import type { HostTensor, NamedTensors, Program } from '../../src/training/program.ts';
import { traceFunction } from '../../src/training/tracing/trace.ts';
import { cpuEngine, difference, filledTensor, normals, normalTensor, ortEngine } from './programs.ts';

const BATCH = 6;

const last = (tf: Tf, x: Tensor): Tensor4D => tf.transpose(x as Tensor4D, [0, 2, 3, 1]);
const first = (tf: Tf, x: Tensor): Tensor4D => tf.transpose(x as Tensor4D, [0, 3, 1, 2]);
const convolve = (tf: Tf, x: Tensor, kernel: Tensor): Tensor =>
  first(tf, tf.conv2d(last(tf, x), tf.transpose(kernel as Tensor4D, [2, 3, 1, 0]), 1, 'same'));
const pool = (tf: Tf, x: Tensor): Tensor => first(tf, tf.maxPool(last(tf, x), 2, 2, 'valid'));

/** Batch normalisation on the batch's statistics; its gradient in closed form, as an operator would give it. */
function normalized(tf: Tf, x: Tensor, gain: Tensor): { y: Tensor; mean: Tensor } {
  const axes = [0, 2, 3];
  const mean = tf.mean(x, axes, true);
  const variance = tf.mean(tf.squaredDifference(x, mean), axes, true);
  const inverse = tf.rsqrt(tf.add(variance, 1e-5));
  const normalize = tf.customGrad((...inputs) => {
    const [data, scale, save] = inputs as unknown as [Tensor, Tensor, (t: Tensor[]) => void];
    const unit = tf.mul(tf.sub(data, mean), inverse);
    save([unit, tf.mul(scale, inverse)]);
    return {
      value: tf.mul(unit, scale),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [normal, factor] = saved as [Tensor, Tensor];
        const along = tf.sum(tf.mul(dy, normal), axes, true);
        const total = tf.add(tf.sum(dy, axes, true), tf.mul(normal, along));
        return [tf.mul(tf.sub(dy, tf.div(total, x.size / gain.size)), factor), along];
      },
    };
  });
  return { y: normalize(x, gain), mean };
}

/** conv, batch norm, clip, pool, conv with bias, relu, pool, dense; Adam; a running mean; noise that is fed. */
function network(): Program {
  const weights: { [name: string]: HostTensor } = {
    kernel1: normalTensor(1, [8, 1, 3, 3], 0.4),
    gain: filledTensor([1, 8, 1, 1], 1),
    kernel2: normalTensor(2, [5, 8, 3, 3], 0.2),
    bias: normalTensor(3, [5], 0.1),
    dense: normalTensor(4, [3, 20], 0.3),
  };
  const names = Object.keys(weights);
  const state = new Map(Object.entries(weights));
  for (const name of names) {
    const { dims } = weights[name] as HostTensor;
    state.set(`m/${name}`, filledTensor(dims, 0));
    state.set(`v/${name}`, filledTensor(dims, 0));
  }
  state.set('running', filledTensor([8], 0));
  const forward = (tf: Tf, s: NamedTensors, x: Tensor): { logits: Tensor; mean: Tensor } => {
    const { y, mean } = normalized(tf, convolve(tf, x, s['kernel1'] as Tensor), s['gain'] as Tensor);
    const hidden = pool(tf, tf.clipByValue(y, 0, 1));
    const sum = tf.add(
      convolve(tf, hidden, s['kernel2'] as Tensor),
      tf.reshape(s['bias'] as Tensor, [1, 5, 1, 1]),
    );
    const flat = tf.reshape(pool(tf, tf.relu(sum)), [BATCH, 20]);
    return { logits: tf.matMul(flat, s['dense'] as Tensor, false, true), mean };
  };
  const feeds = new Map<string, readonly number[]>([
    ['images', [BATCH, 1, 8, 8]],
    ['labels', [BATCH, 3]],
    ['noise', [BATCH, 1, 8, 8]],
    ['rate', []],
  ]);
  return {
    state,
    functions: {
      train: {
        feeds,
        compute(tf, s, fed) {
          const next: { [name: string]: Tensor } = {};
          const objective = (...values: Tensor[]): Tensor => {
            const current = { ...s, ...Object.fromEntries(names.map((n, i) => [n, values[i] as Tensor])) };
            const noisy = tf.add(fed['images'] as Tensor, tf.mul(fed['noise'] as Tensor, 0.1));
            const { logits, mean } = forward(tf, current, noisy);
            next['running'] = tf.keep(
              tf.add(tf.mul(s['running'] as Tensor, 0.9), tf.mul(tf.reshape(mean, [8]), 0.1)),
            );
            const entropy = tf.sum(tf.mul(tf.logSoftmax(logits), fed['labels'] as Tensor), 1);
            return tf.neg(tf.mean(entropy));
          };
          const { value, grads } = tf.valueAndGrads(objective as Parameters<Tf['valueAndGrads']>[0])(
            names.map((name) => s[name] as Tensor),
          );
          names.forEach((name, i) => {
            const g = grads[i] as Tensor;
            const m = tf.add(tf.mul(s[`m/${name}`] as Tensor, 0.9), tf.mul(g, 0.1));
            const v = tf.add(tf.mul(s[`v/${name}`] as Tensor, 0.999), tf.mul(tf.square(g), 0.001));
            next[`m/${name}`] = m;
            next[`v/${name}`] = v;
            const step = tf.div(m, tf.add(tf.sqrt(v), 1e-3));
            next[name] = tf.sub(s[name] as Tensor, tf.mul(step, fed['rate'] as Tensor));
          });
          return { state: next, results: { loss: value } };
        },
      },
      validate: {
        feeds: new Map([['images', [BATCH, 1, 8, 8]]]),
        compute: (tf, s, fed) => ({
          state: {},
          results: { logits: forward(tf, s, fed['images'] as Tensor).logits },
        }),
      },
    },
  };
}

function feedsOf(step: number): Map<string, Float32Array> {
  const labels = new Float32Array(BATCH * 3);
  for (let i = 0; i < BATCH; i++) labels[i * 3 + ((i + step) % 3)] = 1;
  return new Map([
    ['images', normals(10 + step, BATCH * 64)],
    ['labels', labels],
    ['noise', normals(50 + step, BATCH * 64)],
    ['rate', Float32Array.of(0.01)],
  ]);
}

type Values = ReadonlyMap<string, Float32Array>;

function expectClose(expected: Values, actual: Values): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, values] of expected)
    expect(difference(values, actual.get(name) as Float32Array), name).toBeLessThan(1e-5);
}

async function stepped(engine: Engine, steps: number): Promise<{ state: Values; results: Values }> {
  let results: Values = new Map();
  for (let step = 0; step < steps; step++) results = await engine.run('train', feedsOf(step));
  return { state: await engine.read(), results };
}

test('one Adam step of a network with batch norm agrees between the engines', async () => {
  const [ort, eager] = [ortEngine(network()), await cpuEngine(network())];
  const [actual, expected] = [await stepped(ort, 1), await stepped(eager, 1)];
  expectClose(expected.results, actual.results);
  expectClose(expected.state, actual.state);
  const images = new Map([['images', normals(7, BATCH * 64)]]);
  expectClose(await eager.run('validate', images), await ort.run('validate', images));
  await Promise.all([ort.close(), eager.close()]);
});

test('steps lower the loss', async () => {
  const engine = ortEngine(network());
  const losses: number[] = [];
  for (let k = 0; k < 40; k++)
    losses.push((await engine.run('train', feedsOf(0))).get('loss')?.[0] as number);
  await engine.close();
  expect(losses.at(-1)).toBeLessThan(0.2 * (losses[0] as number));
});

test('ONNX Runtime gives identical bits from the same state, with two threads too', async () => {
  for (const threads of [1, 2]) {
    const runs: Values[] = [];
    for (let k = 0; k < 2; k++) {
      const engine = ortEngine(network(), threads);
      runs.push((await stepped(engine, 3)).state);
      await engine.close();
    }
    expect(runs[1]).toEqual(runs[0]);
  }
});

test.each(['onnxruntime', 'tfjs'] as const)(
  '%s: a state that is read and written goes on as if never stopped',
  async (kind) => {
    const open = async (): Promise<Engine> => (kind === 'tfjs' ? cpuEngine(network()) : ortEngine(network()));
    const [whole, before, after] = [await open(), await open(), await open()];
    const expected = await stepped(whole, 2);
    await before.run('train', feedsOf(0));
    const saved = await before.read();
    await before.run('train', feedsOf(5));
    await after.write(saved);
    await after.run('train', feedsOf(1));
    expect(await after.read()).toEqual(expected.state);
    await Promise.all([whole.close(), before.close(), after.close()]);
  },
);

test.each(['onnxruntime', 'tfjs'] as const)('%s: what it hands out and takes in are copies', async (kind) => {
  const program = network();
  const engine = kind === 'tfjs' ? await cpuEngine(program) : ortEngine(program);
  const original = Float32Array.from(program.state.get('dense')?.values ?? []);
  (await engine.read()).get('dense')?.fill(7);
  const written = new Map([['dense', Float32Array.from(original)]]);
  await engine.write(written);
  written.get('dense')?.fill(7);
  program.state.get('dense')?.values.fill(7);
  expect((await engine.read()).get('dense')).toEqual(original);
  await engine.close();
});

test('the tfjs engine and the tracer keep no tensor from step to step, and leave the backend as it was', async () => {
  await tf.setBackend('cpu');
  const start = tf.memory().numTensors;
  const engine = await cpuEngine(network());
  await engine.run('train', feedsOf(0));
  const { numTensors, numDataBuffers } = tf.memory();
  for (let step = 1; step < 4; step++) await engine.run('train', feedsOf(step));
  await engine.run('validate', feedsOf(0));
  expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
  const dims = new Map([...network().state].map(([name, tensor]) => [name, tensor.dims]));
  for (const step of Object.values(network().functions)) traceFunction(step, dims, 'cpu');
  expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
  expect(tf.getBackend()).toBe('cpu');
  await engine.close();
  expect(tf.memory().numTensors).toBe(start);
});

test('programs that take turns do not disturb each other', async () => {
  const [a, b, c] = [ortEngine(network()), await cpuEngine(network()), ortEngine(network())];
  const results = await Promise.all([a, b, c].map((engine) => stepped(engine, 2)));
  expect(results[2]?.state).toEqual(results[0]?.state);
  expectClose(results[1]?.results as Values, results[0]?.results as Values);
  await Promise.all([a, b, c].map((engine) => engine.close()));
});

test('a traced convolutional network turns data only where its kernels’ gradients need it', () => {
  const program = network();
  const dims = new Map([...program.state].map(([name, tensor]) => [name, tensor.dims]));
  const { nodes } = traceFunction(program.functions['train']!, dims, 'cpu');
  // Per convolution two inside of dW, and where there is a dX one to swap the channels of the kernel.
  expect(nodes.get('Transpose')).toBe(5);
  expect(nodes.get('Conv')).toBe(5);
});

test('a feed of the wrong size, and a function that is not there, are mistakes of the caller', async () => {
  for (const engine of [ortEngine(network()), await cpuEngine(network())]) {
    await expect(engine.run('validate', new Map([['images', new Float32Array(5)]]))).rejects.toThrow(
      /'images' has 5/,
    );
    await expect(engine.run('validate', new Map())).rejects.toThrow(/'images' has no/);
    await expect(engine.run('dance', new Map())).rejects.toThrow(/no function 'dance'/);
    await expect(engine.write(new Map([['x', new Float32Array(1)]]))).rejects.toThrow(/no state tensor 'x'/);
    await engine.close();
  }
});

test('auto opens an engine that says what it is', async () => {
  expect(ENGINES[0]).toBe('auto');
  expect(DEVICES[0]).toBe('auto');
  const engine = await openEngine(network(), 'auto', 'cpu', 2);
  expect(engine.description).toMatch(/^onnxruntime \d+\.\d+\.\d+ \(cpu, 2 threads\)$/);
  expect((await engine.run('train', feedsOf(0))).get('loss')?.[0]).toBeGreaterThan(0);
  await engine.close();
});

test('an engine that cannot use the device is refused before anything is loaded', async () => {
  await expect(openEngine(network(), 'tfjs-node', 'webgpu', 1)).rejects.toThrow(UsageError);
});

test('why tfjs-node does not run is told apart: no addon, a library that does not fit', () => {
  expect(
    diagnoseTfjsNode(
      'tfjs-node',
      'Error: The Node.js native addon module (tfjs_binding.node) can not be found at path: /x/lib/napi-v8',
    ),
  ).toMatchObject({ available: false, reason: 'addon missing' });
  expect(
    diagnoseTfjsNode(
      'tfjs-node-gpu',
      'node: symbol lookup error: /x/tfjs_binding.node: undefined symbol: TF_NewTensor',
    ),
  ).toMatchObject({
    available: false,
    reason: 'library unsuitable',
    why: expect.stringMatching(/TF_NewTensor/),
  });
});

test('tfjs-node: refused with the reason where it is absent, in agreement with tfjs where it works', async (context) => {
  const probe = await probeTfjsNode('tfjs-node');
  if (!probe.available) {
    await expect(openEngine(network(), 'tfjs-node', 'auto', 1)).rejects.toThrow(ToolError);
    await expect(openEngine(network(), 'tfjs-node', 'auto', 1)).rejects.toThrow(probe.reason);
    context.skip(`the agreement needs tfjs-node: ${probe.why}`);
    return;
  }
  const [native, eager] = [await openEngine(network(), 'tfjs-node', 'auto', 1), await cpuEngine(network())];
  expect(native.description).toMatch(/tfjs-node .*TensorFlow/);
  const [actual, expected] = [await stepped(native, 1), await stepped(eager, 1)];
  expectClose(expected.results, actual.results);
  expectClose(expected.state, actual.state);
  await Promise.all([native.close(), eager.close()]);
});
