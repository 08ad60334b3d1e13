/** Where the file of a worker thread is. */
import { createRequire } from 'node:module';
import { ToolError } from './errors.ts';

/**
 * Package imports resolve alike from src/ (tests) and from dist/; a thread can only run the built file.
 * @param specifier as in the package's imports, "#sampling-worker"
 * @param what is missing when it is: "the sampling worker"
 * @throws ToolError
 */
export function workerFile(specifier: string, what: string): string {
  try {
    return createRequire(import.meta.url).resolve(specifier);
  } catch (cause) {
    throw new ToolError({
      what: `${what} is missing`,
      why: cause instanceof Error ? cause.message : String(cause),
      remedy: 'Reinstall splitz-onnx. In a checkout, run `npm run build`.',
      cause,
    });
  }
}
