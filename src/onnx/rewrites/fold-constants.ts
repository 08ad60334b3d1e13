/**
 * What depends on constants only is computed once, by ONNX Runtime itself, and becomes a Constant: weights that are
 * transposed or cast, shapes put together from pieces, ranges, masks. Nothing is evaluated by rules of ours.
 *  1. A node is folded when all it reads is constant, its sub-graphs included.
 *  2. It stays when it is of another domain than ONNX's, draws random numbers, makes sequences or strings, or turns a
 *     quantised weight into floats (ONNX Runtime fuses that with the layer behind it, and the file would grow).
 *  3. A result that is larger than 64 KiB and than everything it is made of stays a computation.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { randomNodes } from '../guards/determinism.ts';
import { encodeModel } from '../model/codec.ts';
import {
  AttributeType,
  edited,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  normalDomain,
  subgraphs,
  type TensorProto,
} from '../model/proto.ts';
import { namesRead } from '../model/topological-order.ts';
import { type RuntimeTensor, withSession } from '../runtime/session.ts';
import type { Rewrite } from './rewrite.ts';

const LARGE = 65_536;

/** Quantised weights, and results that are not tensors of numbers. */
const LEFT_ALONE = new Set([
  ...['Constant', 'DequantizeLinear', 'QuantizeLinear', 'DynamicQuantizeLinear'],
  ...['SequenceConstruct', 'SequenceEmpty', 'SequenceInsert', 'SequenceErase', 'SequenceMap', 'SequenceAt'],
  ...['SequenceLength', 'ConcatFromSequence', 'SplitToSequence'],
  ...['Optional', 'OptionalGetElement', 'OptionalHasElement'],
  ...['StringConcat', 'StringNormalizer', 'StringSplit', 'RegexFullMatch', 'TfIdfVectorizer'],
]);

export const foldConstants: Rewrite = {
  name: 'folding constants',
  async apply({ proto, path }) {
    const graph = proto.graph ?? {};
    const inputs = new Set((graph.input ?? []).map((info) => info.name ?? ''));
    const stored = new Set([
      ...(graph.initializer ?? []).map((t) => t.name ?? ''),
      ...(graph.sparseInitializer ?? []).map((t) => t.values?.name ?? ''),
    ]);
    const folded = new Set<NodeProto>();
    const constant = new Set<string>(stored);
    for (const node of graph.node ?? []) {
      const isConstant = node.opType === 'Constant' && normalDomain(node.domain) === '';
      const foldable = isFoldable(node) && namesRead(node).every((name) => constant.has(name));
      if (!isConstant && !foldable) continue;
      if (foldable) folded.add(node);
      for (const name of node.output ?? []) if (name !== '') constant.add(name);
    }
    if (folded.size === 0) return null;

    const results = new Set((graph.output ?? []).map((info) => info.name ?? ''));
    const rest = (graph.node ?? []).filter((node) => !folded.has(node));
    const read = new Set([...rest.flatMap(namesRead), ...results]);
    const wanted = [...folded].flatMap((n) => n.output ?? []).filter((name) => name !== '' && read.has(name));
    const values = await evaluated(proto, graph, folded, wanted, path);

    const sizes = sizesOf(graph);
    const small = new Map<string, TensorProto>();
    for (const node of folded) {
      const from = namesRead(node).reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
      for (const name of node.output ?? []) {
        const value = values.get(name);
        // What is not read outside has no value here; its inputs' size stands for it.
        sizes.set(name, value?.bytes.length ?? from);
        if (value !== undefined && (value.bytes.length <= LARGE || value.bytes.length <= from))
          small.set(name, { name, dataType: value.type, dims: [...value.dims], rawData: value.bytes });
      }
    }
    const kept = neededFor(
      [...folded],
      wanted.filter((name) => !small.has(name)),
    );
    const gone = new Set([...folded].filter((node) => !kept.has(node)));
    if (gone.size === 0) return null;
    const stillComputed = new Set([...kept].flatMap((n) => n.output ?? []));
    const node = [
      ...[...small.values()].filter(({ name }) => !stillComputed.has(name ?? '')).map(constantNode),
      ...(graph.node ?? []).filter((n) => !gone.has(n)),
    ];
    const used = new Set([...node.flatMap(namesRead), ...results]);
    return {
      proto: edited(proto, {
        graph: edited(graph, {
          node,
          initializer: (graph.initializer ?? []).filter(
            ({ name }) => used.has(name ?? '') || inputs.has(name ?? ''),
          ),
          valueInfo: (graph.valueInfo ?? []).filter(({ name }) => !small.has(name ?? '')),
        }),
      }),
      what: `${gone.size} constant node${gone.size === 1 ? '' : 's'} folded`,
    };
  },
};

