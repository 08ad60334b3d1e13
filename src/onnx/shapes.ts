/**
 * Shapes and types as ONNX Runtime really produces them: every value between input and output is made an output of the
 * model, and the model is run on one row, then on three. No inference rules of ours, no trust in declared shapes.
 */
import type { BatchedModel } from './batch.ts';
import { rowDimsOf } from './batch.ts';
import { checkRows } from './check-rows.ts';
import { encodeModel } from './codec.ts';
import type { DataType } from './data-type.ts';
import { inputDependent, outputAncestors } from './dependence.ts';
import { sizeOf } from './graph.ts';
import type { Model } from './model.ts';
import { edited } from './proto.ts';
import { type RuntimeTensor, withSession } from './session.ts';

export interface MeasuredValue {
  readonly type: DataType;
  /** At batch 1. */
  readonly dims: readonly number[];
  /**
   * True when axis 0 counts the rows of the batch: it is 1 for one row and 3 for three, all else equal. For a model that
   * runs one row at a time it cannot be tried; then it says that axis 0 has the length 1.
   */
  readonly batchFirst: boolean;
}

/** By value name. Values that are no tensors (sequences, maps) are missing. */
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

/** Outputs per session: enough that few sessions are needed, few enough that a large network's values fit in memory. */
const chunkSize = 128;

/** Throws ModelRefused when ONNX Runtime cannot run the model. */
export async function measureShapes({ model, batchable }: BatchedModel): Promise<Shapes> {
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
  for (let k = 0; k < names.length; k += chunkSize) {
    await measure(model, names.slice(k, k + chunkSize), rowDims, batchable, shapes);
  }
  return shapes;
}

async function measure(
  model: Model,
  names: readonly string[],
  rowDims: readonly number[],
  batchable: boolean,
  shapes: Map<string, MeasuredValue>,
): Promise<void> {
  const graph = model.proto.graph ?? {};
  const declared = new Map((graph.output ?? []).map((o) => [o.name ?? '', o]));
  const output = names.map((name) => declared.get(name) ?? { name });
  const bytes = encodeModel(edited(model.proto, { graph: edited(graph, { output, valueInfo: [] }) }));
  const run = (count: number) =>
    withSession(bytes, model.path, (session) => {
      const data = new Float32Array(count * sizeOf(rowDims));
      checkRows(count, sizeOf(rowDims)).forEach((row, k) => {
        data.set(row, k * row.length);
      });
      return session.run(new Map([[model.graph.inputs[0]?.name ?? '', { data, dims: [count, ...rowDims] }]]));
    });
  const one = await run(1);
  const three = batchable ? await run(3) : null;
  for (const [name, tensor] of one) {
    const batchFirst = tensor.dims[0] === 1 && (three === null || grows(tensor, three.get(name)));
    shapes.set(name, { type: tensor.type, dims: tensor.dims, batchFirst });
  }
}

function grows(one: RuntimeTensor, three: RuntimeTensor | undefined): boolean {
  return three !== undefined && three.dims.join() === [3, ...one.dims.slice(1)].join();
}
