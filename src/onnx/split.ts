/**
 * Cuts a classifier in two self-contained models at a cut: left (image to latent) and right (latent to scores), and proves
 * on ONNX Runtime that together they are the whole: right(left(x)) = full(x), and that the right half treats rows apart.
 */
import { ModelRefused } from '../ground/errors.ts';
import type { Cut } from './cuts.ts';
import { allFinite, nonFiniteScores } from './guards/finite-scores.ts';
import { hasFreeBatch, rowDimsOf } from './intake/batch.ts';
import { encodeModel } from './model/codec.ts';
import { extract, tensorInfo } from './model/extract.ts';
import { type Dim, sizeOf } from './model/graph.ts';
import { modelFromBytes } from './model/load.ts';
import type { Model } from './model/model.ts';
import { checkRows, relativeDifference, sameLogits } from './runtime/check-rows.ts';
import { runRows, type Session, withSession } from './runtime/session.ts';

export interface SplitModel {
  /** Null at the cut 'input': nothing is to the left of it. */
  readonly left: Uint8Array | null;
  readonly right: Uint8Array;
}

/** `cut` must come from `listCuts(model, …)` of the same model. */
export function splitModel(model: Model, cut: Cut): SplitModel {
  const input = model.graph.inputs[0];
  const inputInfo = model.proto.graph?.input?.find((i) => i.name === input?.name);
  const outputInfo = model.proto.graph?.output?.[0];
  if (!input || !inputInfo || !outputInfo) throw new Error('a classifier has one input and one output');
  if (cut.value === input) return { left: null, right: encodeModel(model.proto) };
  const declared: Dim = input.declaredShape?.[0] ?? 'batch';
  const latent = tensorInfo(cut.value.name, cut.type, [declared, ...cut.dims.slice(1)]);
  return {
    left: encodeModel(extract(model, [inputInfo], [latent])),
    right: encodeModel(extract(model, [latent], [outputInfo])),
  };
}

/** What the proof of a split has seen. */
export interface SplitProof {
  readonly rows: number;
  /** Largest difference of the scores, relative to their scale. */
  readonly largestDifference: number;
}

/**
 * Compares right(left(x)) with full(x) on `images` (rows in [0,1] of the model's input size) and on three rows of our
 * own; then the right half on shifted latents, together and alone. Throws ModelRefused when anything differs by more than
 * 1e-5 of the scores' scale, another class wins, or scores are not finite.
 */
export async function proveSplit(
  model: Model,
  cut: Cut,
  split: SplitModel,
  images: readonly Float32Array[] = [],
): Promise<SplitProof> {
  const inputDims = rowDimsOf(model);
  const rows = [...checkRows(3, sizeOf(inputDims), 2), ...images];
  const { left } = split;
  const whole = left === null ? split.right : encodeModel(model.proto);
  const full = await rowByRow(whole, model.path, rows, inputDims);
  const latents = left === null ? rows : await rowByRow(left, `${model.path} (left half)`, rows, inputDims);
  const right = await rowByRow(split.right, `${model.path} (right half)`, latents, cut.dims.slice(1));
  let largestDifference = 0;
  for (const [k, expected] of full.entries()) {
    const actual = right[k] as Float32Array;
    if (!allFinite(expected)) {
      const answer = { row: rows[k] as Float32Array, dims: inputDims, scores: expected };
      throw await nonFiniteScores(
        model,
        answer,
        k < 3 ? 'on pixels in [0,1]' : `on image ${k - 2} of the run`,
      );
    }
    if (!sameLogits(expected, actual)) {
      throw new ModelRefused({
        what: `the two halves cut at '${cut.name}' do not compute what the whole network computes`,
        where: model.path,
        why: `their scores differ by ${relativeDifference(expected, actual).toExponential(1)} of the scores' scale on test row ${k + 1}`,
        remedy: 'Cut at another tensor.',
      });
    }
    largestDifference = Math.max(largestDifference, relativeDifference(expected, actual));
  }
  await checkNoisyRows(model, cut, split, latents.slice(0, 3));
  return { rows: rows.length, largestDifference };
}

async function rowByRow(
  bytes: Uint8Array,
  where: string,
  rows: readonly Float32Array[],
  dims: readonly number[],
): Promise<Float32Array[]> {
  return withSession(bytes, where, async (session) => {
    const results: Float32Array[] = [];
    for (const row of rows) results.push((await runRows(session, [row], dims)).data);
    return results;
  });
}

/** The right half meets latents that no image has; it must have finite scores and treat rows apart there too. */
async function checkNoisyRows(model: Model, cut: Cut, split: SplitModel, latents: readonly Float32Array[]) {
  const dims = cut.dims.slice(1);
  const noise = checkRows(latents.length, latents[0]?.length ?? 0, 3);
  const scale = latents.reduce((most, l) => l.reduce((m, v) => Math.max(m, Math.abs(v)), most), 0) || 1;
  const shifted = latents.map((l, k) => l.map((v, i) => v + scale * ((noise[k]?.[i] as number) - 0.5)));
  const where = `${model.path} (right half)`;
  await withSession(split.right, where, async (session: Session) => {
    const each: Float32Array[] = [];
    for (const row of shifted) {
      const { data: scores } = await runRows(session, [row], dims);
      if (!allFinite(scores)) {
        const half = modelFromBytes(split.right, where);
        throw await nonFiniteScores(half, { row, dims, scores }, `under noise at '${cut.name}'`);
      }
      each.push(scores);
    }
    if (!hasFreeBatch(model)) return;
    const together = await runRows(session, shifted, dims);
    const size = together.data.length / shifted.length;
    for (const [k, alone] of each.entries()) {
      if (sameLogits(alone, together.data.subarray(k * size, (k + 1) * size))) continue;
      throw new ModelRefused({
        what: `the right half behind '${cut.name}' mixes the rows of a batch`,
        where: model.path,
        why: 'noisy rows get different scores together and alone',
        remedy: 'Cut at another tensor.',
      });
    }
  });
}
