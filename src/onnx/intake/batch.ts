/**
 * May rows be put together as one batch? A free batch axis must give each row the answer it gets alone; a fixed batch
 * is made free where that can be proven:
 *  1. the first dimension of input and output becomes a symbol, value infos (which repeat the fixed size) are dropped;
 *  2. a Reshape of an input-dependent value to [1, …] becomes [-1, …], or [0, …] when there is a -1 already;
 *  3. three different rows run together and alone must agree with the file as it was, on ONNX Runtime.
 * If that fails, a model of batch size 1 runs one row at a time, as it is.
 * Running rows together is only a test; what it cannot see is then checked in the graph (batch-axis.ts).
 */
import { ModelRefused } from '../../ground/errors.ts';
import { encodeModel } from '../model/codec.ts';
import { DataType } from '../model/data-type.ts';
import { inputDependent } from '../model/dependence.ts';
import { tensorInfo, withInput } from '../model/extract.ts';
import { type Dim, sizeOf, type Value } from '../model/graph.ts';
import { type Model, modelOf } from '../model/model.ts';
import { AttributeType, edited, type ModelProto, type NodeProto } from '../model/proto.ts';
import { rowCoupling } from '../preflight/refusal.ts';
import { checkRows, relativeDifference, sameLogits } from '../runtime/check-rows.ts';
import { type FloatTensor, runRows, type Session, withSession } from '../runtime/session.ts';

export interface BatchedModel {
  /** Its input's first dimension is a symbol when `batchable`, else 1. */
  readonly model: Model;
  /** True when any number of rows may run together, each as if alone; else rows must run one at a time. */
  readonly batchable: boolean;
  readonly how: 'dynamic' | 'made symbolic' | 'one row at a time';
  /** Why rows run one at a time; null when they need not. */
  readonly reason: string | null;
}

/** Dimensions of one input row. The model must come from `openClassifier`: they are all known. */
export function rowDimsOf(model: Model): number[] {
  const rest = (model.graph.inputs[0]?.declaredShape ?? []).slice(1);
  if (!rest.every((d) => typeof d === 'number'))
    throw new Error('the input shape is open; use openClassifier first');
  return rest as number[];
}

/** True when the input's first dimension is free. */
export function hasFreeBatch(model: Model): boolean {
  return typeof model.graph.inputs[0]?.declaredShape?.[0] !== 'number';
}

/**
 * Throws ModelRefused when a model with a free batch axis mixes the rows of a batch, when its batch is fixed to more than
 * one row and cannot be freed, or when its outputs are not finite.
 */
export async function makeBatchSymbolic(model: Model): Promise<BatchedModel> {
  const declared = model.graph.inputs[0]?.declaredShape?.[0] ?? null;
  const rows = checkRows(3, sizeOf(rowDimsOf(model)));
  if (typeof declared !== 'number') return checkFree(model, rows);

  const expected = await expectedLogits(model, rows, declared);
  const reasons: string[] = [];
  for (const candidate of freed(model)) {
    const reason = await disagreement(candidate, rows, expected);
    if (reason === null) return { model: candidate, batchable: true, how: 'made symbolic', reason: null };
    reasons.push(reason);
  }
  const reason = `its batch size is fixed to ${declared} and cannot be freed: ${reasons[0] ?? ''}`;
  if (declared === 1) return { model, batchable: false, how: 'one row at a time', reason };
  throw new ModelRefused({
    what: `the model takes batches of exactly ${declared} images`,
    where: model.path,
    why: reason,
    remedy: 'Export it with a dynamic batch axis: dynamic_axes={"input": {0: "batch"}}, or dynamic_shapes.',
  });
}

/** A model that declares a free batch axis must honour it. */
async function checkFree(model: Model, rows: readonly Float32Array[]): Promise<BatchedModel> {
  const dims = rowDimsOf(model);
  return withSession(encodeModel(model.proto), model.path, async (session) => {
    const alone: Float32Array[] = [];
    for (const row of rows) alone.push((await runRows(session, [row], dims)).data);
    refuseNonFinite(model, alone);
    const together = await batchOrReason(session, rows, dims);
    if (typeof together === 'string') {
      const reason = `its batch axis is declared free, but three images cannot run together: ${together}`;
      return oneRowAtATime(model, reason);
    }
    const difference = firstDifference(alone, together);
    if (difference === null) return { model, batchable: true, how: 'dynamic', reason: null };
    throw new ModelRefused({
      rule: rowCoupling.id,
      what: 'the model mixes the rows of a batch: the answer for an image depends on the other images in it',
      where: model.path,
      why: `three images give different scores together and alone (${difference})`,
      remedy:
        'Look for statistics over the batch (BatchNormalization in training mode, a mean over axis 0) and export again after model.eval(); or export with a fixed batch size of 1.',
    });
  });
}

/** A model whose rows may not run together is declared to take one, so that no caller tries more. */
export function oneRowAtATime(model: Model, reason: string): BatchedModel {
  const input = model.graph.inputs[0] as Value;
  const alone = withInput(model, input, [1, ...rowDimsOf(model)]);
  return { model: alone, batchable: false, how: 'one row at a time', reason };
}

