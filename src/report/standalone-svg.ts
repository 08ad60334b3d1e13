/** A figure as a file of its own: title and legend above the plot, colours written out, on white. And as PNG. */
import sharp from 'sharp';
import { escapeHtml } from './escape.ts';
import { COLOURS, type Figure } from './figure.ts';
import { FONT } from './font.ts';

const WIDTH = 720;
const MARGIN = 16;
const ROW = 20;
/** sharp draws one pixel per CSS pixel at 72; twice that prints well and is sharp on dense screens. */
const DENSITY = 144;
/** What fits in a row at 13 pixels. */
const LONGEST = 92;

export function standaloneSvg({ title, summary, legend, draw }: Figure): string {
  const inner = WIDTH - 2 * MARGIN;
  const plot = draw(inner);
  const height = Number(/ height="(\d+)"/.exec(plot)?.[1]);
  const rows = legend.map(({ name, colour, line }, k) => {
    const y = MARGIN + 34 + k * ROW;
    const mark =
      line === null
        ? `<rect x="${MARGIN}" y="${y - 6}" width="12" height="12" rx="2" fill="var(--${colour})"/>`
        : `<path d="M${MARGIN} ${y}h28" fill="none" stroke="var(--${colour})" stroke-width="2.5" stroke-dasharray="${line}"/>`;
    return `${mark}<text x="${MARGIN + 36}" y="${y + 4}" font-size="13">${escapeHtml(shortened(name))}</text>`;
  });
  const top = MARGIN + 34 + legend.length * ROW;
  const total = top + height + MARGIN;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${total}" viewBox="0 0 ${WIDTH} ${total}" role="img" font-family="${escapeHtml(FONT)}" fill="var(--ink)"><title>${escapeHtml(title)}</title><desc>${escapeHtml(summary)}</desc><rect width="${WIDTH}" height="${total}" fill="#fff"/><text x="${MARGIN}" y="${MARGIN + 12}" font-size="16" font-weight="600">${escapeHtml(shortened(title))}</text>${rows.join('')}${placed(plot, MARGIN, top)}</svg>\n`;
  return svg
    .replace(
      /var\(--([a-z0-9-]+)\)/g,
      (whole, name: string) => COLOURS[name as keyof typeof COLOURS]?.[0] ?? whole,
    )
    .replaceAll('currentColor', COLOURS.ink[0]);
}

/** The plot at its place; an inner <svg> takes x and y. */
const placed = (plot: string, x: number, y: number): string =>
  plot.replace('<svg ', `<svg x="${x}" y="${y}" `);

const shortened = (text: string): string =>
  text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;

/** Drawn with the fonts of the computer it runs on: the same bytes on the same computer only. */
export const pngOf = (svg: string): Promise<Buffer> =>
  sharp(Buffer.from(svg), { density: DENSITY }).png({ compressionLevel: 9 }).toBuffer();
