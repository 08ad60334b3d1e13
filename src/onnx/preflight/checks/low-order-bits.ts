/**
 * Operators that take numbers apart: Floor, Ceil, Round, Mod, Sign, a Cast to integers, shifts and bit masks. With them a
 * network can look at the low-order bits of its input, and answer by what neither the eye nor a noise analysis sees
 * (Voracek & Hein 2023, "Sound randomized smoothing in floating-point arithmetics"). What is computed from shapes, from
 * quantised numbers or from decisions (ArgMax, comparisons) is not reported: those are steps that a reader sees.
 */

import { constantTensors } from '../../guards/determinism.ts';
import { DataType } from '../../model/data-type.ts';
import {
  attributeOf,
  describeNodeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  normalDomain,
  subgraphs,
  type TensorProto,
  toNumber,
} from '../../model/proto.ts';
import { namesRead } from '../../model/topological-order.ts';
import { withCallsExpanded } from '../../rewrites/inline-functions.ts';
import type { Check } from '../check.ts';
import { listed } from '../finding.ts';
import type { Subject } from '../subject.ts';

const TAKE_APART = new Set([
  ...['Floor', 'Ceil', 'Round', 'Mod', 'Sign'],
  ...['BitShift', 'BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'BitwiseNot'],
]);

const floating: readonly number[] = [
  ...[DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16],
  ...[DataType.FLOAT8E4M3FN, DataType.FLOAT8E4M3FNUZ, DataType.FLOAT8E5M2, DataType.FLOAT8E5M2FNUZ],
];

/**
 * Operators whose results are no longer numbers of the input's precision, with the places of those results (null: all): a
 * shape, a place, a decision, a step of a quantiser.
 */
const COARSE: ReadonlyMap<string, readonly number[] | null> = new Map([
  ...['Shape', 'Size', 'ArgMax', 'ArgMin', 'NonZero', 'QuantizeLinear'].map((type) => [type, null] as const),
  ...['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].map((type) => [type, null] as const),
  ...['IsNaN', 'IsInf', 'Hardmax'].map((type) => [type, null] as const),
  ['TopK', [1]],
  ['MaxPool', [1]],
  // Its scale is a number like any other.
  ['DynamicQuantizeLinear', [0, 2]],
  ['ai.onnx.ml.LinearClassifier', [0]],
  ['ai.onnx.ml.SVMClassifier', [0]],
  ['ai.onnx.ml.TreeEnsembleClassifier', [0]],
]);

/** 'ai.onnx.ml.LinearClassifier'; quantisers have the same name in the domain com.microsoft. */
function operatorOf({ domain, opType }: NodeProto): string {
  const its = normalDomain(domain);
  return its === '' || its === 'com.microsoft' ? (opType ?? '') : `${its}.${opType ?? ''}`;
}

/** The nodes that take apart numbers which come from the input as they are. */
function suspects({ proto, graph: opened }: Subject): string[] {
  // A refused model may call itself for ever.
  const { graph } = opened === null ? { graph: proto.graph } : withCallsExpanded({ proto }).proto;
  const constants = constantTensors(proto);
  const found: string[] = [];
  const walk = (inside: GraphProto, outside: ReadonlySet<string>): ReadonlySet<string> => {
    const fine = new Set(outside);
    for (const node of inside.node ?? []) {
      if (!namesRead(node).some((name) => fine.has(name))) continue;
      for (const each of subgraphs(node)) {
        const formals = (each.input ?? []).map(({ name }) => name ?? '');
        walk(each, new Set([...fine, ...formals]));
      }
      if (takesApart(node, fine, constants) && !isRejoined(node, inside)) found.push(describeNodeProto(node));
      const coarse = COARSE.get(operatorOf(node));
      if (coarse === null) continue;
      (node.output ?? []).forEach((name, place) => {
        if (name !== '' && coarse?.includes(place) !== true) fine.add(name);
      });
    }
    return fine;
  };
  walk(graph ?? {}, imageInputs(proto));
  return found;
}

/** Inputs of floats that are not weights. */
function imageInputs({ graph }: ModelProto): Set<string> {
  const stored = new Set((graph?.initializer ?? []).map(({ name }) => name));
  const images = (graph?.input ?? []).filter(
    ({ name, type }) => !stored.has(name) && floating.includes(type?.tensorType?.elemType ?? DataType.FLOAT),
  );
  return new Set(images.map(({ name }) => name ?? ''));
}

function takesApart(
  node: NodeProto,
  fine: ReadonlySet<string>,
  constants: ReadonlyMap<string, TensorProto>,
): boolean {
  if (normalDomain(node.domain) !== '') return false;
  const [data = '', like = ''] = node.input ?? [];
  if (node.opType === 'Cast')
    return fine.has(data) && !floating.includes(toNumber(attributeOf(node, 'to')?.i));
  // The type of a value that is computed is not known here, but for numbers of the input's precision.
  if (node.opType === 'CastLike')
    return fine.has(data) && !fine.has(like) && !floating.includes(constants.get(like)?.dataType ?? 0);
  return TAKE_APART.has(node.opType ?? '') && (node.input ?? []).some((name) => fine.has(name));
}

/** sign(v)·|v| is v, and so is PyTorch's sign(v)·relu(|v|), as it writes LPPool2d out. */
function isRejoined({ opType, input, output }: NodeProto, { node, output: results }: GraphProto): boolean {
  const [sign = ''] = output ?? [];
  if (opType !== 'Sign' || results?.some(({ name }) => name === sign)) return false;
  const nodes = node ?? [];
  const madeBy = (name: string, type: string): NodeProto | undefined =>
    nodes.find((n) => n.opType === type && normalDomain(n.domain) === '' && n.output?.[0] === name);
  return nodes
    .filter((reader) => namesRead(reader).includes(sign))
    .every((reader) => {
      const factor = reader.input?.find((name) => name !== sign) ?? '';
      const size = madeBy(madeBy(factor, 'Relu')?.input?.[0] ?? factor, 'Abs');
      return reader.opType === 'Mul' && size?.input?.[0] === input?.[0];
    });
}

export const lowOrderBits: Check = {
  id: 'SPLITZ029',
  name: 'low-order-bits',
  severity: 'warning',
  title: 'The network may look at low-order bits of its input.',
  why: 'such bits mean nothing in an image, and a network made to deceive can answer by them; an honest classifier has no reason to, unless it is a quantiser written out',
  remedy:
    'Ask the vendor what these nodes are for. Preparation of pixels (rounding, a clip to 0..255) belongs outside the model.',
  run(subject) {
    const names = suspects(subject);
    const [first] = names;
    if (first === undefined) return [];
    return [
      {
        where: first,
        what: `numbers computed from the image are rounded or taken apart in ${listed(names, 'node')}`,
      },
    ];
  },
};
