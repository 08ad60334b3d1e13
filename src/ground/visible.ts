/**
 * The one way text from a file (names, findings, messages of others about them) reaches a reader: on one line, with every
 * character that would be obeyed or overlooked written out. A model file must not be able to move the cursor, colour the terminal,
 * add a line that the program did not write, or turn the order of the letters around.
 */

/** Controls, line separators, zero-width and direction characters, lone surrogates. */
const UNSEEN =
  /[\p{Cc}\p{Cs}\u061c\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufffe\uffff]/gu;

const written = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** `text` on one line, every invisible character as \uXXXX. */
export const visible = (text: string): string => text.replace(UNSEEN, written);

/** The same for prose that others may have broken into lines: breaks become spaces. */
export const onOneLine = (text: string): string => visible(text.replace(/\s*\n\s*/gu, ' '));

/** Colours as `style.ts` sets them, and what redraws the progress line. */
const OWN = String.raw`\u001b\[(?:\d{1,2}m|K)`;
const FOREIGN = new RegExp(`(${OWN})|${UNSEEN.source}`, 'gu');

/**
 * A whole text as the program prints it, with its own lines and colours: the last net, under everything that was put together
 * from `visible` parts.
 */
export const harmless = (text: string): string =>
  text.replace(FOREIGN, (c, own: string | undefined) =>
    own !== undefined || c === '\n' || c === '\r' || c === '\t' ? c : written(c),
  );
