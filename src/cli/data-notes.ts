/** How a data set was understood, as notes: which class folder has which label, and what was left aside. */
import type { Dataset } from '../datasets/dataset.ts';
import { visible } from '../ground/visible.ts';

export const dataNotes = ({ notes = [] }: Dataset): string[] =>
  notes.map((text) => `data   ${visible(text)}`);
