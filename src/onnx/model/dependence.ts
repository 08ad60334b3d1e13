/** Which values depend on the input, and which the output needs: the part of the graph that a cut can divide. */
import type { Graph, Node, Value } from './graph.ts';

/** Inputs of a node and the values its sub-graphs capture. */
export function valuesRead(node: Node): Value[] {
  return [...node.inputs, ...node.captured].filter((v): v is Value => v !== null);
}

/** Values that change with the graph's inputs; everything else is constant, folded or not. */
export function inputDependent(graph: Graph): ReadonlySet<Value> {
  const dependent = new Set<Value>(graph.inputs);
  for (const node of graph.nodes) {
    if (!valuesRead(node).some((v) => dependent.has(v))) continue;
    for (const output of node.outputs) if (output !== null) dependent.add(output);
  }
  return dependent;
}

/**
 * Values that change with the values of the inputs: not shapes, which only change with the number of rows, nor what is
 * computed from shapes.
 */
export function valueDependent(graph: Graph): ReadonlySet<Value> {
  const dependent = new Set<Value>(graph.inputs);
  for (const node of graph.nodes) {
    if (node.domain === '' && (node.opType === 'Shape' || node.opType === 'Size')) continue;
    if (!valuesRead(node).some((v) => dependent.has(v))) continue;
    for (const output of node.outputs) if (output !== null) dependent.add(output);
  }
  return dependent;
}

/** Values that some output needs, the outputs included. */
export function outputAncestors(graph: Graph): ReadonlySet<Value> {
  const needed = new Set<Value>(graph.outputs);
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((v) => v !== null && needed.has(v))) continue;
    for (const value of valuesRead(node)) needed.add(value);
  }
  return needed;
}
