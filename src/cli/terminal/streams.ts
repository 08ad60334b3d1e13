/**
 * Standard output and error as the program uses them: nothing from a file is obeyed by the terminal (`ground/visible.ts`), and
 * an output that takes no more is told in words, with exit code 2, where Node would end with a stack trace and exit code 1,
 * which means that a result does not hold.
 */
import { ExitCode, ToolError } from '../../ground/errors.ts';
import { codeOf } from '../../ground/system-error.ts';
import { harmless } from '../../ground/visible.ts';
import { renderError } from './report-error.ts';
import { screenOf } from './style.ts';

/** Streams that are guarded already: a program may start more than once in a process. */
const guarded = new WeakSet<NodeJS.WriteStream>();
let lost: Error | null = null;

/** Guards both streams, once. */
export function guardStreams(): void {
  lost = null;
  for (const stream of [process.stdout, process.stderr]) {
    if (guarded.has(stream)) continue;
    guarded.add(stream);
    // Where standard error takes nothing, nothing can be told.
    stream.on('error', stream === process.stdout ? outputLost : () => {});
    const write = stream.write.bind(stream) as (chunk: unknown, ...rest: unknown[]) => boolean;
    stream.write = (chunk: unknown, ...rest: unknown[]): boolean =>
      write(typeof chunk === 'string' && !isJson(chunk) ? harmless(chunk) : chunk, ...rest);
  }
}

/** Whether standard output could not be written. */
export const outputWasLost = (): boolean => lost !== null;

/** JSON escapes as JSON does; its bytes may be covered by a digest. */
const isJson = (chunk: string): boolean => chunk.startsWith('{');

function outputLost(cause: Error): void {
  process.exitCode = ExitCode.toolError;
  if (lost !== null) return;
  lost = cause;
  // A reader that has seen enough (`| head`) needs no words.
  if (codeOf(cause) !== 'EPIPE') process.once('beforeExit', () => tellOfLoss(cause));
}

/** Errors that were told already, by the command that met them. */
const told = new WeakSet<Error>();

/** Marks what an error that is told was caused by. */
export function markTold(error: unknown): void {
  if (error instanceof Error && error.cause instanceof Error) told.add(error.cause);
}

function tellOfLoss(cause: Error): void {
  if (told.has(cause)) return;
  const error = new ToolError({
    what: 'standard output cannot be written',
    why: cause.message,
    remedy: 'Check where it leads, and the space left there. Files named by --out are complete.',
    cause,
  });
  process.stderr.write(renderError(error, screenOf(process.stderr, process.env).style));
}
