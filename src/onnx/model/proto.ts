/**
 * ONNX messages as TypeScript sees them: onnx-proto's interfaces (IR 8), extended by the fields that came later, and the
 * few helpers that reading and editing them takes. Messages are never changed in place: `edited` makes the copy.
 */
import type { onnx } from 'onnx-proto';

declare global {
  /** 64-bit integers as protobufjs decodes them; onnx-proto's declarations name this type without importing it. */
  interface Long {
    readonly low: number;
    readonly high: number;
    readonly unsigned: boolean;
    toNumber(): number;
    toString(): string;
  }
}

declare module 'onnx-proto' {
  // Fields newer than onnx-proto 8.0.1 (see schema.ts for their numbers).
  namespace onnx {
    interface INodeProto {
      overload?: string | null;
      metadataProps?: onnx.IStringStringEntryProto[] | null;
    }
    interface IGraphProto {
      metadataProps?: onnx.IStringStringEntryProto[] | null;
    }
    interface ITensorProto {
      metadataProps?: onnx.IStringStringEntryProto[] | null;
    }
    interface IValueInfoProto {
      metadataProps?: onnx.IStringStringEntryProto[] | null;
    }
    interface IFunctionProto {
      overload?: string | null;
      attributeProto?: onnx.IAttributeProto[] | null;
      valueInfo?: onnx.IValueInfoProto[] | null;
      metadataProps?: onnx.IStringStringEntryProto[] | null;
    }
  }
}

export type ModelProto = onnx.IModelProto;
export type GraphProto = onnx.IGraphProto;
export type NodeProto = onnx.INodeProto;
export type AttributeProto = onnx.IAttributeProto;
export type TensorProto = onnx.ITensorProto;
export type SparseTensorProto = onnx.ISparseTensorProto;
export type ValueInfoProto = onnx.IValueInfoProto;
export type FunctionProto = onnx.IFunctionProto;
export type DimensionProto = onnx.TensorShapeProto.IDimension;

/** `AttributeProto.type`: the numbers of the format. */
export const AttributeType = {
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
  SPARSE_TENSOR: 11,
} as const;

/** `TensorProto.data_location`: the bytes lie in another file. */
export const EXTERNAL = 1;

/** A 64-bit field as a number: exact up to 2^53, the nearest double beyond. */
export function toNumber(value: number | Long | null | undefined): number {
  if (value === null || value === undefined) return 0;
  return typeof value === 'number' ? value : value.toNumber();
}

/** A shallow copy of a message with some fields replaced; fields unknown to the schema come along. */
export function edited<M extends object>(message: M, changes: Partial<M>): M {
  const copy = Object.assign(
    Object.create(Object.getPrototypeOf(message) as object | null),
    message,
    changes,
  ) as M;
  const unknown = Object.getOwnPropertyDescriptor(message, '$unknowns');
  if (unknown !== undefined) Object.defineProperty(copy, '$unknowns', unknown);
  return copy;
}

/** The sub-graphs a node carries in its attributes (If, Loop, Scan). */
export function subgraphs(node: NodeProto): GraphProto[] {
  return (node.attribute ?? []).flatMap((a) => [...(a.g ? [a.g] : []), ...(a.graphs ?? [])]);
}

/** Every node of a model: main graph, sub-graphs at any depth, bodies of local functions. */
export function* allNodes(model: ModelProto): Generator<NodeProto> {
  function* below(nodes: readonly NodeProto[]): Generator<NodeProto> {
    for (const node of nodes) {
      yield node;
      for (const graph of subgraphs(node)) yield* below(graph.node ?? []);
    }
  }
  yield* below(model.graph?.node ?? []);
  for (const f of model.functions ?? []) yield* below(f.node ?? []);
}

/** Every graph of a model: the main one and the sub-graphs at any depth, also those inside functions. */
export function* allGraphs(model: ModelProto): Generator<GraphProto> {
  if (model.graph) yield model.graph;
  for (const node of allNodes(model)) yield* subgraphs(node);
}

/** An attribute by name. */
export function attributeOf(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute?.find((a) => a.name === name);
}

/** "ai.onnx" and "" are the same domain. */
export function normalDomain(domain: string | null | undefined): string {
  return domain === 'ai.onnx' ? '' : (domain ?? '');
}

/** "Conv node 'conv1/Conv'" for a message, as `describeNode` does for a `Node`. */
export function describeNodeProto(node: NodeProto): string {
  const domain = normalDomain(node.domain);
  const operator = domain === '' ? (node.opType ?? '') : `${domain}.${node.opType ?? ''}`;
  if (node.name) return `${operator} node '${node.name}'`;
  return `${operator} node with output '${node.output?.find((o) => o !== '') ?? ''}'`;
}
