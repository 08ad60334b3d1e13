/** Operators that move cells: Transpose, Slice, Concat, Gather with constant indices; and Shape, a constant. */
import { intAttribute, intsAttribute, type Node, sizeOf } from '../onnx/graph.ts';
import {
  constantOperand,
  integers,
  normalizeAxis,
  optionalConstant,
  refuse,
  required,
} from './compile-errors.ts';
import type { Action, Operand, Operands, Operator } from './operator.ts';
import { mapIndex, stridesOf } from './shape.ts';
import { buildMatrix, selection } from './sparse-matrix.ts';

const moved = (dims: readonly number[], size: number, source: Int32Array): Action => ({
  kind: 'affine',
  dims,
  terms: [{ operand: 0, matrix: selection(size, source) }],
  bias: null,
});

function transposed(node: Node, { dims }: Operand): Action {
  const order = intsAttribute(node, 'perm') ?? dims.map((_, axis) => dims.length - 1 - axis);
  const strides = stridesOf(dims);
  const out = order.map((axis) => dims[axis]!);
  return moved(
    out,
    sizeOf(dims),
    mapIndex(out, (axis) => strides[order[axis]!]!),
  );
}

function sliced(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const read = (position: number, name: string): number[] | null => {
    if (node.opset < 10) return intsAttribute(node, name)?.slice() ?? null;
    const given = optionalConstant(node, operands, position, name);
    return given === null ? null : Array.from(given.values);
  };
  const starts = read(1, 'starts') ?? refuse(node, 'starts are missing', 'Re-export the model.');
  const ends = read(2, 'ends') ?? refuse(node, 'ends are missing', 'Re-export the model.');
  const axes = (read(3, 'axes') ?? starts.map((_, i) => i)).map((axis) =>
    normalizeAxis(node, axis, dims.length),
  );
  const steps = read(4, 'steps') ?? starts.map(() => 1);
  const out = [...dims];
  const from = dims.map(() => 0);
  const by = dims.map(() => 1);
  axes.forEach((axis, k) => {
    const length = dims[axis]!;
    const step = steps[k]!;
    if (step === 0) refuse(node, 'its step is 0', 'Re-export the model.');
    const wrap = (at: number): number => (at < 0 ? at + length : at);
    const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
    const start = Math.min(Math.max(wrap(starts[k]!), 0), step > 0 ? length : length - 1);
    const end = Math.min(Math.max(wrap(ends[k]!), low), high);
    out[axis] = Math.max(0, Math.ceil((end - start) / step));
    from[axis] = start;
    by[axis] = step;
  });
  const strides = stridesOf(dims);
  const origin = from.reduce((sum, start, axis) => sum + start * strides[axis]!, 0);
  return moved(
    out,
    sizeOf(dims),
    mapIndex(out, (axis) => strides[axis]! * by[axis]!, origin),
  );
}

function concatenated(node: Node, operands: Operands): Action {
  const parts = node.inputs.map((_, position) => required(node, operands, position));
  const first = parts[0]!.dims;
  const axis = normalizeAxis(node, intAttribute(node, 'axis', 1), first.length);
  const dims = first.map((dim, a) =>
    a === axis ? parts.reduce((sum, part) => sum + part.dims[axis]!, 0) : dim,
  );
  const inner = sizeOf(dims.slice(axis + 1));
  const rows = sizeOf(dims);
  const width = dims[axis]! * inner;
  let offset = 0;
  const terms = parts.map((part, operand) => {
    const span = part.dims[axis]! * inner;
    const start = offset;
    offset += span;
    const matrix = buildMatrix(rows, sizeOf(part.dims), sizeOf(part.dims), (row, add) => {
      const within = (row % width) - start;
      if (within >= 0 && within < span) add(Math.floor(row / width) * span + within, 1);
    });
    return { operand, matrix };
  });
  return { kind: 'affine', dims, terms, bias: null };
}

function gathered(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const index = constantOperand(node, operands, 1, 'index');
  const axis = normalizeAxis(node, intAttribute(node, 'axis', 0), dims.length);
  const length = dims[axis]!;
  const picks = integers(node, index).map((at) => normalizeAxis(node, at, length));
  const inner = sizeOf(dims.slice(axis + 1));
  const outer = sizeOf(dims.slice(0, axis));
  const source = new Int32Array(outer * picks.length * inner);
  let k = 0;
  for (let o = 0; o < outer; o++) {
    for (const pick of picks) for (let i = 0; i < inner; i++) source[k++] = (o * length + pick) * inner + i;
  }
  return moved([...dims.slice(0, axis), ...index.dims, ...dims.slice(axis + 1)], sizeOf(dims), source);
}

/** The left half is compiled for one image, so every shape in it is a constant with a leading 1. */
function shapeOf(node: Node, { dims }: Operand): Action {
  const start = intAttribute(node, 'start', 0);
  const end = intAttribute(node, 'end', dims.length);
  const values = Float64Array.from(dims.slice(start, end));
  return { kind: 'constant', constant: { dims: [values.length], values } };
}

export const indexing: Operator = {
  types: ['Transpose', 'Slice', 'Concat', 'Gather', 'Shape'],
  compile(node, operands) {
    if (node.opType === 'Slice') return sliced(node, operands);
    if (node.opType === 'Concat') return concatenated(node, operands);
    if (node.opType === 'Gather') return gathered(node, operands);
    const operand = required(node, operands, 0);
    return node.opType === 'Shape' ? shapeOf(node, operand) : transposed(node, operand);
  },
};
