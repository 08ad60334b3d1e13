/**
 * What a rule of the batch axis sees of a node, and what it answers. A value either carries the rows of the batch along
 * one axis, or is the same whatever the rows are; a few integers computed from shapes may count the rows.
 */
import type { Node, Tensor } from '../../model/graph.ts';

/** A length: a number, or the number of rows in the batch. */
export type Length = number | 'rows';

/**
 * Where the rows of the batch are in a value:
 *  - `rows`: axis `axis` has the length N·block for N rows, and its entries n·block … n·block + block − 1 are a function of
 *    row n alone; every other length is the same for every N;
 *  - `fixed`: it depends neither on the rows nor on their number;
 *  - `counts`: integers, known but for the number of rows.
 */
export type Place =
  | { readonly kind: 'rows'; readonly axis: number; readonly block: number }
  | { readonly kind: 'fixed'; readonly integers: readonly number[] | null }
  | { readonly kind: 'counts'; readonly integers: readonly Length[] };

export interface Operand {
  readonly place: Place;
  /** Its shape for one row. */
  readonly dims: readonly number[];
  readonly constant: Tensor | null;
}

export interface Step {
  readonly node: Node;
  /** An omitted operand is null. */
  readonly operands: readonly (Operand | null)[];
}

/**
 * Where the rows are in every output of a node, at least one of whose operands carries them: an axis (the block is that of
 * the operands), an axis and a block, or, as the end of a sentence that begins with the node, why they are lost.
 */
export type Rule = (step: Step) => number | string | { readonly axis: number; readonly block: number };

/** An axis counted from the front. */
export const fromFront = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The axis with the rows; null for an operand that carries none, or is omitted. */
export const rowsOf = (operand: Operand | null | undefined): number | null =>
  operand?.place.kind === 'rows' ? operand.place.axis : null;

/** Integers of an operand that are known, row by row; null when it is omitted, carries rows or holds something else. */
export function integersOf(operand: Operand | null | undefined): readonly Length[] | null {
  return operand == null || operand.place.kind === 'rows' ? null : operand.place.integers;
}

/** The same where none of them counts rows. */
export function numbersOf(operand: Operand | null | undefined): readonly number[] | null {
  const integers = integersOf(operand);
  return integers?.every((v) => typeof v === 'number') ? (integers as readonly number[]) : null;
}

export const isOmitted = (step: Step, place: number): boolean => (step.operands[place] ?? null) === null;

/** The first operand outside `places` that carries rows, as a reason; null when there is none. */
export function rowsBeside(step: Step, places: readonly number[]): string | null {
  const at = step.operands.findIndex((operand, k) => !places.includes(k) && rowsOf(operand) !== null);
  return at < 0 ? null : `takes its operand ${at + 1} from the rows of the batch`;
}

/** For operators that work on their first operand; the others must be the same for every row. */
export function onFirst(rule: (data: Operand, axis: number, step: Step) => ReturnType<Rule>): Rule {
  return (step) => {
    const [data] = step.operands;
    const axis = rowsOf(data);
    const beside = rowsBeside(step, [0]);
    if (beside !== null || data == null || axis === null)
      return beside ?? 'does not take the rows as its first operand';
    return rule(data, axis, step);
  };
}
