/**
 * The typed view of an ONNX graph: Model, Graph, Node, Value, Tensor. Built once by `load.ts` and read by every room
 * above; nothing here knows protobuf or mathematics.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { type DataType, dataTypeName } from './data-type.ts';

/** One axis of a declared shape: a length, a symbol ("batch"), or unknown. */
export type Dim = number | string | null;

/**
 * A constant tensor. `float64()` and `integers()` decode on demand (row-major) and remember nothing: weights are
 * large, and most of them are never read.
 */
export interface Tensor {
  readonly type: DataType;
  readonly dims: readonly number[];
  /** Values as float64, exact for every type up to float64 and 53-bit integers. Throws ModelRefused for strings. */
  float64(): Float64Array;
  /**
   * Values as integers. Throws ModelRefused when an element is not a safe integer; magnitudes of 2^62 and more, which
   * exporters write for "to the end" (INT64_MAX), become ±MAX_SAFE_INTEGER.
   */
  integers(): number[];
}

/** An attribute's value by its ONNX kind; sub-graphs of control flow stay opaque (`kind: 'graph'`). */
export type Attribute =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph' | 'other' };

/** One edge of the graph: a tensor with one producer (none for inputs and initializers) and any number of readers. */
export interface Value {
  readonly name: string;
  readonly producer: Node | null;
  readonly consumers: readonly Node[];
  /** Set for initializers and for outputs of Constant nodes: the value never depends on the input. */
  readonly constant: Tensor | null;
  /** As declared by the file, if it says so; `measureShapes` reports what ONNX Runtime actually produces. */
  readonly declaredType: DataType | null;
  readonly declaredShape: readonly Dim[] | null;
}

export interface Node {
  /** Position in `Graph.nodes`. */
  readonly index: number;
  /** As in the file; may be empty. */
  readonly name: string;
  readonly opType: string;
  /** '' for the default ONNX domain ("ai.onnx" is normalised to ''). */
  readonly domain: string;
  /** Version of the node's domain in the model's opset imports. */
  readonly opset: number;
  /** An omitted optional input is null. */
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly (Value | null)[];
  /** Values of the enclosing graph read by this node's sub-graphs (If, Loop, Scan); they count as inputs. */
  readonly captured: readonly Value[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** Dotted module path when the exporter recorded one ("layer1.0.conv1"), else null. */
  readonly modulePath: string | null;
}

export interface Graph {
  /** In topological order, whatever the order in the file. */
  readonly nodes: readonly Node[];
  /** Graph inputs that are not initializers. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Every value by name. */
  readonly values: ReadonlyMap<string, Value>;
}

/** "Conv node 'conv1/Conv'", or "Conv node #3 (output 'x')" when the file gives it no name. */
export function describeNode(node: Node): string {
  const operator = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`;
  if (node.name !== '') return `${operator} node '${node.name}'`;
  return `${operator} node #${node.index} (output '${node.outputs.find((v) => v !== null)?.name ?? ''}')`;
}

function attribute<K extends Attribute['kind']>(
  node: Node,
  name: string,
  kind: K,
): Extract<Attribute, { kind: K }> | null {
  const found = node.attributes.get(name);
  if (found === undefined) return null;
  if (found.kind !== kind) {
    throw new ModelRefused({
      what: `attribute '${name}' is of kind ${found.kind}, expected ${kind}`,
      where: describeNode(node),
      remedy: 'Export the model again; onnx.checker.check_model names such faults.',
    });
  }
  return found as Extract<Attribute, { kind: K }>;
}

/** Integer attribute, or the operator's default. Throws ModelRefused when the file stores another kind. */
export function intAttribute(node: Node, name: string, fallback: number): number {
  return attribute(node, name, 'int')?.value ?? fallback;
}

export function floatAttribute(node: Node, name: string, fallback: number): number {
  return attribute(node, name, 'float')?.value ?? fallback;
}

export function stringAttribute(node: Node, name: string, fallback: string): string {
  return attribute(node, name, 'string')?.value ?? fallback;
}

export function intsAttribute(node: Node, name: string): readonly number[] | null {
  return attribute(node, name, 'ints')?.value ?? null;
}

export function floatsAttribute(node: Node, name: string): readonly number[] | null {
  return attribute(node, name, 'floats')?.value ?? null;
}

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** "FLOAT[batch,3,32,32]", "?" where the file says nothing. */
export function describeType(type: DataType | null, shape: readonly Dim[] | null): string {
  const name = type === null ? '?' : dataTypeName(type);
  return shape === null ? name : `${name}[${shape.map((dim) => dim ?? '?').join(',')}]`;
}
