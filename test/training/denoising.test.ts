/** Training a denoiser: the same step in both engines, a frozen network that stays frozen, and what is written is what was trained. */
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { decodeModel, encodeModel } from '../../src/onnx/model/codec.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import { denoiserSettings } from '../../src/runs/denoiser-settings.ts';
import { networkBuilder } from '../../src/training/architectures/builder.ts';
import { buildDenoiser } from '../../src/training/architectures/denoisers.ts';
import { initialKernel } from '../../src/training/architectures/initial-weights.ts';
import { DENOISERS, type DenoiserName } from '../../src/training/architectures/names.ts';
import { resnet } from '../../src/training/architectures/resnet.ts';
import type { TrainingBatches } from '../../src/training/batches.ts';
import { DenoisingFeed, denoisingProgram } from '../../src/training/denoising-step.ts';
import type { Engine } from '../../src/training/engines/engine.ts';
import { denoisingFeeds } from '../../src/training/feeds.ts';
import { instability, parseDenoisingLoss } from '../../src/training/losses/denoising.ts';
import { type Network, trainableNetwork } from '../../src/training/network.ts';
import { createTrainingNoise } from '../../src/training/noise.ts';
import { ADAM, createOptimizer, SGD } from '../../src/training/optimizers.ts';
import { writeBack } from '../../src/training/parameters.ts';
import type { Program } from '../../src/training/program.ts';
import { parseSchedule } from '../../src/training/schedules.ts';
import { trainedValues } from '../../src/training/trained-tensors.ts';
import { cpuEngine, difference, normals, ortEngine } from './programs.ts';

const BATCH = 2;
const IMAGE = [3, 8, 8] as const;
/** Adam divides by the gradient's size, so that one that is zero but for rounding becomes a step of its own in each engine. */
const sgd = createOptimizer({ ...SGD, weightDecay: 0, clipNorm: 1 }, () => true);
const adam = createOptimizer({ ...ADAM, weightDecay: 0, clipNorm: 1 }, () => true);

const modelOf = (proto: Parameters<typeof encodeModel>[0]): Model =>
  modelFromBytes(encodeModel(proto), 'test.onnx');

/** A ResNet-8 whose weights no one trains: behind its input, or cut behind the Clip of its first layer (16×8×8). */
function frozenNetwork(cut: 'image' | '/conv1/Clip'): Network {
  const net = networkBuilder('resnet8', IMAGE, (dims, fanIn, index) => initialKernel(1n, dims, fanIn, index));
  const model = modelOf(net.finish(resnet(net, 1), new Map()));
  return trainableNetwork(model, model.graph.values.get(cut)!, { frozen: true });
}

interface Subject {
  readonly denoiser: Network;
  readonly model: Model;
  readonly program: Program;
  readonly latentDims: readonly number[];
}

function subject(
  name: DenoiserName,
  network: Network | null = null,
  latentDims: readonly number[] = IMAGE,
  imageDims = latentDims,
  classes: number | null = 10,
  optimizer = sgd,
): Subject {
  const model = modelOf(buildDenoiser(name, latentDims));
  const denoiser = trainableNetwork(model, model.graph.inputs[0]!);
  const program = denoisingProgram({
    ...{ denoiser, network, batch: BATCH, imageDims, latentDims, optimizer, classes },
  });
  return { denoiser, model, program, latentDims };
}

function feedsOf(program: Program, name: string): Map<string, Float32Array> {
  const scalars: { readonly [name: string]: number } = {
    strength: 0.7,
    temperature: 3,
    'optimizer.rate': 0.01,
  };
  return new Map(
    [...program.functions[name]!.feeds].map(([feed, dims]) => {
      const size = dims.reduce((product, d) => product * d, 1);
      const random = normals(feed.length, size);
      if (dims.length === 0) return [feed, Float32Array.of(scalars[feed] ?? 1)];
      if (feed === DenoisingFeed.noise) return [feed, random];
      if (feed === DenoisingFeed.labels) return [feed, random.map((_, k) => (k % 11 === 0 ? 1 : 0))];
      return [feed, random.map((v) => 0.1 + 0.8 / (1 + Math.exp(-v)))];
    }),
  );
}

/** State and results by function after one call of each. */
async function seenBy(program: Program, engine: Engine): Promise<Map<string, Float32Array>> {
  const seen = new Map<string, Float32Array>();
  for (const name of Object.keys(program.functions)) {
    for (const [key, values] of await engine.run(name, feedsOf(program, name)))
      seen.set(`${name} ${key}`, values);
  }
  for (const [key, values] of await engine.read()) seen.set(key, values);
  await engine.close();
  return seen;
}

async function disagreement(program: Program): Promise<number> {
  const [expected, actual] = [
    await seenBy(program, await cpuEngine(program)),
    await seenBy(program, ortEngine(program, 2)),
  ];
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  return Math.max(...[...expected].map(([name, values]) => difference(values, actual.get(name)!)));
}

