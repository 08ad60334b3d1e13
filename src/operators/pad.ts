/** Pad: constant (affine, with the constant as bias), reflect, edge and wrap (selections of cells). */
import type { Tensor } from '@tensorflow/tfjs-core';
import { floatAttribute, intsAttribute, type Node, stringAttribute } from '../onnx/model/graph.ts';
import { stridesOf } from './algebra/shape.ts';
import { selection } from './algebra/sparse-matrix.ts';
import { integers, normalizeAxis, optionalConstant, refuse, required } from './compile/compile-errors.ts';
import type { Operands, Operator } from './operator.ts';
import type { Tf, TrainingContext, TrainingForm, TrainingOperands } from './training/form.ts';
import { operandAt, staticOperands } from './training/operands.ts';

interface Padding {
  readonly begin: readonly number[];
  /** Output shape. */
  readonly out: readonly number[];
  readonly mode: string;
  readonly fill: number;
}

function padding(node: Node, operands: Operands, dims: readonly number[]): Padding {
  const rank = dims.length;
  const givenPads = optionalConstant(node, operands, 1, 'pads');
  const listed =
    givenPads === null
      ? (intsAttribute(node, 'pads') ?? intsAttribute(node, 'paddings'))
      : integers(node, givenPads);
  if (listed === null) refuse(node, 'pads are missing', 'Re-export the model.');
  const givenAxes = optionalConstant(node, operands, 3, 'axes');
  const axes =
    givenAxes === null
      ? dims.map((_, i) => i)
      : integers(node, givenAxes).map((a) => normalizeAxis(node, a, rank));
  if (listed.length !== 2 * axes.length)
    refuse(node, `${listed.length} pads for ${axes.length} axes`, 'Re-export the model.');
  const begin = new Array<number>(rank).fill(0);
  const end = new Array<number>(rank).fill(0);
  axes.forEach((axis, k) => {
    begin[axis] = listed[k]!;
    end[axis] = listed[k + axes.length]!;
  });
  const mode = stringAttribute(node, 'mode', 'constant');
  if (!['constant', 'reflect', 'edge', 'wrap'].includes(mode))
    refuse(node, `mode '${mode}' has no bound here`);
  if (mode === 'wrap' && listed.some((width) => width < 0))
    refuse(node, 'cropping with mode wrap has no bound here');
  const fill =
    optionalConstant(node, operands, 2, 'padding value')?.values[0] ?? floatAttribute(node, 'value', 0);
  const out = dims.map((dim, axis) => dim + begin[axis]! + end[axis]!);
  if (out.some((dim) => dim < 0)) refuse(node, 'it pads to a negative length', 'Re-export the model.');
  return { begin, out, mode, fill };
}

/** The cell that a cell at `at` of the padded axis shows, counted from the input's first; -1 for the fill. */
function sourceOf(node: Node, mode: string, at: number, length: number): number {
  if (at >= 0 && at < length) return at;
  if (mode === 'constant') return -1;
  if (mode === 'edge') return Math.min(Math.max(at, 0), length - 1);
  const mirrored = at < 0 ? -at : 2 * (length - 1) - at;
  const wrapped = at < 0 ? at + length : at - length;
  const source = mode === 'wrap' ? wrapped : mirrored;
  if (source < 0 || source >= length)
    refuse(node, `it ${mode === 'wrap' ? 'wraps' : 'reflects'} beyond the length of its input`);
  return source;
}

/** Constant padding of what remains after negative pads have cropped. */
function filled(tf: Tf, x: Tensor, { begin, out }: Padding, fill: number): Tensor {
  const from = begin.map((b) => Math.max(0, -b));
  const size = out.map((length, axis) =>
    Math.min(x.shape[axis]! - from[axis]!, length - Math.max(0, begin[axis]!)),
  );
  const kept = size.every((length, axis) => length === x.shape[axis]) ? x : tf.slice(x, from, size);
  const ends = begin.map((b, axis): [number, number] => {
    const before = Math.max(0, b);
    return [before, out[axis]! - before - size[axis]!];
  });
  return ends.every(([before, after]) => before === 0 && after === 0) ? kept : tf.pad(kept, ends, fill);
}

/** Cells repeated or mirrored, axis by axis (TensorFlow.js has no gradient of its mirrored padding). */
function gathered(node: Node, tf: Tf, x: Tensor, { begin, out, mode }: Padding): Tensor {
  return out.reduce((result, length, axis) => {
    const was = x.shape[axis]!;
    if (begin[axis] === 0 && length === was) return result;
    const cells = Int32Array.from({ length }, (_, k) => sourceOf(node, mode, k - begin[axis]!, was));
    return tf.gather(result, tf.tensor1d(cells, 'int32'), axis);
  }, x);
}

function padded(node: Node, operands: TrainingOperands, { tf }: TrainingContext, offset: boolean): Tensor {
  const x = operandAt(node, operands, 0).tensor;
  const how = padding(node, staticOperands(operands), x.shape);
  return how.mode === 'constant' ? filled(tf, x, how, offset ? how.fill : 0) : gathered(node, tf, x, how);
}

const withoutFill: TrainingForm['forward'] = (node, operands, context) =>
  padded(node, operands, context, false);

const training: TrainingForm = {
  // Mirrored, repeated and wrapped cells reach several rows.
  mixes: (node) => stringAttribute(node, 'mode', 'constant') !== 'constant',
  forward: (node, operands, context) => padded(node, operands, context, true),
  linear: withoutFill,
  squaredRows: withoutFill,
};

export const pad: Operator = {
  types: ['Pad'],
  training: { Pad: training },
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const rank = dims.length;
    const { begin, out, mode, fill } = padding(node, operands, dims);
    const strides = stridesOf(dims);
    const outStrides = stridesOf(out);
    const size = out.reduce((product, dim) => product * dim, 1);
    const source = new Int32Array(size);
    for (let i = 0; i < size; i++) {
      let from = 0;
      for (let axis = 0; axis < rank; axis++) {
        const length = dims[axis]!;
        const cell = (Math.floor(i / outStrides[axis]!) % out[axis]!) - begin[axis]!;
        const at = sourceOf(node, mode, cell, length);
        if (at < 0) {
          from = -1;
          break;
        }
        from += at * strides[axis]!;
      }
      source[i] = from;
    }
    return {
      kind: 'affine',
      dims: out,
      terms: [
        {
          operand: 0,
          matrix: selection(
            dims.reduce((p, d) => p * d, 1),
            source,
          ),
        },
      ],
      bias: fill === 0 ? null : Float64Array.from(source, (from) => (from < 0 ? fill : 0)),
    };
  },
};
