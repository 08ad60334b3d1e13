/**
 * Identity and Dropout (in inference: training mode is refused before) pass their input on. They are removed, and
 * readers of their output read their input, in sub-graphs too. One stays where its output is the network's, or where
 * Dropout's mask is read.
 */
import type { Model } from '../model/model.ts';
import { edited, type NodeProto, normalDomain } from '../model/proto.ts';
import { capturedNames, namesRead } from '../model/topological-order.ts';
import { freshNames, renamedNode } from './names.ts';
import type { Rewrite } from './rewrite.ts';

export const removeIdentities: Rewrite = {
  name: 'removing Identity and Dropout nodes',
  apply: ({ proto }: Model) => {
    const graph = proto.graph ?? {};
    const nodes = graph.node ?? [];
    const results = new Set((graph.output ?? []).map((info) => info.name ?? ''));
    const read = new Set(nodes.flatMap(namesRead));
    const sources = new Map<string, string>();
    const kept: NodeProto[] = [];
    // Topological order: the source of a chain of Identities is known when its end comes.
    for (const node of nodes) {
      const [output = '', ...further] = node.output ?? [];
      const input = node.input?.[0] ?? '';
      const hands =
        normalDomain(node.domain) === '' &&
        (node.opType === 'Identity' || node.opType === 'Dropout') &&
        input !== '' &&
        !results.has(output) &&
        !further.some((name) => read.has(name) || results.has(name));
      if (hands) sources.set(output, sources.get(input) ?? input);
      else kept.push(node);
    }
    if (sources.size === 0) return Promise.resolve(null);
    const fresh = freshNames(proto);
    const rewired = kept.map((node) => {
      if (!namesRead(node).some((name) => sources.has(name))) return node;
      if (capturedNames(node).length > 0)
        return edited(renamedNode(node, sources, fresh, 'inner'), { name: node.name ?? '' });
      return edited(node, { input: (node.input ?? []).map((name) => sources.get(name) ?? name) });
    });
    return Promise.resolve({
      proto: edited(proto, { graph: edited(graph, { node: rewired }) }),
      what: `${sources.size} Identity or Dropout node${sources.size === 1 ? '' : 's'} removed`,
    });
  },
};
