/** What a figure is to every format: something drawn at a width, its legend, and the table that says the same in numbers. */

/** Columns and rows of text; nothing in it is markup. */
export interface Table {
  readonly caption: string;
  readonly columns: readonly { readonly header: string; readonly align: 'left' | 'right' }[];
  readonly rows: readonly (readonly string[])[];
}

export interface LegendEntry {
  readonly name: string;
  readonly colour: Colour;
  /** SVG dash array of its line; null where it is a filled mark. */
  readonly line: string | null;
}

export interface Figure {
  /** Name in file names and links. */
  readonly id: string;
  readonly title: string;
  /** What the figure shows, in a sentence or two, for readers who cannot see it. */
  readonly summary: string;
  readonly legend: readonly LegendEntry[];
  /** The plot as an <svg> element `width` CSS pixels wide. Its colours are CSS variables (`COLOURS`). */
  readonly draw: (width: number) => string;
  readonly table: Table;
  /** Whether the table is shown at once or folded away. */
  readonly tableOpen: boolean;
}

/**
 * Colours by their CSS variable: [on white, on dark]. Told apart with any colour vision (Okabe & Ito's hues, darkened or
 * lightened until each has a contrast of 3:1 or more with its background); lines differ by dashes as well.
 */
export const COLOURS = {
  'series-1': ['#0067a5', '#5cb8f2'],
  'series-2': ['#c24e00', '#ff9d52'],
  'series-3': ['#00785a', '#3ccfa0'],
  'series-4': ['#a4457f', '#ec9fca'],
  'series-5': ['#7a6200', '#e8c547'],
  'series-6': ['#4b4b57', '#c3c3d0'],
  ink: ['#1c1c22', '#ececf1'],
  soft: ['#5a5a66', '#a9a9b6'],
  wrong: ['#b3261e', '#ff8a80'],
} as const;

export type Colour = keyof typeof COLOURS;

export const variable = (colour: Colour): string => `var(--${colour})`;

const SERIES = ['series-1', 'series-2', 'series-3', 'series-4', 'series-5', 'series-6'] as const;
/** Solid first; a seventh series has the colour of the first and other dashes. */
const DASHES = ['none', '7 3', '2 3', '9 3 2 3', '12 4', '4 2 1 2'] as const;

/** Colour and dashes of the k-th series: no two of the first 36 have both in common. */
export const seriesStyle = (k: number): { colour: Colour; line: string } => ({
  colour: SERIES[k % SERIES.length] ?? 'series-1',
  line: DASHES[(k + Math.floor(k / SERIES.length)) % DASHES.length] ?? 'none',
});
