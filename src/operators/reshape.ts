/** Operators that only rename cells, keeping their order: Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout, Cast, CastLike. */
import { DataType, dataTypeName } from '../onnx/model/data-type.ts';
import { intAttribute, intsAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { identityMatrix } from './algebra/sparse-matrix.ts';
import {
  constantOperand,
  integers,
  normalizeAxis,
  optionalConstant,
  refuse,
  required,
} from './compile/compile-errors.ts';
import type { Operand, Operands, Operator } from './operator.ts';
import type { TrainingForm, TrainingForms } from './training/form.ts';
import { operandAt, refuseTraining, staticOperands } from './training/operands.ts';

function reshaped(node: Node, operands: Operands, dims: readonly number[]): number[] {
  const target =
    node.opset < 5 && node.inputs.length < 2
      ? [...(intsAttribute(node, 'shape') ?? [])]
      : integers(node, constantOperand(node, operands, 1, 'target shape'));
  const zeroIsZero = intAttribute(node, 'allowzero', 0) === 1;
  const out = target.map((dim, axis) => (dim === 0 && !zeroIsZero ? (dims[axis] ?? 0) : dim));
  const unknown = out.indexOf(-1);
  if (unknown >= 0) out[unknown] = sizeOf(dims) / sizeOf(out.filter((_, axis) => axis !== unknown));
  return out;
}

function axesOf(node: Node, operands: Operands): readonly number[] | null {
  const given = optionalConstant(node, operands, 1, 'axes');
  return given === null ? intsAttribute(node, 'axes') : integers(node, given);
}

function squeezed(node: Node, operands: Operands, dims: readonly number[]): number[] {
  const listed = axesOf(node, operands)?.map((axis) => normalizeAxis(node, axis, dims.length));
  return dims.filter((dim, axis) => (listed === undefined ? dim !== 1 : !listed.includes(axis)));
}

function unsqueezed(node: Node, operands: Operands, dims: readonly number[]): number[] {
  const listed = axesOf(node, operands) ?? refuse(node, 'axes are missing', 'Re-export the model.');
  const rank = dims.length + listed.length;
  const axes = listed.map((axis) => normalizeAxis(node, axis, rank));
  const rest = [...dims];
  return Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (rest.shift() ?? 1)));
}

function flattened(node: Node, dims: readonly number[]): number[] {
  const axis = intAttribute(node, 'axis', 1);
  const at = axis < 0 ? axis + dims.length : axis;
  return [sizeOf(dims.slice(0, at)), sizeOf(dims.slice(at))];
}

/** The type of what a CastLike imitates; whatever depends on the input and has a bound is a float. */
function imitated(node: Node, operands: Operands): DataType {
  if (required(node, operands, 1).constant === null) return DataType.FLOAT;
  const like = node.inputs[1];
  return like?.constant?.type ?? like?.declaredType ?? DataType.UNDEFINED;
}

function checkCast(node: Node, operand: Operand, to: number): void {
  // "To the end" (INT64_MAX) is stored as a smaller number: it may bound a Slice, but is not a quantity.
  if (operand.constant?.values.some((v) => Math.abs(v) === Number.MAX_SAFE_INTEGER))
    refuse(node, 'it casts an integer of more than 53 bits', 'Re-export the model.');
  if (to === DataType.FLOAT || to === DataType.DOUBLE) return;
  // Integers of a folded shape computation pass; a rounding cast of activations is a step function.
  if (operand.constant?.values.every(Number.isSafeInteger)) return;
  refuse(node, `a cast to ${dataTypeName(to)} is a step function, which has no Lipschitz bound`);
}

function checkDropout(node: Node, operands: Operands): void {
  const training = node.opset >= 12 ? optionalConstant(node, operands, 2, 'training_mode') : null;
  if (training?.values[0])
    refuse(node, 'it is in training mode, so its output is random', 'Export the model in eval mode.');
}

/** Cells renamed by the same shape rule as in the white-box half; moving cells, the map is its own squared rows. */
function renaming(
  rule: (node: Node, operands: Operands, dims: readonly number[]) => readonly number[],
): TrainingForm {
  const forward: TrainingForm['forward'] = (node, operands, { tf }) => {
    const x = operandAt(node, operands, 0).tensor;
    return tf.reshape(x, [...rule(node, staticOperands(operands), x.shape)]);
  };
  return { forward, squaredRows: forward };
}

/** Dropout is not applied: the file is trained as it computes in inference. */
function passing(check: (node: Node, operands: Operands) => void = () => {}): TrainingForm {
  const forward: TrainingForm['forward'] = (node, operands) => {
    check(node, staticOperands(operands));
    return operandAt(node, operands, 0).tensor;
  };
  return { forward, squaredRows: forward };
}

const training: TrainingForms = {
  Reshape: renaming(reshaped),
  Flatten: renaming((node, _operands, dims) => flattened(node, dims)),
  Squeeze: renaming(squeezed),
  Unsqueeze: renaming(unsqueezed),
  Identity: passing(),
  Dropout: passing(checkDropout),
  Cast: passing((node) => {
    const to = intAttribute(node, 'to', DataType.UNDEFINED);
    if (to !== DataType.FLOAT)
      refuseTraining(
        node,
        `it computes in ${dataTypeName(to)}, and training is in float32`,
        'Export the network in float32.',
      );
  }),
};

export const reshaping: Operator = {
  types: ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity', 'Dropout', 'Cast', 'CastLike'],
  training,
  compile(node, operands) {
    const operand = required(node, operands, 0);
    const { dims } = operand;
    let out: readonly number[] = dims;
    if (node.opType === 'Reshape') out = reshaped(node, operands, dims);
    else if (node.opType === 'Flatten') out = flattened(node, dims);
    else if (node.opType === 'Squeeze') out = squeezed(node, operands, dims);
    else if (node.opType === 'Unsqueeze') out = unsqueezed(node, operands, dims);
    else if (node.opType === 'Cast') checkCast(node, operand, intAttribute(node, 'to', DataType.UNDEFINED));
    else if (node.opType === 'CastLike') checkCast(node, operand, imitated(node, operands));
    else if (node.opType === 'Dropout') checkDropout(node, operands);
    if (sizeOf(out) !== sizeOf(dims))
      refuse(node, `[${dims}] cannot become [${out}]`, 'Re-export the model.');
    return {
      kind: 'affine',
      dims: out,
      terms: [{ operand: 0, matrix: identityMatrix(sizeOf(dims)) }],
      bias: null,
    };
  },
};
