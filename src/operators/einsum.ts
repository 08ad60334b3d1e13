/** Einsum with one operand that depends on the input: linear in it, with products of the constants as weights. */

import { gamma, TINY } from '../ground/rounding-error.ts';
import { describeNode, type Node, sizeOf, stringAttribute } from '../onnx/model/graph.ts';
import { stridesOf } from './algebra/shape.ts';
import { buildMatrix, checkEntries } from './algebra/sparse-matrix.ts';
import { refuse, required } from './compile/compile-errors.ts';
import type { Operand, Operands, Operator } from './operator.ts';

/** An axis of the sum: a letter of the equation, or an axis an ellipsis stands for, counted from its end ("...1"). */
type Label = string;

interface Equation {
  readonly inputs: readonly (readonly Label[])[];
  readonly output: readonly Label[];
}

const ellipsisLabels = (count: number): Label[] =>
  Array.from({ length: count }, (_, k) => `...${count - 1 - k}`);

/** Labels of one side's term, where an ellipsis stands for `hidden` axes. */
function labelsOf(term: string, hidden: number): Label[] {
  const [before = '', after] = term.split('...');
  return after === undefined ? [...before] : [...before, ...ellipsisLabels(hidden), ...after];
}

function parsed(node: Node, operands: readonly Operand[]): Equation {
  const text = stringAttribute(node, 'equation', '').replaceAll(' ', '');
  const [left = '', right] = text.split('->');
  const terms = left.split(',');
  if (terms.length !== operands.length || !/^[A-Za-z.]*$/.test(terms.join('') + (right ?? '')))
    refuse(node, `equation '${text}' does not fit ${operands.length} operands`, 'Re-export the model.');
  let widest = 0;
  const inputs = terms.map((term, k) => {
    const hidden = operands[k]!.dims.length - term.replace('...', '').length;
    if (hidden < 0 || (hidden > 0 && !term.includes('...')))
      refuse(node, `'${term}' does not fit an operand [${operands[k]!.dims}]`, 'Re-export the model.');
    if (term.includes('...')) widest = Math.max(widest, hidden);
    return labelsOf(term, hidden);
  });
  if (right !== undefined) return { inputs, output: labelsOf(right, widest) };
  // Without "->": the ellipsis, then the letters that occur once, in alphabetical order.
  const letters = inputs.flat().filter((label) => label.length === 1);
  const once = letters.filter((label) => letters.indexOf(label) === letters.lastIndexOf(label)).sort();
  return { inputs, output: [...ellipsisLabels(widest), ...once] };
}

/** Length of every label; operands of length 1 are broadcast. */
function lengthsOf(
  node: Node,
  { inputs, output }: Equation,
  operands: readonly Operand[],
): Map<Label, number> {
  const lengths = new Map<Label, number>();
  inputs.forEach((labels, k) => {
    labels.forEach((label, axis) => {
      const length = operands[k]!.dims[axis]!;
      const known = lengths.get(label) ?? 1;
      if (known !== 1 && length !== 1 && known !== length)
        refuse(node, `axis '${label}' is ${known} and ${length} long`, 'Re-export the model.');
      if (!lengths.has(label) || length !== 1) lengths.set(label, length);
    });
  });
  for (const label of output)
    if (!lengths.has(label)) refuse(node, `no operand has the axis '${label}'`, 'Re-export the model.');
  return lengths;
}

/** How far each of `labels` moves an operand's flat index; a label named twice walks the diagonal. */
function stepsOf(own: readonly Label[], dims: readonly number[], labels: readonly Label[]): number[] {
  const strides = stridesOf(dims);
  return labels.map((label) =>
    own.reduce((sum, l, axis) => sum + (l === label && dims[axis] !== 1 ? strides[axis]! : 0), 0),
  );
}

function dependentOperand(node: Node, operands: readonly Operand[]): number {
  const dependent = operands.flatMap(({ constant }, k) => (constant === null ? [k] : []));
  if (dependent.length > 1)
    refuse(
      node,
      'a sum of products of tensors that both depend on the input (attention) has no bound here',
      'Export it as MatMul, or cut the network before it.',
    );
  return dependent[0] ?? 0;
}

/** How many times longer an entry takes, found by its labels, than one of a convolution, found by its window. */
const BY_LABELS = 10;

export const einsum: Operator = {
  types: ['Einsum'],
  work(node, { inputs }) {
    const operands = inputs.map((dims) => ({ dims, constant: null }));
    // One entry per combination of the labels.
    return BY_LABELS * sizeOf([...lengthsOf(node, parsed(node, operands), operands).values()]);
  },
  compile(node, given: Operands) {
    const operands = node.inputs.map((_, position) => required(node, given, position));
    const variable = dependentOperand(node, operands);
    const equation = parsed(node, operands);
    const lengths = lengthsOf(node, equation, operands);
    const { output } = equation;
    const summed = [...lengths.keys()].filter((label) => !output.includes(label));
    const lengthOf = (label: Label): number => lengths.get(label) ?? 1;
    const dims = output.map(lengthOf);
    const rows = sizeOf(dims);
    const sumDims = summed.map(lengthOf);
    const terms = sizeOf(sumDims);
    checkEntries(rows * terms, describeNode(node));
    const rowStrides = stridesOf(dims);
    const sumStrides = stridesOf(sumDims);
    const walks = operands.map((operand, k) => ({
      values: operand.constant?.values,
      outward: stepsOf(equation.inputs[k]!, operand.dims, output),
      inward: stepsOf(equation.inputs[k]!, operand.dims, summed),
    }));
    const offset = (at: number, strides: number[], lengths_: number[], steps: number[]): number =>
      steps.reduce((sum, step, a) => sum + (Math.floor(at / strides[a]!) % lengths_[a]!) * step, 0);
    const cols = sizeOf(operands[variable]!.dims);
    /** Column weights of a row: sums of products, or of their magnitudes. */
    const weighted = (magnitude: boolean) =>
      buildMatrix(rows, cols, rows * terms, (row, add) => {
        const weights = new Map<number, number>();
        const starts = walks.map((walk) => offset(row, rowStrides, dims, walk.outward));
        for (let s = 0; s < terms; s++) {
          let weight = 1;
          let column = 0;
          walks.forEach((walk, k) => {
            const cell = starts[k]! + offset(s, sumStrides, sumDims, walk.inward);
            if (k === variable) column = cell;
            else weight *= walk.values![cell]!;
          });
          weights.set(column, (weights.get(column) ?? 0) + (magnitude ? Math.abs(weight) : weight));
        }
        for (const [column, weight] of weights) add(column, weight);
      });
    const exact = operands.length <= 2 && summed.every((label) => equation.inputs[variable]!.includes(label));
    const matrix = weighted(false);
    const error = exact ? 0 : 2 * gamma(terms + operands.length) * weighted(true).absoluteNorm() + TINY;
    return {
      kind: 'affine',
      dims,
      terms: [{ operand: variable, matrix: matrix.withError(error) }],
      bias: null,
    };
  },
};
