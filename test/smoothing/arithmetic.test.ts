import { afterEach, describe, expect, it, vi } from 'vitest';
import { executionProviders } from '../../src/ground/execution-providers.ts';
import { checkArithmetic, needsFullPrecision } from '../../src/smoothing/arithmetic.ts';
import { requireProvider } from '../../src/smoothing/providers.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});
const cuda = { provider: 'cuda', precision: 'fp32' } as const;
const tf32 = { provider: 'cuda', precision: 'tf32' } as const;

describe('TF32', () => {
  it.each(['cpu', 'webgpu'] as const)('is refused on %s by name, with what has it', async (provider) => {
    const refusal = {
      report: {
        what: `the ${provider} provider has no TF32`,
        remedy: expect.stringContaining('--provider cuda'),
      },
    };
    await expect(requireProvider({ provider, precision: 'tf32' })).rejects.toMatchObject(refusal);
  });

  it('is off unless it is asked for, and is not claimed where the environment turns it off', () => {
    vi.stubEnv('NVIDIA_TF32_OVERRIDE', undefined);
    expect(needsFullPrecision(cuda)).toBe(true);
    expect(needsFullPrecision(tf32)).toBe(false);
    expect(needsFullPrecision({ ...cuda, provider: 'webgpu' })).toBe(false);
    expect(() => checkArithmetic(tf32)).not.toThrow();
    vi.stubEnv('NVIDIA_TF32_OVERRIDE', '0');
    expect(needsFullPrecision(cuda)).toBe(false);
    expect(() => checkArithmetic(tf32)).toThrow('turned off in the environment');
    expect(() => checkArithmetic({ ...tf32, provider: 'tensorrt' })).toThrow('turned off in the environment');
  });
});

describe('devices', () => {
  it('are passed to the options of the providers that have numbers for them', () => {
    expect(executionProviders('cpu', 1)).toEqual(['cpu']);
    expect(executionProviders('webgpu', 1)).toEqual(['webgpu']);
    expect(executionProviders('cuda', 1)).toEqual([{ name: 'cuda', deviceId: 1 }]);
    expect(executionProviders('tensorrt', 2)).toEqual([
      { name: 'tensorrt', deviceId: 2 },
      { name: 'cuda', deviceId: 2 },
    ]);
  });

  it.each([
    [[0, 0], 'named twice'],
    [[-1], 'numbers from 0'],
    [[0.5], 'numbers from 0'],
    [[], 'numbers from 0'],
  ])('%j are refused', (devices, why) => {
    expect(() => checkArithmetic(cuda, devices)).toThrow(why);
  });

  it('are refused where the provider has none, and taken where it has', () => {
    expect(() => checkArithmetic({ ...cuda, provider: 'cpu' }, [0])).toThrow('no numbered devices');
    expect(() => checkArithmetic({ ...cuda, provider: 'webgpu' }, [0])).toThrow('no numbered devices');
    expect(() => checkArithmetic(cuda, [1, 0])).not.toThrow();
  });
});
