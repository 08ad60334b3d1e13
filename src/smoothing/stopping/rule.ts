/** A rule that ends the draws of an image early. One file per rule, chosen by `voting.ts`. */
import type { Look, Spending } from './spending.ts';

/** What the draws of an image are made for. */
export interface Purpose {
  /** The most that may be drawn. */
  readonly n: number;
  /** Failure probability of the whole. */
  readonly alpha: number;
  /** The radius where the noise is added that a bound on the probability of the class gives, τ taken off; 0 where it gives none. */
  radiusAt(probability: number): number;
  /** The radius there that a decision asks for; infinite where none suffices. */
  readonly target: number;
}

export interface StoppingRule {
  readonly spending: Spending;
  /** Whether the draws may end here. A matter of cost alone: no answer can make a certificate less certain (`spending.ts`). */
  isSettled(look: Look, purpose: Purpose): boolean;
}
