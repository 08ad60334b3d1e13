/**
 * The cuts of a network: tensors through which every path from the input to the output passes (dominators of the output
 * that the input also post-dominates; in a graph with one source and one sink these are the same).
 *
 * Take the values and nodes that lie on some path from input to output, in topological order. A value is a cut exactly
 * when no edge jumps over its position: an edge u → w with u before and w after it is a path around it, since u is
 * reached from the input and w reaches the output; and a path around it must contain such an edge. Constants lie on no
 * path, so constant branches are not a bypass; values captured by sub-graphs are edges like any other.
 */
import { UsageError } from '../ground/errors.ts';
import { nearNames } from '../ground/near-names.ts';
import { nameCuts } from './cut-names.ts';
import type { Shapes } from './intake/shapes.ts';
import { DataType, dataTypeName } from './model/data-type.ts';
import { inputDependent, outputAncestors, valuesRead } from './model/dependence.ts';
import { type Graph, type Node, sizeOf, type Value } from './model/graph.ts';
import type { Model } from './model/model.ts';

export interface Cut {
  /** Position among the cuts, from the input; the input itself is 0. */
  readonly index: number;
  /** Unique: 'input', a module path ("layer1.0"), a node's or a tensor's name. */
  readonly name: string;
  /** Other names that lead here: the tensor's, the node's, the module's. */
  readonly aliases: readonly string[];
  readonly value: Value;
  /** At batch 1; axis 0 is the batch. */
  readonly dims: readonly number[];
  readonly type: DataType;
  /** Nodes on paths from input to output, before and after; constant folding is counted on neither side. */
  readonly nodesLeft: number;
  readonly nodesRight: number;
  /** Numbers in the floating-point constants that each side reads (shared ones count on both). */
  readonly parametersLeft: number;
  readonly parametersRight: number;
}

/** A tensor that separates input from output but cannot be cut at, and why. */
export interface IneligibleCut {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly value: Value;
  readonly reason: string;
}

export interface CutList {
  /** From the input on; the final output is omitted, since nothing would be right of it. */
  readonly cuts: readonly Cut[];
  readonly ineligible: readonly IneligibleCut[];
}

/** Values on every path from the graph's one input to its one output, in order, the output included. */
export function separatingValues(graph: Graph): Value[] {
  const { values, over } = positions(graph);
  return values.filter((v) => over.get(v) === 0);
}

/** Nodes and values on paths from input to output in topological order, with how many edges jump over each value. */
function positions(graph: Graph): { nodes: Node[]; values: Value[]; over: ReadonlyMap<Value, number> } {
  const dependent = inputDependent(graph);
  const needed = outputAncestors(graph);
  const onPath = (v: Value | null): v is Value => v !== null && dependent.has(v) && needed.has(v);
  const nodes = graph.nodes.filter((node) => node.outputs.some(onPath));
  const order = new Map<Value | Node, number>();
  const place = (item: Value | Node): void => {
    order.set(item, order.size);
  };
  const values: Value[] = [];
  for (const value of graph.inputs.filter(onPath)) {
    values.push(value);
    place(value);
  }
  for (const node of nodes) {
    place(node);
    for (const value of node.outputs.filter(onPath)) {
      values.push(value);
      place(value);
    }
  }
  // delta is +1 behind the start of an edge and -1 at its end; the running sum counts the edges above a position.
  const delta = new Int32Array(order.size + 1);
  const edge = (from: Value | Node, to: Value | Node): void => {
    const start = (order.get(from) as number) + 1;
    delta[start] = (delta[start] as number) + 1;
    const end = order.get(to) as number;
    delta[end] = (delta[end] as number) - 1;
  };
  for (const node of nodes) {
    for (const value of new Set(valuesRead(node).filter(onPath))) edge(value, node);
    for (const value of node.outputs.filter(onPath)) edge(node, value);
  }
  const above = new Int32Array(order.size);
  let sum = 0;
  for (let k = 0; k < order.size; k++) {
    sum += delta[k] as number;
    above[k] = sum;
  }
  return { nodes, values, over: new Map(values.map((v) => [v, above[order.get(v) as number] as number])) };
}

