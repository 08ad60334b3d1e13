/**
 * Orders the nodes of a graph so that each comes after the producers of what it reads (Kahn's algorithm, stable: nodes
 * that are in order stay where they are), and names the nodes of a cycle when there is no such order.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { describeNodeProto, type GraphProto, type NodeProto, subgraphs } from './proto.ts';

/** Names of the enclosing graph that the sub-graphs of a node read. */
export function capturedNames(node: NodeProto): string[] {
  const captured = new Set<string>();
  for (const graph of subgraphs(node)) for (const name of freeNames(graph)) captured.add(name);
  return [...captured];
}

/** Names a graph reads or returns without defining them. */
function freeNames(graph: GraphProto): Set<string> {
  const defined = new Set<string>([
    ...(graph.input ?? []).map((v) => v.name ?? ''),
    ...(graph.initializer ?? []).map((t) => t.name ?? ''),
    ...(graph.sparseInitializer ?? []).map((t) => t.values?.name ?? ''),
    ...(graph.node ?? []).flatMap((n) => n.output ?? []),
  ]);
  const used = [
    ...(graph.node ?? []).flatMap((n) => [...(n.input ?? []), ...capturedNames(n)]),
    ...(graph.output ?? []).map((v) => v.name ?? ''),
  ];
  return new Set(used.filter((name) => name !== '' && !defined.has(name)));
}

/** Everything a node reads: its inputs and what its sub-graphs capture. */
export function namesRead(node: NodeProto): string[] {
  return [...(node.input ?? []).filter((name) => name !== ''), ...capturedNames(node)];
}

/** Throws ModelRefused naming the nodes when the graph has a cycle. */
export function topologicalOrder(nodes: readonly NodeProto[]): NodeProto[] {
  const producer = new Map<string, number>();
  nodes.forEach((node, k) => {
    for (const output of node.output ?? []) if (output !== '') producer.set(output, k);
  });
  const sources = nodes.map((node) => new Set(namesRead(node).flatMap((name) => producer.get(name) ?? [])));
  const missing = sources.map((s) => s.size);
  const readers: number[][] = nodes.map(() => []);
  sources.forEach((s, k) => {
    for (const p of s) readers[p]?.push(k);
  });
  const order: NodeProto[] = [];
  const done = new Set<number>();
  // A scan in file order per wave keeps ordered files as they are: one wave, nothing moves.
  let wave = nodes.map((_, k) => k);
  while (wave.length > 0) {
    const next: number[] = [];
    let progress = false;
    for (const k of wave) {
      if ((missing[k] ?? 0) > 0) {
        next.push(k);
        continue;
      }
      progress = true;
      done.add(k);
      order.push(nodes[k] as NodeProto);
      for (const reader of readers[k] ?? []) missing[reader] = (missing[reader] ?? 0) - 1;
    }
    if (!progress) throw cycle(nodes, next, sources, done);
    wave = next;
  }
  return order;
}

/** Walks backwards through what is left until a node repeats: that stretch is a cycle. */
function cycle(
  nodes: readonly NodeProto[],
  left: readonly number[],
  sources: readonly Set<number>[],
  done: ReadonlySet<number>,
): ModelRefused {
  const path: number[] = [];
  let at = left[0] as number;
  while (!path.includes(at)) {
    path.push(at);
    at = [...(sources[at] ?? [])].find((s) => !done.has(s)) ?? at;
  }
  const loop = path.slice(path.indexOf(at)).reverse();
  const names = loop.map((k) => describeNodeProto(nodes[k] as NodeProto));
  return new ModelRefused({
    what: `the graph has a cycle through ${names.slice(0, 6).join(' -> ')}${names.length > 6 ? ' -> …' : ''}`,
    why: 'an ONNX graph must be acyclic: there is no order in which its nodes could be computed',
    remedy: 'Export the model again: the file is damaged or was edited wrongly.',
  });
}
