/** Operators from outside the ONNX standard. */
import { allNodes, normalDomain } from '../../model/proto.ts';
import type { Check } from '../check.ts';
import { listed } from '../finding.ts';

const standard = new Set(['', 'ai.onnx.ml', 'ai.onnx.preview.training', 'ai.onnx.training']);

export const customDomain: Check = {
  id: 'SPLITZ010',
  name: 'custom-domain',
  severity: 'warning',
  title: 'Operators from outside the ONNX standard.',
  why: 'their meaning is their author’s alone: they have no bound, and only a runtime that includes them can run them',
  remedy: 'Cut before them if the runtime knows them; otherwise export the network without them.',
  run({ proto }) {
    const local = new Set((proto.functions ?? []).map((f) => `${normalDomain(f.domain)}.${f.name ?? ''}`));
    const byDomain = new Map<string, Set<string>>();
    for (const node of allNodes(proto)) {
      const domain = normalDomain(node.domain);
      if (standard.has(domain) || local.has(`${domain}.${node.opType ?? ''}`)) continue;
      byDomain.set(domain, (byDomain.get(domain) ?? new Set()).add(node.opType ?? ''));
    }
    return [...byDomain].map(([domain, types]) => ({
      where: `domain ${domain}`,
      what: `${listed([...types].sort(), 'operator')} of the domain ${domain}`,
    }));
  },
};
