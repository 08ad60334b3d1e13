/** Nodes written in terms of others that compute the same, each under the names of the one it replaces. */
import { DataType } from '../model/data-type.ts';
import type { Node } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import { type AttributeProto, AttributeType, edited, type NodeProto } from '../model/proto.ts';
import { type FreshName, freshNames } from './names.ts';
import type { Rewritten } from './rewrite.ts';

/** Writes the nodes that replace one. */
export interface Writer {
  /** Appends a node of the default domain. @returns the name of its output */
  node(opType: string, inputs: readonly string[], attribute?: AttributeProto[]): string;
  /** Appends a constant. @returns its name */
  floats(values: readonly number[], dims?: readonly number[]): string;
  integers(values: readonly number[]): string;
  /**
   * The same value, in a node that runs on a tensor of this rank only. What is written for one rank may run on another and
   * compute something else there, which rows tried need not show.
   */
  ofRank(name: string, rank: number): string;
}

/** Name of the value that takes the place of the node's only output; null to leave the node as it is. */
export type Replacement = (node: Node, writer: Writer) => string | null;

/** Null when nothing was replaced. */
export function replaceNodes({ proto, graph: typed }: Model, replacement: Replacement): Rewritten | null {
  const graph = proto.graph ?? {};
  const fresh = freshNames(proto);
  const replaced: string[] = [];
  const node = (graph.node ?? []).flatMap((old, k) => {
    const its = typed.nodes[k];
    const output = old.output?.[0] ?? '';
    if (its === undefined || output === '') return [old];
    const written: NodeProto[] = [];
    const result = replacement(its, writerOf(written, old.name || output, fresh));
    if (result === null) return [old];
    replaced.push(its.opType);
    return [...written, { name: old.name ?? '', opType: 'Identity', input: [result], output: [output] }];
  });
  if (replaced.length === 0) return null;
  const kinds = [...new Set(replaced)].join(', ');
  const count = `${replaced.length} ${kinds} node${replaced.length === 1 ? '' : 's'}`;
  return {
    proto: edited(proto, { graph: edited(graph, { node }) }),
    what: `${count} written in terms of other operators`,
  };
}

function writerOf(written: NodeProto[], prefix: string, fresh: FreshName): Writer {
  const append = (opType: string, input: readonly string[], attribute: AttributeProto[]): string => {
    const name = fresh(`${prefix}/${opType}`);
    written.push({ name, opType, input: [...input], output: [name], attribute });
    return name;
  };
  const constant = (fields: object, dataType: number, dims: readonly number[]): string =>
    append(
      'Constant',
      [],
      [{ name: 'value', type: AttributeType.TENSOR, t: { dataType, dims: [...dims], ...fields } }],
    );
  return {
    node: (opType, inputs, attribute = []) => append(opType, inputs, attribute),
    floats: (values, dims = [values.length]) => constant({ floatData: [...values] }, DataType.FLOAT, dims),
    integers: (values) => constant({ int64Data: [...values] }, DataType.INT64, [values.length]),
    ofRank: (name, rank) => append('Transpose', [name], [ints('perm', [...Array(rank).keys()])]),
  };
}

export const ints = (name: string, values: readonly number[]): AttributeProto => ({
  name,
  type: AttributeType.INTS,
  ints: [...values],
});

export const int = (name: string, i: number): AttributeProto => ({ name, type: AttributeType.INT, i });
