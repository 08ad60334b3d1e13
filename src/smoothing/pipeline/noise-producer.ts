/**
 * One thread that makes noise for the threads of the sessions: it takes parts of batches off the shared counter of a count, fills
 * them, and hands each over together with its memory.
 */
import type { MessagePort } from 'node:worker_threads';
import { createKernelSource } from '../noise/kernel-source.ts';
import { gridOf } from '../noise/rounded-noise.ts';
import type { NoiseSource } from '../noise/source.ts';
import { ControlWord } from '../sampling-protocol.ts';
import type { Reply, Request } from '../worker-protocol.ts';
import { notForThis, queue, serve } from '../worker-side.ts';
import { createBuffers } from './buffers.ts';
import { placeOf, rowsOfPart, sessionOf } from './layout.ts';
import type { FilledPart, PrepareRequest, ProduceRequest } from './pipeline-protocol.ts';

interface Prepared extends PrepareRequest {
  /** Values of a row. */
  readonly size: number;
  /** A few rows at a time, which stay in the processor's cache until they are copied out of the kernel's memory. */
  source: NoiseSource;
  /** Whether it draws the noise of a whole part alone. */
  shares: boolean;
}

/** Values that the kernel makes before they are copied: with a centre of as many they stay in a cache of half a megabyte. */
const VALUES_AT_A_TIME = 32_768;

const halves = new Map<number, Prepared>();
/** To the sessions, in their order. */
const ports: MessagePort[] = [];
const buffers = createBuffers();
const inTurn = queue();

serve({
  replyTo: (request) => inTurn(() => replyTo(request)),
  close: (port) =>
    void inTurn(async () => {
      for (const each of ports) each.close();
      port.close();
    }),
  failed: { prepare: 'the noise cannot be prepared', produce: 'a producer of noise failed' },
});

async function replyTo(request: Request): Promise<Reply> {
  switch (request.kind) {
    case 'connect':
      ports.push(request.port);
      buffers.comeBackOver(request.port);
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
  return { ...request, size, source: sourceOf(request, size, 0), shares: false };
}

function sourceOf(
  { latentDims, layout, noise }: PrepareRequest,
  size: number,
  drawnRows: number,
): NoiseSource {
  const rows = Math.min(layout.partRows, Math.max(1, Math.floor(VALUES_AT_A_TIME / size)));
  return createKernelSource(latentDims, rows, noise, drawnRows);
}

/** Only runs whose images share noise pay for the memory. */
function makeRoomForSharing(half: Prepared): void {
  if (!half.shares) half.source = sourceOf(half, half.size, half.layout.partRows);
  half.shares = true;
}

/**
 * Never waits for another producer with a part that this one holds: it has memory before it takes a part off the counter, and what
 * it sends of that part comes back once the others' parts of the same batch are there.
 */
async function produce(request: ProduceRequest): Promise<void> {
  const half = halves.get(request.half);
  if (half === undefined) throw new Error(`the right half ${request.half} is not prepared`);
  if (ports.length === 0) throw new Error('no session is connected');
  const { job, latents, sigma, grid = gridOf(sigma), seed, stage, image } = request;
  const { layout, size } = half;
  const control = new Int32Array(request.control);
  const stopped = (): boolean => Atomics.load(control, ControlWord.stop) !== 0;
  const shared = latents.length > 1;
  if (shared) makeRoomForSharing(half);
  for (;;) {
    let buffer: ArrayBuffer | null = await buffers.take(layout.partRows * size * 4);
    if (stopped()) return buffers.keep(buffer);
    const q = Atomics.add(control, ControlWord.next, 1);
    const { batch, part, first, drawn } = placeOf(layout, q, request);
    if (drawn <= 0) return buffers.keep(buffer);
    const counter = { seed, stage, image, sample: first };
    if (shared) half.source.draw(sigma, grid, counter, drawn);
    for (const [centre, latent] of latents.entries()) {
      buffer ??= await buffers.take(layout.partRows * size * 4);
      if (stopped()) return buffers.keep(buffer);
      const rows = new Float32Array(buffer, 0, rowsOfPart(layout, part) * size);
      inChunks(rows, half, drawn, (done, now) => {
        if (shared) half.source.place(latent, done, now);
        else half.source.fill(latent, sigma, grid, { ...counter, sample: first + done }, now);
      });
      const filled: FilledPart = { job, q, centre, drawn, buffer };
      ports[sessionOf(ports.length, job, batch, centre)]?.postMessage(filled, [buffer]);
      buffer = null;
    }
  }
}

/** The first `drawn` rows, then zeros: nothing that is run depends on what the memory held before. */
function inChunks(
  rows: Float32Array,
  { source, size }: Prepared,
  drawn: number,
  make: (done: number, now: number) => void,
): void {
  const most = source.rows.dims[0] ?? 1;
  for (let done = 0; done < drawn; done += most) {
    const now = Math.min(most, drawn - done);
    make(done, now);
    rows.set(source.rows.data.subarray(0, now * size), done * size);
  }
  rows.fill(0, drawn * size);
}
