/**
 * Shapes that the network computes from its own tensors (Shape, Gather, Concat … in front of a Reshape) become constants
 * where they are: with one row always, with any number of rows as far as they do not count them. Else an edge from the
 * image to a late Reshape goes around every tensor between them, and none of these is a cut.
 *  1. What depends on the number of rows only, and not on the values of the image, is found by following the graph; an
 *     operator whose result's shape may depend on values (NonZero, a Slice up to a computed position) ends the search.
 *  2. ONNX Runtime computes it for 1, 2, 3 and 5 rows. What is always the same is a constant.
 *  3. The target of a Reshape is the shape that its result has, with -1 where that counts the rows.
 *  4. What is the same for every row (a class token, a mask) is stored once. Where rows must be counted all the same, in a
 *     Concat, they are counted on a tensor that the Concat reads anyway.
 */

import { randomNodes } from '../guards/determinism.ts';
import { hasFreeBatch, rowDimsOf } from '../intake/batch.ts';
import { encodeModel } from '../model/codec.ts';
import { DataType } from '../model/data-type.ts';
import { extract } from '../model/extract.ts';
import { type Graph, type Node, sizeOf, type Value } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import { AttributeType, edited, type NodeProto, type TensorProto } from '../model/proto.ts';
import { checkRows } from '../runtime/check-rows.ts';
import { type RuntimeTensor, withSession } from '../runtime/session.ts';
import { type FreshName, freshNames } from './names.ts';
import type { Rewrite } from './rewrite.ts';

const ROWS = [1, 2, 3, 5];

/** The result's shape follows from the operands' shapes alone. */
const SHAPED_BY_SHAPES = new Set([
  ...[
    'Abs',
    'Add',
    'And',
    'Cast',
    'Ceil',
    'Celu',
    'Clip',
    'Cos',
    'Div',
    'Elu',
    'Equal',
    'Erf',
    'Exp',
    'Floor',
  ],
  ...['Gelu', 'Greater', 'GreaterOrEqual', 'HardSigmoid', 'HardSwish', 'Identity', 'LeakyRelu', 'Less'],
  ...['LessOrEqual', 'Log', 'Max', 'Mean', 'Min', 'Mish', 'Mod', 'Mul', 'Neg', 'Not', 'Or', 'PRelu', 'Pow'],
  ...['Reciprocal', 'Relu', 'Round', 'Selu', 'Sigmoid', 'Sign', 'Sin', 'Softplus', 'Softsign', 'Sqrt', 'Sub'],
  ...['Sum', 'Swish', 'Tan', 'Tanh', 'ThresholdedRelu', 'Where', 'Xor'],
  ...[
    'AveragePool',
    'BatchNormalization',
    'Concat',
    'Conv',
    'ConvTranspose',
    'DepthToSpace',
    'Dropout',
    'Einsum',
  ],
  ...['Flatten', 'Gather', 'Gemm', 'GlobalAveragePool', 'GlobalMaxPool', 'GroupNormalization'],
  ...[
    'InstanceNormalization',
    'LRN',
    'LayerNormalization',
    'LogSoftmax',
    'LpNormalization',
    'MatMul',
    'MaxPool',
  ],
  ...['RMSNormalization', 'Softmax', 'SpaceToDepth', 'Transpose'],
]);
/** As long as all operands but the first are constant, or shapes themselves. */
const SHAPED_BY_OTHERS = new Set([
  ...[
    'Expand',
    'Pad',
    'ReduceL1',
    'ReduceL2',
    'ReduceMax',
    'ReduceMean',
    'ReduceMin',
    'ReduceSum',
    'Reshape',
  ],
  ...['Resize', 'Slice', 'Split', 'Squeeze', 'Tile', 'TopK', 'Unsqueeze'],
]);

/** What a value depends on; 'free' is an image-dependent value whose shape may depend on the image, too. */
type Dependence = 'constant' | 'rows' | 'image' | 'free';

/** Their operands are broadcast: one row serves all. */
const BROADCASTING = new Set(['Add', 'Sub', 'Mul', 'Div', 'Where']);

export const foldShapes: Rewrite = {
  name: 'folding shapes',
  async apply(model) {
    const kinds = dependences(model.graph);
    const uses = usesOf(model.graph, kinds);
    if (uses.length === 0) return null;
    const measured = await measure(model, uses, kinds);
    const fresh = freshNames(model.proto);
    const added = new Map<Node, NodeProto[]>();
    const renamed = new Map<string, string>();
    for (const use of uses) {
      const nodes = replacement(use, measured, kinds, fresh);
      if (nodes === null) continue;
      added.set(use.reader, [...(added.get(use.reader) ?? []), ...nodes]);
      renamed.set(placeOf(use.reader.index, use.position), nodes.at(-1)?.output?.[0] ?? '');
    }
    if (renamed.size === 0) return null;
    const graph = model.proto.graph ?? {};
    const node = (graph.node ?? []).flatMap((n, index) => {
      const input = (n.input ?? []).map((name, at) => renamed.get(placeOf(index, at)) ?? name);
      const before = added.get(model.graph.nodes[index] as Node) ?? [];
      return [...before, edited(n, { input })];
    });
    return {
      proto: edited(model.proto, { graph: edited(graph, { node }) }),
      what: `${renamed.size} computed shape${renamed.size === 1 ? '' : 's'} folded`,
    };
  },
};

