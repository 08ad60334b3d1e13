/** Every tensor of a model, at any depth. */
import {
  type AttributeProto,
  edited,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type SparseTensorProto,
  type TensorProto,
} from './proto.ts';

/** Applies `change` to every tensor of a model, at any depth; parts without a change are kept as they are. */
export function mapTensors(model: ModelProto, change: (tensor: TensorProto) => TensorProto): ModelProto {
  const list = <T>(items: T[] | null | undefined, map: (item: T) => T): T[] | null => {
    if (!items?.length) return null;
    const mapped = items.map(map);
    return mapped.some((m, k) => m !== items[k]) ? mapped : null;
  };
  const optional = <T>(item: T | null | undefined, map: (item: T) => T): T | null => {
    if (!item) return null;
    const mapped = map(item);
    return mapped === item ? null : mapped;
  };
  const changed = <M extends object>(message: M, changes: { [K in keyof M]?: M[K] | null }): M => {
    const real = Object.fromEntries(Object.entries(changes).filter(([, v]) => v !== null)) as Partial<M>;
    return Object.keys(real).length === 0 ? message : edited(message, real);
  };
  const sparse = (s: SparseTensorProto): SparseTensorProto =>
    changed(s, { values: optional(s.values, change), indices: optional(s.indices, change) });
  const attribute = (a: AttributeProto): AttributeProto =>
    changed(a, {
      t: optional(a.t, change),
      tensors: list(a.tensors, change),
      g: optional(a.g, graph),
      graphs: list(a.graphs, graph),
      sparseTensor: optional(a.sparseTensor, sparse),
      sparseTensors: list(a.sparseTensors, sparse),
    });
  const node = (n: NodeProto): NodeProto => changed(n, { attribute: list(n.attribute, attribute) });
  function graph(g: GraphProto): GraphProto {
    return changed(g, {
      node: list(g.node, node),
      initializer: list(g.initializer, change),
      sparseInitializer: list(g.sparseInitializer, sparse),
    });
  }
  const fn = (f: FunctionProto): FunctionProto => changed(f, { node: list(f.node, node) });
  return changed(model, { graph: optional(model.graph, graph), functions: list(model.functions, fn) });
}
