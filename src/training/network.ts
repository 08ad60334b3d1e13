/**
 * An ONNX classifier, cut in two, as differentiable TensorFlow.js functions: the weights are arguments, named and laid out
 * as in the file. The same file is thus the model definition, the training graph and, with new weights, the result.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { ModelRefused } from '../ground/errors.ts';
import { describeNode, intAttribute, type Node, type Value } from '../onnx/model/graph.ts';
import type { Model } from '../onnx/model/model.ts';
import { trainingFormOf } from '../operators/registry.ts';
import type { TrainingContext } from '../operators/training/form.ts';
import { refuseTraining } from '../operators/training/operands.ts';
import { evaluate, type Part, partBetween, passedOn } from './evaluation.ts';
import type { NamedTensors } from './program.ts';
import { type Segment, segmentsOf } from './segments.ts';
import { type Trained, trainedTensors } from './trained-tensors.ts';

export type { ActivationStep, AffineRun, Segment } from './segments.ts';

export interface NetworkOptions {
  /** The upper limits of the left half's Clips become scalar parameters. */
  readonly trainLimits?: boolean;
  /** Nothing is trained: the weights are constants of the file, of whatever type, and `parameters` and `statistics` are empty. */
  readonly frozen?: boolean;
}

export interface Network extends Trained {
  /** What the file ends with. `right` omits it: it returns logits whatever the file ends with. */
  readonly ending: 'Softmax' | 'LogSoftmax' | null;
  /**
   * @param state every tensor of `parameters` and `statistics` by name; others are ignored
   * @param images [N, C, H, W]
   * @returns the latent [N, …]; at the cut 'input', the images
   */
  left(context: TrainingContext, state: NamedTensors, images: Tensor): Tensor;
  /**
   * @param latent [N, …]
   * @returns logits [N, classes]
   */
  right(context: TrainingContext, state: NamedTensors, latent: Tensor): Tensor;
  /**
   * The left half as a chain of affine runs and activations, for regularisers; empty at the cut 'input'.
   * @throws ModelRefused naming the node that is neither, or that joins two branches
   */
  segments(): readonly Segment[];
}

/**
 * @param model a classifier of one input and one output
 * @param cut the value between the halves: one of `listCuts`
 * @throws ModelRefused ("train refuses …") naming the node that has no gradient here, or the weight that is not float32
 */
export function trainableNetwork(model: Model, cut: Value, options: NetworkOptions = {}): Network {
  const input = model.graph.inputs[0];
  const output = model.graph.outputs[0];
  if (input === undefined || output === undefined)
    throw new Error('a classifier has one input and one output');
  const { logits, ending } = logitsBehind(output);
  const dependent = dependentValues(model, input);
  const names = new Set<string>();
  const leftPart = partBetween(input, cut, names);
  const rightPart = partBetween(cut, logits, names);
  const dependentNodes = ({ nodes }: Part): Node[] =>
    nodes.filter((node) => node.outputs.some((value) => value !== null && dependent.has(value)));
  const [leftNodes, rightNodes] = [dependentNodes(leftPart), dependentNodes(rightPart)];
  for (const node of [...leftNodes, ...rightNodes]) checkNode(node, model);
  const trained =
    options.frozen === true
      ? NOTHING_TRAINED
      : trainedTensors(leftNodes, rightNodes, dependent, options.trainLimits === true);
  for (const name of [...trained.parameters.keys(), ...trained.statistics.keys()]) names.add(name);

  return {
    ...trained,
    ending,
    left: (context, state, images) => evaluate(leftPart, context, state, input, images),
    right(context, state, latent) {
      const scores = evaluate(rightPart, context, state, cut, latent);
      const rows = scores.shape[0] ?? 1;
      return scores.rank === 2 ? scores : context.tf.reshape(scores, [rows, scores.size / rows]);
    },
    segments: () => segmentsOf(input, cut, dependent, names),
  };
}

const NOTHING_TRAINED: Trained = {
  parameters: new Map(),
  statistics: new Map(),
  leftNames: new Set(),
  limits: new Set(),
};

/** The scores before a Softmax or LogSoftmax over the classes at the very end: both keep the order and the loss. */
function logitsBehind(output: Value): { logits: Value; ending: Network['ending'] } {
  const last = passedOn(output, ['Identity']);
  const node = last.producer;
  const scores = node?.inputs[0];
  if (!node || !scores || node.domain !== '') return { logits: output, ending: null };
  const { opType } = node;
  if (opType !== 'Softmax' && opType !== 'LogSoftmax') return { logits: output, ending: null };
  const axis = intAttribute(node, 'axis', node.opset < 13 ? 1 : -1);
  // The scores are [N, classes], possibly with axes of length 1 behind; there the last axis is not the classes.
  const rank = output.declaredShape?.length ?? 2;
  if (axis !== 1 && !(axis === -1 && rank === 2))
    refuseTraining(
      node,
      `its axis ${axis} is not that of the classes`,
      'Export the network with logits as output.',
    );
  return { logits: scores, ending: opType };
}

/** Values that change with the input's values. Its shape is a known number while a training graph is built. */
function dependentValues(model: Model, input: Value): ReadonlySet<Value> {
  const dependent = new Set<Value>([input]);
  for (const node of model.graph.nodes) {
    if (node.opType === 'Shape' && node.domain === '') continue;
    if (![...node.inputs, ...node.captured].some((value) => value !== null && dependent.has(value))) continue;
    for (const value of node.outputs) if (value !== null) dependent.add(value);
  }
  return dependent;
}

/** Refuses nodes on the path from input to output that have no gradient here. */
function checkNode(node: Node, model: Model): void {
  const remedy = 'Train a network without it, or replace it before exporting.';
  if (trainingFormOf(node) === null) {
    throw new ModelRefused({
      code: 'no-gradient',
      what: `train refuses ${describeNode(node)}: it has no gradient in this version`,
      where: model.path,
      remedy,
    });
  }
  const second = node.outputs.slice(1).find((value) => value !== null && value.consumers.length > 0);
  if (second) refuseTraining(node, `its output '${second.name}' is used, which has no gradient here`, remedy);
}
