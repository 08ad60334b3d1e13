/**
 * Refuses networks that are not a function of their input: random operators, and Dropout or BatchNormalization left in
 * training mode. Looks at every node that the outputs need, in sub-graphs and local functions too.
 */
import { ModelRefused } from '../../ground/errors.ts';
import type { Model } from '../model/model.ts';
import {
  allGraphs,
  allNodes,
  attributeOf,
  describeNodeProto,
  EXTERNAL,
  type ModelProto,
  type NodeProto,
  normalDomain,
  type TensorProto,
  toNumber,
} from '../model/proto.ts';
import { tensorFault, tensorOf } from '../model/tensor.ts';

const randomOperators = new Set([
  ...['RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike'],
  ...['Bernoulli', 'Multinomial'],
]);

export function refuseNondeterminism(model: Model): void {
  for (const node of randomNodes(model.proto)) {
    throw new ModelRefused({
      what: `${describeNodeProto(node)} draws random numbers`,
      where: model.path,
      why: 'the network would give a different answer each time: there is no decision to certify',
      remedy: 'Export the network in evaluation mode, without its noise layers.',
    });
  }
  for (const node of trainingNodes(model.proto)) {
    throw new ModelRefused({
      what: `${describeNodeProto(node)} is in training mode`,
      where: model.path,
      why:
        node.opType === 'Dropout'
          ? 'it drops values at random'
          : 'it normalises with the statistics of the batch, so that one image changes the answer for another',
      remedy:
        'Call model.eval() before torch.onnx.export; or add --force-eval, which switches it off and marks the model as modified.',
    });
  }
}

/** Nodes that draw random numbers, at any depth. */
export function* randomNodes(proto: ModelProto): Generator<NodeProto> {
  for (const node of allNodes(proto))
    if (normalDomain(node.domain) === '' && randomOperators.has(node.opType ?? '')) yield node;
}

/** Dropout and BatchNormalization nodes in training mode, at any depth. */
export function* trainingNodes(proto: ModelProto): Generator<NodeProto> {
  const imported = proto.opsetImport?.find((o) => normalDomain(o.domain) === '');
  const opset = toNumber(imported?.version);
  const constants = constantTensors(proto);
  for (const node of allNodes(proto)) {
    if (normalDomain(node.domain) !== '') continue;
    const trains =
      (node.opType === 'Dropout' && dropoutTrains(node, opset, constants)) ||
      (node.opType === 'BatchNormalization' && normalizationTrains(node, opset, proto));
    if (trains) yield node;
  }
}

/** Tensors by name in all graphs: initializers and Constant nodes. */
export function constantTensors(proto: ModelProto): Map<string, TensorProto> {
  const found = new Map<string, TensorProto>();
  for (const graph of allGraphs(proto)) for (const t of graph.initializer ?? []) found.set(t.name ?? '', t);
  for (const node of allNodes(proto)) {
    const value = node.opType === 'Constant' ? attributeOf(node, 'value')?.t : undefined;
    if (value) found.set(node.output?.[0] ?? '', value);
  }
  return found;
}

/** From version 12 on `training_mode` is the third input; anything not known to be false counts as training. */
function dropoutTrains(node: NodeProto, opset: number, constants: ReadonlyMap<string, TensorProto>): boolean {
  if (opset < 7) return toNumber(attributeOf(node, 'is_test')?.i) === 0;
  const mode = opset < 12 ? '' : (node.input?.[2] ?? '');
  if (mode === '') return false;
  const constant = constants.get(mode);
  return (
    constant === undefined ||
    constant.dataLocation === EXTERNAL ||
    tensorFault(constant, mode) !== null ||
    tensorOf(constant, describeNodeProto(node))
      .float64()
      .some((v) => v !== 0)
  );
}

/** Whether some call, or some default, of the model's functions sets an attribute of this name, or passes one on. */
function mayBeSet(name: string, proto: ModelProto): boolean {
  const defaults = (proto.functions ?? []).flatMap((f) => f.attributeProto ?? []);
  const calls = [...allNodes(proto)].flatMap((node) => node.attribute ?? []);
  return [...defaults, ...calls].some((a) => a.name === name && (toNumber(a.i) !== 0 || !!a.refAttrName));
}

/** Before version 14 there is no `training_mode`: further outputs (the running statistics) mean training. */
function normalizationTrains(node: NodeProto, opset: number, proto: ModelProto): boolean {
  if (opset < 7 && toNumber(attributeOf(node, 'is_test')?.i) === 0) return true;
  const mode = attributeOf(node, 'training_mode');
  if (mode?.refAttrName ? mayBeSet(mode.refAttrName, proto) : toNumber(mode?.i) !== 0) return true;
  return opset < 14 && (node.output ?? []).slice(1).some((name) => name !== '');
}
