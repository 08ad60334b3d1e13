/** How a data set was understood, as notes: which class folder has which label, and what was left aside. */
import type { Dataset } from '../datasets/dataset.ts';
import { onOneLine } from '../ground/visible.ts';

export const dataNotes = ({ notes = [] }: Dataset): string[] =>
  notes.map((text) => `data   ${onOneLine(text)}`);
