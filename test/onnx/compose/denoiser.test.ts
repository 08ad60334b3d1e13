/** What a denoiser computes at a level of noise, and what is not one. */
import { describe, expect, it } from 'vitest';
import { ModelRefused, UsageError } from '../../../src/ground/errors.ts';
import { AS_IT_IS, type Conditioning } from '../../../src/onnx/compose/conditioning.ts';
import { denoiserOf } from '../../../src/onnx/compose/denoiser.ts';
import { readSchedule, stepFor } from '../../../src/onnx/compose/schedule.ts';
import { encodeModel } from '../../../src/onnx/model/codec.ts';
import { DataType } from '../../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../../src/onnx/model/extract.ts';
import type { Dim } from '../../../src/onnx/model/graph.ts';
import type { Model } from '../../../src/onnx/model/model.ts';
import { checkRows } from '../../../src/onnx/runtime/check-rows.ts';
import { runRows, withSession } from '../../../src/onnx/runtime/session.ts';
import { floatTensor, intAttr, node, type Parts, tinyModel } from '../tiny-model.ts';

const DIMS = [1, 2, 2];
const IMAGES = { what: 'the images', dims: DIMS };
const ROWS = checkRows(2, 4, 7).map((row) => row.map((value) => 2 * value - 0.5));

/** d(x) = tanh(3x) + 1/4: not linear, so that a scale in the wrong place shows. */
const tanh = (shape: readonly Dim[] = ['N', ...DIMS]): Parts => ({
  ...{ input: shape, output: shape, opset: 17 },
  nodes: [node('Mul', ['x', 'three'], 'a'), node('Tanh', ['a'], 'b'), node('Add', ['b', 'quarter'], 'y')],
  initializers: [floatTensor('three', [], [3]), floatTensor('quarter', [], [0.25])],
});
const d = (x: number): number => Math.tanh(3 * x) + 0.25;

async function expectValues(map: Model, expected: (x: number) => number, rows = ROWS): Promise<void> {
  const { data } = await withSession(encodeModel(map.proto), 'test', (session) =>
    runRows(session, rows, DIMS),
  );
  const wanted = rows.flatMap((row) => [...row]).map(expected);
  for (const [k, value] of wanted.entries()) expect(data[k]).toBeCloseTo(value, 5);
}

/** ε(x, t) = 0.3 x + t/1000, with a step per row, one for all, or none. */
function unet(shape: readonly Dim[], type: DataType = DataType.INT64, more: Partial<Parts> = {}): Parts {
  return {
    opset: 17,
    nodes: [
      node('Cast', ['t'], 'f', { attribute: [intAttr('to', DataType.FLOAT)] }),
      node('Mul', ['f', 'thousandth'], 'g'),
      node('Reshape', ['g', 'each'], 'h'),
      node('Mul', ['sample', 'slope'], 's'),
      node('Add', ['s', 'h'], 'y'),
    ],
    initializers: [
      floatTensor('thousandth', [], [0.001]),
      floatTensor('slope', [], [0.3]),
      { name: 'each', dataType: DataType.INT64, dims: [4], int64Data: [-1, 1, 1, 1] },
    ],
    inputs: [tensorInfo('sample', DataType.FLOAT, ['N', ...DIMS]), tensorInfo('t', type, shape)],
    output: ['N', ...DIMS],
    ...more,
  };
}

const LINEAR = JSON.stringify({
  ...{ beta_schedule: 'linear', beta_start: 0.0001, beta_end: 0.02, num_train_timesteps: 1000 },
});

describe('a denoiser trained for one level of noise', () => {
  it('is used as it is where nothing says which', async () => {
    await expectValues(await denoiserOf(tinyModel(tanh()), AS_IT_IS, IMAGES), d);
  });

  it('serves another by scaling: its noise becomes what it was trained for, and its answer is scaled back', async () => {
    const scaled: Conditioning = { scaling: { trained: 0.2, sigma: 0.5 }, diffusion: null };
    const map = await denoiserOf(tinyModel(tanh()), scaled, IMAGES);
    await expectValues(map, (x) => 2.5 * d(x * 0.4));
  });

  it('may leave height and width open', async () => {
    const open = tanh(['N', 1, null, 'W']);
    const map = await denoiserOf(tinyModel(open), AS_IT_IS, IMAGES);
    expect(map.graph.inputs[0]?.declaredShape).toEqual(['N', ...DIMS]);
    await expectValues(map, d);
  });
});

