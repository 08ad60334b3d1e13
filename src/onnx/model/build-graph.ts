/**
 * The typed graph (graph.ts) of a GraphProto whose nodes are in topological order: values linked to their producer and
 * readers, constants decoded on demand, names captured by sub-graphs resolved. Refuses what has no meaning: a value
 * that is written twice, or never.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { type DataType, DataType as Types } from './data-type.ts';
import type { Attribute, Dim, Graph, Node, Tensor, Value } from './graph.ts';
import { modulePathOf } from './module-path.ts';
import {
  type AttributeProto,
  AttributeType,
  attributeOf,
  type DimensionProto,
  describeNodeProto,
  type GraphProto,
  type NodeProto,
  normalDomain,
  type TensorProto,
  toNumber,
  type ValueInfoProto,
} from './proto.ts';
import { sparseTensorOf, tensorOf } from './tensor.ts';
import { capturedNames } from './topological-order.ts';

interface MutableValue extends Value {
  producer: Node | null;
  consumers: Node[];
  constant: Tensor | null;
  declaredType: DataType | null;
  declaredShape: readonly Dim[] | null;
}

/** A length, a symbol, or null where the file says nothing (older exporters write 0 or -1 for "unknown"). */
export function dimOf(dim: DimensionProto): Dim {
  if (Object.hasOwn(dim, 'dimValue') && dim.dimValue !== null && dim.dimValue !== undefined) {
    const value = toNumber(dim.dimValue);
    return value > 0 ? value : null;
  }
  return dim.dimParam || null;
}

/** Declared type and shape of a value info; nulls for sequences, maps and absent types. */
export function declaredOf(info: ValueInfoProto): { type: DataType | null; shape: readonly Dim[] | null } {
  const tensor = info.type?.tensorType;
  if (!tensor) return { type: null, shape: null };
  return {
    type: tensor.elemType ? (tensor.elemType as DataType) : null,
    shape: tensor.shape ? (tensor.shape.dim ?? []).map(dimOf) : null,
  };
}

const utf8 = new TextDecoder();

/** An attribute that names its type but holds no string gets protobufjs's default, which is an empty array. */
const textOf = (bytes: Uint8Array | null | undefined): string => utf8.decode(Uint8Array.from(bytes ?? []));

/** INT64_MAX and its neighbours mean "to the end" (Slice): see Tensor.integers. */
function attributeInteger(value: number | Long): number {
  const number = toNumber(value);
  return Math.abs(number) >= 2 ** 62 ? Math.sign(number) * Number.MAX_SAFE_INTEGER : number;
}

function attributeValue(a: AttributeProto, where: string): Attribute {
  // IR version 1 and 2 had no type field; the content shows it.
  const type = a.type || inferredType(a);
  switch (type) {
    case AttributeType.FLOAT:
      return { kind: 'float', value: a.f ?? 0 };
    case AttributeType.INT:
      return { kind: 'int', value: attributeInteger(a.i ?? 0) };
    case AttributeType.STRING:
      return { kind: 'string', value: textOf(a.s) };
    case AttributeType.FLOATS:
      return { kind: 'floats', value: a.floats ?? [] };
    case AttributeType.INTS:
      return { kind: 'ints', value: (a.ints ?? []).map(attributeInteger) };
    case AttributeType.STRINGS:
      return { kind: 'strings', value: (a.strings ?? []).map(textOf) };
    case AttributeType.TENSOR:
      return { kind: 'tensor', value: tensorOf(a.t ?? {}, `attribute '${a.name ?? ''}' of ${where}`) };
    case AttributeType.GRAPH:
      return { kind: 'graph' };
    default:
      return { kind: 'other' };
  }
}

function inferredType(a: AttributeProto): number {
  if (a.t) return AttributeType.TENSOR;
  if (a.g) return AttributeType.GRAPH;
  if (a.ints?.length) return AttributeType.INTS;
  if (a.floats?.length) return AttributeType.FLOATS;
  if (a.strings?.length) return AttributeType.STRINGS;
  if (Object.hasOwn(a, 's')) return AttributeType.STRING;
  if (Object.hasOwn(a, 'i')) return AttributeType.INT;
  return Object.hasOwn(a, 'f') ? AttributeType.FLOAT : 0;
}

/** The value of a Constant node, whichever of its attributes holds it; null for strings. */
function constantOf(node: NodeProto): Tensor | null {
  const where = describeNodeProto(node);
  const numbers = (dataType: number, dims: number[], fields: Partial<TensorProto>): Tensor =>
    tensorOf({ dataType, dims, ...fields }, where);
  const [a] = node.attribute ?? [];
  const held = (name: string): AttributeProto | undefined => attributeOf(node, name);
  if (a === undefined) return null;
  if (held('value')?.t) return tensorOf(held('value')?.t ?? {}, where);
  const sparse = held('sparse_value')?.sparseTensor;
  if (sparse) return sparseTensorOf(sparse, where);
  if (held('value_float')) return numbers(Types.FLOAT, [], { floatData: [held('value_float')?.f ?? 0] });
  if (held('value_int')) return numbers(Types.INT64, [], { int64Data: [held('value_int')?.i ?? 0] });
  const floats = held('value_floats')?.floats;
  if (floats) return numbers(Types.FLOAT, [floats.length], { floatData: floats });
  const ints = held('value_ints')?.ints;
  if (ints) return numbers(Types.INT64, [ints.length], { int64Data: ints });
  return null;
}

