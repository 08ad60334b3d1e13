/** `doctor`: checks that everything a certificate needs works here, and reports what the GPU providers lack. */
import { access, constants } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { ToolError } from '../../ground/errors.ts';
import { onnxRuntimeVersion } from '../../onnx/runtime/runtime-version.ts';
import { packageVersion } from '../../runs/version.ts';
import { PROVIDERS } from '../../smoothing/arithmetic.ts';
import { createNoiseKernel } from '../../smoothing/noise/noise-kernel.ts';
import { gaussianNoise, keyWords } from '../../smoothing/noise/philox.ts';
import { gridOf, roundedNoise } from '../../smoothing/noise/rounded-noise.ts';
import { probeProvider } from '../../smoothing/providers.ts';
import { probeTfjsNode } from '../../training/engines/tfjs-node.ts';
import type { DoctorFlags } from '../declarations/doctor.ts';
import { screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';

interface Check {
  readonly name: string;
  /** ok; absent: only an optional thing is missing; failed: certificates cannot be made or cannot be trusted. */
  readonly status: 'ok' | 'absent' | 'failed';
  readonly detail: string;
}

export async function run(flags: DoctorFlags): Promise<void> {
  const checks: Check[] = [
    { name: 'splitz-onnx', status: 'ok', detail: packageVersion() },
    nodeCheck(),
    { name: 'onnxruntime-node', status: 'ok', detail: onnxRuntimeVersion() },
    noiseCheck(),
    {
      name: 'machine',
      status: 'ok',
      detail: `${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB memory`,
    },
    await folderCheck(),
  ];
  for (const provider of PROVIDERS) {
    const probe = await probeProvider(provider);
    const needed = provider === 'cpu';
    checks.push({
      name: `provider ${provider}`,
      status: probe.available ? 'ok' : needed ? 'failed' : 'absent',
      detail: probe.available
        ? 'runs a model'
        : [probe.missingLibrary && `needs ${probe.missingLibrary}`, probe.why, probe.remedy]
            .filter(Boolean)
            .join('; '),
    });
  }
  checks.push(...(await engineChecks()));
  const failed = checks.filter((check) => check.status === 'failed');
  if (flags.json) process.stdout.write(`${JSON.stringify({ checks })}\n`);
  else {
    const { style } = screenOf(process.stdout, process.env);
    const paint = { ok: style.green, absent: style.yellow, failed: style.red };
    process.stdout.write(
      renderTable(
        [{ header: 'check' }, { header: 'status' }, { header: 'detail' }],
        checks.map((check) => [check.name, paint[check.status](check.status), check.detail]),
        style,
      ),
    );
  }
  if (failed.length > 0) {
    throw new ToolError({
      what: `${failed.map((check) => check.name).join(', ')}: not usable here`,
      remedy: 'See the table above.',
    });
  }
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fits = major > 20 || (major === 20 && minor >= 19);
  return {
    name: 'node',
    status: fits ? 'ok' : 'failed',
    detail: `${process.version}${fits ? '' : ', needs 20.19 or newer'}`,
  };
}

/** The kernel must compute the documented noise bit for bit, or no certificate could be replayed. */
function noiseCheck(): Check {
  const size = 1000;
  const counter = { seed: 0x0123456789abcdefn, stage: 6, image: 7, sample: 8 };
  const sigma = 0.3;
  const kernel = createNoiseKernel(size, size);
  const { exports, base, centre, centreBase } = kernel;
  const words = [counter.stage, counter.image, counter.sample, ...keyWords(counter.seed)] as const;
  const matches = (expected: Float32Array): boolean =>
    expected.every((value, i) => Object.is(value, kernel.floats[i]));
  exports.fill(base, size, ...words);
  const plain = matches(gaussianNoise(size, counter));
  const q = gridOf(sigma);
  const latent = Float64Array.from({ length: size }, (_, i) => Math.sin(i));
  for (let i = 0; i < size; i++) centre[i] = (latent[i] ?? 0) / q;
  exports.perturb(base, centreBase, size, sigma / q, q, ...words);
  const equal = plain && matches(roundedNoise(latent, sigma, counter));
  return {
    name: 'noise kernel',
    status: equal ? 'ok' : 'failed',
    detail: equal ? 'bit for bit the documented noise' : 'differs from the documented noise',
  };
}

/** What `train` can compute with. ONNX Runtime is always there; TensorFlow is an option. */
async function engineChecks(): Promise<Check[]> {
  const engine = (name: string, status: Check['status'], detail: string): Check => ({
    name: `training engine ${name}`,
    status,
    detail,
  });
  const checks = [engine('onnxruntime', 'ok', 'runs the traced training step')];
  for (const name of ['tfjs-node-gpu', 'tfjs-node'] as const) {
    const probe = await probeTfjsNode(name);
    checks.push(
      probe.available
        ? engine(
            name,
            'ok',
            `${probe.version}, TensorFlow ${probe.tensorflow}, on the ${probe.gpu ? 'GPU' : 'CPU'}`,
          )
        : engine(name, 'absent', `${probe.why}; to use it: ${probe.remedy}`),
    );
  }
  return checks;
}

async function folderCheck(): Promise<Check> {
  const writable = await access('.', constants.W_OK).then(
    () => true,
    () => false,
  );
  return {
    name: 'current folder',
    status: writable ? 'ok' : 'absent',
    detail: writable ? 'writable' : 'not writable: use --out',
  };
}
