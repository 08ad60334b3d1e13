/** A worked derivation as a numbered list: what is done, in symbols, in numbers, and what it says. */
import type { Derivation } from '../../methods/derivation.ts';
import { html, type Markup } from '../markup.ts';
import { formula } from './parts.ts';

export const derivationList = ({ steps, conclusion, symbols }: Derivation): Markup =>
  html`<ol class="steps">${steps.map(
    ({ title, formula: symbolic, numbers, meaning }) =>
      html`<li><strong>${formula(title)}</strong><p class="working"><span>${formula(symbolic)}</span><span>${formula(numbers)}</span></p><p class="soft">${formula(meaning)}</p></li>`,
  )}</ol><p class="conclusion">${formula(conclusion)}</p><dl class="symbols">${symbols.map(
    ([symbol, meaning]) => html`<div><dt>${formula(symbol)}</dt><dd>${formula(meaning)}</dd></div>`,
  )}</dl>`;
