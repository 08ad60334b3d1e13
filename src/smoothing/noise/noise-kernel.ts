/**
 * The WebAssembly noise kernel, loaded. It is instantiated over a memory that the caller sizes, so that its output can be
 * handed to ONNX Runtime where it lies: a view of a WebAssembly memory is taken in place, without a copy.
 */
import { ToolError } from '../../ground/errors.ts';
import { compiledKernel, instanceOf, kernelMemory, PAGE_BYTES } from '../../ground/wasm-kernel.ts';

type Counter = [stage: number, image: number, sample: number, k0: number, k1: number];

/** Rounded noise around a latent; `ratio` is the noise's scale over q. */
type Perturb = (
  out: number,
  latent: number,
  n: number,
  ratio: number,
  q: number,
  ...counter: Counter
) => void;

/** Noise alone, in units of q. */
type Draw = (out: number, n: number, ratio: number, ...counter: Counter) => void;

/** Exports of noise-kernel/assembly.ts; addresses are byte offsets into the kernel's memory. */
interface KernelExports {
  heapBase(): number;
  fill(out: number, n: number, ...counter: Counter): void;
  perturb: Perturb;
  perturbUniformly: Perturb;
  draw: Draw;
  drawUniformly: Draw;
  place(out: number, latent: number, noise: number, n: number, q: number): void;
  philoxBlock(out: number, c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): void;
}

/** A kernel over its own memory. */
export interface NoiseKernel {
  readonly exports: KernelExports;
  /** The float32 that the caller may use, `capacity` of them. Element i lies at byte address `base + 4 i`. */
  readonly floats: Float32Array;
  /** Byte address of `floats[0]`. */
  readonly base: number;
  /** Room for the centre of rounded noise: `centre` float64, rounded up to what `perturb` reads. */
  readonly centre: Float64Array;
  /** Byte address of `centre[0]`. */
  readonly centreBase: number;
  /** Byte address of the room for noise alone: float64, each row rounded up to what `draw` writes. */
  readonly noiseBase: number;
}

/** Values that `perturb` makes at a time; it reads the centre up to the next multiple. */
const VALUES_PER_STEP = 16;

/** Float64 that `draw` writes for a row of `size` values. */
export const drawnLength = (size: number): number => Math.ceil(size / VALUES_PER_STEP) * VALUES_PER_STEP;

const ALIGNMENT = 64;
/** A 32-bit memory ends at 4 GiB. */
const LARGEST_PAGES = 65_536;

/**
 * A kernel whose memory holds `capacity` float32, and the centre of rounded noise where that is drawn.
 * @param centreSize length of the latent; 0 where only plain normals are asked for
 * @param drawnRows rows of noise alone that it holds as well
 * @throws ToolError when the kernel is missing or the memory cannot be allocated (its limit is 4 GiB).
 */
export function createNoiseKernel(capacity: number, centreSize = 0, drawnRows = 0): NoiseKernel {
  const module = compiledKernel('#noise-kernel', 'the noise kernel');
  const centreLength = drawnLength(centreSize);
  // The kernel's own data (a scratch step) ends well inside the first page.
  const doubles = centreLength * (1 + drawnRows);
  const pages = 1 + Math.ceil((capacity * 4 + ALIGNMENT + doubles * 8) / PAGE_BYTES);
  if (pages > LARGEST_PAGES) throw outOfMemory(capacity, 'one worker addresses at most 4 GiB');
  const memory = kernelMemory(pages, 'the noise of a worker', (why) => outOfMemory(capacity, why));
  const exports = instanceOf(module, memory) as KernelExports;
  const base = Math.ceil(exports.heapBase() / ALIGNMENT) * ALIGNMENT;
  const centreBase = Math.ceil((base + capacity * 4) / ALIGNMENT) * ALIGNMENT;
  return {
    exports,
    base,
    floats: new Float32Array(memory.buffer, base, capacity),
    centreBase,
    centre: new Float64Array(memory.buffer, centreBase, centreLength),
    noiseBase: centreBase + centreLength * 8,
  };
}

function outOfMemory(capacity: number, why: string): ToolError {
  return new ToolError({
    what: `a batch of ${capacity} float32 does not fit into memory`,
    why,
    remedy: 'Give a smaller --batch.',
  });
}
