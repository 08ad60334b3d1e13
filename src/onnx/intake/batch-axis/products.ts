/** Matrix products: the rows may be along an axis that the product keeps, never along the one it sums over. */
import { intAttribute, stringAttribute } from '../../model/graph.ts';
import { aligned } from './broadcasting.ts';
import { type Operand, type Rule, rowsBeside, rowsOf, type Step } from './step.ts';

const SUMS = 'sums over the batch axis';

/**
 * numpy's matmul: the last axis of the left operand is summed over with the last but one of the right; the axes before are
 * broadcast. An operand of one axis lends it to the sum, and the result lacks it.
 */
export function matrixProduct(
  left: Operand | null | undefined,
  right: Operand | null | undefined,
): number | string {
  if (left == null || right == null) return 'lacks an operand';
  const [a, b] = [rowsOf(left), rowsOf(right)];
  const [m, n] = [left.dims.length, right.dims.length];
  // Places counted from the last axis.
  const inLeft = a === null ? null : m - 1 - a;
  const inRight = b === null ? null : n - 1 - b;
  if (inLeft === 0 || inRight === 1 || (inRight === 0 && n === 1)) return SUMS;
  const rank = Math.max(m, n) - (m === 1 || n === 1 ? 1 : 0);
  const at = (place: number): number => rank - 1 - place;
  if (inLeft !== null && inRight !== null)
    return inLeft === inRight && inLeft > 1 ? at(inLeft) : 'multiplies rows of the batch with each other';
  if (inLeft !== null) {
    if (inLeft > 1 && (right.dims[n - 1 - inLeft] ?? 1) !== 1) return 'has one matrix for every row';
    return at(n === 1 ? inLeft - 1 : inLeft);
  }
  if (inRight === null) return 'does not take rows as an operand';
  if (inRight > 1 && (left.dims[m - 1 - inRight] ?? 1) !== 1) return 'has one matrix for every row';
  return at(m === 1 && inRight > 0 ? inRight - 1 : inRight);
}

export const matMul: Rule = ({ operands: [left, right] }) => matrixProduct(left, right);

/** One number, the same for every row. */
const single = (operand: Operand | null | undefined): boolean =>
  operand == null || (operand.place.kind === 'fixed' && operand.dims.every((d) => d === 1));

/**
 * A product of the operands at `left` and `right`; the others are scales and zero points. Those at `perColumn` may have a
 * number for each column of a right operand that is a weight; any other of several numbers would give rows one each.
 */
const quantisedProduct =
  (left: number, right: number, perColumn: readonly number[]): Rule =>
  (step) =>
    scalesOf(step, left, right, perColumn) ?? matrixProduct(step.operands[left], step.operands[right]);

/** What is wrong with the scales and zero points of such a product; null when nothing is. */
function scalesOf(
  step: Step,
  left: number,
  right: number,
  perColumn: readonly number[],
  others: readonly number[] = [],
): string | null {
  const beside = rowsBeside(step, [left, right]);
  if (beside !== null) return beside;
  const free = [left, right, ...others, ...(rowsOf(step.operands[right]) === null ? perColumn : [])];
  return step.operands.every((operand, k) => free.includes(k) || single(operand))
    ? null
    : 'has a scale or a zero point of more than one number';
}

/** A, B, the zero point of A, that of B. */
export const matMulInteger: Rule = quantisedProduct(0, 1, [3]);
/** A, B and the result, each with its scale and its zero point behind it. */
export const quantisedMatMul: Rule = quantisedProduct(0, 3, [4, 5]);

/** A matrix as Gemm takes it. */
function turned(operand: Operand, isTurned: boolean): Operand {
  if (!isTurned) return operand;
  const [first = 1, second = 1] = operand.dims;
  const place =
    operand.place.kind === 'rows' ? { ...operand.place, axis: 1 - operand.place.axis } : operand.place;
  return { ...operand, dims: [second, first], place };
}

function general({ node, operands }: Step, left: number, right: number, added: number): number | string {
  const [a, b, c] = [operands[left], operands[right], operands[added]];
  if (a?.dims.length !== 2 || b?.dims.length !== 2) return 'does not multiply matrices';
  const x = turned(a, intAttribute(node, 'transA', 0) !== 0);
  const y = turned(b, intAttribute(node, 'transB', 0) !== 0);
  const axis = matrixProduct(x, y);
  if (typeof axis === 'string' || c == null) return axis;
  const rows = rowsOf(x) === null ? y : x;
  const result: Operand = { ...rows, dims: [1, 1], place: { kind: 'rows', axis, block: 1 } };
  return aligned([result, c]) === axis ? axis : 'adds something that is not of the same row';
}

/** α·A·B + β·C, A and B possibly transposed, C broadcast. */
export const gemm: Rule = (step) => general(step, 0, 1, 2);

/** Microsoft's QGemm: A, B and C, each matrix with its scale and zero point, then those of the result. */
export const quantisedGemm: Rule = (step) => scalesOf(step, 0, 3, [4, 5], [6]) ?? general(step, 0, 3, 6);

/** Every operand that carries rows must name their axis by one letter, which no other axis has, and which the result keeps. */
export const einsum: Rule = ({ node, operands }) => {
  const equation = stringAttribute(node, 'equation', '').replaceAll(' ', '');
  const parts = /^([A-Za-z,]+)->([A-Za-z]+)$/.exec(equation);
  if (parts === null) return 'has an equation that is not of letters only';
  const [, from = '', to = ''] = parts;
  const terms = from.split(',');
  const letters = operands.map((operand, k) => {
    const axis = rowsOf(operand);
    return axis === null ? null : (terms[k]?.[axis] ?? '');
  });
  const [letter, ...others] = new Set(letters.filter((l): l is string => l !== null));
  if (!letter || others.length > 0) return 'names the rows of its operands by different letters';
  const count = (text: string): number => text.split(letter).length - 1;
  const apart = terms.every((term, k) => count(term) === (letters[k] === null ? 0 : 1)) && count(to) <= 1;
  if (!apart) return 'names another axis as it names the rows';
  return count(to) === 1 ? to.indexOf(letter) : SUMS;
};