describe('one step of a diffusion model', () => {
  const step = stepFor(readSchedule(LINEAR, 'test'), 0.25, 'test');
  const [signal, noise] = [Math.sqrt(step.alphaBar), Math.sqrt(1 - step.alphaBar)];
  const clipped = (x: number): number => Math.min(1, Math.max(-1, x));
  const eps = (x: number): number => 0.3 * x + step.timestep / 1000;

  it('is the one whose noise is nearest to that of images stretched to [-1,1]', () => {
    const level = (alphaBar: number): number => Math.sqrt((1 - alphaBar) / alphaBar);
    const { alphaBars } = readSchedule(LINEAR, 'test');
    expect(level(step.alphaBar)).toBeCloseTo(0.5, 2);
    for (const alphaBar of alphaBars)
      expect(Math.abs(level(alphaBar) - 0.5)).toBeGreaterThanOrEqual(Math.abs(level(step.alphaBar) - 0.5));
    expect(step.alphaBar).toBe(alphaBars[step.timestep]);
    // Reference values of a linear schedule of 1000 steps from 1e-4 to 0.02.
    expect(alphaBars[0]).toBeCloseTo(0.9999, 10);
    expect(alphaBars[999]).toBeCloseTo(4.0358e-5, 8);
  });

  it.each([
    ['a step for every row', ['N'], DataType.INT64],
    ['a step for all rows', [], DataType.FLOAT],
    ['a list of one step', [1], DataType.INT32],
  ] as const)('turns predicted noise into an image: %s', async (_, shape, type) => {
    const map = await denoiserOf(
      tinyModel(unet([...shape], type)),
      { scaling: null, diffusion: step },
      IMAGES,
    );
    expect(map.graph.inputs).toHaveLength(1);
    await expectValues(map, (x) => {
      const noisy = signal * (2 * x - 1);
      return (clipped((noisy - noise * eps(noisy)) / signal) + 1) / 2;
    });
  });

  it('understands models that predict the image, or v', async () => {
    const of = (prediction: 'sample' | 'v_prediction') =>
      denoiserOf(tinyModel(unet(['N'])), { scaling: null, diffusion: { ...step, prediction } }, IMAGES);
    const noisy = (x: number): number => signal * (2 * x - 1);
    await expectValues(await of('sample'), (x) => (clipped(eps(noisy(x))) + 1) / 2);
    await expectValues(await of('v_prediction'), (x) => {
      const clean = signal * noisy(x) - noise * eps(noisy(x));
      return (clipped(clean) + 1) / 2;
    });
  });

  it('omits the variance that a model predicts behind the noise', async () => {
    const both = unet(['N'], DataType.INT64, { output: ['N', 2, 2, 2] });
    const nodes = both.nodes.map((one) => (one.output?.[0] === 'y' ? { ...one, output: ['e'] } : one));
    const doubled = node('Concat', ['e', 'sample'], 'y', { attribute: [intAttr('axis', 1)] });
    const map = await denoiserOf(
      tinyModel({ ...both, nodes: [...nodes, doubled] }),
      { scaling: null, diffusion: step },
      IMAGES,
    );
    await expectValues(map, (x) => {
      const noisy = signal * (2 * x - 1);
      return (clipped((noisy - noise * eps(noisy)) / signal) + 1) / 2;
    });
  });

  it('reads the schedules of diffusers, and refuses others by name', () => {
    const read = (config: object) => readSchedule(JSON.stringify(config), 'scheduler_config.json');
    const usual = { beta_start: 0.0001, beta_end: 0.02, num_train_timesteps: 10 };
    const [first] = read({ ...usual, beta_schedule: 'scaled_linear' }).alphaBars;
    expect(first).toBeCloseTo(0.9999, 12);
    expect(read({ beta_schedule: 'squaredcos_cap_v2', num_train_timesteps: 10 }).alphaBars[4]).toBeCloseTo(
      Math.cos((0.508 / 1.008) * (Math.PI / 2)) ** 2 / Math.cos((0.008 / 1.008) * (Math.PI / 2)) ** 2,
      12,
    );
    expect(read({ alphas_cumprod: [0.9, 0.5], prediction_type: 'sample' })).toEqual({
      ...{ alphaBars: [0.9, 0.5], prediction: 'sample' },
    });
    expect(() => read({ ...usual, beta_schedule: 'sigmoid' })).toThrow("beta schedule 'sigmoid'");
    expect(() => read({ ...usual, beta_schedule: 'linear', prediction_type: 'flow' })).toThrow("type 'flow'");
    expect(() => read({ beta_schedule: 'linear', num_train_timesteps: 10 })).toThrow('beta_start');
    expect(() => read({ ...usual, beta_schedule: 'linear', rescale_betas_zero_snr: true })).toThrow(
      'zero signal',
    );
    expect(() => read({ alphas_cumprod: [0.5, 0.9] })).toThrow('does not grow');
    expect(() => readSchedule('[1]', 'x')).toThrow(UsageError);
    expect(() => readSchedule('{', 'x')).toThrow('not JSON');
    expect(() => stepFor({ alphaBars: [0.9, 0.5], prediction: 'epsilon' }, 0.6, 'x')).toThrow('more noise');
  });
});

