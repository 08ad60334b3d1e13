/** The report as one self-contained HTML file: no script, nothing loaded, the raw results inside. */

import { roundDown, shareDown } from '../../ground/decimal.ts';
import { meanRadius, type Score } from '../../statistics/accuracy.ts';
import type { AuditedRun, NamedSeries } from '../audited-run.ts';
import { comparisonTable } from '../comparison-table.ts';
import { html, type Markup } from '../markup.ts';
import { plainWordsOf } from '../plain-words.ts';
import { drawable, type Report } from '../report.ts';
import {
  allowances,
  describeRun,
  estimateWarnings,
  NOT_GUARANTEED,
  networkAlone,
  references,
} from '../statements.ts';
import { htmlDocument } from './document.ts';
import { breakable, figureOf, formula, said, tableOf } from './parts.ts';
import { type Part, runParts } from './run-section.ts';

export function htmlReport(report: Report): string {
  const { title, curve, sections, series, tool } = report;
  const several = sections.length > 1;
  const parts = sections.map((section) =>
    runParts(section, (text) => (several ? html`<h4>${text}</h4>` : html`<h3>${text}</h3>`)),
  );
  return htmlDocument(
    { title, tool },
    html`<header>
<h1>${breakable(title)}</h1>
<p class="lead">${lead(report)}</p>
${sections.map(({ run }) =>
  estimateWarnings(run).map(
    (warning) => html`<p class="warning" role="note">${several ? `${run.name}: ` : ''}${warning}</p>`,
  ),
)}${sections.map(({ run }) => plainWords(run, several))}
${several ? null : tiles(series)}
${contents(report, parts)}
</header>
<main>
<section><h2 id="curve">${curve.title}</h2>
${drawable(report) ? figureOf(curve) : said('No image was certified: there is nothing to draw.')}
${underCurve(report)}
${tableOf(comparisonTable(series))}
</section>
${sections.map(({ run }, k) => (several ? underItsName(run, k, parts[k] ?? []) : sectionsOf(parts[k] ?? [])))}
<section><h2 id="method">Method</h2>
${sections.map(
  ({ run }) =>
    html`${several ? html`<h3>${run.name}</h3>` : null}${describeRun(run).map((text) => html`<p>${formula(text)}</p>`)}`,
)}
</section>
<section><h2 id="limits">What is not guaranteed</h2>
<ul>${NOT_GUARANTEED.map(([head, text]) => html`<li><strong>${head}</strong> ${text}</li>`)}</ul>
</section>
<section><h2 id="references">References</h2>
<ol class="references">${references(sections.map(({ run }) => run)).map(({ text, url }) => html`<li><a href="${url}">${text}</a></li>`)}</ol>
</section>
</main>
<footer><p>Written by ${tool}. Radii and lower bounds are rounded down, upper bounds up.</p></footer>`,
  );
}

/** What a reader who knows nothing of the method needs first. */
function plainWords(run: AuditedRun, several: boolean): Markup | null {
  const sentences = plainWordsOf(run);
  if (sentences.length === 0) return null;
  return html`<p class="plain-words">${several ? html`<strong>${run.name}.</strong> ` : null}${sentences.join(' ')}</p>`;
}

function lead({ sections }: Report): string {
  const [only] = sections;
  if (only === undefined || sections.length > 1) return sections.map(({ run }) => run.name).join(', ');
  const { run } = only;
  const { images } = run.series[0].score;
  const count = `${images} ${images === 1 ? 'image' : 'images'}`;
  if (run.kind === 'log') return `${count}, from the log ${run.file}`;
  const { data, started } = run.header;
  const unfinished = run.finished ? '' : '; the run is not finished';
  return `${count} of ${data.name}, ${run.series.map(({ label }) => label).join(' and ')}, started ${started.slice(0, 10)}${unfinished}`;
}

const sectionsOf = (parts: readonly Part[]): Markup =>
  html`${parts.map(({ id, title, body }) => html`<section><h2 id="${id}">${title}</h2>${body}</section>`)}`;

/** With several runs the parts of each are a level down, below its name. */
const underItsName = ({ name, series: [own] }: AuditedRun, k: number, parts: readonly Part[]): Markup =>
  html`<h2 id="run-${k + 1}">${name}</h2>${
    own.images.length === 0 ? said('No image was certified in this run: there is nothing to draw.') : null
  }${parts.map(
    ({ id, title, body }) => html`<section><h3 id="run-${k + 1}-${id}">${title}</h3>${body}</section>`,
  )}`;

function contents({ sections }: Report, parts: readonly (readonly Part[])[]): Markup {
  const links: [id: string, text: string][] =
    sections.length > 1
      ? [
          ['curve', 'Comparison'],
          ...sections.map(({ run }, k): [string, string] => [`run-${k + 1}`, run.name]),
          ...LAST,
        ]
      : [
          ['curve', 'Curve'],
          ...(parts[0] ?? []).map(({ id, link }): [string, string] => [id, link]),
          ...LAST,
        ];
  return html`<nav aria-label="Contents"><ul>${links.map(([id, text]) => html`<li><a href="#${id}">${text}</a></li>`)}</ul></nav>`;
}

const LAST: readonly [string, string][] = [
  ['method', 'Method'],
  ['limits', 'Not guaranteed'],
  ['references', 'References'],
];

/** The headline figures of a single run. */
function tiles(series: readonly NamedSeries[]): Markup {
  const [own, ...alongside] = series;
  if (own === undefined || own.series.score.images === 0) return html``;
  const { score } = own.series;
  const words = score.measure === 'certified accuracy' ? 'certified accuracy' : 'certified fraction';
  const facts: [name: string, of: (score: Score) => string][] = [
    [`${words} at radius 0`, ({ radii, images }) => `${shareDown(radii.length, images, 1)}\u00a0%`],
    ['average certified radius', (its) => roundDown(meanRadius(its), 3)],
    ['largest certified radius', ({ radii }) => roundDown(radii.at(-1) ?? 0, 3)],
    [`abstained, of ${score.images} images`, ({ abstained }) => String(abstained)],
  ];
  return html`<dl class="tiles">${facts.map(
    ([name, of]) =>
      html`<div><dt>${name}</dt><dd>${of(score)}${alongside.map(
        ({ name: other, series: { score: its } }) => html`<small>${other}: ${of(its)}</small>`,
      )}</dd></div>`,
  )}</dl>`;
}

/** What to keep in mind of the curve. */
function underCurve({ sections }: Report): Markup[] {
  return sections.flatMap(({ run }) => {
    const alone = networkAlone(run);
    return [...allowances(run), ...(alone === null ? [] : [alone])].map(
      (text) => html`<p class="soft">${sections.length > 1 ? `${run.name}: ` : ''}${formula(text)}</p>`,
    );
  });
}