const placeOf = (node: number, position: number): string => `${node} ${position}`;

/** Rule 1, for every value. */
function dependences(graph: Graph): ReadonlyMap<Value, Dependence> {
  const kinds = new Map<Value, Dependence>();
  for (const value of graph.values.values()) if (value.constant !== null) kinds.set(value, 'constant');
  for (const value of graph.inputs) kinds.set(value, 'image');
  for (const node of graph.nodes) {
    const kind = dependenceOf(node, (value) => kinds.get(value) ?? 'constant');
    for (const output of node.outputs)
      if (output !== null && output.constant === null) kinds.set(output, kind);
  }
  return kinds;
}

function dependenceOf(node: Node, kindOf: (value: Value) => Dependence): Dependence {
  const operands = node.inputs.map((value) => (value === null ? 'constant' : kindOf(value)));
  const captured = node.captured.map(kindOf);
  const all = new Set([...operands, ...captured]);
  const opaque = node.domain !== '' || [...node.attributes.values()].some(({ kind }) => kind === 'graph');
  const image = all.has('image') || all.has('free');
  if (!image && !all.has('rows')) return 'constant';
  if (opaque || all.has('free')) return 'free';
  if (node.opType === 'Shape' || node.opType === 'Size') return 'rows';
  const random = !randomNodes({ graph: { node: [{ opType: node.opType }] } }).next().done;
  if (!image) return random ? 'free' : 'rows';
  if (SHAPED_BY_SHAPES.has(node.opType)) return 'image';
  const others = operands.slice(1);
  return SHAPED_BY_OTHERS.has(node.opType) && !others.includes('image') ? 'image' : 'free';
}

/** A value that depends on the number of rows only, read by a node that depends on the image. */
interface Use {
  readonly value: Value;
  readonly reader: Node;
  readonly position: number;
}

function usesOf(graph: Graph, kinds: ReadonlyMap<Value, Dependence>): Use[] {
  const onImage = (value: Value | null): boolean =>
    value !== null && ['image', 'free'].includes(kinds.get(value) ?? 'constant');
  return graph.nodes.flatMap((reader) =>
    reader.outputs.some(onImage)
      ? reader.inputs.flatMap((value, position) =>
          value !== null && kinds.get(value) === 'rows' ? [{ value, reader, position }] : [],
        )
      : [],
  );
}

/** Per number of rows: the values of the uses, and the operands and results of the nodes that use them. */
type Measured = readonly { readonly rows: number; readonly values: ReadonlyMap<string, RuntimeTensor> }[];

const imageOperands = (reader: Node, kinds: ReadonlyMap<Value, Dependence>): Value[] =>
  reader.inputs.filter((v): v is Value => v !== null && kinds.get(v) === 'image');

async function measure(
  model: Model,
  uses: readonly Use[],
  kinds: ReadonlyMap<Value, Dependence>,
): Promise<Measured> {
  const names = new Set<string>();
  for (const { value, reader } of uses) {
    names.add(value.name);
    if (reader.opType === 'Reshape') names.add(reader.outputs[0]?.name ?? '');
    else for (const operand of imageOperands(reader, kinds)) names.add(operand.name);
  }
  const input = model.graph.inputs[0];
  const info = model.proto.graph?.input?.find(({ name }) => name === input?.name);
  if (input === undefined || info === undefined) throw new Error('a classifier has one input');
  const dims = rowDimsOf(model);
  const declared = input.declaredShape?.[0];
  const counts = hasFreeBatch(model) ? ROWS : [typeof declared === 'number' ? declared : 1];
  names.delete(input.name);
  const part = extract(
    model,
    [info],
    [...names].map((name) => ({ name })),
  );
  const bytes = encodeModel(edited(part, { graph: edited(part.graph ?? {}, { valueInfo: [] }) }));
  return withSession(bytes, model.path, async (session) => {
    const found: { rows: number; values: ReadonlyMap<string, RuntimeTensor> }[] = [];
    for (const rows of counts) {
      const data = new Float32Array(rows * sizeOf(dims));
      checkRows(rows, sizeOf(dims), 6).forEach((row, k) => {
        data.set(row, k * row.length);
      });
      const image = { data, dims: [rows, ...dims] };
      const values = new Map(await session.run(new Map([[input.name, image]])));
      values.set(input.name, { type: DataType.FLOAT, dims: image.dims, float32: data, bytes: null });
      found.push({ rows, values });
    }
    return found;
  });
}

