/** What computes a run: recorded in every result, because ONNX Runtime's last bits depend on it. */
import { cpus } from 'node:os';
import { onnxRuntimeVersion } from '../onnx/runtime/runtime-version.ts';
import type { RunHeader } from '../records/record.ts';
import type { SamplerPool } from '../smoothing/sampler-pool.ts';

export type Environment = RunHeader['environments'][number];

export function describeEnvironment({
  provider,
  workers,
  devices,
}: Pick<SamplerPool, 'provider' | 'workers' | 'devices'>): Environment {
  return {
    provider,
    onnxruntime: onnxRuntimeVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    workers,
    ...(devices === null ? {} : { devices: [...devices] }),
  };
}
