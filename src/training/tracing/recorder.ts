/**
 * An ONNX graph in the making (IR 8, opset 17). Values have known types and shapes. A node that was already recorded with
 * the same inputs and attributes is not recorded again, nor is a constant: what a step computes twice is computed once.
 */
import { createHash } from 'node:crypto';
import { encodeModel } from '../../onnx/model/codec.ts';
import { DataType } from '../../onnx/model/data-type.ts';
import { AttributeType, type ModelProto, type NodeProto, type TensorProto } from '../../onnx/model/proto.ts';
import { fuseBiases } from './fuse-biases.ts';
import type { Attributes, ElementType, RecordedNode, Value } from './recorded.ts';

/** A finished graph. */
export interface RecordedGraph {
  /** A ModelProto. */
  readonly bytes: Uint8Array;
  /** Names of the declared inputs that something depends on; the others are not in the graph. */
  readonly inputs: readonly string[];
  /** How many nodes of each operator type. */
  readonly nodes: ReadonlyMap<string, number>;
}

const DATA_TYPE = {
  float32: DataType.FLOAT,
  int32: DataType.INT32,
  int64: DataType.INT64,
  bool: DataType.BOOL,
} as const;

export class GraphRecorder {
  readonly #nodes: RecordedNode[] = [];
  readonly #known = new Map<string, readonly Value[]>();
  readonly #producers = new Map<Value, RecordedNode>();
  readonly #inputs: Value[] = [];
  readonly #constants = new Map<string, { readonly value: Value; readonly tensor: TensorProto }>();
  readonly #scalars = new Map<Value, number>();

  /** Declares a float32 input of the graph. */
  input(name: string, dims: readonly number[]): Value {
    const value: Value = { name, dims, type: 'float32' };
    this.#inputs.push(value);
    return value;
  }