describe('one step of a denoiser in ONNX Runtime and in TensorFlow.js is equal within 1e-5', () => {
  it('in front of a frozen network, by both losses', async () => {
    const { program } = subject('unet-small', frozenNetwork('image'));
    expect(Object.keys(program.functions).sort()).toEqual(['mse', 'stability', 'undefended', 'validate']);
    const found = await disagreement(program);
    expect(found).toBeLessThan(1e-5);
    expect(found).toBeGreaterThan(0);
  });

  it('of latents, behind a cut, and judged by the clean answers where there are no labels', async () => {
    const { program } = subject('unet-small', frozenNetwork('/conv1/Clip'), [16, 8, 8], IMAGE, null);
    expect(program.functions['validate']?.feeds.has(DenoisingFeed.labels)).toBe(false);
    expect(await disagreement(program)).toBeLessThan(1e-5);
  });

  it('with batch normalisation', async () => {
    expect(await disagreement(subject('dncnn', null, [1, 5, 6]).program)).toBeLessThan(1e-5);
  });

  it('of images alone, of sides that do not halve', async () => {
    const { program } = subject('unet-small', null, [1, 7, 10]);
    expect(Object.keys(program.functions).sort()).toEqual(['mse', 'validate']);
    expect(await disagreement(program)).toBeLessThan(1e-5);
  });
});

/** The denoiser's answers to x + σ·noise, by ONNX Runtime from the file. */
async function answersOf(model: Uint8Array, fed: ReadonlyMap<string, Float32Array>, dims: readonly number[]) {
  const size = dims.reduce((product, d) => product * d, 1);
  const [images, noise, sigma] = ['images', 'noise', 'sigma'].map((name) => fed.get(name) as Float32Array);
  const rows = Array.from({ length: BATCH }, (_, i) =>
    images!
      .slice(i * size, (i + 1) * size)
      .map((x, k) => x + (sigma![i] as number) * (noise![i * size + k] as number)),
  );
  return withSession(model, 'denoiser', async (session) => (await runRows(session, rows, dims)).data);
}

describe('what is trained', () => {
  it('is the denoiser alone: the frozen network has no tensor in the state', () => {
    const { denoiser, program } = subject('unet-small', frozenNetwork('image'), IMAGE, IMAGE, 10, adam);
    const own = [...denoiser.parameters.keys()].flatMap((name) => [name, `adam.m/${name}`, `adam.v/${name}`]);
    expect([...program.state.keys()].sort()).toEqual(own.sort());
  });

  it.each(['mse', 'stability'])('gets better with steps by %s', async (loss) => {
    const { program } = subject('unet-small', frozenNetwork('image'), IMAGE, IMAGE, 10, adam);
    const engine = ortEngine(program);
    const losses: number[] = [];
    for (let step = 1; step <= 40; step++) {
      const scalars = [...adam.scalars(step, 2e-3)].map(([name, v]) => [name, Float32Array.of(v)] as const);
      const results = await engine.run(loss, new Map([...feedsOf(program, loss), ...scalars]));
      losses.push(results.get('loss')?.[0] as number);
    }
    await engine.close();
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);
  });

  it.each(DENOISERS)(
    '%s is written as the engine has it, and computes from the file what it was judged by',
    async (name) => {
      const { denoiser, model, program, latentDims } = subject(name);
      const engine = ortEngine(program);
      for (let step = 0; step < 3; step++) await engine.run('mse', feedsOf(program, 'mse'));
      const state = await engine.read();
      const fed = feedsOf(program, 'validate');
      const judged = await engine.run('validate', fed);
      await engine.close();
      const bytes = encodeModel(writeBack(model.proto, trainedValues(denoiser, state)));
      const written = new Map(
        (decodeModel(bytes).graph?.initializer ?? []).map((t) => [
          t.name,
          new Float32Array(Uint8Array.from(t.rawData ?? []).buffer),
        ]),
      );
      for (const tensor of [...denoiser.parameters.keys(), ...denoiser.statistics.keys()])
        expect(written.get(tensor), tensor).toEqual(state.get(tensor));
      const answers = await answersOf(bytes, fed, latentDims);
      const [images, sigma] = [fed.get('images')!, fed.get('sigma')!];
      const size = answers.length / BATCH;
      const errors = Array.from({ length: BATCH }, (_, i) =>
        answers
          .slice(i * size, (i + 1) * size)
          .reduce((sum, v, k) => sum + (v - images[i * size + k]!) ** 2 / size, 0),
      );
      const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / BATCH;
      expect(judged.get('mse')?.[0]).toBeCloseTo(mean(errors), 5);
      expect(judged.get('noiseLeft')?.[0]).toBeCloseTo(mean(errors.map((e, i) => e / sigma[i]! ** 2)), 4);
    },
  );
});

