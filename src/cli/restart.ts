/** The same command once more, in a process whose environment says from the beginning what cannot be said later. */
import { spawn } from 'node:child_process';
import { ToolError } from '../ground/errors.ts';

/** Set in the process that was started so. Not SPLITZ_…: variables of that name are options. */
const RESTARTED = 'RESTARTED_BY_SPLITZ_ONNX';

/** Whether this process is the second one. */
export const isRestarted = (): boolean => process.env[RESTARTED] !== undefined;

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGWINCH'] as const;

/**
 * Ends as the other process ends: with its exit code, or by the signal that ended it. Signals go on to it; the streams are the same.
 * @param environment what is added
 * @throws ToolError when this process was started so itself, or another cannot be started
 */
export async function restartedWith(environment: Readonly<Record<string, string>>): Promise<never> {
  const [setting = ''] = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const remedy = `Set it before you start: ${setting} splitz-onnx …`;
  if (isRestarted()) throw new ToolError({ what: `${setting} does not arrive in the process`, remedy });
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, ...environment, [RESTARTED]: '1' },
    // A group of its own: Ctrl-C in a terminal would reach it twice otherwise, and the second one ends it at once.
    detached: process.platform !== 'win32',
  });
  // On Windows there is one group, and every signal sent to a process would end it.
  const forward = (signal: NodeJS.Signals): void => {
    if (process.platform !== 'win32') child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  const ended = await new Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>(
    (resolve, reject) => {
      child.once('error', (cause) =>
        reject(
          new ToolError({ what: 'the process cannot be started again', why: cause.message, remedy, cause }),
        ),
      );
      child.once('exit', (code, signal) => resolve({ code, signal }));
    },
  );
  for (const signal of FORWARDED) process.off(signal, forward);
  if (ended.signal !== null) process.kill(process.pid, ended.signal);
  // Where the signal does not end this process either, as a shell counts it.
  process.exit(ended.code ?? 128);
}
