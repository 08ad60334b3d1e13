/**
 * `--force-eval`: Dropout and BatchNormalization nodes in training mode are switched to inference. The model is then no
 * longer the one that was delivered; `Model.modifications` says so, and every result repeats it.
 *
 * Dropout: from operator set 12 on the third input (training_mode) is removed, before 7 is_test becomes 1.
 * BatchNormalization: training_mode becomes 0, before 7 is_test becomes 1, and the outputs that only training has are
 * removed.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { trainingNodes } from '../guards/determinism.ts';
import { type Model, modelOf } from '../model/model.ts';
import {
  type AttributeProto,
  AttributeType,
  describeNodeProto,
  edited,
  type GraphProto,
  type ModelProto,
  type NodeProto,
} from '../model/proto.ts';
import { namesRead } from '../model/topological-order.ts';

/** The model itself when nothing is in training mode. Throws ModelRefused when statistics of the batch are read elsewhere. */
export function forceEval(model: Model): Model {
  const training = new Set(trainingNodes(model.proto));
  if (training.size === 0) return model;
  const changes = [...training].map((node) => `${describeNodeProto(node)} switched to inference`);
  const proto = withNodes(model.proto, training, model.opsets.get('') ?? 0);
  return modelOf(proto, { ...model, modifications: [...(model.modifications ?? []), ...changes] });
}

function withNodes(model: ModelProto, training: ReadonlySet<NodeProto>, opset: number): ModelProto {
  const graphOf = (graph: GraphProto): GraphProto =>
    edited(graph, { node: nodesOf(graph.node ?? [], graph) });
  const attributeOf = (a: AttributeProto): AttributeProto =>
    a.g || a.graphs?.length
      ? edited(a, {
          ...(a.g ? { g: graphOf(a.g) } : {}),
          ...(a.graphs?.length ? { graphs: a.graphs.map(graphOf) } : {}),
        })
      : a;
  const nodesOf = (nodes: NodeProto[], graph: GraphProto | null): NodeProto[] => {
    const read = new Set([
      ...nodes.flatMap((node) => namesRead(node)),
      ...(graph?.output ?? []).map((o) => o.name ?? ''),
    ]);
    return nodes.map((node) => {
      if (training.has(node)) return inferenceForm(node, opset, read);
      return node.attribute?.some((a) => a.g || a.graphs?.length)
        ? edited(node, { attribute: node.attribute.map(attributeOf) })
        : node;
    });
  };
  return edited(model, {
    ...(model.graph ? { graph: graphOf(model.graph) } : {}),
    ...(model.functions?.length
      ? { functions: model.functions.map((f) => edited(f, { node: nodesOf(f.node ?? [], null) })) }
      : {}),
  });
}

function inferenceForm(node: NodeProto, opset: number, read: ReadonlySet<string>): NodeProto {
  if (node.opType === 'Dropout') {
    if (opset < 7) return withInt(node, 'is_test', 1);
    return edited(node, { input: (node.input ?? []).slice(0, 2) });
  }
  const further = (node.output ?? []).slice(1).find((name) => name !== '' && read.has(name));
  if (further !== undefined) {
    throw new ModelRefused({
      what: `${describeNodeProto(node)} cannot be switched to inference`,
      where: `output '${further}'`,
      why: 'the statistics of the batch, which only training computes, are read elsewhere',
      remedy: 'Export the network again after model.eval().',
    });
  }
  const alone = edited(node, { output: (node.output ?? []).slice(0, 1) });
  return withInt(alone, opset < 7 ? 'is_test' : 'training_mode', opset < 7 ? 1 : opset < 14 ? null : 0);
}

/** The node with an integer attribute set, or, with null, without it. */
function withInt(node: NodeProto, name: string, value: number | null): NodeProto {
  const others = (node.attribute ?? []).filter((a) => a.name !== name);
  const set = value === null ? [] : [{ name, type: AttributeType.INT, i: value }];
  return edited(node, { attribute: [...others, ...set] });
}