function refuseNonFinite(model: Model, outputs: readonly Float32Array[]): void {
  if (outputs.every((o) => o.every((v) => Number.isFinite(v)))) return;
  throw new ModelRefused({
    what: 'the model answers with NaN or infinite scores',
    where: model.path,
    why: 'on images of ordinary pixels in [0,1]',
    remedy: 'Check the weights, and that --scale, --mean and --std are what the model was trained with.',
  });
}

/** Logits of each row according to the file as it is, run in batches of its own size. */
async function expectedLogits(
  model: Model,
  rows: readonly Float32Array[],
  batch: number,
): Promise<Float32Array[]> {
  const dims = rowDimsOf(model);
  const expected = await withSession(encodeModel(model.proto), model.path, async (session) => {
    const found: Float32Array[] = [];
    for (const row of rows) {
      const filled = Array.from(
        { length: batch },
        (_, k) => rows[(rows.indexOf(row) + k) % rows.length] as Float32Array,
      );
      const result = await runRows(session, filled, dims);
      found.push(result.data.slice(0, result.data.length / batch));
    }
    return found;
  });
  refuseNonFinite(model, expected);
  return expected;
}

/** Null when the candidate gives the expected logits for rows together and alone; else what went wrong. */
async function disagreement(
  candidate: Model,
  rows: readonly Float32Array[],
  expected: readonly Float32Array[],
): Promise<string | null> {
  const dims = rowDimsOf(candidate);
  try {
    return await withSession(encodeModel(candidate.proto), candidate.path, async (session) => {
      for (const [k, row] of rows.entries()) {
        const alone = await runRows(session, [row], dims);
        if (!sameLogits(expected[k] ?? [], alone.data)) return 'a single row then gives different scores';
      }
      const together = await batchOrReason(session, rows, dims);
      return typeof together === 'string' ? together : firstDifference(expected, together);
    });
  } catch (error) {
    if (error instanceof ModelRefused) return error.report.why ?? error.report.what;
    throw error;
  }
}

/** The scores of all rows run together, or why that is impossible. */
async function batchOrReason(
  session: Session,
  rows: readonly Float32Array[],
  dims: readonly number[],
): Promise<FloatTensor | string> {
  try {
    const together = await runRows(session, rows, dims);
    if (together.dims[0] === rows.length) return together;
    return `the output for ${rows.length} images has the shape [${together.dims.join(',')}]`;
  } catch (error) {
    if (error instanceof ModelRefused) return error.report.why ?? error.report.what;
    throw error;
  }
}

function firstDifference(alone: readonly Float32Array[], together: FloatTensor): string | null {
  const size = together.data.length / alone.length;
  for (const [k, expected] of alone.entries()) {
    const row = together.data.subarray(k * size, (k + 1) * size);
    if (!sameLogits(expected, row)) {
      return `row ${k + 1} differs by ${relativeDifference(expected, row).toExponential(1)} of the scores' scale`;
    }
  }
  return null;
}

/** The candidates for a free batch axis, most rewritten first. */
function freed(model: Model): Model[] {
  const renamed = modelOf(withSymbolicEnds(model), model);
  const reshaped = withFreeReshapes(renamed);
  return reshaped === null ? [renamed] : [modelOf(reshaped, model), renamed];
}

function withSymbolicEnds(model: Model): ModelProto {
  const graph = model.proto.graph ?? {};
  const free = (
    value: Value | undefined,
  ): ((info: NonNullable<typeof graph.input>[number]) => typeof info) => {
    const shape: readonly Dim[] | null = value?.declaredShape ?? null;
    return (info) =>
      info.name === value?.name && shape !== null
        ? edited(info, {
            type:
              tensorInfo('', value?.declaredType ?? DataType.FLOAT, ['batch', ...shape.slice(1)]).type ??
              null,
          })
        : info;
  };
  return edited(model.proto, {
    graph: edited(graph, {
      input: (graph.input ?? []).map(free(model.graph.inputs[0])),
      output: (graph.output ?? []).map(free(model.graph.outputs[0])),
      valueInfo: [],
    }),
  });
}

/** Rule 2; null when there is no such Reshape. The targets are copied: constants may be shared. */
function withFreeReshapes(model: Model): ModelProto | null {
  const dependent = inputDependent(model.graph);
  const graph = model.proto.graph ?? {};
  let changed = false;
  const nodes: NodeProto[] = (graph.node ?? []).flatMap((proto, k) => {
    const node = model.graph.nodes[k];
    const [data, target] = node?.inputs ?? [];
    if (node?.opType !== 'Reshape' || node.domain !== '' || !data || !dependent.has(data)) return [proto];
    if (!target?.constant) return [proto];
    const [first, ...rest] = target.constant.integers();
    if (first !== 1 || rest.length === 0) return [proto];
    changed = true;
    const name = `${proto.output?.[0] ?? ''}/free_batch_shape`;
    const ints = [rest.includes(-1) ? 0 : -1, ...rest];
    const t = { name, dataType: DataType.INT64, dims: [ints.length], int64Data: ints };
    const constant: NodeProto = {
      name,
      opType: 'Constant',
      input: [],
      output: [name],
      attribute: [{ name: 'value', type: AttributeType.TENSOR, t }],
    };
    return [constant, edited(proto, { input: [data.name, name] })];
  });
  return changed ? edited(model.proto, { graph: edited(graph, { node: nodes }) }) : null;
}
