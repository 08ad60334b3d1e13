/** What comes out of the network: class scores, or something that must be chosen or taken apart first. */
import { declaredOf } from '../../model/build-graph.ts';
import { DataType } from '../../model/data-type.ts';
import { describeType } from '../../model/graph.ts';
import { type NodeProto, normalDomain, type ValueInfoProto } from '../../model/proto.ts';
import type { Check } from '../check.ts';
import { listed } from '../finding.ts';
import type { Subject } from '../subject.ts';

const outputsOf = ({ proto }: Subject): readonly ValueInfoProto[] => proto.graph?.output ?? [];

function describe(info: ValueInfoProto): string {
  const { type, shape } = declaredOf(info);
  const kind = info.type?.sequenceType
    ? 'sequence'
    : info.type?.mapType
      ? 'map'
      : info.type?.optionalType
        ? 'optional'
        : null;
  return `'${info.name ?? ''}' ${kind ?? describeType(type, shape)}`;
}

const isStructured = ({ type }: ValueInfoProto): boolean =>
  Boolean(type?.sequenceType || type?.mapType || type?.optionalType);

export const structuredOutput: Check = {
  id: 'SPLITZ015',
  name: 'structured-output',
  severity: 'warning',
  title: 'An output is a sequence, a map or an optional.',
  why: 'class scores are one tensor; this output cannot be smoothed',
  remedy: 'Export the class scores as a plain tensor (skl2onnx and WinMLTools: zipmap=False).',
  run(subject) {
    const names = outputsOf(subject).filter(isStructured).map(describe);
    return names.length === 0 ? [] : [{ where: `output ${names[0] ?? ''}`, what: listed(names, 'output') }];
  },
};

export const severalOutputs: Check = {
  id: 'SPLITZ016',
  name: 'several-outputs',
  severity: 'warning',
  title: 'The model has several outputs.',
  why: 'only one of them can be the class scores, and guessing which would certify something else',
  remedy: 'Say which one: --output NAME.',
  run(subject) {
    const outputs = outputsOf(subject);
    return outputs.length < 2
      ? []
      : [{ where: subject.name, what: listed(outputs.map(describe), 'output', 4) }];
  },
};

/** Integer and boolean types, and strings: labels, not scores. */
const labels: readonly number[] = [
  ...[DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64, DataType.STRING, DataType.BOOL],
  ...[DataType.UINT8, DataType.UINT16, DataType.UINT32, DataType.UINT64],
];

export const labelOnly: Check = {
  id: 'SPLITZ017',
  name: 'label-only',
  severity: 'error',
  title: 'The model outputs a label, not scores.',
  why: 'votes are counted on the class scores; a label alone has lost them',
  remedy: 'Export the scores before ArgMax as the output.',
  run(subject) {
    const outputs = outputsOf(subject);
    const all = outputs.length > 0 && outputs.every((o) => labels.includes(declaredOf(o).type ?? 0));
    return all
      ? [{ where: `output ${describe(outputs[0] ?? {})}`, what: listed(outputs.map(describe), 'output') }]
      : [];
  },
};

/** Nodes behind which the order of the scores is as before. */
const keepsOrder = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Cast']);

/** The last node of the graph behind an output that does more than reshape; from the messages, so on any graph. */
function lastNode(nodes: readonly NodeProto[], output: string): NodeProto | null {
  const producers = new Map(nodes.flatMap((n) => (n.output ?? []).map((name) => [name, n] as const)));
  let at = output;
  for (let steps = 0; steps <= nodes.length; steps++) {
    const node = producers.get(at);
    if (node === undefined) return null;
    if (!keepsOrder.has(node.opType ?? '') || normalDomain(node.domain) !== '') return node;
    at = node.input?.[0] ?? '';
  }
  return null;
}

export const softmaxAtEnd: Check = {
  id: 'SPLITZ018',
  name: 'softmax-at-end',
  severity: 'note',
  title: 'The network ends in Softmax or LogSoftmax.',
  why: 'harmless: votes are the largest score of each draw, and it keeps their order',
  remedy: 'Nothing.',
  run(subject) {
    const nodes = subject.proto.graph?.node ?? [];
    return outputsOf(subject).flatMap((output) => {
      const last = lastNode(nodes, output.name ?? '');
      if (last === null || !['Softmax', 'LogSoftmax'].includes(last.opType ?? '')) return [];
      return [
        {
          where: `output '${output.name ?? ''}'`,
          what: `the output '${output.name ?? ''}' is made by ${last.opType}`,
        },
      ];
    });
  },
};
