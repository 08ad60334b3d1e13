/**
 * A model's first run on ONNX Runtime, in a process of its own. ONNX Runtime is not made for hostile files: some make it
 * divide by zero or write beyond its memory. Known cases are refused beforehand (`enlargements`, `unchecked-values`);
 * an unknown one ends that process instead of the caller's.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { type ErrorReport, ModelRefused, ToolError } from '../../ground/errors.ts';
import type { DataType } from '../model/data-type.ts';
import type { FloatTensor } from './session.ts';

export interface TrialRequest {
  readonly where: string;
  /** The model's input; null when it has none. */
  readonly input: string | null;
  readonly dims: readonly number[];
  /** Bytes of the model, which follow this text. */
  readonly modelBytes: number;
  /** Float32 numbers of the input, which follow the model. */
  readonly values: number;
}

export interface TrialOutput {
  readonly name: string;
  readonly type: DataType;
  readonly dims: readonly number[];
}

export interface TrialReply {
  readonly outcome:
    | { readonly outputs: readonly TrialOutput[] }
    | { readonly exitCode: number; readonly report: Omit<ErrorReport, 'cause'> };
  /** Whether the process has grown so much that another should try the next model. */
  readonly tired: boolean;
}

/** How long a process waits for the next model: scripts and services open many. */
const IDLE_MS = 1000;

/** A process that waits for a model, and the timer that ends it. */
let idle: { readonly child: ChildProcess; readonly timer: NodeJS.Timeout } | null = null;

/**
 * Runs a self-contained model of at most one input once.
 * @param where names the model in errors
 * @param input its input's name; null when it has none
 * @returns names, types and shapes of its outputs
 * @throws ModelRefused when ONNX Runtime does not take the model, or crashes on it; ToolError when no process can be
 * started
 */
export async function trialRun(
  model: Uint8Array,
  where: string,
  input: string | null,
  { data, dims }: FloatTensor,
): Promise<readonly TrialOutput[]> {
  const child = takeChild();
  let usable = false;
  try {
    const request: TrialRequest = { where, input, dims, modelBytes: model.length, values: data.length };
    const text = Buffer.from(JSON.stringify(request));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    const reply = new Promise<TrialReply>((resolve, reject) => {
      child.once('message', (message) => resolve(message as TrialReply));
      child.once('error', (cause) => reject(notStarted(cause)));
      child.once('exit', (code, signal) => reject(died(where, signal ?? `exit code ${code}`)));
    });
    for (const part of [length, text, model, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)])
      child.stdin?.write(part);
    const { outcome, tired } = await reply;
    usable = !tired;
    if ('outputs' in outcome) return outcome.outputs;
    throw outcome.exitCode === 3 ? new ModelRefused(outcome.report) : new ToolError(outcome.report);
  } finally {
    child.removeAllListeners();
    if (usable) leaveChild(child);
    else child.kill('SIGKILL');
  }
}

function takeChild(): ChildProcess {
  const waiting = idle;
  idle = null;
  if (waiting !== null) {
    clearTimeout(waiting.timer);
    if (waiting.child.connected) {
      waiting.child.ref();
      waiting.child.channel?.ref();
      return waiting.child;
    }
  }
  const child = fork(trialProcess(), [], { execArgv: [], stdio: ['pipe', 'ignore', 'ignore', 'ipc'] });
  // The exit event reports the crash; the broken pipe adds nothing.
  child.stdin?.on('error', () => {});
  return child;
}

/** Keeps a process for the next model, without keeping this one alive. */
function leaveChild(child: ChildProcess): void {
  if (idle !== null) {
    child.kill();
    return;
  }
  child.unref();
  child.channel?.unref();
  const timer = setTimeout(() => {
    idle = null;
    child.kill();
  }, IDLE_MS).unref();
  idle = { child, timer };
}

function trialProcess(): string {
  try {
    return createRequire(import.meta.url).resolve('#trial-process');
  } catch (cause) {
    throw notStarted(cause);
  }
}

const notStarted = (cause: unknown): ToolError =>
  new ToolError({
    what: 'the process that tries models cannot be started',
    why: cause instanceof Error ? cause.message : String(cause),
    remedy: 'Reinstall splitz-onnx (in a checkout run npm run build), and allow it to start processes.',
    cause,
  });

const died = (where: string, how: string): ModelRefused =>
  new ModelRefused({
    what: `ONNX Runtime crashed on the model (${how})`,
    where,
    why: 'a damaged or hostile file can make it divide by zero or leave its memory; or the memory of this machine ran out',
    remedy:
      'Check the model with onnx.checker.check_model(path, full_check=True), and get the file again from its author.',
  });
