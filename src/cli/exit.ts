/** The exit code of a command that ended in `error` (README, "Exit codes"). A bug of ours counts as a tool error. */
import { ExitCode, SplitzError } from '../ground/errors.ts';

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof SplitzError ? error.exitCode : ExitCode.toolError;
}
