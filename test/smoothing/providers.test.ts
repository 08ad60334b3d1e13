import { afterEach, describe, expect, it, vi } from 'vitest';
import { ToolError } from '../../src/ground/errors.ts';
import {
  automaticProvider,
  diagnose,
  probeProvider,
  requireAgreement,
  requireProvider,
} from '../../src/smoothing/providers.ts';
import { createSampler } from '../../src/smoothing/sampler-pool.ts';
import { linearModel } from './tiny-models.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('a provider', () => {
  it('cpu is always there', async () => {
    expect(await probeProvider('cpu')).toEqual({ provider: 'cpu', available: true });
    await expect(requireProvider({ provider: 'cpu', precision: 'fp32' })).resolves.toBeUndefined();
  });

  it.each(['cuda', 'webgpu', 'tensorrt'] as const)(
    '%s works or is refused with the step that installs it',
    async (provider) => {
      vi.stubEnv('NVIDIA_TF32_OVERRIDE', '0');
      const probe = await probeProvider(provider);
      const settings = {
        model: linearModel([[1], [-1]], [0, 0]),
        latentDims: [1],
        classes: 2,
        workers: 2,
        batch: 4,
        provider,
        batchable: true,
      };
      if (probe.available) {
        const [sampler, cpu] = await Promise.all([
          createSampler(settings),
          createSampler({ ...settings, provider: 'cpu' }),
        ]);
        const draw = { latent: Float64Array.of(0.25), sigma: 1, seed: 7n, stage: 1, image: 0 };
        const request = { ...draw, from: 0, to: 99 };
        expect(await sampler.count(request)).toEqual(await cpu.count(request));
        await Promise.all([sampler.close(), cpu.close()]);
        return;
      }
      const refusal = createSampler(settings);
      await expect(refusal).rejects.toBeInstanceOf(ToolError);
      await expect(refusal).rejects.toMatchObject({
        report: { what: expect.stringContaining(provider), remedy: expect.stringMatching(/[Ii]nstall/) },
      });
      expect(probe.why).not.toBe('');
    },
  );

  it.each(['cuda', 'tensorrt'] as const)(
    '%s without NVIDIA_TF32_OVERRIDE=0 is refused with the command that sets it',
    async (provider) => {
      vi.stubEnv('NVIDIA_TF32_OVERRIDE', undefined);
      await expect(requireProvider({ provider, precision: 'fp32' })).rejects.toMatchObject({
        report: { remedy: expect.stringMatching(/^Run NVIDIA_TF32_OVERRIDE=0 splitz-onnx/) },
      });
    },
  );
});

it('auto is CUDA where it works, else the CPU, and says what CUDA lacks', async () => {
  const cuda = await probeProvider('cuda');
  const { provider, why } = await automaticProvider();
  expect(provider).toBe(cuda.available ? 'cuda' : 'cpu');
  if (!cuda.available) expect(why).toContain(cuda.missingLibrary ?? cuda.why);
});

describe('the diagnosis', () => {
  it('names the library that is missing, not the one that needs it', () => {
    const output =
      '2026-01-01 [E:onnxruntime:, provider_bridge_ort.cc:2146 Create] provider_bridge_ort.cc:1988 Get() ' +
      '[ONNXRuntimeError] : 1 : FAIL : Failed to load library /x/libonnxruntime_providers_cuda.so with error: ' +
      'libcudnn.so.9: cannot open shared object file: No such file or directory\n' +
      'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library';
    expect(diagnose('cuda', output)).toMatchObject({
      available: false,
      missingLibrary: 'libcudnn.so.9',
      remedy: expect.stringContaining('cuDNN 9'),
    });
  });

  it('gives what was said when no library is named', () => {
    const said = 'Failed to get a WebGPU adapter: No supported adapters';
    expect(diagnose('webgpu', `somewhere.cc:136 Initialize ${said}\n`)).toMatchObject({ why: said });
    expect(diagnose('webgpu', '').why).toBe('no reason given');
  });
});

const CUDA = { provider: 'cuda', precision: 'fp32' } as const;

describe('agreement with the CPU', () => {
  const cpu = Float32Array.of(1, -2, 0.5, Number.NaN, Number.POSITIVE_INFINITY);

  it('is the rounding of float32 sums, and equal non-finite logits', () => {
    expect(() => requireAgreement(CUDA, cpu, cpu.slice())).not.toThrow();
    expect(() =>
      requireAgreement(
        CUDA,
        cpu,
        cpu.map((x) => x * (1 + 1e-6)),
      ),
    ).not.toThrow();
  });

  it.each([
    ['TF32', cpu.map((x) => x * (1 + 1e-3))],
    ['a NaN of its own', Float32Array.of(1, Number.NaN, 0.5, Number.NaN, Number.POSITIVE_INFINITY)],
    ['no NaN where the CPU has one', Float32Array.of(1, -2, 0.5, 0, Number.POSITIVE_INFINITY)],
    ['missing rows', cpu.slice(0, 2)],
  ])('is not %s', (_, other) => {
    expect(() => requireAgreement({ ...CUDA, provider: 'webgpu' }, cpu, other)).toThrow(ToolError);
  });

  it('allows for the rounding of TF32 where that is asked for, and for no more', () => {
    const scaled = (factor: number) => cpu.map((x) => x * factor);
    const tf32 = { ...CUDA, precision: 'tf32' } as const;
    expect(requireAgreement(tf32, cpu, scaled(1 + 1e-3))).toBeCloseTo(1e-3, 5);
    expect(() => requireAgreement(tf32, cpu, scaled(1.05))).toThrow(ToolError);
  });
});
