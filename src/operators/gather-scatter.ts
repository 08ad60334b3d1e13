/**
 * GatherElements, GatherND, ScatterElements, ScatterND with constant indices: cells picked one by one, and cells
 * overwritten or added to. Affine in the data and in the updates.
 */
import { intAttribute, type Node, sizeOf, stringAttribute } from '../onnx/model/graph.ts';
import { stridesOf } from './algebra/shape.ts';
import { buildMatrix, selection } from './algebra/sparse-matrix.ts';
import { constantOperand, integers, normalizeAxis, refuse, required } from './compile/compile-errors.ts';
import type { Action, Constant, Operands, Operator } from './operator.ts';

/** For every cell of the index, the cell of `dims` at the same place except along `axis`, where the index gives it. */
function elementCells(node: Node, index: Constant, dims: readonly number[]): Int32Array {
  const axis = normalizeAxis(node, intAttribute(node, 'axis', 0), dims.length);
  const strides = stridesOf(dims);
  const indexStrides = stridesOf(index.dims);
  if (index.dims.length !== dims.length || index.dims.some((dim, a) => a !== axis && dim > dims[a]!))
    refuse(node, `an index [${index.dims}] does not fit data [${dims}]`, 'Re-export the model.');
  return Int32Array.from(integers(node, index), (at, i) =>
    dims.reduce((cell, dim, a) => {
      const place = Math.floor(i / indexStrides[a]!) % index.dims[a]!;
      return cell + (a === axis ? normalizeAxis(node, at, dim) : place) * strides[a]!;
    }, 0),
  );
}

/** First cells of the slices that index tuples name, and the slices' shape. */
function tupleSlices(
  node: Node,
  index: Constant,
  dims: readonly number[],
  batchAxes: number,
): { first: number[]; slice: readonly number[] } {
  const depth = index.dims.at(-1) ?? 0;
  const slice = dims.slice(batchAxes + depth);
  const strides = stridesOf(dims);
  if (batchAxes + depth > dims.length)
    refuse(node, `indices of ${depth} axes do not fit [${dims}]`, 'Re-export the model.');
  const places = integers(node, index);
  const tuples = sizeOf(index.dims.slice(0, -1));
  const perBatch = sizeOf(index.dims.slice(batchAxes, -1));
  const batchStride = sizeOf(dims.slice(batchAxes));
  const first = Array.from({ length: tuples }, (_, t) => {
    let cell = Math.floor(t / perBatch) * batchStride;
    for (let k = 0; k < depth; k++) {
      const axis = batchAxes + k;
      cell += normalizeAxis(node, places[t * depth + k]!, dims[axis]!) * strides[axis]!;
    }
    return cell;
  });
  return { first, slice };
}

function tupleCells(first: readonly number[], slice: readonly number[]): Int32Array {
  const width = sizeOf(slice);
  return Int32Array.from(
    { length: first.length * width },
    (_, i) => first[Math.floor(i / width)]! + (i % width),
  );
}

function gathered(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const index = constantOperand(node, operands, 1, 'index');
  const moved = (out: readonly number[], cells: Int32Array): Action => ({
    kind: 'affine',
    dims: out,
    terms: [{ operand: 0, matrix: selection(sizeOf(dims), cells) }],
    bias: null,
  });
  if (node.opType === 'GatherElements') return moved(index.dims, elementCells(node, index, dims));
  const { first, slice } = tupleSlices(node, index, dims, intAttribute(node, 'batch_dims', 0));
  return moved([...index.dims.slice(0, -1), ...slice], tupleCells(first, slice));
}

function scattered(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const index = constantOperand(node, operands, 1, 'index');
  const updates = required(node, operands, 2);
  const reduction = stringAttribute(node, 'reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add')
    refuse(node, `reduction '${reduction}' has no bound here ('none' and 'add' do)`);
  let cells: Int32Array;
  if (node.opType === 'ScatterND') {
    const { first, slice } = tupleSlices(node, index, dims, 0);
    cells = tupleCells(first, slice);
  } else cells = elementCells(node, index, dims);
  if (cells.length !== sizeOf(updates.dims))
    refuse(node, `updates [${updates.dims}] do not fit the index [${index.dims}]`, 'Re-export the model.');
  const size = sizeOf(dims);
  const targets: number[][] = Array.from({ length: size }, () => []);
  cells.forEach((cell, update) => {
    targets[cell]!.push(update);
  });
  if (reduction === 'none' && targets.some((list) => list.length > 1))
    refuse(
      node,
      'it writes a cell twice, and ONNX does not define which value remains',
      'Re-export the model.',
    );
  const kept = Int32Array.from(targets, (list, i) => (reduction === 'add' || list.length === 0 ? i : -1));
  const placed = buildMatrix(size, cells.length, cells.length, (row, add) => {
    for (const update of targets[row]!) add(update, 1);
  });
  return {
    kind: 'affine',
    dims,
    terms: [
      { operand: 0, matrix: selection(size, kept) },
      { operand: 2, matrix: placed },
    ],
    bias: null,
  };
}

export const scattering: Operator = {
  types: ['GatherElements', 'GatherND', 'ScatterElements', 'ScatterND'],
  compile: (node, operands) =>
    node.opType.startsWith('Gather') ? gathered(node, operands) : scattered(node, operands),
};
