/** What computes a run, its noise aside: recorded in every result, because ONNX Runtime's last bits depend on it. */
import { cpus } from 'node:os';
import type { SamplingResources } from '../methods/smoothed-classifier.ts';
import { onnxRuntimeVersion } from '../onnx/runtime/runtime-version.ts';
import type { RunHeader } from '../records/record.ts';

export function describeEnvironment({
  provider,
  workers,
  batch,
}: SamplingResources): Omit<RunHeader['environment'], 'noise'> {
  return {
    provider,
    onnxruntime: onnxRuntimeVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    workers,
    batch,
  };
}
