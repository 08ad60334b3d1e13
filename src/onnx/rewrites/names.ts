/**
 * Moving nodes from one scope to another (a function's body, a branch of an If) without a clash of names. ONNX allows no
 * name twice within a graph and the graphs around it, so what moves gets new, unique names.
 */
import {
  type AttributeProto,
  allGraphs,
  edited,
  type GraphProto,
  type ModelProto,
  type NodeProto,
} from '../model/proto.ts';

/** Hands out names that no value and no node of the model has; the wanted one where it is free. */
export type FreshName = (wanted: string) => string;

export function freshNames(model: ModelProto): FreshName {
  const taken = new Set<string>(['']);
  for (const graph of allGraphs(model)) {
    for (const node of graph.node ?? []) {
      taken.add(node.name ?? '');
      for (const name of [...(node.input ?? []), ...(node.output ?? [])]) taken.add(name);
    }
    for (const tensor of graph.initializer ?? []) taken.add(tensor.name ?? '');
    for (const tensor of graph.sparseInitializer ?? []) taken.add(tensor.values?.name ?? '');
    for (const info of [...(graph.input ?? []), ...(graph.output ?? [])]) taken.add(info.name ?? '');
  }
  return (wanted) => {
    let name = wanted;
    for (let k = 2; taken.has(name); k++) name = `${wanted}_${k}`;
    taken.add(name);
    return name;
  };
}

/** Which name of the old scope is which of the new one; names that are missing stay (values of the scope around). */
export type Renaming = ReadonlyMap<string, string>;

/**
 * The node with every name it reads or writes renamed, in its sub-graphs too.
 * @param prefix goes before the names that its sub-graphs define themselves
 * @param attributes what becomes of its attributes, and of those of the nodes in its sub-graphs
 */
export function renamedNode(
  node: NodeProto,
  names: Renaming,
  fresh: FreshName,
  prefix: string,
  attributes: (list: readonly AttributeProto[]) => AttributeProto[] = (list) => [...list],
): NodeProto {
  const rename = (name: string): string => (name === '' ? '' : (names.get(name) ?? name));
  return edited(node, {
    ...(node.name ? { name: fresh(`${prefix}/${node.name}`) } : {}),
    input: (node.input ?? []).map(rename),
    output: (node.output ?? []).map(rename),
    attribute: attributes(node.attribute ?? []).map((a) =>
      a.g || a.graphs?.length
        ? edited(a, {
            ...(a.g ? { g: renamedGraph(a.g, names, fresh, prefix, attributes) } : {}),
            ...(a.graphs?.length
              ? { graphs: a.graphs.map((g) => renamedGraph(g, names, fresh, prefix, attributes)) }
              : {}),
          })
        : a,
    ),
  });
}

function renamedGraph(
  graph: GraphProto,
  outer: Renaming,
  fresh: FreshName,
  prefix: string,
  attributes: (list: readonly AttributeProto[]) => AttributeProto[],
): GraphProto {
  const names = new Map(outer);
  for (const name of definedNames(graph)) names.set(name, fresh(`${prefix}/${name}`));
  const rename = (name: string | null | undefined): string => names.get(name ?? '') ?? name ?? '';
  return edited(graph, {
    input: (graph.input ?? []).map((info) => edited(info, { name: rename(info.name) })),
    output: (graph.output ?? []).map((info) => edited(info, { name: rename(info.name) })),
    initializer: (graph.initializer ?? []).map((t) => edited(t, { name: rename(t.name) })),
    sparseInitializer: (graph.sparseInitializer ?? []).map((t) =>
      edited(t, t.values ? { values: edited(t.values, { name: rename(t.values.name) }) } : {}),
    ),
    node: (graph.node ?? []).map((n) => renamedNode(n, names, fresh, prefix, attributes)),
    // Declared shapes of what is inside: not needed, and wrong where a batch axis becomes free.
    valueInfo: [],
    quantizationAnnotation: [],
  });
}

/** Names that a graph defines: inputs, initializers, outputs of its nodes. */
export function definedNames(graph: GraphProto): string[] {
  const names = [
    ...(graph.input ?? []).map((v) => v.name ?? ''),
    ...(graph.initializer ?? []).map((t) => t.name ?? ''),
    ...(graph.sparseInitializer ?? []).map((t) => t.values?.name ?? ''),
    ...(graph.node ?? []).flatMap((n) => n.output ?? []),
  ];
  return [...new Set(names)].filter((name) => name !== '');
}
