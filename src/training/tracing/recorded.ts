/** What a recorded graph consists of. */

export type ElementType = 'float32' | 'int32' | 'int64' | 'bool';

/** A tensor of the graph. */
export interface Value {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: ElementType;
}

export type Attributes = { readonly [name: string]: number | readonly number[] | string };

export interface RecordedNode {
  readonly op: string;
  /** null where an optional input is omitted. */
  readonly inputs: readonly (Value | null)[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
}

export const sameDims = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);
