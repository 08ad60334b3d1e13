/**
 * ONNX Runtime's execution providers by the one word users meet (`--provider cpu|cuda|webgpu|tensorrt`), and what this project
 * asks of each before it samples. There is no silent fallback: a provider that is absent, set up wrongly or disagrees
 * with the CPU is an error that says what to do.
 */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { ToolError } from '../ground/errors.ts';
import { executionProviders } from '../ground/execution-providers.ts';
import {
  type Arithmetic,
  checkArithmetic,
  type Devices,
  needsFullPrecision,
  type Precision,
  type Provider,
} from './arithmetic.ts';

export interface ProviderProbe {
  readonly provider: Provider;
  readonly available: boolean;
  /** File name of the library that is missing, when one is. */
  readonly missingLibrary?: string;
  /** What ONNX Runtime said. */
  readonly why?: string;
  /** The step that makes it available. */
  readonly remedy?: string;
}

/** y = Relu(x), x float32[2], IR 8, opset 17: the smallest model a provider can be asked to run. */
const PROBE_MODEL = 'CAg6NwoMCgF4EgF5IgRSZWx1EgVwcm9iZVoPCgF4EgoKCAgBEgQKAggCYg8KAXkSCgoICAESBAoCCAJCAhAR';

const PROBE_SCRIPT = `
const [runtime, executionProviders, model] = process.argv.slice(1);
const ort = require(runtime);
ort.InferenceSession.create(Buffer.from(model, 'base64'), { executionProviders: JSON.parse(executionProviders) })
  .then((session) => session.run({ x: new ort.Tensor('float32', Float32Array.of(1, -2), [2]) }))
  .then(({ y }) => { if (y.data[0] !== 1 || y.data[1] !== 0) throw new Error('Relu(1, -2) came back as ' + y.data); })
  .catch((error) => { console.error(error.message); process.exitCode = 1; });
`;

const PROBE_TIMEOUT_MS = 60_000;

/**
 * Asks ONNX Runtime whether a provider works here, by running a one-node model on it. In a process of its own: the
 * reason for a failure reaches only stderr, and a broken driver may take the process down.
 * @param device by number, where the provider's have any
 */
export function probeProvider(provider: Provider, device = 0): Promise<ProviderProbe> {
  const runtime = createRequire(import.meta.url).resolve('onnxruntime-node');
  // By itself: where TensorRT is missing, CUDA would answer for it.
  const [own = provider] = executionProviders(provider, device);
  const command = ['-e', PROBE_SCRIPT, runtime, JSON.stringify([own]), PROBE_MODEL];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { timeout: PROBE_TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error === null) resolve({ provider, available: true });
      else if (error.killed === true)
        resolve({ provider, available: false, why: 'no answer within a minute', remedy: REMEDY[provider] });
      else resolve(diagnose(provider, `${stdout}${stderr}` || error.message));
    });
  });
}

const REMEDY: Record<Provider, string> = {
  cpu: 'Reinstall the package onnxruntime-node.',
  cuda:
    'Install the CUDA provider of ONNX Runtime alongside the package (`node ' +
    'node_modules/onnxruntime-node/script/install.js`, or see tools/gpu), CUDA 13 and cuDNN 9, and put their folders into ' +
    'LD_LIBRARY_PATH before starting; `splitz-onnx doctor` shows what is still missing.',
  webgpu:
    "Install a Vulkan driver and its loader (Debian, Ubuntu: `apt install libvulkan1` and the graphics card's driver; " +
    'without a card `mesa-vulkan-drivers` 25 or newer).',
  tensorrt:
    'Install the CUDA and TensorRT providers of ONNX Runtime alongside the package (`node ' +
    'node_modules/onnxruntime-node/script/install.js`), CUDA 13, cuDNN 9 and TensorRT 10 (Python: `pip install tensorrt-cu13`), ' +
    'and put their folders into LD_LIBRARY_PATH before starting.',
};

/**
 * The provider that `auto` means here: CUDA where it works, else the CPU.
 * @returns what is missing too, where it is the CPU
 */
export async function automaticProvider(): Promise<{ readonly provider: Provider; readonly why: string }> {
  const { available, missingLibrary, why = 'no reason given' } = await probeProvider('cuda');
  if (available) return { provider: 'cuda', why: 'it runs a model' };
  return { provider: 'cpu', why: missingLibrary ? `CUDA needs ${missingLibrary}` : `CUDA: ${why}` };
}

