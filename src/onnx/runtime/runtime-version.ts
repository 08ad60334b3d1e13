/** Version of the installed onnxruntime-node: recorded wherever its last bits matter. */
import { createRequire } from 'node:module';

export function onnxRuntimeVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('onnxruntime-node/package.json');
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
