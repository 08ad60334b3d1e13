/**
 * Max, Min and TopK. With one dependent operand Max and Min are activations with a kink at the constant. Otherwise the
 * operands are sorted cell by cell, which is 1-Lipschitz in all of them together; a Max and a Min of the same operands
 * (MinMax, GroupSort) are two parts of one sorting. TopK shows the first or last cells of an axis, sorted.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { describeNode, intAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { broadcastDims, broadcastIndex, stridesOf } from './algebra/shape.ts';
import { checkEntries, identityMatrix, selection } from './algebra/sparse-matrix.ts';
import { constantOperand, integers, normalizeAxis, refuse, required } from './compile/compile-errors.ts';
import { extremeOfConstants } from './nonlinear/constant-extrema.ts';
import { sortedGroups, wholeVectors } from './nonlinear/vector-map.ts';
import type { Action, Operands, Operator } from './operator.ts';
import type { Tf, TrainingForm } from './training/form.ts';
import { operandAt } from './training/operands.ts';

const range = (size: number, from = 0): Int32Array => Int32Array.from({ length: size }, (_, i) => from + i);

function extreme(node: Node, operands: Operands): Action {
  const largest = node.opType === 'Max';
  const parts = node.inputs.map((_, position) => required(node, operands, position));
  const dims = parts.reduce<readonly number[]>(
    (shape, part) =>
      broadcastDims(shape, part.dims) ??
      refuse(node, `shapes [${shape}] and [${part.dims}] do not broadcast`, 'Re-export the model.'),
    [],
  );
  const count = sizeOf(dims);
  checkEntries(count * parts.length, describeNode(node));
  const dependent = parts.flatMap(({ constant }, k) => (constant === null ? [k] : []));
  if (dependent.length <= 1 && parts.length > 1) return extremeOfConstants(node, operands);
  if (parts.length === 1)
    return { kind: 'affine', dims, terms: [{ operand: 0, matrix: identityMatrix(count) }], bias: null };
  const terms = parts.map((part, k) => {
    const source = new Int32Array(parts.length * count).fill(-1);
    source.set(broadcastIndex(part.dims, dims), k * count);
    return { operand: k, matrix: selection(sizeOf(part.dims), source) };
  });
  const size = parts.length * count;
  const [first, channels, ...rest] = dims;
  return {
    kind: 'composed',
    dims,
    terms,
    nonlinearity: wholeVectors(sortedGroups(count, parts.length)),
    valueDims: first === 1 && channels !== undefined ? [1, parts.length * channels, ...rest] : [size],
    after: { matrix: selection(size, range(count, largest ? 0 : size - count)), bias: null },
    // Sorting does not depend on the order of the operands.
    shared: JSON.stringify(['sort', ...node.inputs.map((value) => value?.name ?? '').sort()]),
  };
}

function topCells(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const axis = normalizeAxis(node, intAttribute(node, 'axis', -1), dims.length);
  const kept =
    node.opset < 10
      ? intAttribute(node, 'k', 0)
      : (integers(node, constantOperand(node, operands, 1, 'number of cells'))[0] ?? 0);
  const length = dims[axis]!;
  if (!(kept > 0 && kept <= length))
    refuse(node, `k = ${kept} does not fit an axis of ${length}`, 'Re-export the model.');
  if (intAttribute(node, 'sorted', 1) !== 1)
    refuse(node, 'with sorted = 0 its cells come in an undefined order', 'Export it with sorted = 1.');
  const size = sizeOf(dims);
  const inner = stridesOf(dims)[axis]!;
  const count = size / length;
  const out = dims.map((dim, a) => (a === axis ? kept : dim));
  const largest = intAttribute(node, 'largest', 1) === 1;
  // Cell `place` of group `g` along the axis, as the tensor stores it.
  const stored = (place: number, g: number, along: number): number =>
    (Math.floor(g / inner) * along + place) * inner + (g % inner);
  const source = Int32Array.from(range(size), (i) => stored(Math.floor(i / count), i % count, length));
  const pick = new Int32Array(count * kept);
  for (let place = 0; place < kept; place++)
    for (let g = 0; g < count; g++)
      pick[stored(place, g, kept)] = (largest ? place : length - 1 - place) * count + g;
  return {
    kind: 'composed',
    dims: out,
    terms: [{ operand: 0, matrix: selection(size, source) }],
    nonlinearity: wholeVectors(sortedGroups(count, length)),
    valueDims: [size],
    after: { matrix: selection(size, pick), bias: null },
    shared: null,
  };
}

/** The gradient goes to the cell that was taken; of a tie, Max takes the first and Min the second, so that both sort. */
function taken(tf: Tf, largest: boolean, first: Tensor, second: Tensor): Tensor {
  return tf.customGrad((a, b, save) => {
    const [x, y] = [a as Tensor, b as Tensor];
    (save as (tensors: Tensor[]) => void)([x, y]);
    return {
      value: largest ? tf.maximum(x, y) : tf.minimum(x, y),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [s, t] = saved as [Tensor, Tensor];
        const ofFirst = largest ? tf.greaterEqual(s, t) : tf.less(s, t);
        const nothing = tf.zerosLike(dy);
        return [tf.where(ofFirst, dy, nothing), tf.where(ofFirst, nothing, dy)];
      },
    };
  })(first, second);
}

const trained = (largest: boolean): TrainingForm => ({
  forward(node, operands, { tf }) {
    const tensors = operands.map((_, k) => operandAt(node, operands, k).tensor);
    return tensors.reduce((a, b) => {
      const alike = a.shape.join() === b.shape.join();
      // A sum brings both to one shape, and its gradient back: that of TensorFlow's maximum does not.
      return alike
        ? taken(tf, largest, a, b)
        : taken(tf, largest, tf.add(a, tf.zerosLike(b)), tf.add(b, tf.zerosLike(a)));
    });
  },
});

export const extremes: Operator = {
  types: ['Max', 'Min', 'TopK'],
  training: { Max: trained(true), Min: trained(false) },
  compile: (node, operands) => (node.opType === 'TopK' ? topCells(node, operands) : extreme(node, operands)),
};
