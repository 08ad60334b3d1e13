/** What computes a run: recorded in every result, because ONNX Runtime's last bits depend on it. */
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import type { RunHeader } from '../certificate/record.ts';
import type { SamplingResources } from '../certificate/smoothed-classifier.ts';

/** Version of the installed onnxruntime-node. */
export function onnxRuntimeVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('onnxruntime-node/package.json');
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}

export function describeEnvironment({
  provider,
  workers,
  batch,
}: SamplingResources): RunHeader['environment'] {
  return {
    provider,
    onnxruntime: onnxRuntimeVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    workers,
    batch,
    noise: 'philox4x32-10/continuous',
  };
}
