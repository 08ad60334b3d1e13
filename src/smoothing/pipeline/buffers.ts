/** The buffers of one producer: three for each session, so that one is filled while another waits and a third is run. */
import type { MessagePort } from 'node:worker_threads';
import { ToolError } from '../../ground/errors.ts';
import type { FreedBuffer } from './pipeline-protocol.ts';

const BUFFERS = 3;

export interface Buffers {
  /** Sent buffers come back over this port too, and there may be three more. */
  comeBackOver(port: MessagePort): void;
  /**
   * A buffer of at least that many bytes, when there is one.
   * @throws ToolError when it cannot be allocated, Error when the other end of a port is gone
   */
  take(bytes: number): Promise<ArrayBuffer>;
  /** A buffer that was taken and not sent. */
  keep(buffer: ArrayBuffer): void;
}

/** They belong to no session: a producer that waits for one gets whichever comes first. */
export function createBuffers(): Buffers {
  const free: ArrayBuffer[] = [];
  let most = 0;
  let made = 0;
  let gone = false;
  let wake: (() => void) | null = null;
  const woken = (): void => {
    wake?.();
    wake = null;
  };

  return {
    comeBackOver(port) {
      most += BUFFERS;
      port.on('message', ({ buffer }: FreedBuffer) => {
        free.push(buffer);
        woken();
      });
      port.on('close', () => {
        gone = true;
        woken();
      });
    },
    async take(bytes) {
      while (free.length === 0 && made >= most && !gone)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      if (gone) throw new Error('the thread of a session has ended');
      const buffer = free.pop();
      if (buffer !== undefined && buffer.byteLength >= bytes) return buffer;
      if (buffer === undefined) made++;
      return allocated(bytes);
    },
    keep: (buffer) => free.push(buffer),
  };
}

function allocated(bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (cause) {
    throw new ToolError({
      what: `a part of a batch of ${bytes} bytes does not fit into memory`,
      why: cause instanceof Error ? cause.message : String(cause),
      remedy: 'Give a smaller --batch.',
      cause,
    });
  }
}
