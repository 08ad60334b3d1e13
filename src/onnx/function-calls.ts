/**
 * Local functions are expanded where they are called, here and in ONNX Runtime; a few of them that call each other twice
 * make more nodes than any memory holds, and one that calls itself never ends. Both are refused before anything expands.
 */
import { ModelRefused } from '../errors.ts';
import { type FunctionProto, type ModelProto, type NodeProto, normalDomain, subgraphs } from './proto.ts';

/** Far beyond any network: ResNet-152 has 500 nodes, its functions expanded. */
const MOST_NODES = 100_000;

const keyOf = (domain: string | null | undefined, name: string | null | undefined): string =>
  `${normalDomain(domain)}:${name ?? ''}`;

/** Throws ModelRefused for functions that call themselves, or that expand to more nodes than any classifier has. */
export function checkFunctionCalls({ graph, functions }: ModelProto): void {
  if (!functions?.length) return;
  const byKey = new Map<string, FunctionProto>(functions.map((f) => [keyOf(f.domain, f.name), f]));
  const sizes = new Map<string, number>();
  const open = new Set<string>();
  const sizeOfNodes = (nodes: readonly NodeProto[]): number =>
    nodes.reduce((sum, node) => {
      const inside = subgraphs(node).reduce((s, g) => s + sizeOfNodes(g.node ?? []), 0);
      return sum + inside + sizeOfCall(keyOf(node.domain, node.opType));
    }, 0);
  const sizeOfCall = (key: string): number => {
    const called = byKey.get(key);
    if (called === undefined) return 1;
    const known = sizes.get(key);
    if (known !== undefined) return known;
    if (open.has(key)) {
      throw new ModelRefused({
        what: `the local function '${called.name ?? ''}' calls itself`,
        why: 'expanding it would never end',
        remedy: 'The file is damaged or hostile: get it again from its author.',
      });
    }
    open.add(key);
    const size = sizeOfNodes(called.node ?? []);
    sizes.set(key, size);
    return size;
  };
  const total = sizeOfNodes(graph?.node ?? []);
  if (total <= MOST_NODES) return;
  throw new ModelRefused({
    what: `the model's local functions expand to ${total < 1e6 ? total : total.toExponential(1)} nodes`,
    why: `more than ${MOST_NODES}, which no image classifier has, would fill the memory`,
    remedy: 'The file is damaged or hostile; or export the network without local functions.',
  });
}
