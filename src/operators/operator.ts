/**
 * The interface of an ONNX operator in the white-box left half. An operator is compiled for the concrete shapes it meets
 * (batch 1) into an `Action`: what it does to the tensors that depend on the input. From the action alone follow shape,
 * float64 evaluation, adjoint and every bound, so that a new operator is one new file.
 */
import { DataType } from '../onnx/model/data-type.ts';
import type { Node, Tensor, Value } from '../onnx/model/graph.ts';
import type { LinearMap } from './algebra/linear-map.ts';
import type { SparseMatrix } from './algebra/sparse-matrix.ts';
import type { Nonlinearity } from './nonlinear/nonlinearity.ts';
import type { TrainingForms } from './training/form.ts';

/** A constant in float64, row-major. */
export interface Constant {
  readonly dims: readonly number[];
  readonly values: Float64Array;
}

/** A constant of the file in float64; an INT64_MAX, which means "to the end" in a Slice, becomes MAX_SAFE_INTEGER. */
export function constantOf(tensor: Tensor): Constant {
  const wide = tensor.type === DataType.INT64 || tensor.type === DataType.UINT64;
  return { dims: tensor.dims, values: wide ? Float64Array.from(tensor.integers()) : tensor.float64() };
}

/** One input of a node: its shape, and its values if they do not depend on the network's input. */
export interface Operand {
  readonly dims: readonly number[];
  readonly constant: Constant | null;
}

/** The inputs of a node, by position; null where an optional one is omitted. */
export type Operands = readonly (Operand | null)[];

/** Linear maps of a node's operands, by position; their results are added up. */
export type Terms = readonly { readonly operand: number; readonly matrix: LinearMap }[];

/** matrix x + bias; no bias when null. */
export interface Affine {
  readonly matrix: LinearMap;
  readonly bias: Float64Array | null;
}

/** What one output of a node is. */
export type SingleAction =
  /** y = sum of matrix_k x_{operand_k} + bias. */
  | {
      readonly kind: 'affine';
      readonly dims: readonly number[];
      readonly terms: Terms;
      readonly bias: Float64Array | null;
      /** Upper bound on the l2 error made in forming `bias`; 0 when it is copied from the file. */
      readonly biasError?: number;
    }
  /** y = f(x), of one operand x or, where another operand's shape repeats its cells, of `spread` x. */
  | {
      readonly kind: 'nonlinear';
      readonly dims: readonly number[];
      readonly operand: number;
      readonly spread: SparseMatrix | null;
      readonly nonlinearity: Nonlinearity;
    }
  /** y = after f(z), z = sum of matrix_k x_{operand_k}. */
  | {
      readonly kind: 'composed';
      readonly dims: readonly number[];
      readonly terms: Terms;
      readonly nonlinearity: Nonlinearity;
      /** Shape of f(z); the flat size where cells of several operands are mixed. */
      readonly valueDims: readonly number[];
      /** What is applied to f(z); null for nothing. */
      readonly after: Affine | null;
      /**
       * Nodes with the same key have the same f(z), which is then one step: the Max and the Min of two tensors are
       * 1-Lipschitz together, but only sqrt(2)-Lipschitz apart. Must determine f(z). null where nothing is shared.
       */
      readonly shared: string | null;
    }
  /** The output does not depend on the input's values (Shape). */
  | { readonly kind: 'constant'; readonly constant: Constant };

/** An action per output, by position, for nodes with several (Split); outputs beyond the list have no bound. */
export type Action = SingleAction | { readonly kind: 'several'; readonly outputs: readonly SingleAction[] };

/** An expression of several nodes with a better bound as a whole: the values it is computed from, and what it is. */
export interface Expression {
  readonly inputs: readonly (Value | null)[];
  /** As for an operator, with the operands of `inputs`. */
  compile(operands: Operands): Action;
}

/** Shapes of a node's inputs, by position, and of its first output; empty where they are not known. */
export interface NodeShapes {
  readonly inputs: readonly (readonly number[])[];
  readonly output: readonly number[];
}

/** The role of a type in the published choice of a split: something to cut behind, or what must come before it. */
export type Role = 'activation' | 'weights';

export interface Operator {
  /** ONNX operator types of the default domain that this file implements. */
  readonly types: readonly string[];
  /**
   * @throws ModelRefused (through `refuse`) when an attribute or operand has no sound bound
   */
  compile(node: Node, operands: Operands): Action;
  /** The known expression that ends in this node, or null: compiled in its place, without asking the nodes inside. */
  expression?(node: Node): Expression | null;
  /**
   * Entries that compiling the node writes out one by one, or as many as take that long: an estimate, before it is
   * compiled, of how long it takes. Omitted where that is quick.
   */
  work?(node: Node, shapes: NodeShapes): number;
  /** By type; a type without one is neither. */
  readonly roles?: Readonly<Record<string, Role>>;
  /** By type; `train` refuses the types that are missing. */
  readonly training?: TrainingForms;
}
