/** The report as one self-contained HTML file: no script, nothing loaded, the raw results inside. */

import { roundDown, shareDown } from '../../ground/decimal.ts';
import { averageRadius } from '../../statistics/accuracy.ts';
import type { NamedSeries } from '../audited-run.ts';
import { comparisonTable } from '../comparison-table.ts';
import { extremes } from '../extremes.ts';
import { html, Markup } from '../markup.ts';
import { drawable, type Report, type RunSection } from '../report.ts';
import { allowanceOf, ESTIMATE_WARNING, methodOf, NOT_GUARANTEED, REFERENCES } from '../statements.ts';
import { breakable, figureOf, formula, said, tableOf } from './parts.ts';
import { runSection } from './run-section.ts';
import { STYLESHEET } from './stylesheet.ts';

/** Nothing is loaded and nothing runs, whatever a result file says. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

export function htmlReport(report: Report): string {
  const { title, curve, sections, series, tool } = report;
  const estimates = sections.filter(
    ({ run }) => run.kind === 'result' && run.header.guarantee !== 'certificate',
  );
  const several = sections.length > 1;
  const page = html`<!doctype html>
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
<header>
<h1>${breakable(title)}</h1>
<p class="lead">${lead(report)}</p>
${estimates.map(
  ({ run }) => html`<p class="warning" role="note">${several ? `${run.name}: ` : ''}${ESTIMATE_WARNING}</p>`,
)}${several ? null : tiles(series)}
${contents(report)}
</header>
<main>
<section><h2 id="curve">${curve.title}</h2>
${drawable(report) ? figureOf(curve) : said('No image was certified: there is nothing to draw.')}
${allowances(report)}
${tableOf(comparisonTable(series))}
</section>
${sections.map((section, k) => runSection(section, { k, of: sections.length }))}
<section><h2 id="method">Method</h2>
${sections.map(
  ({ run }) =>
    html`${several ? html`<h3>${run.name}</h3>` : null}${methodOf(run).map((text) => html`<p>${formula(text)}</p>`)}`,
)}
</section>
<section><h2 id="limits">What is not guaranteed</h2>
<ul>${NOT_GUARANTEED.map(([head, text]) => html`<li><strong>${head}</strong> ${text}</li>`)}</ul>
</section>
<section><h2 id="references">References</h2>
<ol class="references">${REFERENCES.map(([text, url]) => html`<li><a href="${url}">${text}</a></li>`)}</ol>
</section>
</main>
<footer><p>Written by ${tool}. Radii and lower bounds are rounded down, upper bounds up.</p></footer>
</body>
</html>
`;
  return page.text;
}

function lead({ sections }: Report): string {
  const [only] = sections;
  if (only === undefined || sections.length > 1) return sections.map(({ run }) => run.name).join(', ');
  const { run } = only;
  const count = `${run.images.length} ${run.images.length === 1 ? 'image' : 'images'}`;
  if (run.kind === 'log') return `${count}, from the log ${run.file}`;
  const { data, started, split } = run.header;
  const unfinished = run.finished === false ? '; the run is not finished' : '';
  return `${count} of ${data.name}, cut at ${split.cut}, started ${started.slice(0, 10)}${unfinished}`;
}

function contents({ sections }: Report): Markup {
  const links: [id: string, text: string][] =
    sections.length > 1
      ? [
          ['curve', 'Comparison'],
          ...sections.map(({ run }, k): [string, string] => [`run-${k + 1}`, run.name]),
          ...LAST,
        ]
      : [['curve', 'Curve'], ...sections.flatMap(ownLinks), ...LAST];
  return html`<nav aria-label="Contents"><ul>${links.map(([id, text]) => html`<li><a href="#${id}">${text}</a></li>`)}</ul></nav>`;
}

const LAST: readonly [string, string][] = [
  ['method', 'Method'],
  ['limits', 'Not guaranteed'],
  ['references', 'References'],
];

function ownLinks({ run, example }: RunSection): [string, string][] {
  const images = run.images.length > 0;
  const ours = run.kind === 'result';
  const links: [id: string, text: string, shown: boolean][] = [
    ['radii', 'Radii', images],
    ['left-half', 'Left half', ours],
    ['images', 'Images', extremes(run).length > 0],
    ['worked', 'Derivation', example !== null],
    ['abstentions', 'Abstentions', images],
    ['findings', 'Findings', ours],
    ['settings', 'Settings', ours],
    ['raw', 'Raw results', true],
  ];
  return links.filter(([, , shown]) => shown).map(([id, text]) => [id, text]);
}

/** The headline figures of a single run. */
function tiles(series: readonly NamedSeries[]): Markup {
  const [own, beside] = series;
  if (own === undefined || own.series.score.images === 0) return html``;
  const { score } = own.series;
  const plain = beside === undefined ? null : beside.series.score;
  const words = score.measure === 'certified accuracy' ? 'certified accuracy' : 'certified fraction';
  const share = ({ radii, images }: typeof score): string => `${shareDown(radii.length, images, 1)}\u00a0%`;
  const meanOf = (of: typeof score): string => roundDown(averageRadius(of).mean, 3);
  const comparedWith = (text: string | null): Markup | null =>
    text === null ? null : html`<small>plain smoothing ${text}</small>`;
  const facts: [name: string, value: string, other: string | null][] = [
    [`${words} at radius 0`, share(score), plain && share(plain)],
    ['average certified radius', meanOf(score), plain && meanOf(plain)],
    [
      'largest certified radius',
      roundDown(score.radii.at(-1) ?? 0, 3),
      plain && roundDown(plain.radii.at(-1) ?? 0, 3),
    ],
    [`abstained, of ${score.images} images`, String(score.abstained), plain && String(plain.abstained)],
  ];
  return html`<dl class="tiles">${facts.map(
    ([name, value, other]) => html`<div><dt>${name}</dt><dd>${value}${comparedWith(other)}</dd></div>`,
  )}</dl>`;
}

function allowances({ sections }: Report): Markup[] {
  return sections.flatMap(({ run }) => {
    const text = allowanceOf(run);
    return text === null
      ? []
      : [html`<p class="soft">${sections.length > 1 ? `${run.name}: ` : ''}${formula(text)}</p>`];
  });
}
