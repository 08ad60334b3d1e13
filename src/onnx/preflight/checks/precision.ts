/** Numbers of fewer bits than float32: quantised networks and half precision. */
import { declaredOf } from '../../model/build-graph.ts';
import { DataType } from '../../model/data-type.ts';
import { inputDependent } from '../../model/dependence.ts';
import { describeNode } from '../../model/graph.ts';
import { mapTensors } from '../../model/map-tensors.ts';
import { allGraphs, allNodes, attributeOf, describeNodeProto, toNumber } from '../../model/proto.ts';
import type { Check } from '../check.ts';
import type { Subject } from '../subject.ts';

/** Operators that round to a grid, or compute on one. */
const quantises = (type: string): boolean =>
  /^(QuantizeLinear|DynamicQuantizeLinear|QLinear\w+|QGemm|QAttention|ConvInteger|MatMulInteger|DynamicQuantizeMatMul)$/.test(
    type,
  );

/** The first node that quantises something the input reaches, and how many there are; constants may be stored as int8. */
function quantisers({ graph, proto }: Subject): string[] {
  if (graph === null)
    return [...allNodes(proto)].filter((n) => quantises(n.opType ?? '')).map(describeNodeProto);
  const dependent = inputDependent(graph);
  return graph.nodes
    .filter((n) => quantises(n.opType) && n.outputs.some((v) => v !== null && dependent.has(v)))
    .map(describeNode);
}

export const quantised: Check = {
  id: 'SPLITZ019',
  name: 'quantised',
  severity: 'warning',
  title: 'The network is quantised.',
  why: 'a quantiser is a step function and has no Lipschitz constant; right of the cut it may be anything',
  remedy: 'Cut before the first quantiser; --split input always works.',
  run(subject) {
    const [first, ...more] = quantisers(subject);
    if (first === undefined) return [];
    return [
      {
        where: first,
        what: `${more.length + 1} quantising node${more.length === 0 ? '' : 's'}, first ${first}`,
      },
    ];
  },
};

const halfTypes: readonly number[] = [DataType.FLOAT16, DataType.BFLOAT16];

export const halfPrecision: Check = {
  id: 'SPLITZ020',
  name: 'half-precision',
  severity: 'note',
  title: 'The network computes in 16-bit floating point.',
  why: 'its logits carry rounding of three decimal digits; bounds are taken from the weights as they are stored',
  remedy:
    'Do nothing if the cut is float32; export a 16-bit input or output with keep_io_types=True or as float32.',
  run({ proto, name }) {
    let tensors = 0;
    mapTensors(proto, (tensor) => {
      if (halfTypes.includes(tensor.dataType ?? 0)) tensors++;
      return tensor;
    });
    const casts = [...allNodes(proto)].filter(
      (n) => n.opType === 'Cast' && halfTypes.includes(toNumber(attributeOf(n, 'to')?.i)),
    ).length;
    const ends = [...allGraphs(proto)]
      .slice(0, 1)
      .flatMap((graph) => [...(graph.input ?? []), ...(graph.output ?? [])])
      .filter((info) => !proto.graph?.initializer?.some((t) => t.name === info.name))
      .filter((info) => halfTypes.includes(declaredOf(info).type ?? 0))
      .map((info) => `'${info.name ?? ''}'`);
    if (tensors + casts + ends.length === 0) return [];
    const parts = [
      ...(tensors > 0 ? [`${tensors} tensor${tensors === 1 ? '' : 's'}`] : []),
      ...(casts > 0 ? [`${casts} Cast${casts === 1 ? '' : 's'}`] : []),
      ...(ends.length > 0 ? [`the ends ${ends.join(', ')}`] : []),
    ];
    return [
      {
        where: ends[0] ?? name,
        what: `${parts.join(', ')} of 16-bit floats`,
        ...(ends.length > 0 ? { severity: 'warning' as const } : {}),
      },
    ];
  },
};
