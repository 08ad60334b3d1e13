/**
 * Operators that compute each number from the numbers at the same place of their operands, which are aligned at the last
 * axis (ONNX, "Broadcasting in ONNX"): an operand of lower rank may meet the rows of another at a different axis.
 */
import { type Operand, type Rule, rowsBeside, rowsOf, type Step } from './step.ts';

/** The axis with the rows when these operands are broadcast, or why there is none. */
export function aligned(operands: readonly (Operand | null | undefined)[]): number | string {
  const present = operands.filter((operand): operand is Operand => operand != null);
  const rank = Math.max(0, ...present.map(({ dims }) => dims.length));
  let fromEnd: number | null = null;
  for (const operand of present) {
    const axis = rowsOf(operand);
    if (axis === null) continue;
    const its = operand.dims.length - axis;
    if (fromEnd !== null && fromEnd !== its)
      return 'meets the rows of one operand with another axis of another';
    fromEnd = its;
  }
  if (fromEnd === null) return 'does not take the rows where they are broadcast';
  for (const operand of present) {
    const length = rowsOf(operand) === null ? operand.dims[operand.dims.length - fromEnd] : 1;
    // A length of its own along the rows: each row would meet a number that depends on its place in the batch.
    if (length !== undefined && length !== 1)
      return `has a constant of length ${length} along the batch axis`;
  }
  return rank - fromEnd;
}

/** Before operator set 7, operands were aligned at an axis that an attribute names. */
const alignedByAttribute = ({ node }: Step): boolean =>
  node.domain === '' && node.opset < 7 && (node.attributes.has('broadcast') || node.attributes.has('axis'));

export const broadcast: Rule = (step) =>
  alignedByAttribute(step)
    ? 'aligns its operands by an attribute, as before operator set 7'
    : aligned(step.operands);

/** The operands at these places are broadcast; the others must be one number each, the same for every row. */
export const broadcastAt =
  (...places: readonly number[]): Rule =>
  (step) => {
    const beside = rowsBeside(step, places);
    if (beside !== null) return beside;
    const single = step.operands.every(
      (operand, k) => places.includes(k) || operand === null || operand.dims.every((d) => d === 1),
    );
    if (!single) return 'has a scale or a zero point of more than one number';
    return aligned(places.map((k) => step.operands[k]));
  };
