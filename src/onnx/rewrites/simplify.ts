/**
 * Runs the rewriting passes until nothing changes, then runs the result against the model as delivered, on ONNX
 * Runtime, on rows that are always the same. Where the two differ by more than the rounding of float32, or the
 * rewritten one does not run, the passes are tried one at a time and those at fault are omitted: then the model stays,
 * in that respect, as it was delivered, and the finding says so.
 */
import { ModelRefused, SplitzError } from '../../ground/errors.ts';
import { rowDimsOf } from '../intake/batch.ts';
import { encodeModel } from '../model/codec.ts';
import { extract } from '../model/extract.ts';
import { sizeOf } from '../model/graph.ts';
import { type Model, modelOf } from '../model/model.ts';
import type { ModelProto } from '../model/proto.ts';
import { checkRows, relativeDifference, sameLogits } from '../runtime/check-rows.ts';
import { withSession } from '../runtime/session.ts';
import { writeOutAttention } from './attention.ts';
import { restateFeatureScaling } from './feature-scaling.ts';
import { foldConstants } from './fold-constants.ts';
import { foldShapes } from './fold-shapes.ts';
import { inlineFunctions } from './inline-functions.ts';
import { removeIdentities } from './remove-identities.ts';
import { resolveConditions } from './resolve-conditions.ts';
import type { Rewrite } from './rewrite.ts';
import { removeSignedMagnitudes } from './signed-magnitude.ts';

/** In the order in which they help each other. Shapes are folded afterwards, once the batch axis is as free as it gets. */
export const REWRITES: readonly Rewrite[] = [
  inlineFunctions,
  foldConstants,
  resolveConditions,
  writeOutAttention,
  restateFeatureScaling,
  removeSignedMagnitudes,
  removeIdentities,
];

export const SHAPE_REWRITES: readonly Rewrite[] = [foldShapes, foldConstants];

export interface Simplified {
  readonly model: Model;
  /** What was changed, in order. */
  readonly changes: readonly string[];
  /** Passes that had to be omitted, and why. */
  readonly leftOut: readonly string[];
}

/** Folding opens conditions, whose branches hold constants, …: real graphs need at most three rounds. */
const MOST_ROUNDS = 20;

const ROWS = 3;

/**
 * @param model from `openClassifier`: one input whose row shape is known, one output of scores
 * @param batchable whether rows may run together (`makeBatchSymbolic`): then batched results are compared as well
 */
export async function simplify(
  model: Model,
  rewrites: readonly Rewrite[] = REWRITES,
  batchable = false,
): Promise<Simplified> {
  const untouched: Simplified = { model, changes: [], leftOut: [] };
  const all = await rewritten(model, rewrites);
  if (all.changes.length === 0) return { ...untouched, leftOut: all.leftOut };
  const expected = await scores(model, batchable);
  // What is not finite cannot be compared; it is refused, with a message of its own, when the batch is checked.
  if (expected.some((row) => !row.every(Number.isFinite))) return untouched;
  if ((await difference(all.model, expected, batchable)) === null) return all;

  let kept = untouched;
  for (const rewrite of rewrites) {
    const next = await rewritten(kept.model, [rewrite]);
    const leftOut = [...kept.leftOut, ...next.leftOut];
    const why = next.changes.length === 0 ? null : await difference(next.model, expected, batchable);
    kept =
      why === null
        ? { model: next.model, changes: [...kept.changes, ...next.changes], leftOut }
        : { ...kept, leftOut: [...leftOut, `${rewrite.name}: ${why}`] };
  }
  return kept;
}

/** The passes in turn, again and again until none finds anything; nothing is checked here. */
async function rewritten(model: Model, rewrites: readonly Rewrite[]): Promise<Simplified> {
  const changes: string[] = [];
  const leftOut = new Map<Rewrite, string>();
  let current = model;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    let changed = false;
    for (const rewrite of rewrites.filter((r) => !leftOut.has(r))) {
      try {
        const result = await rewrite.apply(current);
        if (result === null) continue;
        current = reduced(result.proto, current);
        changes.push(result.what);
        changed = true;
      } catch (error) {
        // ONNX Runtime may refuse the part, or return a type that JavaScript does not have.
        if (!(error instanceof SplitzError)) throw error;
        leftOut.set(rewrite, `${rewrite.name}: ${error.report.what}`);
      }
    }
    if (!changed) break;
  }
  return { model: current, changes, leftOut: [...leftOut.values()] };
}

/** Without what the output no longer needs. */
function reduced(proto: ModelProto, before: Model): Model {
  const next = modelOf(proto, before);
  const inputs = new Set(next.graph.inputs.map((v) => v.name));
  const infos = (proto.graph?.input ?? []).filter((info) => inputs.has(info.name ?? ''));
  return modelOf(extract(next, infos, proto.graph?.output ?? []), before);
}

/** The scores of each row alone (a fixed batch is filled with the same row), and of all together where that is free. */
async function scores(model: Model, batchable: boolean): Promise<Float32Array[]> {
  const dims = rowDimsOf(model);
  const declared = model.graph.inputs[0]?.declaredShape?.[0];
  const batch = typeof declared === 'number' ? declared : 1;
  const name = model.graph.inputs[0]?.name ?? '';
  return withSession(encodeModel(model.proto), model.path, async (session) => {
    const found: Float32Array[] = [];
    const rows = checkRows(ROWS, sizeOf(dims), 4);
    const batches = rows.map((row) => new Array<Float32Array>(batch).fill(row));
    if (batchable) batches.push(rows);
    for (const batch of batches) {
      const data = new Float32Array(batch.length * sizeOf(dims));
      batch.forEach((row, k) => {
        data.set(row, k * row.length);
      });
      const [result] = (
        await session.run(new Map([[name, { data, dims: [batch.length, ...dims] }]]))
      ).values();
      if (!result?.float32)
        throw new ModelRefused({
          what: 'the model’s output is not float32',
          where: model.path,
          remedy: 'Export it with float32 scores, or add a Cast.',
        });
      found.push(result.float32);
    }
    return found;
  });
}

/** Null when the model gives the expected scores; else how it does not. */
async function difference(
  model: Model,
  expected: readonly Float32Array[],
  batchable: boolean,
): Promise<string | null> {
  try {
    const actual = await scores(model, batchable);
    for (const [k, row] of expected.entries()) {
      const its = actual[k] ?? new Float32Array();
      if (!sameLogits(row, its))
        return `row ${k + 1} then differs by ${relativeDifference(row, its).toExponential(1)} of the scores' scale`;
    }
    return null;
  } catch (error) {
    if (!(error instanceof SplitzError)) throw error;
    return error.report.why ?? error.report.what;
  }
}
