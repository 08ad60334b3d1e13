/** Colour, and when not to use it. */
import { styleText } from 'node:util';

const FORMATS = ['bold', 'dim', 'red', 'green', 'yellow', 'cyan'] as const;

/** Functions that colour a text, or return it unchanged. */
export type Style = { readonly [F in (typeof FORMATS)[number]]: (text: string) => string };

/** What a renderer must know about the terminal it writes to. */
export interface Screen {
  /** Width in cells. */
  readonly columns: number;
  readonly style: Style;
}

const styleFrom = (paint: (format: (typeof FORMATS)[number], text: string) => string) =>
  Object.fromEntries(FORMATS.map((format) => [format, (text: string) => paint(format, text)])) as Style;

export const plainStyle: Style = styleFrom((_, text) => text);
export const colourStyle: Style = styleFrom((format, text) =>
  styleText(format, text, { validateStream: false }),
);

/**
 * Whether to colour: FORCE_COLOR decides when set ("0" and "false" forbid), then a non-empty NO_COLOR forbids
 * (no-color.org), then only a terminal that is not dumb is coloured.
 */
export function wantsColour(isTTY: boolean, env: NodeJS.ProcessEnv): boolean {
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (env['NO_COLOR']) return false;
  return isTTY && env['TERM'] !== 'dumb';
}

/** The stream's screen; 80 columns where it has none (a file, a pipe). */
export function screenOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  env: NodeJS.ProcessEnv,
): Screen {
  const style = wantsColour(stream.isTTY === true, env) ? colourStyle : plainStyle;
  return { columns: stream.columns || 80, style };
}
