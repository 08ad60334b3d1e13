/**
 * The paper's choice of where to split (SPLITZ, Zhong & Tandon 2024, section 5): after the first activation behind the
 * first layer with weights. When that tensor separates nothing (a gate like x·sigmoid(x)), the next cut behind it.
 */
import type { Cut } from '../onnx/cuts.ts';
import { inputDependent, valueDependent, valuesRead } from '../onnx/model/dependence.ts';
import type { Graph, Node, Value } from '../onnx/model/graph.ts';
import { operatorOf, roleOf } from '../operators/registry.ts';

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

/** Whether every operator before a cut is one that has a bound; their attributes may still have none. */
export function boundableOperators(cut: Cut, graph: Graph): boolean {
  const dependent = valueDependent(graph);
  const seen = new Set<Value>();
  const waiting = [cut.value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const node = dependent.has(next) && !seen.has(next) ? next.producer : null;
    seen.add(next);
    if (node === null) continue;
    const operator = operatorOf(node);
    if (operator === null) return false;
    // An expression is one operator: its inside may have no bound.
    const whole = operator.expression?.(node)?.inputs.filter((v) => v !== null);
    waiting.push(...(whole ?? valuesRead(node)));
  }
  return true;
}
