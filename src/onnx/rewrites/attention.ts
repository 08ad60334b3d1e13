/**
 * Attention (operator set 23) where it is plain scaled dot-product attention, softmax(s Q K') V, written as MatMul, Softmax
 * and MatMul. With a mask, a cache, a soft cap, causal order or other numbers of heads for K it stays as it is.
 */

import { DataType } from '../model/data-type.ts';
import { floatAttribute, intAttribute, type Node } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import { int, ints, replaceNodes, type Writer } from './replace-nodes.ts';
import type { Rewrite } from './rewrite.ts';

export const writeOutAttention: Rewrite = {
  name: 'writing Attention out',
  apply: (model: Model) => Promise.resolve(replaceNodes(model, writtenOut)),
};

/** Heads stacked in the last axis; null where they have an axis of their own. */
function stackedHeads(node: Node): number | null | 'different' {
  const [query, key] = ['q_num_heads', 'kv_num_heads'].map((name) => intAttribute(node, name, 0));
  if (query === 0 && key === 0) return null;
  return query === key && query !== undefined ? query : 'different';
}

/** Precisions of a Softmax on float32 that is not rounded further. */
const ANY_OR_FLOAT: readonly number[] = [DataType.UNDEFINED, DataType.FLOAT];

function isPlain(node: Node): boolean {
  if (node.domain !== '' || node.opType !== 'Attention') return false;
  const [q, k, v, ...others] = node.inputs;
  return (
    Boolean(q && k && v) &&
    others.every((value) => value === null) &&
    node.outputs.slice(1).every((value) => value === null || value.consumers.length === 0) &&
    intAttribute(node, 'is_causal', 0) === 0 &&
    floatAttribute(node, 'softcap', 0) === 0 &&
    ANY_OR_FLOAT.includes(intAttribute(node, 'softmax_precision', DataType.UNDEFINED))
  );
}

function writtenOut(node: Node, write: Writer): string | null {
  if (!isPlain(node)) return null;
  const heads = stackedHeads(node);
  if (heads === 'different') return null;
  const apart = (name: string): string => (heads === null ? name : headsApart(name, heads, write));
  const [q = '', k = '', v = ''] = node.inputs.slice(0, 3).map((value) => apart(value?.name ?? ''));
  const products = write.node('MatMul', [q, write.node('Transpose', [k], [ints('perm', [0, 1, 3, 2])])]);
  const weights = write.node('Softmax', [scaled(products, q, node, write)], [int('axis', -1)]);
  const result = write.node('MatMul', [weights, v]);
  if (heads === null) return result;
  const together = write.node('Transpose', [result], [ints('perm', [0, 2, 1, 3])]);
  return write.node('Reshape', [together, write.integers([0, 0, -1])]);
}

/** By the scale of the node, or 1/sqrt of the length of a query. */
function scaled(products: string, query: string, node: Node, write: Writer): string {
  const scale = floatAttribute(node, 'scale', Number.NaN);
  if (!Number.isNaN(scale)) return write.node('Mul', [products, write.floats([scale], [])]);
  const length = write.node('Shape', [query], [int('start', 3)]);
  const root = write.node('Sqrt', [write.node('Cast', [length], [int('to', DataType.FLOAT)])]);
  return write.node('Div', [products, root]);
}

/** [batch, length, heads · size] as [batch, heads, length, size]. */
function headsApart(name: string, heads: number, write: Writer): string {
  const stacked = write.ofRank(name, 3);
  const split = write.node('Reshape', [stacked, write.integers([0, 0, heads, -1])]);
  return write.node('Transpose', [split], [ints('perm', [0, 2, 1, 3])]);
}
