/** The WebAssembly kernels of this package, compiled once for each thread. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ToolError } from './errors.ts';

const compiled = new Map<string, WebAssembly.Module>();

/**
 * @param name of a kernel, as in the `imports` of package.json
 * @param what it is, for people
 * @throws ToolError when it is missing
 */
export function compiledKernel(name: string, what: string): WebAssembly.Module {
  const known = compiled.get(name);
  if (known !== undefined) return known;
  let path = name;
  try {
    // Package imports resolve alike from src/ (tests) and from dist/: both are inside this package.
    path = createRequire(import.meta.url).resolve(name);
    const module = new WebAssembly.Module(readFileSync(path));
    compiled.set(name, module);
    return module;
  } catch (cause) {
    throw new ToolError({
      what: `${what} cannot be loaded`,
      where: path,
      why: cause instanceof Error ? cause.message : String(cause),
      remedy: 'Reinstall splitz-onnx. In a checkout, run `npm run build`.',
      cause,
    });
  }
}

export const PAGE_BYTES = 65_536;

/**
 * A memory for a kernel.
 * @param what it is for, for people
 * @param tooLarge the error where there are addresses, but not the memory
 * @throws ToolError when it cannot be allocated
 */
export function kernelMemory(
  pages: number,
  what: string,
  tooLarge: (why: string) => ToolError,
): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages });
  } catch (cause) {
    throw outOfAddresses(what) ?? tooLarge(cause instanceof Error ? cause.message : String(cause));
  }
}

/** An instance over a memory of the host. */
export function instanceOf(module: WebAssembly.Module, memory: WebAssembly.Memory): unknown {
  return new WebAssembly.Instance(module, { env: { memory, abort: onAbort } }).exports;
}

function onAbort(): never {
  throw new Error('a WebAssembly kernel aborted');
}

/** Bytes of addresses that V8 sets aside for one WebAssembly memory, however small, to catch accesses beyond its end. */
const RESERVED = 10 * 2 ** 30;

/** The cause of a memory that cannot be had where addresses are limited (`ulimit -v`); null where they are not. */
function outOfAddresses(what: string): ToolError | null {
  const { userLimits } = process.report.getReport() as {
    readonly userLimits?: Readonly<Record<string, { readonly soft: unknown }>>;
  };
  // Bytes under either name: Node renamed the field, and not the unit.
  const limit = (userLimits?.['virtual_memory_bytes'] ?? userLimits?.['virtual_memory_kbytes'])?.soft;
  if (typeof limit !== 'number') return null;
  const gigabytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
  return new ToolError({
    what: `there are no addresses left for ${what}`,
    why: `this process may use ${gigabytes(limit)} GiB of addresses (ulimit -v), and WebAssembly reserves about ${gigabytes(RESERVED)} GiB for each of its memories; it needs them, not the memory`,
    remedy:
      'Raise the limit (ulimit -v unlimited), limit memory in another way (a container, systemd MemoryMax), or give fewer --workers.',
  });
}
