/** Ctrl-C, a termination signal or the end of the terminal as an AbortSignal: the first one ends the work in flight cleanly, a second one ends the process at once. */
import { ExitCode, SplitzError } from '../ground/errors.ts';

/** The run was interrupted and can be resumed. */
export class Interrupted extends SplitzError {
  constructor(remedy: string) {
    super(
      { what: 'interrupted', why: 'by Ctrl-C, a termination signal or the end of its terminal', remedy },
      ExitCode.interrupted,
    );
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs `work` with a signal that any of them aborts. */
export async function interruptible<T>(
  remedy: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(ExitCode.interrupted);
    controller.abort(new Interrupted(remedy));
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
}
