/** Operators that draw random numbers. */
import { randomNodes } from '../../guards/determinism.ts';
import { describeNodeProto } from '../../model/proto.ts';
import type { Check } from '../check.ts';
import { listed } from '../finding.ts';

export const nondeterminism: Check = {
  id: 'SPLITZ003',
  name: 'nondeterministic',
  severity: 'error',
  title: 'The network draws random numbers.',
  why: 'it gives a different answer each time, so there is no decision to certify',
  remedy: 'Export the network in evaluation mode, without its noise layers.',
  run({ proto }) {
    const names = [...randomNodes(proto)].map(describeNodeProto);
    return names.length === 0 ? [] : [{ where: names[0] ?? '', what: `${listed(names, 'random node')}` }];
  },
};
