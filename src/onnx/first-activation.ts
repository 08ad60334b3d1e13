/**
 * The paper's choice of where to split (SPLITZ, Zhong & Tandon 2024, section 5): after the first activation behind the
 * first layer with weights. When that tensor separates nothing (a gate like x·sigmoid(x)), the next cut behind it.
 */
import type { Cut } from './cuts.ts';
import { inputDependent, valuesRead } from './model/dependence.ts';
import type { Graph, Node, Value } from './model/graph.ts';

const activations = new Set([
  ...['Relu', 'LeakyRelu', 'PRelu', 'ThresholdedRelu', 'Clip', 'Elu', 'Selu', 'Celu'],
  ...['Sigmoid', 'HardSigmoid', 'Tanh', 'Erf', 'Softplus', 'Softsign', 'HardSwish', 'Gelu', 'Mish', 'Swish'],
]);

const weighted = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);

/** Whether a node is an activation that networks are commonly cut behind. */
export const isActivation = ({ domain, opType }: Node): boolean => domain === '' && activations.has(opType);

/** Null when there is no activation behind a weighted layer, or no cut behind that activation. */
export function firstActivationCut(cuts: readonly Cut[], graph: Graph): Cut | null {
  const dependent = inputDependent(graph);
  const behindWeights = new Set<Value>();
  const standard = (node: Node, operators: ReadonlySet<string>): boolean =>
    node.domain === '' && operators.has(node.opType);
  for (const node of graph.nodes) {
    const read = valuesRead(node);
    if (!read.some((v) => dependent.has(v))) continue;
    const behind = read.some((v) => behindWeights.has(v));
    if (behind && standard(node, activations)) {
      return cuts.find((cut) => (cut.value.producer?.index ?? -1) >= node.index) ?? null;
    }
    if (behind || (standard(node, weighted) && read.some((v) => !dependent.has(v)))) {
      for (const output of node.outputs) if (output !== null) behindWeights.add(output);
    }
  }
  return null;
}
