/**
 * A right half that a graphics card is kept busy with: its batch comes in parts, each from another producer of noise, and the votes
 * are counted where the logits are, so that [classes + 1] integers come back instead of [batch, classes] logits.
 *
 * Only operators that the providers for graphics cards have kernels for. ArgMax is not among them: which of equal values it
 * takes is not documented on CUDA, and a row with a NaN has no class at all.
 */

import { decodeModel, encodeModel } from '../model/codec.ts';
import { DataType } from '../model/data-type.ts';
import { tensorInfo } from '../model/extract.ts';
import {
  type AttributeProto,
  edited,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  normalDomain,
  type TensorProto,
  toNumber,
  type ValueInfoProto,
} from '../model/proto.ts';
import { freshNames } from '../rewrites/names.ts';
import { int, ints } from '../rewrites/replace-nodes.ts';

export interface PipelinedModel {
  /**
   * Inputs, in this order: `parts` of the batch, [rows, ...latentDims] each, one after the other; weights, [batch, 1]: 1 for a row that
   * is counted, 0 for one that is not. Outputs: the logits, as before; counts, int32 [classes + 1].
   */
  readonly model: Uint8Array;
  /** The counting alone: logits [batch, classes] and weights [batch, 1] to counts. */
  readonly counting: Uint8Array;
}

/** Arithmetic broadcasts, and comparisons take float32. */
const OLDEST_OPSET = 9;
/** Initializers need not be inputs from here on. */
const FREE_INITIALIZERS = 4;

/**
 * @param model ONNX bytes: one float32 input [batch, ...latentDims], one float32 output of `classes` values a row
 * @returns null for operator sets older than 9, in which the counting cannot be said
 */
export function pipelined(model: Uint8Array, classes: number, parts: number): PipelinedModel | null {
  const proto = decodeModel(model);
  const opset = toNumber(proto.opsetImport?.find(({ domain }) => normalDomain(domain) === '')?.version);
  if (opset < OLDEST_OPSET) return null;
  const irVersion = Math.max(FREE_INITIALIZERS, toNumber(proto.irVersion));
  const graph = freed(proto.graph ?? {});
  const logits = graph.output?.[0]?.name ?? '';
  const fresh = freshNames(proto);
  const votes = votesOf(logits, classes, opset, fresh);
  const batch = inParts(graph, parts, fresh);
  return {
    model: encodeModel(
      edited(proto, {
        irVersion,
        graph: edited(graph, {
          input: [...batch.inputs, votes.weights],
          output: [...(graph.output ?? []), votes.counts],
          node: [...batch.nodes, ...(graph.node ?? []), ...votes.nodes],
          initializer: [...(graph.initializer ?? []), ...votes.initializers],
        }),
      }),
    ),
    counting: encodeModel(countingAlone(logits, classes, { opset, irVersion })),
  };
}

function countingAlone(
  logits: string,
  classes: number,
  { opset, irVersion }: { readonly opset: number; readonly irVersion: number },
): ModelProto {
  const taken = new Set(['', logits]);
  const fresh = (wanted: string): string => {
    let name = wanted;
    for (let k = 2; taken.has(name); k++) name = `${wanted}_${k}`;
    taken.add(name);
    return name;
  };
  const { weights, counts, nodes, initializers } = votesOf(logits, classes, opset, fresh);
  return {
    irVersion,
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'votes',
      input: [tensorInfo(logits, DataType.FLOAT, [null, classes]), weights],
      output: [counts],
      node: nodes,
      initializer: initializers,
    },
  };
}

/** Without weights among its inputs, and without declared shapes of what is inside. */
function freed(graph: GraphProto): GraphProto {
  const weights = new Set([
    ...(graph.initializer ?? []).map((t) => t.name ?? ''),
    ...(graph.sparseInitializer ?? []).map((t) => t.values?.name ?? ''),
  ]);
  return edited(graph, { input: (graph.input ?? []).filter(({ name }) => !weights.has(name ?? '')) });
}

