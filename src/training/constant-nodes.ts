/**
 * Nodes whose inputs are all known numbers, such as the arithmetic that exporters put before a Reshape, evaluated on the
 * host in float64 by the same compiled actions as the white-box left half.
 */
import { DataType } from '../onnx/model/data-type.ts';
import { intAttribute, type Node, type Tensor } from '../onnx/model/graph.ts';
import { type Action, type Constant, constantOf, type Operand } from '../operators/operator.ts';
import { operatorOf } from '../operators/registry.ts';
import { refuseTraining } from '../operators/training/operands.ts';

/** Numbers computed here as a tensor of the graph. */
export function tensorOfNumbers(type: DataType, { dims, values }: Constant): Tensor {
  return { type, dims, float64: () => values, integers: () => Array.from(values) };
}

/** The lengths of a tensor's axes: the output of Shape. */
export function shapeConstant(node: Node, dims: readonly number[]): Tensor {
  const values = Float64Array.from(
    dims.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', dims.length)),
  );
  return tensorOfNumbers(DataType.INT64, { dims: [values.length], values });
}

/**
 * @param inputs by position; null where an optional one is omitted
 * @throws ModelRefused, naming the node, when the operator is unknown here
 */
export function constantResult(node: Node, inputs: readonly (Tensor | null)[]): Tensor {
  const operator = operatorOf(node);
  if (operator === null)
    refuseTraining(
      node,
      'it computes a constant with an operator unknown here',
      'Export the model with constant folding.',
    );
  const operands = inputs.map((input): Operand | null => {
    if (input === null) return null;
    const constant = constantOf(input);
    return { dims: constant.dims, constant };
  });
  const constant = numbersOf(node, operator.compile(node, operands), operands);
  const first = inputs.find((input) => input !== null)?.type ?? DataType.FLOAT;
  const type = node.opType === 'Cast' ? (intAttribute(node, 'to', first) as DataType) : first;
  return tensorOfNumbers(type, constant);
}

function numbersOf(node: Node, action: Action, operands: readonly (Operand | null)[]): Constant {
  const valuesAt = (operand: number): Float64Array =>
    operands[operand]?.constant?.values ?? new Float64Array();
  if (action.kind === 'constant') return action.constant;
  if (action.kind === 'affine') {
    const values = action.bias?.slice() ?? new Float64Array(action.terms[0]?.matrix.rows ?? 0);
    for (const { operand, matrix } of action.terms)
      matrix.apply(valuesAt(operand)).forEach((v, i) => {
        values[i] = (values[i] as number) + v;
      });
    return { dims: action.dims, values };
  }
  if (action.kind === 'nonlinear') {
    const x = valuesAt(action.operand);
    const z = action.spread === null ? x : action.spread.apply(x);
    return { dims: action.dims, values: action.nonlinearity.value(z) };
  }
  return refuseTraining(node, 'it is computed from a constant', 'Export the model with constant folding.');
}
