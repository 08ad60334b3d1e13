/**
 * Local functions are expanded where they are called, here and in ONNX Runtime; a few that call each other twice
 * expand to more nodes than memory can hold, and one that calls itself never ends. Both are refused before anything
 * expands, as is a call with more inputs or outputs than the function has.
 *
 * So is a function in a domain where ONNX Runtime has operators of its own: a function named like a standard operator
 * is the function to a reader of the file, but the operator to ONNX Runtime, which looks there first.
 */
import { ModelRefused } from '../../ground/errors.ts';
import {
  allNodes,
  describeNodeProto,
  type FunctionProto,
  type ModelProto,
  type NodeProto,
  normalDomain,
  subgraphs,
} from '../model/proto.ts';

/** Far beyond any network: ResNet-152 has 500 nodes, its functions expanded. */
const MOST_NODES = 100_000;
/** onnxscript's own functions call each other a few levels deep. */
const DEEPEST = 100;

/** Domains of operators that ONNX Runtime ships with. */
const OF_THE_RUNTIME = /^$|^ai\.onnx\b|^(?:com\.)?(?:microsoft|ms)\b|^org\.pytorch\b/u;

type Text = string | null | undefined;

export const functionKey = (domain: Text, name: Text, overload: Text): string =>
  JSON.stringify([normalDomain(domain), name ?? '', overload ?? '']);

/** What a call expands to. */
interface Expansion {
  readonly nodes: number;
  /** Calls within calls. */
  readonly levels: number;
}

/**
 * Throws ModelRefused for functions that call themselves, that expand to more nodes or deeper than those of any
 * classifier, or that stand in a domain of the runtime's own operators.
 */
export function checkFunctionCalls({ graph, functions }: ModelProto): void {
  if (!functions?.length) return;
  for (const { domain, name } of functions) {
    if (!OF_THE_RUNTIME.test(normalDomain(domain))) continue;
    throw new ModelRefused({
      what: `the file defines '${name}', an operator of domain '${normalDomain(domain) || 'ai.onnx'}', as a function of its own`,
      why: "ONNX Runtime runs its own operator of that name, whatever the file's function says, so the file is ambiguous",
      remedy: 'Export it again; functions belong in a domain of their own.',
    });
  }
  const byKey = new Map<string, FunctionProto>(
    functions.map((f) => [functionKey(f.domain, f.name, f.overload), f]),
  );
  for (const node of allNodes({ graph: graph ?? null, functions })) {
    const called = byKey.get(functionKey(node.domain, node.opType, node.overload));
    if (called !== undefined) checkOperands(node, called);
  }
  const known = new Map<string, Expansion>();
  const open = new Set<string>();
  const ofNodes = (nodes: readonly NodeProto[]): Expansion =>
    nodes
      .flatMap((node) => [
        ofCall(functionKey(node.domain, node.opType, node.overload)),
        ...subgraphs(node).map((g) => ofNodes(g.node ?? [])),
      ])
      .reduce((all, one) => ({ nodes: all.nodes + one.nodes, levels: Math.max(all.levels, one.levels) }), {
        nodes: 0,
        levels: 0,
      });
  const ofCall = (key: string): Expansion => {
    const called = byKey.get(key);
    if (called === undefined) return { nodes: 1, levels: 0 };
    const before = known.get(key);
    if (before !== undefined) return before;
    if (open.has(key)) {
      throw new ModelRefused({
        what: `the local function '${called.name ?? ''}' calls itself`,
        why: 'expanding it would never end',
        remedy: 'Get the file again from its author: it is damaged or hostile.',
      });
    }
    open.add(key);
    if (open.size > DEEPEST) throw tooDeep();
    const inside = ofNodes(called.node ?? []);
    open.delete(key);
    const expansion = { nodes: inside.nodes, levels: inside.levels + 1 };
    if (expansion.levels > DEEPEST) throw tooDeep();
    known.set(key, expansion);
    return expansion;
  };
  const { nodes: total } = ofNodes(graph?.node ?? []);
  if (total <= MOST_NODES) return;
  throw new ModelRefused({
    what: `the model's local functions expand to ${total < 1e6 ? total : total.toExponential(1)} nodes`,
    why: `more than ${MOST_NODES}, which no image classifier has, would exhaust the memory`,
    remedy:
      'Export the network without local functions, or get the file again: it may be damaged or hostile.',
  });
}

const tooDeep = (): ModelRefused =>
  new ModelRefused({
    what: `the model's local functions call each other more than ${DEEPEST} levels deep`,
    remedy:
      'Export the network without local functions, or get the file again: it may be damaged or hostile.',
  });

/** ONNX Runtime crashes on a call that passes more than the function takes (found by fuzzing). */
function checkOperands(call: NodeProto, called: FunctionProto): void {
  for (const side of ['input', 'output'] as const) {
    const [handed, taken] = [call[side]?.length ?? 0, called[side]?.length ?? 0];
    if (handed <= taken) continue;
    throw new ModelRefused({
      what: `${describeNodeProto(call)} has ${handed} ${side}s, the local function '${called.name ?? ''}' ${taken}`,
      why: 'a call may omit some, but cannot have more than the function',
      remedy: 'Export the model again: the file is damaged.',
    });
  }
}