/** All cuts of a classifier. `shapes` must come from `measureShapes` of the same model. */
export function listCuts(model: Model, shapes: Shapes): CutList {
  const { graph } = model;
  const { nodes } = positions(graph);
  const output = graph.outputs[0];
  const separating = separatingValues(graph).filter((v) => v !== output);
  const named = nameCuts(separating);
  const rank = new Map(nodes.map((node, k) => [node, k]));
  const counts = parameterCounts(graph, nodes);
  const cuts: Cut[] = [];
  const ineligible: IneligibleCut[] = [];
  for (const { value, name, aliases } of named) {
    const measured = shapes.get(value.name);
    const reason = whyIneligible(measured);
    if (measured === undefined || reason !== null) {
      ineligible.push({ name, aliases, value, reason: reason ?? '' });
      continue;
    }
    const nodesLeft = value.producer === null ? 0 : (rank.get(value.producer) as number) + 1;
    cuts.push({
      index: cuts.length,
      name,
      aliases,
      value,
      dims: measured.dims,
      type: measured.type,
      nodesLeft,
      nodesRight: nodes.length - nodesLeft,
      parametersLeft: counts.before(nodesLeft),
      parametersRight: counts.from(nodesLeft),
    });
  }
  return { cuts, ineligible };
}

function whyIneligible(
  measured: { type: DataType; dims: readonly number[]; batchFirst: boolean } | undefined,
) {
  if (measured === undefined) return 'it is not a tensor';
  if (measured.type !== DataType.FLOAT) return `it is ${dataTypeName(measured.type)}; noise needs float32`;
  if (!measured.batchFirst)
    return `its first axis is not the batch (shape [${measured.dims.join(',')}] for one image)`;
  return null;
}

/** Sizes of the distinct floating-point constants behind the first `k` nodes, and behind the others. */
function parameterCounts(graph: Graph, nodes: readonly Node[]) {
  const dependent = inputDependent(graph);
  const known = new Map<Value, ReadonlySet<Value>>();
  const constantsBehind = (value: Value): ReadonlySet<Value> => {
    const found = known.get(value);
    if (found !== undefined) return found;
    const constants = new Set<Value>();
    known.set(value, constants);
    if (value.constant !== null) constants.add(value);
    else
      for (const v of value.producer ? valuesRead(value.producer) : [])
        for (const c of constantsBehind(v)) constants.add(c);
    return constants;
  };
  const floating: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];
  const readBy = nodes.map((node) => {
    const constants = new Set<Value>();
    for (const value of valuesRead(node).filter((v) => !dependent.has(v))) {
      for (const c of constantsBehind(value)) constants.add(c);
    }
    return constants;
  });
  const running = (list: readonly ReadonlySet<Value>[]): number[] => {
    const seen = new Set<Value>();
    let total = 0;
    return [
      0,
      ...list.map((constants) => {
        for (const c of constants) {
          if (!seen.has(c) && floating.includes(c.constant?.type ?? 0))
            total += sizeOf(c.constant?.dims ?? []);
          seen.add(c);
        }
        return total;
      }),
    ];
  };
  const forward = running(readBy);
  const backward = running([...readBy].reverse());
  return {
    before: (k: number): number => forward[k] ?? 0,
    from: (k: number): number => backward[nodes.length - k] ?? 0,
  };
}

/** The cut that a name, an alias or an index means. Throws UsageError listing the nearest names. */
export function findCut({ cuts, ineligible }: CutList, spec: string): Cut {
  const matches = (c: { name: string; aliases: readonly string[] }): boolean =>
    c.name === spec || c.aliases.includes(spec);
  const byName = cuts.find((c) => c.name === spec) ?? cuts.find(matches);
  const byIndex = /^\d+$/.test(spec) ? cuts[Number(spec)] : undefined;
  if (byName !== undefined && byIndex !== undefined && byName !== byIndex) {
    throw new UsageError({
      what: `the split "${spec}" is ambiguous`,
      why: `cut number ${spec} is '${byIndex.name}', and '${spec}' is also a name of '${byName.name}'`,
      remedy: `Use --split ${byIndex.name} or --split ${byName.name}.`,
    });
  }
  const found = byName ?? byIndex;
  if (found !== undefined) return found;
  const barred = ineligible.find(matches);
  const names = [...cuts, ...ineligible].flatMap((c) => [c.name, ...c.aliases]);
  throw new UsageError({
    what: barred === undefined ? `there is no cut "${spec}"` : `the network cannot be cut at "${spec}"`,
    why:
      barred === undefined
        ? 'a cut is a tensor through which every path from the input to the output passes'
        : barred.reason,
    remedy:
      barred === undefined
        ? `Nearest: ${nearNames(spec, [...new Set(names)]).join(', ')}. An index from 0 to ${cuts.length - 1} works too; inspect lists all.`
        : `Cut at ${nearestEligible(cuts, barred.value)}; inspect lists all cuts.`,
  });
}

function nearestEligible(cuts: readonly Cut[], value: Value): string {
  const at = value.producer?.index ?? 0;
  const distance = (c: Cut): number => Math.abs((c.value.producer?.index ?? -1) - at);
  return [...cuts].sort((a, b) => distance(a) - distance(b))[0]?.name ?? 'input';
}
