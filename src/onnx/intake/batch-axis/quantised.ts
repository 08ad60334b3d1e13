/** To integers and back: one scale for all, or one for each entry of an axis that is not the batch's. */
import { intAttribute } from '../../model/graph.ts';
import { concat } from './selections.ts';
import { fromFront, onFirst, type Rule, type Step } from './step.ts';

/** QuantizeLinear and DequantizeLinear. */
export const scaled: Rule = onFirst((data, axis, step) => {
  if (intAttribute(step.node, 'block_size', 0) !== 0) return 'has a scale for every block of numbers';
  const many = step.operands.slice(1).some((operand) => operand?.dims.some((d) => d !== 1));
  const at = fromFront(intAttribute(step.node, 'axis', 1), data.dims.length);
  return many && at === axis ? 'has a scale of its own for every row' : axis;
});

/** Its scale and zero point come from the least and the largest number of the whole tensor. */
export const dynamic: Rule = () => 'takes its scale from all rows of the batch together';

/** Microsoft's QLinearConcat: scale and zero point of the result, then triples of an operand, its scale, its zero point. */
export const quantisedConcat: Rule = (step: Step) => {
  const joined = step.operands.slice(2).filter((_, k) => k % 3 === 0);
  const beside = step.operands.some(
    (operand, k) => (k < 2 || (k - 2) % 3 !== 0) && operand?.place.kind !== 'fixed',
  );
  return beside ? 'takes a scale from the rows of the batch' : concat({ ...step, operands: joined });
};
