/** Initializers that are graph inputs too: a caller may replace these weights. */
import { toNumber } from '../../model/proto.ts';
import type { Check } from '../check.ts';
import { listed } from '../finding.ts';

export const overridableWeights: Check = {
  id: 'SPLITZ008',
  name: 'overridable-weights',
  severity: 'warning',
  title: 'Weights can be overridden by the caller.',
  why: 'the certificate applies to the weights as stored; an application may feed others under the same digest',
  remedy: 'Take the initializers out of the graph inputs (torch: keep_initializers_as_inputs=False).',
  run({ proto }) {
    // Before IR version 4 every initializer had to be listed as an input, and ONNX Runtime treats them as constants.
    if (toNumber(proto.irVersion) < 4) return [];
    const inputs = new Set((proto.graph?.input ?? []).map((i) => i.name));
    const names = (proto.graph?.initializer ?? [])
      .filter((t) => inputs.has(t.name))
      .map((t) => `'${t.name}'`);
    return names.length === 0
      ? []
      : [
          {
            where: names[0] ?? '',
            what: `${listed(names, 'initializer')}, listed as input${names.length === 1 ? '' : 's'} too`,
          },
        ];
  },
};
