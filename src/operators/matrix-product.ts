/** Gemm and MatMul with one constant factor: affine maps. A product of two input-dependent tensors is refused. */
import { describeNode, floatAttribute, intAttribute, type Node } from '../onnx/graph.ts';
import { refuse, required } from './compile-errors.ts';
import type { Action, Constant, Operands, Operator } from './operator.ts';
import { UNIT_ROUNDOFF } from './rounding.ts';
import { broadcastIndex } from './shape.ts';
import { absoluteNorm, buildMatrix, checkEntries, selection } from './sparse-matrix.ts';

/** A matrix of the constant factor, read with optional transposition: `at(i, j)`. */
function reader(
  constant: Constant,
  transposed: boolean,
): { rows: number; cols: number; at(i: number, j: number): number } {
  const [p = 1, q = 1] = constant.dims;
  const { values } = constant;
  return transposed
    ? { rows: q, cols: p, at: (i, j) => values[j * q + i]! }
    : { rows: p, cols: q, at: (i, j) => values[i * q + j]! };
}

/** Gemm: Y = alpha A' B' + beta C with A input-dependent and B constant (what every exporter writes for Linear). */
function gemm(node: Node, operands: Operands): Action {
  const a = required(node, operands, 0);
  const b = required(node, operands, 1);
  if (b.constant === null)
    refuse(node, 'its second factor depends on the input: a product of two such tensors has no global bound');
  if (a.dims.length !== 2 || b.dims.length !== 2)
    refuse(node, 'expects two matrices', 'Re-export the model.');
  if (intAttribute(node, 'transA', 0) !== 0)
    refuse(node, 'a transposed input (transA = 1) has no bound here');
  const weight = reader(b.constant, intAttribute(node, 'transB', 0) !== 0);
  const [batch = 1, inner = 0] = a.dims;
  if (inner !== weight.rows)
    refuse(node, `factors [${a.dims}] and [${b.dims}] do not fit`, 'Re-export the model.');
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = floatAttribute(node, 'beta', 1);
  const dims = [batch, weight.cols];
  checkEntries(batch * weight.cols * inner, describeNode(node));
  const product = buildMatrix(batch * weight.cols, batch * inner, batch * weight.cols * inner, (row, add) => {
    const image = Math.floor(row / weight.cols);
    const out = row % weight.cols;
    for (let k = 0; k < inner; k++) add(image * inner + k, alpha * weight.at(k, out));
  });
  // alpha * w rounds unless alpha is 1.
  const matrix = alpha === 1 ? product : { ...product, error: 2 * UNIT_ROUNDOFF * absoluteNorm(product) };
  const terms = [{ operand: 0, matrix }];
  const c = operands[2];
  if (c !== undefined && c !== null) {
    const index = broadcastIndex(c.dims, dims);
    terms.push({
      operand: 2,
      matrix: selection(
        c.dims.reduce((p, d) => p * d, 1),
        index,
        index.length === 0 ? [] : new Float64Array(index.length).fill(beta),
      ),
    });
  }
  return { kind: 'affine', dims, terms, bias: null };
}

/** MatMul of X [..., m, k] with constant W [k, n], or of constant W [m, k] with X [..., k, n]. */
function matMul(node: Node, operands: Operands): Action {
  const a = required(node, operands, 0);
  const b = required(node, operands, 1);
  if (b.constant !== null && b.dims.length === 2) {
    const weight = reader(b.constant, false);
    const inner = a.dims.at(-1) ?? 0;
    if (inner !== weight.rows)
      refuse(node, `factors [${a.dims}] and [${b.dims}] do not fit`, 'Re-export the model.');
    const count = a.dims.slice(0, -1).reduce((p, d) => p * d, 1);
    checkEntries(count * weight.cols * inner, describeNode(node));
    const matrix = buildMatrix(
      count * weight.cols,
      count * inner,
      count * weight.cols * inner,
      (row, add) => {
        const from = Math.floor(row / weight.cols) * inner;
        for (let k = 0; k < inner; k++) add(from + k, weight.at(k, row % weight.cols));
      },
    );
    return {
      kind: 'affine',
      dims: [...a.dims.slice(0, -1), weight.cols],
      terms: [{ operand: 0, matrix }],
      bias: null,
    };
  }
  if (a.constant !== null && a.dims.length === 2 && b.dims.length >= 2) {
    const weight = reader(a.constant, false);
    const [inner = 0, n = 0] = b.dims.slice(-2);
    if (inner !== weight.cols)
      refuse(node, `factors [${a.dims}] and [${b.dims}] do not fit`, 'Re-export the model.');
    const count = b.dims.slice(0, -2).reduce((p, d) => p * d, 1);
    const outPlane = weight.rows * n;
    checkEntries(count * outPlane * inner, describeNode(node));
    const matrix = buildMatrix(count * outPlane, count * inner * n, count * outPlane * inner, (row, add) => {
      const block = Math.floor(row / outPlane);
      const i = Math.floor((row % outPlane) / n);
      for (let k = 0; k < inner; k++) add((block * inner + k) * n + (row % n), weight.at(i, k));
    });
    return {
      kind: 'affine',
      dims: [...b.dims.slice(0, -2), weight.rows, n],
      terms: [{ operand: 1, matrix }],
      bias: null,
    };
  }
  if (a.constant === null && b.constant === null) {
    refuse(node, 'a product of two tensors that both depend on the input has no global bound');
  }
  return refuse(
    node,
    `a constant factor of rank ${(b.constant ?? a.constant)?.dims.length} has no bound here (2 has)`,
  );
}

export const matrixProduct: Operator = {
  types: ['Gemm', 'MatMul'],
  compile: (node, operands) => (node.opType === 'Gemm' ? gemm(node, operands) : matMul(node, operands)),
};
