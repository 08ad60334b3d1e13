/**
 * A network as the margin losses see it: layers with weights, each with a norm of its own, 1-Lipschitz operators between them,
 * and a last layer whose rows are the classes'. The product of the norms is an estimate of how far the features move, to train
 * with; where branches join, it may be too small, and a certificate never rests on it.
 */
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { describeNode, intAttribute, intsAttribute, type Node } from '../onnx/model/graph.ts';
import type { Model } from '../onnx/model/model.ts';
import { trainingFormOf } from '../operators/registry.ts';
import type { Tf, TrainingContext } from '../operators/training/form.ts';
import { refuseTraining } from '../operators/training/operands.ts';
import type { Constraint } from './constraints.ts';
import { detach } from './detach.ts';
import { type Application, evaluate, partBetween, passedOn } from './evaluation.ts';
import type { Network } from './network.ts';
import type { NamedTensors } from './program.ts';

export interface MarginLayer {
  /** "Conv node 'c'". */
  readonly name: string;
  /** Shape of its input for one image. */
  readonly inputDims: readonly number[];
  /** A(v) - A(0), v [1, …inputDims]. */
  linear(context: TrainingContext, state: NamedTensors, v: Tensor): Tensor;
}

export interface MarginLayers {
  /** Layers whose norm is not 1 by a constraint, in order, without the last one. */
  readonly layers: readonly MarginLayer[];
  /** Rows of the last layer, [classes, features]. */
  rows(tf: Tf, state: NamedTensors): Tensor;
}

/** Operators that widen no distance. */
const NONEXPANSIVE = new Set([
  ...['Relu', 'LeakyRelu', 'Clip', 'Max', 'Min', 'Tanh', 'Sigmoid', 'Softplus'],
  ...['Slice', 'Concat', 'Flatten', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Identity', 'Pad'],
]);
const REMEDY = 'Train it with --recipe smoothing or paper, or replace it before exporting.';

/**
 * @param dimsOf shape of a value for one image
 * @throws ModelRefused naming the operator whose norm the losses do not know
 */
export function marginLayers(
  model: Model,
  network: Network,
  constraints: ReadonlyMap<string, Constraint>,
  dimsOf: (value: string) => readonly number[],
): MarginLayers {
  const input = model.graph.inputs[0];
  const output = model.graph.outputs[0];
  if (input === undefined || output === undefined)
    throw new Error('a classifier has one input and one output');
  const names = new Set([...network.parameters.keys(), ...network.statistics.keys()]);
  const dependent = new Set([input]);
  const weighted: Node[] = [];
  for (const node of model.graph.nodes) {
    if (!node.inputs.some((value) => value !== null && dependent.has(value))) continue;
    for (const value of node.outputs) if (value !== null) dependent.add(value);
    if (trainingFormOf(node)?.mixes?.(node) === true && weightOf(node, names) !== null) weighted.push(node);
    else if (!isNonexpansive(node, (value) => value !== null && dependent.has(value)))
      refuseTraining(node, 'the margin losses do not know how far it moves its output', REMEDY);
  }
  const head = weighted.pop();
  if (head === undefined || head.outputs[0] !== passedOn(output, ['Identity']) || head.opType !== 'Gemm') {
    refuseTraining(
      (head ?? output.producer) as Node,
      'the margin losses need a last layer of one row per class',
      'Export the network with logits as the output of a Gemm.',
    );
  }
  const weight = weightOf(head, names) as string;
  const byRows = intAttribute(head, 'transB', 0) !== 0;
  return {
    layers: weighted
      .filter((node) => !hasNormOne(node, constraints.get(weightOf(node, names) ?? '')))
      .map((node) => layerOf(node, dimsOf, names)),
    rows(tf, state) {
      const rows = state[weight] as Tensor2D;
      return byRows ? rows : tf.transpose(rows);
    },
  };
}

/** Orthonormal kernels of windows that do not overlap, and orthonormal matrices. */
function hasNormOne(node: Node, constraint: Constraint | undefined): boolean {
  return constraint === 'orthonormal' && (node.opType !== 'Conv' || withoutOverlap(node));
}

function withoutOverlap(node: Node): boolean {
  const kernel = intsAttribute(node, 'kernel_shape') ?? [];
  const strides = intsAttribute(node, 'strides') ?? kernel.map(() => 1);
  return kernel.every((size, axis) => size <= (strides[axis] ?? 1));
}

function isNonexpansive(node: Node, depends: (value: Node['inputs'][number]) => boolean): boolean {
  if (node.domain !== '') return false;
  if (node.opType === 'MaxPool') return withoutOverlap(node);
  if (node.opType === 'Add' || node.opType === 'Sub') return node.inputs.filter(depends).length === 1;
  return NONEXPANSIVE.has(node.opType);
}

function weightOf(node: Node, names: ReadonlySet<string>): string | null {
  const value = node.inputs[1];
  if (!value) return null;
  const { name } = passedOn(value, ['Identity']);
  return names.has(name) ? name : null;
}

const linearPart: Application = (form, node, operands, context) =>
  (form.linear ?? form.forward)(node, operands, context);

function layerOf(
  node: Node,
  dimsOf: (value: string) => readonly number[],
  names: ReadonlySet<string>,
): MarginLayer {
  const [from] = node.inputs;
  const [to] = node.outputs;
  if (!from || !to) throw new Error('a layer has an input and an output');
  const part = partBetween(from, to, names);
  return {
    name: describeNode(node),
    inputDims: dimsOf(from.name),
    linear: (context, state, v) => evaluate(part, context, state, from, v, linearPart),
  };
}

/** The product of the norms, differentiable in the weights, and the vectors that the next estimate starts from. */
export function featureLipschitz(
  { layers }: MarginLayers,
  context: TrainingContext,
  state: NamedTensors,
  warm: readonly Tensor[],
  steps: number,
): { readonly lipschitz: Tensor; readonly vectors: readonly Tensor[] } {
  const { tf } = context;
  const length = (x: Tensor): Tensor => tf.sqrt(tf.add(tf.sum(tf.square(x)), 1e-24));
  let lipschitz: Tensor = tf.scalar(1);
  const vectors = layers.map((layer, k) => {
    const linear = (v: Tensor): Tensor => layer.linear(context, state, v);
    const adjoint = tf.grad(linear);
    let v = warm[k] as Tensor;
    for (let step = 0; step < steps; step++) {
      const next = adjoint(v, linear(v));
      v = tf.div(next, length(next));
    }
    const fixed = detach(tf, v);
    lipschitz = tf.mul(lipschitz, tf.div(length(linear(fixed)), length(fixed)));
    return fixed;
  });
  return { lipschitz, vectors };
}
