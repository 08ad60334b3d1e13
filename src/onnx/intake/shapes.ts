/**
 * Shapes and types as ONNX Runtime actually produces them: every value between input and output is made an output of
 * the model, and the model is run on one row, then on three. No inference rules of ours, no trust in declared shapes.
 */

import { encodeModel } from '../model/codec.ts';
import type { DataType } from '../model/data-type.ts';
import { inputDependent, outputAncestors } from '../model/dependence.ts';
import { sizeOf } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import { edited } from '../model/proto.ts';
import { checkRows } from '../runtime/check-rows.ts';
import { type RuntimeTensor, withSession } from '../runtime/session.ts';
import type { BatchedModel } from './batch.ts';
import { rowDimsOf } from './batch.ts';

export interface MeasuredValue {
  readonly type: DataType;
  /** At batch 1. */
  readonly dims: readonly number[];
  /**
   * True when axis 0 counts the rows of the batch: it is 1 for one row and 3 for three, all else equal. For a model that
   * runs one row at a time this cannot be tested; then it says whether axis 0 has length 1.
   */
  readonly batchFirst: boolean;
}

/** By value name. Values that are not tensors (sequences, maps) are missing. */
export type Shapes = ReadonlyMap<string, MeasuredValue>;

/** Their results are sequences, maps or optionals, which the JavaScript binding cannot return. */
const notTensors = new Set([
  ...[
    'SequenceConstruct',
    'SequenceEmpty',
    'SequenceInsert',
    'SequenceErase',
    'SequenceMap',
    'SplitToSequence',
  ],
  ...['Optional', 'ZipMap'],
]);

/** Values in the first session; then as many more as fit in `chunkBytes`, judged by those measured so far. */
const firstChunk = 32;
const chunkBytes = 2 ** 27;

/** Throws ModelRefused when ONNX Runtime cannot run the model. */
export async function measureShapes({
  model,
  batchable,
}: Pick<BatchedModel, 'model' | 'batchable'>): Promise<Shapes> {
  const dependent = inputDependent(model.graph);
  const needed = outputAncestors(model.graph);
  const input = model.graph.inputs[0];
  if (input === undefined) throw new Error('a classifier has one input');
  const names = [...model.graph.values.values()]
    .filter(
      (v) => dependent.has(v) && needed.has(v) && v.producer !== null && !notTensors.has(v.producer.opType),
    )
    .map((v) => v.name);
  const rowDims = rowDimsOf(model);
  const shapes = new Map<string, MeasuredValue>([
    [input.name, { type: input.declaredType as DataType, dims: [1, ...rowDims], batchFirst: true }],
  ]);
  let bytes = 0;
  for (let k = 0, next = firstChunk; k < names.length; ) {
    const chunk = names.slice(k, k + next);
    bytes += await measure(model, chunk, rowDims, batchable, shapes);
    k += chunk.length;
    next = Math.max(1, Math.floor((chunkBytes * k) / Math.max(1, bytes)));
  }
  return shapes;
}

/** @returns bytes that the values took, for one row and for three */
async function measure(
  model: Model,
  names: readonly string[],
  rowDims: readonly number[],
  batchable: boolean,
  shapes: Map<string, MeasuredValue>,
): Promise<number> {
  const graph = model.proto.graph ?? {};
  const declared = new Map((graph.output ?? []).map((o) => [o.name ?? '', o]));
  const output = names.map((name) => declared.get(name) ?? { name });
  const bytes = encodeModel(edited(model.proto, { graph: edited(graph, { output, valueInfo: [] }) }));
  return withSession(bytes, model.path, async (session) => {
    const run = (count: number) => {
      const data = new Float32Array(count * sizeOf(rowDims));
      checkRows(count, sizeOf(rowDims)).forEach((row, k) => {
        data.set(row, k * row.length);
      });
      return session.run(new Map([[model.graph.inputs[0]?.name ?? '', { data, dims: [count, ...rowDims] }]]));
    };
    const one = await run(1);
    const three = batchable ? await run(3) : null;
    let taken = 0;
    for (const [name, tensor] of one) {
      const batchFirst = tensor.dims[0] === 1 && (three === null || grows(tensor, three.get(name)));
      shapes.set(name, { type: tensor.type, dims: tensor.dims, batchFirst });
      taken += 4 * (three === null ? 1 : 4) * sizeOf(tensor.dims);
    }
    return taken;
  });
}

function grows(one: RuntimeTensor, three: RuntimeTensor | undefined): boolean {
  return three !== undefined && three.dims.join() === [3, ...one.dims.slice(1)].join();
}
