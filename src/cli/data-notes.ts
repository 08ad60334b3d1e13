/** How a data set was understood, as notes: which class folder has which label, and what was left aside. */
import type { Dataset } from '../datasets/dataset.ts';
import { printable } from '../ground/text-width.ts';

export const dataNotes = ({ notes = [] }: Dataset): string[] =>
  notes.map((text) => `data   ${printable(text)}`);