/** The nodes whose last one gives what the use reads, and does not go around other tensors; null where there are none. */
function replacement(
  { value, reader, position }: Use,
  measured: Measured,
  kinds: ReadonlyMap<Value, Dependence>,
  fresh: FreshName,
): NodeProto[] | null {
  const name = (what: string): string => fresh(`${value.name}/${what}`);
  const runs = measured.map(({ rows, values }) => ({ rows, values, tensor: values.get(value.name) }));
  const [first] = runs;
  if (first?.tensor?.bytes == null) return null;
  const { type, dims, bytes } = first.tensor;
  const stored: TensorProto = { dataType: type, dims: [...dims], rawData: bytes };

  if (
    runs.every(({ tensor }) => tensor?.bytes && sameDims(tensor.dims, dims) && sameBytes(tensor.bytes, bytes))
  )
    return [constantNode(name('folded'), stored)];
  if (reader.opType === 'Reshape' && position === 1) {
    const target = targetOf(runs.map(({ values }) => values.get(reader.outputs[0]?.name ?? '')?.dims ?? []));
    return target && [constantNode(name('folded'), integers(target))];
  }
  const [one, ...rest] = dims;
  const perRow = runs.every(
    ({ rows, tensor }) =>
      tensor?.bytes && sameDims(tensor.dims, [rows, ...rest]) && repeats(tensor.bytes, bytes),
  );
  if (!perRow || one !== 1) return null;
  const counted = imageOperands(reader, kinds).find((operand) =>
    runs.every(({ rows, values }) => {
      const its = values.get(operand.name)?.dims;
      return its?.length === dims.length && its[0] === rows;
    }),
  );
  if (counted === undefined) return null;
  const row = constantNode(name('row'), stored);
  if (BROADCASTING.has(reader.opType)) return [row];
  if (reader.opType !== 'Concat' || reader.opset < EXPAND_OPSET || countedOn(value, kinds, reader))
    return null;
  return [row, ...repeated(row.output?.[0] ?? '', counted.name, rest, name)];
}

/** Expand exists from here on. */
const EXPAND_OPSET = 8;

/** `row` [1, ...rest], once for every row of the tensor `like`. */
function repeated(
  row: string,
  like: string,
  rest: readonly number[],
  name: (what: string) => string,
): NodeProto[] {
  const [shape, first, rows, others, dims, all] = ['shape', 'first', 'rows', 'others', 'dims', 'all'].map(
    name,
  );
  const step = (opType: string, input: (string | undefined)[], output: string | undefined): NodeProto => ({
    name: '',
    opType,
    input: input.map((i) => i ?? ''),
    output: [output ?? ''],
  });
  return [
    constantNode(first ?? '', integers([0])),
    constantNode(others ?? '', integers(rest)),
    step('Shape', [like], shape),
    step('Gather', [shape, first], rows),
    edited(step('Concat', [rows, others], dims), {
      attribute: [{ name: 'axis', type: AttributeType.INT, i: 0 }],
    }),
    step('Expand', [row, dims], all),
  ];
}

/** What `repeated` writes: a value made of these is not rewritten again. */
const REPEATING = new Set(['Shape', 'Gather', 'Concat', 'Expand']);

/** Whether all rows that `value` counts are counted as `repeated` does it, on operands of the reader. */
function countedOn(value: Value, kinds: ReadonlyMap<Value, Dependence>, reader: Node): boolean {
  const behind = new Set([value]);
  // A set also yields what is added during the iteration.
  for (const each of behind)
    if (kinds.get(each) === 'rows')
      for (const v of each.producer?.inputs ?? []) if (v !== null) behind.add(v);
  return [...behind].every((v) => {
    const kind = kinds.get(v);
    if (kind === 'rows') return REPEATING.has(v.producer?.opType ?? '');
    return kind === 'constant' || reader.inputs.includes(v);
  });
}

/** The target of a Reshape whose results have these shapes; null where more than one length counts rows. */
function targetOf(shapes: readonly (readonly number[])[]): number[] | null {
  const [first = []] = shapes;
  if (shapes.some((shape) => shape.length !== first.length || shape.includes(0))) return null;
  const target = first.map((length, axis) => (shapes.every((shape) => shape[axis] === length) ? length : -1));
  return target.filter((length) => length === -1).length > 1 ? null : target;
}

const sameDims = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((length, axis) => length === b[axis]);

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, k) => byte === b[k]);

/** Whether `bytes` is `row` again and again. */
const repeats = (bytes: Uint8Array, row: Uint8Array): boolean =>
  row.length > 0 && bytes.every((byte, k) => byte === row[k % row.length]);

const integers = (values: readonly number[]): TensorProto => ({
  dataType: DataType.INT64,
  dims: [values.length],
  int64Data: [...values],
});

const constantNode = (name: string, t: TensorProto): NodeProto => ({
  name: '',
  opType: 'Constant',
  input: [],
  output: [name],
  attribute: [{ name: 'value', type: AttributeType.TENSOR, t: { ...t, name } }],
});
