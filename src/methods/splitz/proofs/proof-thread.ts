/**
 * A left half's proofs in a thread of their own: the main thread goes on hearing signals, and a proof under way is stopped by
 * ending the thread. The thread is started by the first question, keeps the process alive only while it owes an answer, and
 * ends with the workers of the context that it was started for; the next question starts another.
 */
import { Worker } from 'node:worker_threads';
import { ToolError } from '../../../ground/errors.ts';
import { workerFile } from '../../../ground/worker-file.ts';
import type { Context } from '../../context.ts';
import type { FromThread, ProvedHalf, ToThread } from './proof-protocol.ts';
import type { ProofName, Proofs } from './proofs.ts';

interface Waiting {
  resolve(result: ReturnType<Proofs[ProofName]>): void;
  reject(error: unknown): void;
}

/** What a question needs of its context. */
export type Asking = Pick<Context, 'resources' | 'signal'>;

export class ProofThread {
  readonly #half: () => ProvedHalf;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  /** Of the shared norms that were proved: a thread that is started again proves them again, with the same probes. */
  #shared: bigint | null = null;
  #asked = 0;

  constructor(half: () => ProvedHalf) {
    this.#half = half;
  }

  /** @throws the signal's reason when aborted; ToolError when the proof fails or the thread dies */
  async ask<K extends ProofName>(
    name: K,
    args: Parameters<Proofs[K]>,
    { resources, signal }: Asking,
  ): Promise<ReturnType<Proofs[K]>> {
    signal.throwIfAborted();
    if (name === 'globalLipschitz') [this.#shared = null] = args as Parameters<Proofs['globalLipschitz']>;
    const worker = this.#worker ?? this.#start(resources);
    const id = this.#asked++;
    const stop = (): void => this.#settle(id)?.reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise<ReturnType<Proofs[K]>>((resolve, reject) => {
        worker.postMessage({ id, name, args } satisfies ToThread);
        this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
        worker.ref();
      });
    } finally {
      signal.removeEventListener('abort', stop);
      // Whoever waits no longer leaves a thread at work: what nobody wants is not computed to its end.
      if (signal.aborted && this.#waiting.size === 0) await this.end();
    }
  }

  /** Ends the thread, in the middle of a proof if need be. */
  async end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#rejectAll(new Error('the context of the proof was closed'));
    await worker?.terminate();
  }

  #start(resources: Context['resources']): Worker {
    // Options of the program itself, such as --input-type, are none of the thread's.
    const worker = new Worker(workerFile('#proof-worker', 'the thread that bounds left halves'), {
      execArgv: [],
    });
    this.#worker = worker;
    worker.unref();
    worker.on('message', (message: FromThread) => {
      const waiting = this.#settle(message.id);
      if ('report' in message) waiting?.reject(new ToolError(message.report));
      else waiting?.resolve(message.result);
    });
    worker.once('error', (error) => this.#die(worker, error.message, error));
    worker.once('exit', (code) => this.#die(worker, `it ended with code ${code}`));
    resources.onClose(() => this.end());
    worker.postMessage({ half: this.#half() } satisfies ToThread);
    if (this.#shared !== null)
      worker.postMessage({
        id: this.#asked++,
        name: 'globalLipschitz',
        args: [this.#shared],
      } satisfies ToThread);
    return worker;
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    return waiting;
  }

  #die(worker: Worker, why: string, cause?: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const error = new ToolError({
      what: 'the thread that bounds the left half died',
      why,
      remedy: 'If memory ran out, cut earlier, or write --split input (plain smoothing).',
      cause,
    });
    this.#rejectAll(error);
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