  /** A tensor of known values, row-major. */
  constant(type: ElementType, dims: readonly number[], values: ArrayLike<number>): Value {
    const bytes = bytesOf(type, values);
    const key = `${type} ${dims} ${createHash('sha256').update(bytes).digest('base64')}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known.value;
    const value: Value = { name: `constant_${this.#constants.size}`, dims, type };
    const tensor = { name: value.name, dims: [...dims], dataType: DATA_TYPE[type], rawData: bytes };
    this.#constants.set(key, { value, tensor });
    if (values.length === 1) this.#scalars.set(value, Number(values[0]));
    return value;
  }

  /** A float32 scalar. */
  number(x: number): Value {
    return this.constant('float32', [], [x]);
  }

  /** An int64 vector: shapes, axes, positions. */
  integers(values: readonly number[]): Value {
    return this.constant('int64', [values.length], values);
  }

  /** The number behind a constant of one entry; null for everything else. */
  scalarOf(value: Value): number | null {
    return this.#scalars.get(value) ?? null;
  }

  /** The node that computes a value; null for inputs and constants. */
  producerOf(value: Value): RecordedNode | null {
    return this.#producers.get(value) ?? null;
  }

  /** Records a node of one output, of the first input's type when `type` is omitted. */
  node(
    op: string,
    inputs: readonly (Value | null)[],
    dims: readonly number[],
    attributes: Attributes = {},
    type: ElementType = inputs[0]?.type ?? 'float32',
  ): Value {
    return this.nodes(op, inputs, [{ dims, type }], attributes)[0] as Value;
  }

  /** Records a node of several outputs. */
  nodes(
    op: string,
    inputs: readonly (Value | null)[],
    outputs: readonly Omit<Value, 'name'>[],
    attributes: Attributes = {},
  ): readonly Value[] {
    const key = `${op}(${inputs.map((v) => v?.name ?? '').join(',')}) ${JSON.stringify(attributes)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const at = this.#nodes.length;
    const values = outputs.map((output, k) => ({ name: `${op}_${at}${k === 0 ? '' : `_${k}`}`, ...output }));
    const node: RecordedNode = { op, inputs, attributes, outputs: values };
    this.#nodes.push(node);
    this.#known.set(key, values);
    for (const value of values) this.#producers.set(value, node);
    return values;
  }

  /** The model that computes `outputs` (by the names they get), with nothing in it that they do not need. */
  finish(outputs: ReadonlyMap<string, Value>): RecordedGraph {
    // A value gets the output's name; one that is an input, a constant or an output already is copied.
    const renamed = new Map<string, string>();
    const copies: RecordedNode[] = [];
    for (const [name, value] of outputs) {
      if (this.#producers.has(value) && !renamed.has(value.name)) renamed.set(value.name, name);
      else copies.push({ op: 'Identity', inputs: [value], attributes: {}, outputs: [{ ...value, name }] });
    }
    const wanted = [...renamed.keys(), ...copies.flatMap((node) => node.outputs.map((v) => v.name))];
    const computed = needed([...this.#nodes, ...copies], wanted);
    const nodes = needed(fuseBiases(computed, wanted), wanted);
    const read = new Set(nodes.flatMap((node) => node.inputs.map((v) => v?.name)));
    const inputs = this.#inputs.filter((value) => read.has(value.name));
    const model: ModelProto = {
      irVersion: 8,
      producerName: 'splitz-onnx',
      opsetImport: [{ domain: '', version: 17 }],
      graph: {
        name: 'step',
        node: nodes.map((node) => nodeProto(node, read, renamed)),
        initializer: [...this.#constants.values()]
          .filter(({ value }) => read.has(value.name))
          .map(({ tensor }) => tensor),
        input: inputs.map((value) => valueInfo(value.name, value)),
        output: [...outputs].map(([name, value]) => valueInfo(name, value)),
      },
    };
    const counts = new Map<string, number>();
    for (const { op } of nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
    return { bytes: encodeModel(model), inputs: inputs.map((value) => value.name), nodes: counts };
  }
}

/** The nodes that the outputs depend on, in their order. */
function needed(nodes: readonly RecordedNode[], outputs: readonly string[]): RecordedNode[] {
  const wanted = new Set(outputs);
  const kept: RecordedNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((value) => wanted.has(value.name))) continue;
    for (const input of node.inputs) if (input !== null) wanted.add(input.name);
    kept.push(node);
  }
  return kept.reverse();
}

/** Unread indices are omitted: a MaxPool without them is faster. */
function nodeProto(
  node: RecordedNode,
  read: ReadonlySet<string | undefined>,
  renamed: ReadonlyMap<string, string>,
): NodeProto {
  const nameOf = ({ name }: Value): string => renamed.get(name) ?? name;
  const written =
    node.op === 'MaxPool' ? node.outputs.filter(({ name }, k) => k === 0 || read.has(name)) : node.outputs;
  return {
    opType: node.op,
    input: node.inputs.map((value) => (value === null ? '' : nameOf(value))),
    output: written.map(nameOf),
    attribute: Object.entries(node.attributes).map(([name, value]) => {
      if (typeof value === 'string')
        return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
      if (typeof value === 'number') return { name, type: AttributeType.INT, i: value };
      return { name, type: AttributeType.INTS, ints: [...value] };
    }),
  };
}

function valueInfo(name: string, { dims, type }: Value) {
  const shape = { dim: dims.map((dimValue) => ({ dimValue })) };
  return { name, type: { tensorType: { elemType: DATA_TYPE[type], shape } } };
}

function bytesOf(type: ElementType, values: ArrayLike<number>): Uint8Array {
  if (type === 'bool') return Uint8Array.from(values);
  const typed =
    type === 'float32'
      ? Float32Array.from(values)
      : type === 'int32'
        ? Int32Array.from(values)
        : BigInt64Array.from(Array.from(values, BigInt));
  return new Uint8Array(typed.buffer);
}
