/** Runs nodes of a graph as TensorFlow.js operations, with the trained tensors taken from a state. */
import type { Tensor as TfTensor } from '@tensorflow/tfjs-core';
import { DataType } from '../onnx/model/data-type.ts';
import type { Node, Tensor, Value } from '../onnx/model/graph.ts';
import { trainingFormOf } from '../operators/registry.ts';
import type { Tf, TrainingContext, TrainingForm, TrainingOperand } from '../operators/training/form.ts';
import { refuseTraining } from '../operators/training/operands.ts';
import { constantResult, shapeConstant } from './constant-nodes.ts';
import type { NamedTensors } from './program.ts';

/** Names of the constants of the file that are read from the state. */
export type TrainedTensors = ReadonlySet<string>;

/** The value that operators of the given types only pass on, or `value` itself. */
export function passedOn(value: Value, types: readonly string[]): Value {
  let from = value;
  while (from.constant === null && from.producer !== null) {
    const { opType, domain, inputs } = from.producer;
    const [source] = inputs;
    if (domain !== '' || !types.includes(opType) || !source) return from;
    from = source;
  }
  return from;
}

const FLOATING: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];

/** A constant of the file as a tensor: floating point as float32, everything else as int32. Made when first read. */
function constantOperand(tf: Tf, name: string, constant: Tensor): TrainingOperand {
  let made: TfTensor | null = null;
  return {
    name,
    constant,
    dependent: false,
    get tensor() {
      made ??= FLOATING.includes(constant.type)
        ? tf.tensor(Float32Array.from(constant.float64()), [...constant.dims], 'float32')
        : tf.tensor(Int32Array.from(constant.integers()), [...constant.dims], 'int32');
      return made;
    },
  };
}

/** A part of a graph: the nodes that compute `target`, in topological order. */
export interface Part {
  readonly nodes: readonly Node[];
  readonly target: Value;
  readonly trained: TrainedTensors;
}

/** What computes `target` from `start` and constants. */
export function partBetween(start: Value, target: Value, trained: TrainedTensors): Part {
  const nodes = new Set<Node>();
  const pending = [target];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    const { producer } = value;
    if (value === start || value.constant !== null || producer === null || nodes.has(producer)) continue;
    nodes.add(producer);
    pending.push(...[...producer.inputs, ...producer.captured].filter((v): v is Value => v !== null));
  }
  return { nodes: [...nodes].sort((a, b) => a.index - b.index), target, trained };
}

/** How a node is applied to its operands: its training form's `forward` by default. */
export type Application = (
  form: TrainingForm,
  node: Node,
  operands: readonly (TrainingOperand | null)[],
  context: TrainingContext,
) => TfTensor;

const forward: Application = (form, node, operands, context) => form.forward(node, operands, context);

/**
 * The part's target, with `start` holding the given tensor.
 * @throws ModelRefused, naming the node, for what has no gradient here
 */
export function evaluate(
  { nodes, target, trained }: Part,
  context: TrainingContext,
  state: NamedTensors,
  start: Value,
  tensor: TfTensor,
  application: Application = forward,
): TfTensor {
  const known = new Map<Value, TrainingOperand>([
    [start, { name: start.name, tensor, constant: null, dependent: true }],
  ]);

  const read = (node: Node, value: Value): TrainingOperand => {
    const found = known.get(value);
    if (found !== undefined) return found;
    const operand = operandOf(node, value);
    known.set(value, operand);
    return operand;
  };
  const operandOf = (node: Node, value: Value): TrainingOperand => {
    const { name, constant } = value;
    if (constant === null)
      return refuseTraining(node, `it reads '${name}' past the cut`, 'Cut the network elsewhere.');
    if (!trained.has(name)) return constantOperand(context.tf, name, constant);
    const weight = state[name];
    if (weight === undefined) throw new Error(`the state holds no '${name}'`);
    return { name, tensor: weight, constant: null, dependent: false };
  };

  for (const node of nodes) {
    const output = node.outputs[0];
    if (!output || known.has(output)) continue;
    const operands = node.inputs.map((value) => (value === null ? null : read(node, value)));
    known.set(output, result(node, operands, output, context, application));
  }
  const found = known.get(target);
  if (found === undefined) throw new Error(`nothing computes '${target.name}'`);
  return found.tensor;
}

function result(
  node: Node,
  operands: readonly (TrainingOperand | null)[],
  output: Value,
  context: TrainingContext,
  application: Application,
): TrainingOperand {
  if (node.opType === 'Shape' && node.domain === '' && operands[0])
    return constantOperand(
      context.tf,
      output.name,
      shapeConstant(node, operands[0].constant?.dims ?? operands[0].tensor.shape),
    );
  if (operands.every((operand) => operand === null || operand.constant !== null)) {
    const constants = operands.map((operand) => operand?.constant ?? null);
    return constantOperand(context.tf, output.name, constantResult(node, constants));
  }
  const form = trainingFormOf(node);
  if (form === null)
    refuseTraining(
      node,
      'it has no gradient in this version',
      'Train a network without it, or replace it before exporting.',
    );
  const dependent = operands.some((operand) => operand?.dependent);
  const tensor = (dependent ? application : forward)(form, node, operands, context);
  // What Identity passes on keeps its name: running statistics are replaced under it.
  const passes = node.opType === 'Identity' && operands[0];
  return { name: passes ? passes.name : output.name, tensor, constant: null, dependent };
}