/** The parts of a batch put together under the name that the graph reads. */
function inParts(
  graph: GraphProto,
  parts: number,
  fresh: (wanted: string) => string,
): { readonly inputs: ValueInfoProto[]; readonly nodes: NodeProto[] } {
  const [input] = graph.input ?? [];
  if (input === undefined) throw new Error('a right half has one input');
  if (parts === 1) return { inputs: [input], nodes: [] };
  const name = input.name ?? '';
  const dims = input.type?.tensorType?.shape?.dim ?? [];
  const inputs = Array.from({ length: parts }, (_, k) => ({
    name: fresh(`${name}/part-${k}`),
    type: { tensorType: { elemType: DataType.FLOAT, shape: { dim: [{}, ...dims.slice(1)] } } },
  }));
  const together = node(
    'Concat',
    fresh(`${name}/together`),
    inputs.map((part) => part.name),
    name,
    [int('axis', 0)],
  );
  return { inputs, nodes: [together] };
}

function node(
  opType: string,
  name: string,
  input: string[],
  output: string,
  attribute: AttributeProto[] = [],
): NodeProto {
  return { opType, name, input, output: [output], attribute };
}

interface Votes {
  readonly weights: ValueInfoProto;
  readonly counts: ValueInfoProto;
  readonly nodes: NodeProto[];
  readonly initializers: TensorProto[];
}

/**
 * Rows of weight 1, counted by the first of their largest logits; last, those with a logit that is NaN or infinite. As
 * smoothing/votes/vote-statistic.ts counts them. Sums of ones are exact in float32 for batches up to 2^24 rows.
 */
function votesOf(logits: string, classes: number, opset: number, fresh: (wanted: string) => string): Votes {
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [];
  const floats = (name: string, dims: number[], floatData: number[]): string => {
    const made = fresh(`votes/${name}`);
    initializers.push({ name: made, dims, dataType: DataType.FLOAT, floatData });
    return made;
  };
  const integers = (name: string, values: number[]): string => {
    const made = fresh(`votes/${name}`);
    initializers.push({ name: made, dims: [values.length], dataType: DataType.INT64, int64Data: values });
    return made;
  };
  const apply = (opType: string, input: string[], attribute: AttributeProto[] = []): string => {
    const output = fresh(`votes/${opType}`);
    nodes.push(node(opType, output, input, output, attribute));
    return output;
  };
  /** Axes are an attribute in older operator sets, an input in newer ones. */
  const reduce = (opType: string, x: string, axis: number, keep: number, since: number): string =>
    opset < since
      ? apply(opType, [x], [ints('axes', [axis]), int('keepdims', keep)])
      : apply(opType, [x, integers('axes', [axis])], [int('keepdims', keep)]);
  const float = (x: string): string => apply('Cast', [x], [int('to', DataType.FLOAT)]);
  const one = floats('one', [1], [1]);

  const weights = fresh('votes/weights');
  const rows = apply('Reshape', [logits, integers('shape', [-1, classes])]);
  // False for NaN too.
  const finite = float(apply('Less', [apply('Abs', [rows]), floats('infinity', [1], [Infinity])]));
  const whole = reduce('ReduceMin', finite, 1, 1, 18);
  const largest = reduce('ReduceMax', rows, 1, 1, 18);
  const isLargest = float(apply('Not', [apply('Less', [rows, largest])]));
  // Of several largest logits the first has the highest rank, and no two have the same.
  const ranks = floats(
    'ranks',
    [1, classes],
    Array.from({ length: classes }, (_, k) => classes - k),
  );
  const ranked = apply('Mul', [isLargest, ranks]);
  const first = float(apply('Not', [apply('Less', [ranked, reduce('ReduceMax', ranked, 1, 1, 18)])]));
  const votes = apply('Mul', [first, apply('Mul', [whole, weights])]);
  const lost = apply('Mul', [apply('Sub', [one, whole]), weights]);
  const each = apply('Concat', [votes, lost], [int('axis', 1)]);
  const counts = apply('Cast', [reduce('ReduceSum', each, 0, 0, 13)], [int('to', DataType.INT32)]);
  return {
    weights: tensorInfo(weights, DataType.FLOAT, [null, 1]),
    counts: tensorInfo(counts, DataType.INT32, [classes + 1]),
    nodes,
    initializers,
  };
}
