/**
 * Errors as people (or, with --json, programs) read them: what, where, why, do. An error that is not a SplitzError is
 * a bug of ours and is reported as one. Stack and causes are shown only with --debug.
 */
import { inspect } from 'node:util';
import { SplitzError } from '../../ground/errors.ts';
import { onOneLine } from '../../ground/visible.ts';
import { exitCodeOf } from '../exit.ts';
import type { Style } from './style.ts';

interface Facts {
  readonly kind: string;
  readonly what: string;
  readonly where: string | undefined;
  /** Lines. */
  readonly why: readonly string[];
  readonly remedy: string | undefined;
}

function factsOf(error: unknown): Facts {
  if (error instanceof SplitzError) {
    const { what, where, why, details = [], remedy } = error.report;
    return { kind: error.name, what, where, why: [...(why === undefined ? [] : [why]), ...details], remedy };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    kind: 'InternalError',
    what: 'this is a bug in splitz-onnx, not in your model or data',
    where: undefined,
    why: [message],
    remedy: 'Run the same command with --debug and report what it prints.',
  };
}

/** Lines for stderr. */
export function renderError(error: unknown, style: Style, debug = false): string {
  const { kind, what, where, why, remedy } = factsOf(error);
  const title = kind === 'InternalError' ? 'internal error:' : 'error:';
  const detail = (name: string, ...values: readonly string[]) =>
    values.map((value, k) => `  ${style.bold((k === 0 ? `${name}:` : '').padEnd(6))} ${onOneLine(value)}`);
  const present = (value: string | undefined) => (value === undefined ? [] : [value]);
  const lines = [
    `${style.red(title)} ${onOneLine(what)}`,
    ...detail('where', ...present(where)),
    ...detail('why', ...why),
    ...detail('do', ...present(remedy)),
    ...(debug ? ['', ...causes(error).map((cause) => style.dim(cause))] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * One JSON line: {"error":{"kind","what","where","why","do","exitCode"}}, with "code" where the error has one, "causes" when
 * debugging.
 */
export function errorJson(error: unknown, debug = false): string {
  const { kind, what, where, why, remedy } = factsOf(error);
  const trace = debug ? { causes: causes(error) } : {};
  const none = null;
  return `${JSON.stringify({
    error: {
      kind,
      what,
      where: where ?? none,
      why: why.length === 0 ? none : why.join('\n'),
      do: remedy,
      exitCode: exitCodeOf(error),
      ...(error instanceof SplitzError && error.report.code !== undefined ? { code: error.report.code } : {}),
      ...trace,
    },
  })}\n`;
}

/** The stacks of an error and of what caused it, outermost first. A circular chain ends where it closes. */
function causes(error: unknown): string[] {
  const seen = new Set<unknown>();
  const stacks: string[] = [];
  for (
    let at: unknown = error;
    at !== undefined && !seen.has(at);
    at = at instanceof Error ? at.cause : undefined
  ) {
    seen.add(at);
    const stack = at instanceof Error ? (at.stack ?? String(at)) : inspect(at);
    stacks.push(stacks.length === 0 ? stack : `caused by: ${stack}`);
  }
  return stacks;
}