function isFoldable(node: NodeProto): boolean {
  if (normalDomain(node.domain) !== '' || LEFT_ALONE.has(node.opType ?? '')) return false;
  // A sub-graph may hold anything: If with a constant condition is resolved elsewhere, loops stay.
  return subgraphs(node).length === 0 && randomNodes({ graph: { node: [node] } }).next().done === true;
}

/** Bytes of the stored tensors by name, at least roughly: raw data, or four bytes a number. */
function sizesOf(graph: GraphProto): Map<string, number> {
  const size = (t: TensorProto): number =>
    t.rawData?.length ??
    4 * ((t.floatData?.length ?? 0) + (t.int32Data?.length ?? 0)) +
      8 * ((t.int64Data?.length ?? 0) + (t.doubleData?.length ?? 0));
  return new Map((graph.initializer ?? []).map((t) => [t.name ?? '', size(t)]));
}

/** The nodes among `nodes` (in topological order) that compute the named values. */
function neededFor(nodes: readonly NodeProto[], names: readonly string[]): ReadonlySet<NodeProto> {
  const needed = new Set(names);
  const kept = new Set<NodeProto>();
  for (const node of [...nodes].reverse()) {
    if (!(node.output ?? []).some((name) => needed.has(name))) continue;
    kept.add(node);
    for (const name of namesRead(node)) needed.add(name);
  }
  return kept;
}

type StoredValue = RuntimeTensor & { readonly bytes: Uint8Array };

/** The wanted values, as ONNX Runtime computes them; without those that are not tensors of plain numbers. */
async function evaluated(
  proto: ModelProto,
  graph: GraphProto,
  folded: ReadonlySet<NodeProto>,
  wanted: readonly string[],
  path: string,
): Promise<Map<string, StoredValue>> {
  if (wanted.length === 0) return new Map();
  const read = new Set([...folded].flatMap(namesRead));
  const isConstant = (n: NodeProto): boolean => n.opType === 'Constant' && normalDomain(n.domain) === '';
  const part = edited(graph, {
    node: (graph.node ?? []).filter(
      (n) => folded.has(n) || (isConstant(n) && n.output?.some((name) => read.has(name))),
    ),
    initializer: (graph.initializer ?? []).filter(({ name }) => read.has(name ?? '')),
    sparseInitializer: (graph.sparseInitializer ?? []).filter(({ values }) => read.has(values?.name ?? '')),
    // Below IR version 4 every initializer is an input, too.
    input: (graph.input ?? []).filter(
      ({ name }) => read.has(name ?? '') && graph.initializer?.some((t) => t.name === name),
    ),
    output: wanted.map((name) => ({ name })),
    valueInfo: [],
    quantizationAnnotation: [],
  });
  const results = await withSession(
    encodeModel(edited(proto, { graph: part, functions: [] })),
    `${path} (its constants)`,
    (session) => session.run(new Map()),
  );
  const found = new Map<string, StoredValue>();
  for (const [name, value] of results) {
    const { bytes } = value;
    if (bytes === null) {
      throw new ModelRefused({
        what: `the constant '${name}' cannot be stored`,
        where: path,
        why: 'ONNX Runtime returns it in a form that is not a plain tensor',
        remedy: 'Export the model with constants folded.',
      });
    }
    found.set(name, { ...value, bytes });
  }
  return found;
}

/** Legal in every IR version, unlike an initializer that is not an input. */
const constantNode = (t: TensorProto): NodeProto => ({
  name: '',
  opType: 'Constant',
  input: [],
  output: [t.name ?? ''],
  attribute: [{ name: 'value', type: AttributeType.TENSOR, t }],
});
