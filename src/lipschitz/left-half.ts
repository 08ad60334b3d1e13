/**
 * The left half f_L of a network as mathematics, for one image (batch 1): affine segments separated by nonlinear steps.
 * `compile-left-half.ts` reads it from the ONNX graph, `evaluate-left-half.ts` gives its float64 value with a bound on the
 * forward error, `displacement.ts` bounds how far it moves on a ball.
 */
import { type Node, sizeOf } from '../onnx/model/graph.ts';
import type { LinearMap } from '../operators/algebra/linear-map.ts';
import type { Nonlinearity } from '../operators/nonlinear/nonlinearity.ts';
import type { AffineForm } from './affine-form.ts';

/** A nonlinearity applied to an affine form; its output is base `index + 1`. */
export interface Step {
  readonly node: Node;
  readonly input: AffineForm;
  readonly dims: readonly number[];
  readonly size: number;
  readonly nonlinearity: Nonlinearity;
}

export interface LeftHalf {
  readonly inputDims: readonly number[];
  /** Shape of the latent, batch axis (1) included. */
  readonly dims: readonly number[];
  readonly steps: readonly Step[];
  readonly output: AffineForm;
}

/** One matrix of a left half, with the shapes of its output and input (batch axis included). */
export interface Segment {
  readonly matrix: LinearMap;
  readonly rowDims: readonly number[];
  readonly columnDims: readonly number[];
}

/** The matrices of an affine form whose values have the shape `dims`. */
export function segmentsOf(half: LeftHalf, form: AffineForm, dims: readonly number[]): Segment[] {
  // A pooling window changes the number of cells; then only the flat size of its input is known.
  const rowDims = sizeOf(dims) === form.size ? dims : [form.size];
  return form.terms.map(({ matrix, base }) => ({
    matrix,
    rowDims,
    columnDims: base === 0 ? half.inputDims : half.steps[base - 1]!.dims,
  }));
}
