/** Operators that move cells: Transpose, Slice, Concat, Gather with constant indices; and Shape, a constant. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { intAttribute, intsAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { mapIndex, stridesOf } from './algebra/shape.ts';
import { buildMatrix, selection } from './algebra/sparse-matrix.ts';
import {
  constantOperand,
  integers,
  normalizeAxis,
  optionalConstant,
  refuse,
  required,
} from './compile/compile-errors.ts';
import type { Action, Operand, Operands, Operator } from './operator.ts';
import type { Tf, TrainingForm, TrainingForms } from './training/form.ts';
import { operandAt, staticOperands } from './training/operands.ts';

const moved = (dims: readonly number[], size: number, source: Int32Array): Action => ({
  kind: 'affine',
  dims,
  terms: [{ operand: 0, matrix: selection(size, source) }],
  bias: null,
});

const orderOf = (node: Node, rank: number): readonly number[] =>
  intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);

function transposed(node: Node, { dims }: Operand): Action {
  const order = orderOf(node, dims.length);
  const strides = stridesOf(dims);
  const out = order.map((axis) => dims[axis]!);
  return moved(
    out,
    sizeOf(dims),
    mapIndex(out, (axis) => strides[order[axis]!]!),
  );
}

interface Slicing {
  /** Output shape. */
  readonly out: readonly number[];
  /** First cell and step along each axis. */
  readonly from: readonly number[];
  readonly by: readonly number[];
}

/** From here on an end may mean "to the end". */
const INT32_MAX = 2 ** 31 - 1;

function slicing(node: Node, operands: Operands, dims: readonly number[]): Slicing {
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
    if (step < 0 && ends[k]! >= INT32_MAX)
      refuse(
        node,
        'runtimes disagree about a slice that goes backwards to the largest index there is',
        'Export it with an end of at most the length of the axis.',
      );
    const wrap = (at: number): number => (at < 0 ? at + length : at);
    const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
    const start = Math.min(Math.max(wrap(starts[k]!), 0), step > 0 ? length : length - 1);
    const end = Math.min(Math.max(wrap(ends[k]!), low), high);
    out[axis] = Math.max(0, Math.ceil((end - start) / step));
    from[axis] = start;
    by[axis] = step;
  });
  return { out, from, by };
}

function sliced(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const { out, from, by } = slicing(node, operands, dims);
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

/** Which cells along which axis, and the shape of the index. */
function picking(
  node: Node,
  operands: Operands,
  dims: readonly number[],
): { axis: number; picks: number[]; index: { readonly dims: readonly number[] } } {
  const index = constantOperand(node, operands, 1, 'index');
  const axis = normalizeAxis(node, intAttribute(node, 'axis', 0), dims.length);
  const length = dims[axis]!;
  return { axis, picks: integers(node, index).map((at) => normalizeAxis(node, at, length)), index };
}

function gathered(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const { axis, picks, index } = picking(node, operands, dims);
  const length = dims[axis]!;
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

/** A map that moves entries is its own squared rows. */
const moving = (forward: TrainingForm['forward']): TrainingForm => ({ forward, squaredRows: forward });

/** Steps of 1 are tfjs's slice; others pick their cells (its strided slice has no gradient). */
function slicedTensor(tf: Tf, x: Tensor, { out, from, by }: Slicing): Tensor {
  const strided = by.map((step, axis) => step !== 1 && out[axis]! > 0);
  const start = from.map((first, axis) => (strided[axis] ? 0 : first));
  const size = out.map((length, axis) => (strided[axis] ? x.shape[axis]! : length));
  return strided.reduce(
    (result, picked, axis) => {
      if (!picked) return result;
      const cells = Int32Array.from({ length: out[axis]! }, (_, k) => from[axis]! + k * by[axis]!);
      return tf.gather(result, tf.tensor1d(cells, 'int32'), axis);
    },
    tf.slice(x, start, size),
  );
}

const training: TrainingForms = {
  Transpose: moving((node, operands, { tf }) => {
    const x = operandAt(node, operands, 0).tensor;
    return tf.transpose(x, [...orderOf(node, x.rank)]);
  }),
  Slice: moving((node, operands, { tf }) => {
    const x = operandAt(node, operands, 0).tensor;
    return slicedTensor(tf, x, slicing(node, staticOperands(operands), x.shape));
  }),
  Concat: {
    forward(node, operands, { tf }) {
      const parts = node.inputs.map((_, position) => operandAt(node, operands, position).tensor);
      return tf.concat(parts, normalizeAxis(node, intAttribute(node, 'axis', 1), parts[0]!.rank));
    },
  },
  // An index may name an entry twice.
  Gather: {
    ...moving((node, operands, { tf }) => {
      const x = operandAt(node, operands, 0).tensor;
      const { axis, picks, index } = picking(node, staticOperands(operands), x.shape);
      const picked = tf.gather(x, tf.tensor1d(picks, 'int32'), axis);
      return tf.reshape(picked, [...x.shape.slice(0, axis), ...index.dims, ...x.shape.slice(axis + 1)]);
    }),
    mixes: () => true,
  },
};

export const indexing: Operator = {
  types: ['Transpose', 'Slice', 'Concat', 'Gather', 'Shape'],
  training,
  compile(node, operands) {
    if (node.opType === 'Slice') return sliced(node, operands);
    if (node.opType === 'Concat') return concatenated(node, operands);
    if (node.opType === 'Gather') return gathered(node, operands);
    const operand = required(node, operands, 0);
    return node.opType === 'Shape' ? shapeOf(node, operand) : transposed(node, operand);
  },
};
