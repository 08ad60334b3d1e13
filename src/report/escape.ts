/**
 * What comes from files (names, findings, classes) is data in every format: no markup, no formula, no line break, and no
 * control or direction character that would show the reader something other than what is there.
 */
import { visible } from '../ground/visible.ts';

const HTML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for quoted attributes, in HTML and in SVG. */
export const escapeHtml = (text: string): string => visible(text).replace(/[&<>"']/g, (c) => HTML[c] ?? c);

/** For a cell of a Markdown table (GitHub's). HTML, links, emphasis, code, mentions and bare addresses are switched off. */
export const escapeMarkdown = (text: string): string =>
  visible(text)
    .replace(/[\\`*_{}[\]()<>#+!|~$^=-]/g, '\\$&')
    .replace(/&/g, '&amp;')
    .replace(/@/g, '&#64;')
    .replace(/:\/\//g, ':&#47;&#47;')
    .replace(/www\./gi, '$&&#8203;');

const LATEX: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  $: '\\$',
  '&': '\\&',
  '%': '\\%',
  '#': '\\#',
  _: '\\_',
  '^': '\\textasciicircum{}',
  '~': '\\textasciitilde{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
  '|': '\\textbar{}',
  '"': '\\textquotedbl{}',
  '`': '\\textasciigrave{}',
  "'": '\\textquotesingle{}',
  '-': '{-}',
  '[': '{[}',
  ']': '{]}',
};

/** For LaTeX text. Ligatures and the optional argument of a line end are switched off too. */
export const escapeLatex = (text: string): string =>
  visible(text).replace(/[\\{}$&%#_^~<>|"`'[\]-]/g, (c) => LATEX[c] ?? c);

/** For a field of a tab-separated file. A spreadsheet must not take a name for a formula. */
export const escapeTsv = (text: string): string => visible(text).replace(/^(?=[=+\-@"'])/, "'");

/** For a field of a comma-separated file (RFC 4180). Numbers stay numbers; a spreadsheet must not take a name for a formula. */
export function escapeCsv(text: string): string {
  const safe = text !== '' && Number.isFinite(Number(text)) ? text : escapeTsv(text);
  return /[",\r\n]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
