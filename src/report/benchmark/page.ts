/** A benchmark as one self-contained HTML file, and in Markdown. */
import { capitalised } from '../../ground/sentence.ts';
import { escapeMarkdown } from '../escape.ts';
import { certifiedCurve } from '../figures/certified-curve.ts';
import { htmlDocument } from '../html/document.ts';
import { breakable, figureOf, formula, said, tableOf } from '../html/parts.ts';
import { tableLines } from '../markdown-table.ts';
import { html } from '../markup.ts';
import type { Benchmark, NormGroup } from './benchmark.ts';
import { notesOf, SUN, warningsOf } from './notes.ts';
import { benchmarkTables, entriesOf, measureOf } from './tables.ts';

const titleOf = (benchmark: Benchmark): string => {
  const { length } = entriesOf(benchmark);
  return `${length === 1 ? '1 method' : `${length} methods`} side by side`;
};

/** @param tool name and version of the program */
export function benchmarkHtml(benchmark: Benchmark, tool: string): string {
  const title = titleOf(benchmark);
  return htmlDocument(
    { title, tool },
    html`<header>
<h1>${breakable(title)}</h1>
${warningsOf(benchmark).map((warning) => html`<p class="warning" role="note">${warning}</p>`)}
</header>
<main>
${benchmark.groups.map(curveSection)}
<section><h2>Methods</h2>
${benchmarkTables(benchmark).map((table) => tableOf(table, 'wide'))}
${notesOf(benchmark).map((note) => html`<p class="soft">${formula(note)}</p>`)}
</section>
<section><h2>References</h2>
<ol class="references"><li><a href="${SUN.url}">${SUN.text}</a></li></ol>
</section>
</main>
<footer><p>Written by ${tool}. Shares, radii and lower bounds are rounded down, upper bounds up.</p></footer>`,
  );
}

function curveSection({ norm, radii, series, entries }: NormGroup) {
  const figure = { ...certifiedCurve(series, radii, norm), id: `certified-curve-${norm}` };
  const heading = `${capitalised(measureOf(entries))} over radius (${norm})`;
  return html`<section><h2>${heading}</h2>
${entries.some(({ images }) => images > 0) ? figureOf(figure) : said('No image was certified: there is nothing to draw.')}
</section>`;
}

export function benchmarkMarkdown(benchmark: Benchmark): string {
  const lines = [
    `# ${titleOf(benchmark)}`,
    '',
    ...warningsOf(benchmark).flatMap((warning) => [`> **${escapeMarkdown(warning)}**`, '']),
    ...benchmarkTables(benchmark).flatMap(tableLines),
    ...notesOf(benchmark).flatMap((note) => [escapeMarkdown(note), '']),
    `- ${escapeMarkdown(SUN.text)} <${SUN.url}>`,
  ];
  return `${lines.join('\n')}\n`;
}
