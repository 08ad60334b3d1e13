/** A batch size written into the file (b.3, 1 to 3). */
import { declaredOf } from '../../build-graph.ts';
import type { Check } from '../check.ts';

export const fixedBatch: Check = {
  id: 'SPLITZ023',
  name: 'fixed-batch',
  severity: 'note',
  title: 'The batch size is fixed.',
  why: 'the axis is made free where three rows together give what they give alone; else rows run one at a time, slowly',
  remedy: 'Export with a dynamic batch axis: dynamic_axes={"input": {0: "batch"}}, or dynamic_shapes.',
  run({ proto }) {
    const stored = new Set((proto.graph?.initializer ?? []).map((t) => t.name));
    return (proto.graph?.input ?? [])
      .filter((info) => !stored.has(info.name))
      .flatMap((info) => {
        const batch = declaredOf(info).shape?.[0];
        if (typeof batch !== 'number') return [];
        return [
          {
            where: `input '${info.name ?? ''}'`,
            what: `the input '${info.name ?? ''}' takes batches of ${batch}`,
          },
        ];
      });
  },
};
