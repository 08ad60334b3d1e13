/** What methods have to have in common for their numbers to differ by the method alone. */
import type { Norm } from '../../records/norm.ts';

export interface Alike {
  /** File name and digest of the network. */
  readonly model: string;
  readonly norm: Norm;
  /** Draws planned per image; null where nothing is drawn. */
  readonly n: number | null;
  /** Level of the bound on the votes; null where nothing is drawn. */
  readonly alpha: number | null;
  /** What computed the records: seconds of different machines are not comparable. */
  readonly machine: string;
}

const FIELDS = ['model', 'norm', 'n', 'alpha', 'machine'] as const;

/** The fields in which the entries differ. What draws nothing has no n and no α to differ in. */
export function differing(entries: readonly Alike[]): (keyof Alike)[] {
  return FIELDS.filter((field) => {
    const values = entries.map((entry) => entry[field]).filter((value) => value !== null);
    return new Set(values).size > 1;
  });
}
