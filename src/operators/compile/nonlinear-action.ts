/** The actions of most nonlinear operators. */
import { sizeOf } from '../../onnx/model/graph.ts';
import type { SparseMatrix } from '../algebra/sparse-matrix.ts';
import type { Activation } from '../nonlinear/activation.ts';
import { elementwise } from '../nonlinear/elementwise.ts';
import type { Nonlinearity } from '../nonlinear/nonlinearity.ts';
import type { SingleAction, Terms } from '../operator.ts';

/** y_i = phi(x_i) of an output with the shape `dims`; x is an operand, spread over that shape where it is smaller. */
export const activated = (
  dims: readonly number[],
  activation: Activation,
  operand = 0,
  spread: SparseMatrix | null = null,
): SingleAction => ({
  kind: 'nonlinear',
  dims,
  operand,
  spread,
  nonlinearity: elementwise(activation, sizeOf(dims)),
});

/** y = f(z), with the shape `dims`, of a linear map z of the operands. */
export const composed = (
  dims: readonly number[],
  terms: Terms,
  nonlinearity: Nonlinearity,
): Extract<SingleAction, { kind: 'composed' }> => ({
  kind: 'composed',
  dims,
  terms,
  nonlinearity,
  valueDims: dims,
  after: null,
  shared: null,
});
