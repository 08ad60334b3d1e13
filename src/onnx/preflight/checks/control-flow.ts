/** If, Loop and Scan. */
import { allNodes, describeNodeProto, normalDomain } from '../../model/proto.ts';
import type { Check } from '../check.ts';
import { listed } from '../finding.ts';

const types = new Set(['If', 'Loop', 'Scan', 'SequenceMap']);

export const controlFlow: Check = {
  id: 'SPLITZ014',
  name: 'control-flow',
  severity: 'warning',
  title: 'The network branches or loops.',
  why: 'what it computes may jump with the input: a node with a sub-graph has no bound and stays right of the cut',
  remedy: 'Cut before it. A constant condition is resolved, and finding SPLITZ028 reports it.',
  run({ proto }) {
    const names = [...allNodes(proto)]
      .filter((n) => normalDomain(n.domain) === '' && types.has(n.opType ?? ''))
      .map(describeNodeProto);
    return names.length === 0 ? [] : [{ where: names[0] ?? '', what: listed(names, 'node') }];
  },
};
