/** Refusals and operand access shared by the training forms: each names the node and says what to do. */
import { ModelRefused } from '../../ground/errors.ts';
import { describeNode, type Node } from '../../onnx/model/graph.ts';
import { constantOf, type Operand, type Operands } from '../operator.ts';
import type { TrainingOperand, TrainingOperands } from './form.ts';

/** Ends the construction of a training graph: this node cannot be trained through. */
export function refuseTraining(node: Node, what: string, remedy: string): never {
  throw new ModelRefused({
    code: 'no-gradient',
    what: `train refuses ${describeNode(node)}: ${what}`,
    remedy,
  });
}

/** The operand at a position that must be there. */
export function operandAt(node: Node, operands: TrainingOperands, position: number): TrainingOperand {
  return (
    operands[position] ?? refuseTraining(node, `input ${position} is missing`, 'Export the model again.')
  );
}

/** The operand at a position where a weight stands; one computed from the network's input is refused. */
export function weightAt(
  node: Node,
  operands: TrainingOperands,
  position: number,
  meaning: string,
): TrainingOperand {
  const operand = operandAt(node, operands, position);
  if (!operand.dependent) return operand;
  return refuseTraining(
    node,
    `its ${meaning} depends on the network's input`,
    'Export the network with this tensor as a constant.',
  );
}

/** As `weightAt`, for an input that may be omitted. */
export function optionalWeightAt(
  node: Node,
  operands: TrainingOperands,
  position: number,
  meaning: string,
): TrainingOperand | null {
  return operands[position] ? weightAt(node, operands, position, meaning) : null;
}

/** The operands as the white-box side sees them, for the shape rules that both sides share. Constants decode on demand. */
export function staticOperands(operands: TrainingOperands): Operands {
  return operands.map((operand): Operand | null => {
    if (operand === null) return null;
    const { constant } = operand;
    if (constant === null) return { dims: operand.tensor.shape, constant: null };
    return {
      dims: constant.dims,
      get constant() {
        return constantOf(constant);
      },
    };
  });
}
