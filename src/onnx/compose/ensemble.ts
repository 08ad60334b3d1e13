/**
 * Several networks as one whose scores are the weighted mean of theirs, and the proof that it computes that. What they have in common
 * stands in it once (graft.ts).
 */
import { ModelRefused } from '../../ground/errors.ts';
import { type PreparedClassifier, prepareClassifier } from '../intake/prepare-classifier.ts';
import { encodeModel } from '../model/codec.ts';
import { DataType } from '../model/data-type.ts';
import { tensorInfo, withInput } from '../model/extract.ts';
import type { Dim } from '../model/graph.ts';
import { type Model, modelOf } from '../model/model.ts';
import { edited, type NodeProto, type TensorProto, toNumber } from '../model/proto.ts';
import { checkRows } from '../runtime/check-rows.ts';
import { answersTo, differenceOf } from './answers.ts';
import { type Stock, stockOf } from './graft.ts';
import { flat, imports, joinedOpsets } from './insert.ts';
import { raisedTo } from './raise-opset.ts';

export interface Ensemble {
  readonly classifier: PreparedClassifier;
  /** What it was prepared from: this is written to a file. */
  readonly model: Model;
  /** Nodes of the further networks that the first one had already. */
  readonly shared: number;
  /** Largest difference between its scores and the mean of the parts', relative to their scale. */
  readonly largestDifference: number;
}

/**
 * @param members of the same images and classes, two or more
 * @param weights positive, one per member, with the sum 1
 * @throws ModelRefused where they cannot share a graph, or the whole is not the mean of its parts
 */
export async function ensembleOf(
  members: readonly PreparedClassifier[],
  weights: readonly number[],
): Promise<Ensemble> {
  const [first] = members;
  if (first === undefined) throw new RangeError('an ensemble has members');
  for (const member of members) requireSameClasses(first, member);
  const version = Math.max(...members.map(({ delivered }) => delivered.opsets.get('') ?? 0));
  const raised: Model[] = [];
  for (const { delivered } of members) raised.push(await raisedTo(await flat(delivered), version));
  const [base, ...others] = raised as [Model, ...Model[]];
  const stock = stockOf(base);
  const outputs = [
    base.graph.outputs[0]?.name ?? '',
    ...others.map((model, k) => stock.graft(model, `net${k + 2}`)),
  ];
  const batch = commonBatch(members);
  const proto = edited(base.proto, {
    graph: averaged(stock, outputs, weights, [batch, first.classes]),
    irVersion: Math.max(4, ...raised.map(({ proto }) => toNumber(proto.irVersion))),
    opsetImport: imports(others.reduce((all, model) => joinedOpsets(all, base.path, model), base.opsets)),
  });
  const joined = modelOf(proto, base);
  const [input] = joined.graph.inputs;
  if (input === undefined) throw new Error('a classifier has one input');
  const model = withInput(joined, input, [batch, ...(input.declaredShape ?? []).slice(1)]);
  const [channels = 1, rows = 1, columns = 1] = first.inputDims.slice(1);
  const classifier = await prepareClassifier(model, undefined, {
    ...{ layout: 'nchw', scale: 1, imageShape: [channels, rows, columns] },
  });
  const largestDifference = await proved(members, weights, classifier);
  return { classifier, model, shared: stock.shared, largestDifference };
}

function requireSameClasses(first: PreparedClassifier, member: PreparedClassifier): void {
  if (member.classes === first.classes) return;
  throw new ModelRefused({
    what: `the networks of an ensemble know as many classes: ${first.classes} and ${member.classes}`,
    where: `${first.source.path}, ${member.source.path}`,
    remedy: 'Name networks that were trained for the same classes in the same order.',
  });
}

/** The number of rows all take. Throws ModelRefused where two fix different ones. */
function commonBatch(members: readonly PreparedClassifier[]): Dim {
  const fixed = members.flatMap(({ delivered, source }) => {
    const [rows] = delivered.graph.inputs[0]?.declaredShape ?? [];
    return typeof rows === 'number' ? [{ rows, path: source.path }] : [];
  });
  const [one] = fixed;
  const other = fixed.find(({ rows }) => rows !== one?.rows);
  if (one === undefined) return 'batch';
  if (other === undefined) return one.rows;
  throw new ModelRefused({
    what: `one network takes batches of ${one.rows}, another of ${other.rows}`,
    where: `${one.path}, ${other.path}`,
    remedy: 'Export them with a dynamic batch axis: dynamic_axes={"input": {0: "batch"}}.',
  });
}

/** Σ_k w_k y_k behind everything, as [rows, classes]. */
function averaged(
  stock: Stock,
  outputs: readonly string[],
  weights: readonly number[],
  dims: readonly Dim[],
) {
  const nodes: NodeProto[] = [];
  const constants: TensorProto[] = [];
  const node = (opType: string, input: string[]): string => {
    const name = stock.fresh(`ensemble/${opType}`);
    nodes.push({ name, opType, input, output: [name], attribute: [] });
    return name;
  };
  const terms = outputs.map((output, k) => {
    const name = stock.fresh(`ensemble/weight${k + 1}`);
    constants.push({ name, dataType: DataType.FLOAT, dims: [], floatData: [weights[k] as number] });
    return node('Mul', [output, name]);
  });
  const sum = terms.reduce((total, term) => node('Add', [total, term]));
  const graph = stock.graph();
  return edited(graph, {
    node: [...(graph.node ?? []), ...nodes],
    initializer: [...(graph.initializer ?? []), ...constants],
    output: [tensorInfo(sum, DataType.FLOAT, dims)],
  });
}

const ROWS = 3;

/** Runs the parts and the whole on pixels in [0,1], and on some that noise has moved beyond. */
async function proved(
  members: readonly PreparedClassifier[],
  weights: readonly number[],
  whole: PreparedClassifier,
): Promise<number> {
  const dims = whole.inputDims.slice(1);
  const pixels = checkRows(
    ROWS,
    dims.reduce((a, b) => a * b, 1),
    4,
  );
  const images = [...pixels, ...pixels.map((row) => row.map((value) => 3 * value - 1))];
  const parts: Float32Array[][] = [];
  for (const { model, source } of members)
    parts.push(await answersTo(encodeModel(model.proto), source.path, images, dims));
  const actual = await answersTo(encodeModel(whole.model.proto), 'ensemble', images, dims);
  const [first = []] = parts;
  const means = first.map((own, k) =>
    Float64Array.from(own, (_, c) =>
      parts.reduce((sum, scores, m) => sum + (weights[m] as number) * (scores[k]?.[c] ?? Number.NaN), 0),
    ),
  );
  return differenceOf(
    means,
    actual,
    (why) =>
      new ModelRefused({
        what: 'the ensemble does not compute the mean of the scores of its networks',
        where: members.map(({ source }) => source.path).join(', '),
        why,
        remedy: 'Export all for the same operator set, and please report the files.',
      }),
  );
}
