/** A batch size written into the file. */
import { declaredOf } from '../../model/build-graph.ts';
import type { Check } from '../check.ts';
import { bySeverity, type Finding, findingOf } from '../finding.ts';

export const fixedBatch: Check = {
  id: 'SPLITZ023',
  name: 'fixed-batch',
  severity: 'note',
  title: 'The batch size is fixed.',
  why: 'the axis is made free where three rows together give what they give alone, and no node can mix them; else rows run one at a time, slowly',
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

/**
 * The findings with what the graph, and running three rows together, showed: a batch that cannot be freed, or whose rows may
 * see each other, costs time.
 * @param reason why rows run one at a time (BatchedModel); null when they need not
 */
export function withBatchMeasured(
  findings: readonly Finding[],
  reason: string | null,
  input: string,
): readonly Finding[] {
  if (reason === null) return findings;
  const slow = findingOf(fixedBatch, {
    where: `input '${input}'`,
    what: `rows run one at a time: ${reason}`,
    severity: 'warning',
    why: 'the answers are right, but every draw of noise is a run of its own, several times slower',
    remedy:
      'Export with a dynamic batch axis (dynamic_axes={"input": {0: "batch"}}, or dynamic_shapes), and without nodes that work across it.',
  });
  return bySeverity([...findings.filter(({ id }) => id !== fixedBatch.id), slow]);
}
