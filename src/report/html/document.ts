/** The frame of every HTML document: one self-contained file, no script, nothing loaded. */
import { html, Markup } from '../markup.ts';
import { STYLESHEET } from './stylesheet.ts';

/** Nothing is loaded and nothing runs, whatever a result file says. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** @param tool name and version of the program that writes it */
export const htmlDocument = (
  { title, tool }: { readonly title: string; readonly tool: string },
  body: Markup,
): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="generator" content="${tool}">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(STYLESHEET)}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