/** Throws ModelRefused for dangling inputs, duplicated outputs and outputs that nothing computes. */
export function buildGraph(proto: GraphProto, opsets: ReadonlyMap<string, number>): Graph {
  const values = new Map<string, MutableValue>();
  const add = (name: string): MutableValue => {
    const value: MutableValue = {
      name,
      producer: null,
      consumers: [],
      constant: null,
      declaredType: null,
      declaredShape: null,
    };
    values.set(name, value);
    return value;
  };
  const addConstant = (name: string, tensor: Tensor): void => {
    if (values.has(name)) throw duplicate(name, 'an initializer');
    Object.assign(add(name), { constant: tensor, declaredType: tensor.type, declaredShape: tensor.dims });
  };
  for (const t of proto.initializer ?? []) {
    addConstant(t.name ?? '', tensorOf(t, `initializer '${t.name ?? ''}'`));
  }
  for (const t of proto.sparseInitializer ?? []) {
    addConstant(t.values?.name ?? '', sparseTensorOf(t, `sparse initializer '${t.values?.name ?? ''}'`));
  }
  const inputs: Value[] = [];
  for (const info of proto.input ?? []) {
    const name = info.name ?? '';
    if (values.get(name)?.constant) continue; // a weight that may be overridden: it has its default, we use it
    if (values.has(name)) throw duplicate(name, 'an input');
    inputs.push(add(name));
  }
  const nodes = (proto.node ?? []).map((node, index) => {
    const built = buildNode(node, index, values, opsets);
    for (const name of node.output ?? []) {
      if (name === '') continue;
      if (values.has(name)) throw duplicate(name, describeNodeProto(node));
      const value = add(name);
      value.producer = built;
      if (built.opType === 'Constant' && built.domain === '') value.constant = constantOf(node);
    }
    (built.outputs as (Value | null)[]).push(
      ...(node.output ?? []).map((name) => (name === '' ? null : (values.get(name) ?? null))),
    );
    return built;
  });
  for (const info of [...(proto.input ?? []), ...(proto.valueInfo ?? []), ...(proto.output ?? [])]) {
    const value = values.get(info.name ?? '');
    if (value === undefined || value.constant !== null) continue;
    const { type, shape } = declaredOf(info);
    value.declaredType ??= type;
    value.declaredShape ??= shape;
  }
  const outputs = (proto.output ?? []).map((info) => {
    const value = values.get(info.name ?? '');
    if (value !== undefined) return value;
    throw new ModelRefused({
      what: `the graph's output '${info.name ?? ''}' is not computed by any node`,
      remedy: 'Export the model again: the file is damaged or was edited wrongly.',
    });
  });
  return { nodes, inputs, outputs, values };
}

function buildNode(
  node: NodeProto,
  index: number,
  values: ReadonlyMap<string, MutableValue>,
  opsets: ReadonlyMap<string, number>,
): Node {
  const where = describeNodeProto(node);
  const read = (name: string): MutableValue => {
    const value = values.get(name);
    if (value !== undefined) return value;
    throw new ModelRefused({
      what: `${where} reads '${name}', which nothing in the graph provides`,
      where: `input '${name}'`,
      why: 'it is not a graph input, an initializer or the output of a node',
      remedy: 'Export the model again: the file is damaged or was edited wrongly.',
    });
  };
  const inputs = (node.input ?? []).map((name) => (name === '' ? null : read(name)));
  const captured = capturedNames(node).map(read);
  const domain = normalDomain(node.domain);
  const built: Node = {
    index,
    name: node.name ?? '',
    opType: node.opType ?? '',
    domain,
    opset: opsets.get(domain) ?? 0,
    inputs,
    outputs: [],
    captured,
    attributes: new Map((node.attribute ?? []).map((a) => [a.name ?? '', attributeValue(a, where)])),
    modulePath: modulePathOf(node),
  };
  for (const value of new Set([...inputs, ...captured])) value?.consumers.push(built);
  return built;
}

function duplicate(name: string, where: string): ModelRefused {
  return new ModelRefused({
    what: `the value '${name}' is defined twice`,
    where,
    why: 'ONNX graphs are in single assignment form: every name has one producer',
    remedy: 'Export the model again: the file is damaged or was edited wrongly.',
  });
}
