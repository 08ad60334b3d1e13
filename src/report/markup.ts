/** HTML that cannot be injected into: what a template interpolates is escaped unless it is markup itself. */
import { escapeHtml } from './escape.ts';

export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | readonly Part[] | null;

/** html`<p>${anything}</p>`: text is escaped, markup kept, lists joined, null omitted. */
export const html = (literals: TemplateStringsArray, ...parts: readonly Part[]): Markup =>
  new Markup(literals.map((literal, i) => literal + textOf(parts[i] ?? null)).join(''));

function textOf(part: Part): string {
  if (part === null) return '';
  if (part instanceof Markup) return part.text;
  return typeof part === 'object' ? part.map(textOf).join('') : escapeHtml(String(part));
}
