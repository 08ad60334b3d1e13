/** What `verify` gathers on its way, and how it names what does not hold. */
import { DoesNotHold } from '../ground/errors.ts';

/** What was found to hold, and what was not looked at, in words. */
export interface Findings {
  readonly checked: readonly string[];
  readonly unchecked: readonly string[];
  /** What the file was compared with: nothing but itself, some of what it claims, or all that model and data can show. */
  readonly scope: 'file' | 'part' | 'whole';
}

/** Records computed again, of those of the file. */
export interface Replayed {
  readonly records: number;
  readonly of: number;
}

/** Findings as they grow. */
export type Collected = {
  -readonly [K in keyof Findings]: Findings[K] extends readonly string[] ? string[] : Findings[K];
} & { replayed: Replayed | null };

/** Two things that ought to be the same. */
export const mismatch = (what: string, where: string, why: string): DoesNotHold =>
  new DoesNotHold({
    what,
    where,
    why,
    remedy: 'Compare with what was certified; trust neither until they agree.',
  });