/** Reads the missing library and the reason out of what ONNX Runtime printed. */
export function diagnose(provider: Provider, output: string): ProviderProbe {
  // "Failed to load library X with error: libY.so.9: cannot open shared object file": Y is the one that is missing.
  const missing = /([\w.+-]+\.(?:so|dll|dylib)[\w.]*): cannot open shared object file/.exec(output)?.[1];
  const why = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /cannot open|Failed to|not found|insufficient|came back|Error|error/.test(line))
    .map((line) => line.replace(/^.*(?=Failed to )/, ''))
    .at(-1);
  return {
    provider,
    available: false,
    ...(missing === undefined ? {} : { missingLibrary: missing }),
    why: (why ?? output.trim().split('\n').at(-1)) || 'no reason given',
    remedy: REMEDY[provider],
  };
}

/**
 * Refuses a provider that cannot be used as it is set up here, on any of the devices. The CPU always passes.
 * @throws ToolError naming the missing library and the step that installs it; for CUDA also when TF32 is neither off nor asked for.
 *         UsageError as `checkArithmetic`
 */
export async function requireProvider(arithmetic: Arithmetic, devices?: Devices): Promise<void> {
  checkArithmetic(arithmetic, devices);
  const { provider } = arithmetic;
  if (provider === 'cpu') return;
  if (needsFullPrecision(arithmetic)) throw reducedPrecision(provider);
  for (const device of devices ?? [0]) await requireDevice(provider, device, devices !== undefined);
}

async function requireDevice(provider: Provider, device: number, asked: boolean): Promise<void> {
  const probe = await probeProvider(provider, device);
  if (probe.available) return;
  const place = asked ? ` on device ${device}` : '';
  throw new ToolError({
    what:
      probe.missingLibrary === undefined
        ? `the ${provider} provider of ONNX Runtime does not work here${place}`
        : `the ${provider} provider of ONNX Runtime needs ${probe.missingLibrary}, which is missing here`,
    where: `--provider ${provider}`,
    ...(probe.why === undefined ? {} : { why: probe.why }),
    remedy: `${probe.remedy ?? REMEDY[provider]} Or use --provider cpu.`,
  });
}

function reducedPrecision(provider: Provider): ToolError {
  const command = process.argv.slice(2).map(shellWord).join(' ');
  return new ToolError({
    what: 'CUDA would compute in TF32, with three decimal digits',
    where: `--provider ${provider}`,
    why: 'NVIDIA_TF32_OVERRIDE is not 0 in the environment, and only that turns TF32 off',
    remedy: `Run NVIDIA_TF32_OVERRIDE=0 splitz-onnx ${command}`.trimEnd(),
  });
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Largest difference of two providers' logits that rounding explains, relative to the largest logit. Reordered float32 sums: measured
 * 1e-8 to 2e-5. TF32 rounds 2^13 times as coarsely, and gives 1e-3; a wrong kernel gives more.
 */
const TOLERANCE: Record<Precision, number> = { fp32: 2e-4, tf32: 2e-2 };

/**
 * Compares a provider's logits with the CPU's on the same rows.
 * @returns the largest difference, relative to the largest logit
 * @throws ToolError when they differ by more than the rounding of that precision explains.
 */
export function requireAgreement(
  { provider, precision }: Arithmetic,
  expected: Float32Array,
  actual: Float32Array,
): number {
  const { largest, scale } = difference(expected, actual);
  if (largest <= TOLERANCE[precision] * scale) return largest === 0 ? 0 : largest / scale;
  throw new ToolError({
    what: `the ${provider} provider computes this model differently from the CPU`,
    where: `--provider ${provider}`,
    why: `on one batch the logits differ by up to ${largest.toPrecision(3)}, at a largest logit of ${scale.toPrecision(3)}`,
    remedy: 'Use --provider cpu: a wrong kernel of the provider would give wrong certificates.',
  });
}

/** Whether the logits differ by no more than the rounding of that precision explains. */
export function agree(precision: Precision, expected: Float32Array, actual: Float32Array): boolean {
  const { largest, scale } = difference(expected, actual);
  return largest <= TOLERANCE[precision] * scale;
}

function difference(expected: Float32Array, actual: Float32Array): { largest: number; scale: number } {
  let scale = 0;
  for (const value of expected) if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
  let largest = 0;
  for (const [i, value] of expected.entries()) {
    const other = actual[i] ?? Number.NaN;
    if (Object.is(value, other) || value === other) continue;
    const gap = Math.abs(value - other);
    largest = Math.max(largest, Number.isFinite(gap) ? gap : Number.POSITIVE_INFINITY);
  }
  return { largest, scale };
}
