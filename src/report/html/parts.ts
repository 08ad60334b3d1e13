/** What sections are made of: tables, figures, pictures. */
import { type Figure, type LegendEntry, type Table, variable } from '../figure.ts';
import { html, Markup } from '../markup.ts';

/** Widths figures are drawn at, CSS pixels: the column of text, and a phone. */
const WIDE = 720;
const NARROW = 340;

/** Tables may be wider than the screen: they scroll (their caption does not), by keyboard too. */
export const tableOf = ({ caption, columns, rows }: Table, kind: 'plain' | 'wide' = 'plain'): Markup =>
  html`<p class="caption">${formula(caption)}</p><div class="scroll" tabindex="0" role="group" aria-label="${caption}"><table class="${kind}" aria-label="${caption}"><thead><tr>${columns.map(
    ({ header, align }) => html`<th scope="col"${cls(align)}>${formula(header)}</th>`,
  )}</tr></thead><tbody>${rows.map(
    (row) =>
      html`<tr>${row.map((cell, c) =>
        c === 0
          ? html`<th scope="row"${cls(columns[c]?.align)}>${cell}</th>`
          : html`<td${cls(columns[c]?.align)}>${cell}</td>`,
      )}</tr>`,
  )}</tbody></table></div>`;

const cls = (align: 'left' | 'right' | undefined): Markup => (align === 'right' ? html` class="r"` : html``);

/** A figure with its legend, in two widths of which the style sheet shows one, and its table. */
export function figureOf(figure: Figure): Markup {
  const table = tableOf(figure.table);
  return html`<figure id="${figure.id}">${legendOf(figure.legend)}<div class="wideplot">${drawn(figure, WIDE)}</div><div class="narrow">${drawn(figure, NARROW)}</div><figcaption>${formula(figure.summary)}</figcaption></figure>${
    figure.tableOpen
      ? table
      : html`<details class="short"><summary>Numbers of this figure</summary>${table}</details>`
  }`;
}

/** Drawn by our own code with escaped names: markup already. */
const drawn = (figure: Figure, width: number): Markup => new Markup(figure.draw(width));

const legendOf = (entries: readonly LegendEntry[]): Markup =>
  html`<ul class="legend">${entries.map(({ name, colour, line }) => html`<li>${swatch(colour, line)}${name}</li>`)}</ul>`;

const swatch = (colour: LegendEntry['colour'], line: string | null): Markup =>
  line === null
    ? html`<svg width="12" height="12" aria-hidden="true"><rect width="12" height="12" rx="2" fill="${variable(colour)}"/></svg>`
    : html`<svg width="30" height="12" aria-hidden="true"><path d="M0 6H30" fill="none" stroke="${variable(colour)}" stroke-width="2.5" stroke-dasharray="${line}"/></svg>`;

/** Text of our own in which p_A, R_u, f_L, … are set as symbols with an index, and a number keeps its percent sign. */
export const formula = (text: string): Markup =>
  new Markup(
    html`${text}`.text
      .replace(/\b([cfkpR])_([ABLRu])\b/g, '<i>$1</i><sub>$2</sub>')
      .replace(/(\d) %/g, '$1\u00a0%'),
  );

/** A name that may be broken after its separators, not only wherever the line ends. */
export const breakable = (name: string): Markup =>
  new Markup(html`${name}`.text.replace(/([_./-])(?=[\p{L}\p{N}])/gu, '$1<wbr>'));

/** One sentence in place of a figure. */
export const said = (text: string): Markup => html`<p>${text}</p>`;
