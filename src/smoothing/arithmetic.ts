/** How a right half is computed: by which provider, at which precision, on which of its devices. */
import { UsageError } from '../ground/errors.ts';

/** ONNX Runtime's execution providers by the one word users meet. */
export const PROVIDERS = ['cpu', 'cuda', 'webgpu', 'tensorrt'] as const;

export type Provider = (typeof PROVIDERS)[number];

/**
 * The arithmetic of convolutions and matrix products. 'tf32': their factors are rounded to ten bits of mantissa, as ONNX Runtime has CUDA
 * do unless it is kept from it. That is another right half than the file's in float32, fixed like it, and certified under its name.
 */
export const PRECISIONS = ['fp32', 'tf32'] as const;

export type Precision = (typeof PRECISIONS)[number];

/** Numbers of devices, at least one. */
export type Devices = readonly [number, ...number[]];

export interface Arithmetic {
  readonly provider: Provider;
  readonly precision: Precision;
}

/** What turns TF32 off, in the environment of a process from its beginning. */
export const FULL_PRECISION = { NVIDIA_TF32_OVERRIDE: '0' } as const;

const isOff = (): boolean => process.env['NVIDIA_TF32_OVERRIDE'] === FULL_PRECISION.NVIDIA_TF32_OVERRIDE;

/** Providers that compute in TF32 unless they are kept from it, on devices that have numbers. */
export const onNvidia = (provider: string): boolean => provider === 'cuda' || provider === 'tensorrt';

/**
 * Whether a provider would compute in TF32 in this process although it is not to. ONNX Runtime has no option in Node against it; the
 * CUDA libraries read the variable when they start.
 */
export const needsFullPrecision = ({ provider, precision }: Arithmetic): boolean =>
  precision === 'fp32' && onNvidia(provider) && !isOff();

/**
 * Whether what is asked for makes sense together, whatever is installed.
 * @throws UsageError for a precision or devices that the provider does not have, and for TF32 where the environment turns it off
 */
export function checkArithmetic({ provider, precision }: Arithmetic, devices?: readonly number[]): void {
  if (precision === 'tf32' && !onNvidia(provider))
    throw new UsageError({
      what: `the ${provider} provider has no TF32`,
      where: 'precision tf32',
      why: 'it is a format of NVIDIA tensor cores',
      remedy:
        'Give --provider cuda, or omit --precision. Votes of a run that was made in TF32 can be drawn again only in TF32.',
    });
  if (precision === 'tf32' && isOff())
    throw new UsageError({
      what: 'TF32 is turned off in the environment',
      where: 'precision tf32',
      why: 'NVIDIA_TF32_OVERRIDE is 0: what would be certified is not what the results would say',
      remedy: 'Unset NVIDIA_TF32_OVERRIDE, or omit --precision.',
    });
  if (devices === undefined) return;
  if (!onNvidia(provider))
    throw new UsageError({
      what: `the ${provider} provider has no numbered devices`,
      where: `--devices ${devices.join(',')}`,
      remedy: 'Give --provider cuda, or omit --devices.',
    });
  if (devices.length === 0 || devices.some((k) => !Number.isSafeInteger(k) || k < 0))
    throw new UsageError({
      what: 'devices are numbers from 0, with commas between them',
      where: `--devices ${devices.join(',')}`,
      remedy: 'For example --devices 0,1; nvidia-smi -L lists them.',
    });
  if (new Set(devices).size < devices.length)
    throw new UsageError({
      what: 'a device is named twice',
      where: `--devices ${devices.join(',')}`,
      remedy: 'Name each once: a second session on a device only waits for the first.',
    });
}
