/**
 * Conv followed by the Add of a number per channel becomes Conv with a bias, as long as nothing else reads the sum
 * without it. ONNX Runtime does this itself for constant biases only; ours are trained.
 */

import { sizeOf } from '../../onnx/model/graph.ts';
import type { RecordedNode, Value } from './recorded.ts';

/** @param outputs names of the values that are read from outside */
export function fuseBiases(nodes: readonly RecordedNode[], outputs: readonly string[]): RecordedNode[] {
  const readers = new Map<string, number>(outputs.map((name) => [name, 1]));
  for (const { inputs } of nodes)
    for (const value of inputs)
      if (value !== null) readers.set(value.name, (readers.get(value.name) ?? 0) + 1);
  const producers = new Map(nodes.map((node) => [node.outputs[0]?.name, node]));
  const absorbed = new Set<RecordedNode>();
  const fused = nodes.map((node) => {
    if (node.op !== 'Add') return node;
    const [a, b] = node.inputs as [Value, Value];
    for (const [sum, offset] of [
      [a, b],
      [b, a],
    ] as const) {
      const convolution = producers.get(sum.name);
      if (convolution?.op !== 'Conv' || convolution.inputs.length !== 2) continue;
      if (readers.get(sum.name) !== 1) continue;
      const bias = perChannel(offset, sum.dims, producers);
      if (bias === null) continue;
      absorbed.add(convolution);
      return { ...convolution, inputs: [...convolution.inputs, bias], outputs: node.outputs };
    }
    return node;
  });
  return fused.filter((node) => !absorbed.has(node));
}

/** The vector [C] that was reshaped to [1, C, 1, 1] or [C, 1, 1]; null for anything else. */
function perChannel(
  offset: Value,
  dims: readonly number[],
  producers: ReadonlyMap<string | undefined, RecordedNode>,
): Value | null {
  const channels = dims[1] ?? 0;
  const reshape = producers.get(offset.name);
  const vector = reshape?.op === 'Reshape' ? reshape.inputs[0] : null;
  const fits = offset.dims.at(-3) === channels && sizeOf(offset.dims) === channels;
  return fits && vector?.dims.length === 1 ? vector : null;
}
