/**
 * The paper's choice of where to split (SPLITZ, Zhong & Tandon 2024, section 5): after the first activation behind the
 * first layer with weights. When that tensor separates nothing (a gate like x·sigmoid(x)), the next cut behind it.
 */
import type { Cut } from '../onnx/cuts.ts';
import { inputDependent, valuesRead } from '../onnx/model/dependence.ts';
import type { Graph, Node, Value } from '../onnx/model/graph.ts';
import { roleOf } from '../operators/registry.ts';

/** Whether a node is an activation that networks are commonly cut behind. */
export const isActivation = (node: Node): boolean => roleOf(node) === 'activation';

/** Null when there is no activation behind a weighted layer, or no cut behind that activation. */
export function firstActivationCut(cuts: readonly Cut[], graph: Graph): Cut | null {
  const dependent = inputDependent(graph);
  const behindWeights = new Set<Value>();
  for (const node of graph.nodes) {
    const read = valuesRead(node);
    if (!read.some((v) => dependent.has(v))) continue;
    const behind = read.some((v) => behindWeights.has(v));
    if (behind && isActivation(node)) {
      return cuts.find((cut) => (cut.value.producer?.index ?? -1) >= node.index) ?? null;
    }
    if (behind || (roleOf(node) === 'weights' && read.some((v) => !dependent.has(v)))) {
      for (const output of node.outputs) if (output !== null) behindWeights.add(output);
    }
  }
  return null;
}