describe('the losses of a denoiser', () => {
  it('stability is the cross-entropy of logits divided by the temperature: at a high one a confident mistake costs little', async () => {
    const tf = await import('@tensorflow/tfjs-core');
    const [clean, answers] = [
      [8, 0, -4],
      [-4, 8, 0],
    ] as const;
    const softmax = (logits: readonly number[], t: number): number[] => {
      const powers = logits.map((z) => Math.exp(z / t));
      const sum = powers.reduce((a, b) => a + b, 0);
      return powers.map((power) => power / sum);
    };
    for (const t of [1, 4]) {
      const expected = -softmax(clean, t).reduce(
        (s, p, k) => s + p * Math.log(softmax(answers, t)[k] as number),
        0,
      );
      const found = instability(tf, tf.tensor2d([[...clean]]), tf.tensor2d([[...answers]]), t);
      expect(found.dataSync()[0]).toBeCloseTo(expected, 4);
    }
  });

  it.each([0, -1, Number.NaN])('refuse the temperature %s', (temperature) => {
    const training = { dataset: 'glyphs', hasNetwork: true, trainedBefore: true };
    expect(() => denoiserSettings({ temperature }, training)).toThrow(/--temperature/u);
    expect(denoiserSettings({}, training).values.temperature).toBe(4);
  });

  it.each([
    ['mse', 4, ['mse', 'mse', 'mse', 'mse'], 'mse'],
    [' stability ', 2, ['stability', 'stability'], 'stability'],
    ['mse,stability', 10, [...Array(3).fill('mse'), ...Array(7).fill('stability')], 'mse@30%,stability'],
    ['mse@3,stability', 4, ['mse', 'mse', 'mse', 'stability'], 'mse@3,stability'],
    ['mse@10%,stability', 2, ['mse', 'stability'], 'mse@10%,stability'],
    ['mse@99%,stability', 2, ['mse', 'stability'], 'mse@99%,stability'],
  ] as const)('%s over %i epochs', (text, epochs, expected, shown) => {
    const stages = parseDenoisingLoss(text, epochs);
    expect(Array.from({ length: epochs }, (_, epoch) => stages.at(epoch))).toEqual(expected);
    expect(stages.text).toBe(shown);
  });

  it.each([
    ['gaussian', 4],
    ['stability,mse', 4],
    ['mse@x,stability', 4],
    ['mse@100%,stability', 4],
    ['mse@0,stability', 4],
    ['mse,stability', 1],
  ])('refuse "%s" over %i epochs', (text, epochs) => {
    expect(() => parseDenoisingLoss(text, epochs)).toThrow(UsageError);
  });
});

describe('the noise of a denoiser trained for a range', () => {
  const batches = {
    ...{ size: 64, steps: 5, validationSteps: 1 },
    training: () => ({ images: new Float32Array(), labels: new Float32Array() }),
    validation: () => ({ images: new Float32Array(), labels: new Float32Array() }),
  } as unknown as TrainingBatches;
  const feeds = (least: number, most: number) =>
    denoisingFeeds({
      ...{ batches, optimizer: sgd, epochs: 2, sigma: { least, most }, stages: parseDenoisingLoss('mse', 2) },
      noise: createTrainingNoise(3, { training: 4, validation: 4 }),
      temperature: 4,
      strength: parseSchedule('1', { option: '--strength', least: 0, most: 1 }),
      learningRate: parseSchedule('1e-3', { option: '--learning-rate', least: 0, most: 1 }),
    });
  const sigmas = (step: number, least = 0.12, most = 0.5) =>
    feeds(least, most).training(1, step).get('sigma')!;

  it('has a deviation of its own for each image, evenly from the range, as a function of the step', () => {
    const drawn = sigmas(2);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0.12);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(0.5);
    expect(new Set(drawn).size).toBe(64);
    // The mean of 64 uniforms is within 5.5 standard errors of the middle.
    const mean = drawn.reduce((a, b) => a + b, 0) / 64;
    expect(Math.abs(mean - 0.31)).toBeLessThan((5.5 * 0.38) / Math.sqrt(12 * 64));
    expect(sigmas(2)).toEqual(drawn);
    expect(sigmas(3)).not.toEqual(drawn);
  });

  it('has the one deviation where there is one, and spreads the range over held-out images', () => {
    expect(new Set(sigmas(0, 0.25, 0.25))).toEqual(new Set([0.25]));
    const spread = feeds(0.1, 0.3).validation(0, 0).get('sigma')!;
    expect([...spread].every((value, k) => k === 0 || value > spread[k - 1]!)).toBe(true);
    expect([spread[0], spread[63]]).toEqual([expect.closeTo(0.1, 2), expect.closeTo(0.3, 2)]);
  });
});
