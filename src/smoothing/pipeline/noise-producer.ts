/**
 * One thread that makes noise for the thread of the session: it takes parts of batches off the shared counter of a count, fills
 * them, and hands each over together with its memory.
 */
import type { MessagePort } from 'node:worker_threads';
import { createKernelSource } from '../noise/kernel-source.ts';
import { gridOf } from '../noise/rounded-noise.ts';
import type { NoiseSource } from '../noise/source.ts';
import { ControlWord } from '../sampling-protocol.ts';
import type { Reply, Request } from '../worker-protocol.ts';
import { notForThis, queue, serve } from '../worker-side.ts';
import { type Buffers, buffersOf } from './buffers.ts';
import { placeOf, rowsOfPart } from './layout.ts';
import type { FilledPart, PrepareRequest, ProduceRequest } from './pipeline-protocol.ts';

interface Prepared extends PrepareRequest {
  /** Values of a row. */
  readonly size: number;
  /** A few rows at a time, which stay in the processor's cache until they are copied out of the kernel's memory. */
  readonly source: NoiseSource;
}

/** Values that the kernel makes before they are copied: with a centre of as many they stay in a cache of half a megabyte. */
const VALUES_AT_A_TIME = 32_768;

const halves = new Map<number, Prepared>();
let line: { readonly port: MessagePort; readonly buffers: Buffers } | null = null;
const inTurn = queue();

serve({
  replyTo: (request) => inTurn(() => replyTo(request)),
  close: (port) =>
    void inTurn(async () => {
      line?.port.close();
      port.close();
    }),
  failed: { prepare: 'the noise cannot be prepared', produce: 'a producer of noise failed' },
});

async function replyTo(request: Request): Promise<Reply> {
  switch (request.kind) {
    case 'connect':
      line = { port: request.port, buffers: buffersOf(request.port) };
      return { kind: 'connect' };
    case 'prepare': {
      const half = prepared(request);
      halves.set(request.half, half);
      return { kind: 'prepare', noise: half.source.id };
    }
    case 'produce':
      await produce(request);
      return { kind: 'produce' };
    case 'unload':
      halves.delete(request.half);
      return { kind: 'unload' };
    default:
      return notForThis(request);
  }
}

function prepared(request: PrepareRequest): Prepared {
  const size = request.latentDims.reduce((product, dim) => product * dim, 1);
  const rows = Math.min(request.layout.partRows, Math.max(1, Math.floor(VALUES_AT_A_TIME / size)));
  return { ...request, size, source: createKernelSource(request.latentDims, rows, request.noise) };
}

async function produce(request: ProduceRequest): Promise<void> {
  const half = halves.get(request.half);
  if (half === undefined) throw new Error(`the right half ${request.half} is not prepared`);
  if (line === null) throw new Error('no session is connected');
  const { port, buffers } = line;
  const control = new Int32Array(request.control);
  for (;;) {
    // Before a part is taken off the counter: whoever takes one has the memory for it, so that no batch waits for ever.
    const buffer = await buffers.take(half.layout.partRows * half.size * 4);
    if (Atomics.load(control, ControlWord.stop) !== 0) return buffers.keep(buffer);
    const q = Atomics.add(control, ControlWord.next, 1);
    const { part, first, drawn } = placeOf(half.layout, q, request);
    if (drawn <= 0) return buffers.keep(buffer);
    fill(new Float32Array(buffer, 0, rowsOfPart(half.layout, part) * half.size), half, request, first, drawn);
    port.postMessage({ job: request.job, q, drawn, buffer } satisfies FilledPart, [buffer]);
  }
}

/** Samples first, ..., first + drawn - 1, then zeros: nothing that is run depends on what the memory held before. */
function fill(
  rows: Float32Array,
  { source, size }: Prepared,
  { latent, sigma, grid = gridOf(sigma), seed, stage, image }: ProduceRequest,
  first: number,
  drawn: number,
): void {
  const most = source.rows.dims[0] ?? 1;
  for (let done = 0; done < drawn; done += most) {
    const now = Math.min(most, drawn - done);
    source.fill(latent, sigma, grid, { seed, stage, image, sample: first + done }, now);
    rows.set(source.rows.data.subarray(0, now * size), done * size);
  }
  rows.fill(0, drawn * size);
}
