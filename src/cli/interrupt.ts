/** Ctrl-C as an AbortSignal: the first one ends the work in flight cleanly, a second one ends the process at once. */
import { ExitCode, SplitzError } from '../ground/errors.ts';

/** The run was interrupted and can be resumed. */
export class Interrupted extends SplitzError {
  constructor(remedy: string) {
    super({ what: 'interrupted', why: 'by Ctrl-C or a termination signal', remedy }, ExitCode.interrupted);
  }
}

/** Runs `work` with a signal that SIGINT or SIGTERM aborts. */
export async function interruptible<T>(
  remedy: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(ExitCode.interrupted);
    controller.abort(new Interrupted(remedy));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