describe('what is not a denoiser of these images', () => {
  const refusal = async (parts: Parts, conditioning = AS_IT_IS): Promise<ModelRefused> => {
    try {
      await denoiserOf(tinyModel(parts), conditioning, IMAGES);
    } catch (error) {
      if (error instanceof ModelRefused) return error;
      throw error;
    }
    throw new Error('it was not refused');
  };

  it('is refused for images of another shape, which it names', async () => {
    const { report } = await refusal(tanh(['N', 3, 32, 32]));
    expect(report.what).toBe('the denoiser takes FLOAT[N,3,32,32], and the images are [1,2,2]');
    expect(report.remedy).toContain('--split');
  });

  it('is refused when it classifies', async () => {
    const classes: Parts = {
      ...{ input: ['N', ...DIMS], output: ['N', 4] },
      nodes: [node('Flatten', ['x'], 'y')],
    };
    const { report } = await refusal(classes);
    expect(report.what).toContain('not a denoiser');
    expect(report.why).toBe('for FLOAT[1,1,2,2] it answers FLOAT[1,4]');
  });

  it('is refused when what it declares to answer is not what it answers', async () => {
    const lying: Parts = {
      ...tanh(),
      nodes: [node('Concat', ['x', 'x'], 'y', { attribute: [intAttr('axis', 1)] })],
      output: ['N', null, null, null],
    };
    expect((await refusal(lying)).report.why).toContain('it answers FLOAT[1,2,2,2]');
  });

  it('is refused when its answer does not depend on the image, when it is random, and with two outputs', async () => {
    const constant: Parts = {
      ...tanh(),
      nodes: [node('Identity', ['image'], 'y')],
      initializers: [floatTensor('image', [1, ...DIMS], [1, 2, 3, 4])],
    };
    expect((await refusal(constant)).report.why).toBe('its output does not depend on its input');
    const random: Parts = {
      ...tanh(),
      nodes: [node('RandomNormalLike', ['x'], 'r'), node('Add', ['x', 'r'], 'y')],
    };
    expect((await refusal(random)).report.what).toContain('draws random numbers');
    const shape = ['N', ...DIMS];
    const two: Parts = {
      ...tanh(),
      nodes: [...tanh().nodes, node('Neg', ['x'], 'z')],
      outputs: [tensorInfo('y', DataType.FLOAT, shape), tensorInfo('z', DataType.FLOAT, shape)],
    };
    expect((await refusal(two)).report.why).toBe('it has 2 outputs');
  });

  it('is refused with a second input unless a schedule makes it a diffusion model', async () => {
    const { report } = await refusal(unet(['N']));
    expect(report.what).toBe("the denoiser has 2 inputs: 'sample', 't'");
    expect(report.remedy).toContain('--schedule');
    const step = { timestep: 1, alphaBar: 0.9, prediction: 'epsilon' as const };
    const plain = await refusal(tanh(), { scaling: null, diffusion: step });
    expect(plain.report.what).toContain('a diffusion model has two inputs');
  });

  it('is refused when it takes only batches of several', async () => {
    expect((await refusal(tanh([4, ...DIMS]))).report.what).toContain('batches of exactly 4');
  });
});
