/** Preflight findings as people read them: at the head of `inspect`, and as warnings of the commands that run a model. */

import { printable, wrap } from '../../ground/text-width.ts';
import type { Finding, Severity } from '../../onnx/preflight/finding.ts';
import type { Screen, Style } from './style.ts';

const painted = (severity: Severity, text: string, style: Style): string =>
  severity === 'error' ? style.red(text) : severity === 'warning' ? style.yellow(text) : style.dim(text);

const INDENT = 21;

/** Two to three lines each: what and where it is, then why it matters and what to do, indented and wrapped. */
export function renderFindings(findings: readonly Finding[], { columns, style }: Screen): string {
  if (findings.length === 0) return `${style.bold('findings')}  none\n`;
  const width = Math.max(40, columns - INDENT);
  const indented = (text: string): string =>
    wrap(printable(text), width).replaceAll('\n', `\n${' '.repeat(INDENT)}`);
  const lines = findings.flatMap(({ id, severity, what, why, remedy }) => [
    `${painted(severity, severity.padEnd(8), style)} ${style.bold(id)}  ${indented(what)}`,
    ...(severity === 'note' ? [] : [`${' '.repeat(INDENT)}${style.dim(indented(`why: ${why}`))}`]),
    ...(severity === 'note' ? [] : [`${' '.repeat(INDENT)}${style.dim(indented(`do: ${remedy}`))}`]),
  ]);
  return `${style.bold('findings')}\n${lines.join('\n')}\n`;
}

/** One line per warning, with what to do; notes stay in the result file's header and in `inspect`. */
export function warningLines(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ severity }) => severity !== 'note')
    .map(({ severity, id, what, remedy }) => `${severity} ${id} ${printable(what)}. ${printable(remedy)}`);
}
