/**
 * An If whose condition is a constant is one of its branches (PyTorch's `squeeze` and `index` produce these). The
 * branch's nodes and weights move out, under new names; the outputs of the If are those of the branch.
 */
import { describeNode } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import {
  AttributeType,
  attributeOf,
  edited,
  type GraphProto,
  type NodeProto,
  normalDomain,
} from '../model/proto.ts';
import { definedNames, type FreshName, freshNames, renamedNode } from './names.ts';
import type { Rewrite } from './rewrite.ts';

export const resolveConditions: Rewrite = {
  name: 'resolving If with a constant condition',
  apply({ proto, graph: typed }: Model) {
    const graph = proto.graph ?? {};
    const fresh = freshNames(proto);
    const resolved: string[] = [];
    const node = (graph.node ?? []).flatMap((n, k) => {
      const its = typed.nodes[k];
      const condition = its?.inputs[0]?.constant;
      if (n.opType !== 'If' || normalDomain(n.domain) !== '' || its === undefined || !condition) return [n];
      const [taken] = condition.float64();
      const branch = attributeOf(n, taken ? 'then_branch' : 'else_branch')?.g;
      if (!branch || condition.float64().length !== 1 || branch.sparseInitializer?.length) return [n];
      resolved.push(describeNode(its));
      return movedOut(branch, n, fresh);
    });
    if (resolved.length === 0) return Promise.resolve(null);
    return Promise.resolve({
      proto: edited(proto, { graph: edited(graph, { node }) }),
      what: `${resolved.length} If node${resolved.length === 1 ? '' : 's'} with a constant condition resolved`,
    });
  },
};

function movedOut(branch: GraphProto, node: NodeProto, fresh: FreshName): NodeProto[] {
  const prefix = node.name || (node.output?.[0] ?? 'If');
  const names = new Map<string, string>();
  const made = new Set((branch.node ?? []).flatMap((n) => n.output ?? []));
  const copies: NodeProto[] = [];
  const returned = (branch.output ?? []).map((info) => info.name ?? '');
  returned.forEach((inner, k) => {
    const outer = node.output?.[k] ?? '';
    if (outer === '') return;
    if (made.has(inner) && !names.has(inner)) names.set(inner, outer);
    else copies.push({ name: '', opType: 'Identity', input: [inner], output: [outer] });
  });
  for (const name of definedNames(branch)) if (!names.has(name)) names.set(name, fresh(`${prefix}/${name}`));
  const weights = (branch.initializer ?? []).map(
    (t): NodeProto => ({
      name: '',
      opType: 'Constant',
      input: [],
      output: [names.get(t.name ?? '') ?? ''],
      attribute: [{ name: 'value', type: AttributeType.TENSOR, t }],
    }),
  );
  return [
    ...weights,
    ...(branch.node ?? []).map((n) => renamedNode(n, names, fresh, prefix)),
    ...copies.map((n) => edited(n, { input: (n.input ?? []).map((name) => names.get(name) ?? name) })),
  ];
}
