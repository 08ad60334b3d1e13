/**
 * From a file to a classifier ready to be cut: one input of canonical images (pixels in [0,1], [N,C,H,W]), one output of
 * class scores, rows proven independent, every shape measured, every cut listed.
 */

import { type CutList, listCuts } from '../cuts.ts';
import type { Value } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import { REWRITES, SHAPE_REWRITES, type Simplified, simplify } from '../rewrites/simplify.ts';
import { type BatchedModel, makeBatchSymbolic, oneRowAtATime } from './batch.ts';
import { whereRowsMix } from './batch-axis.ts';
import { openClassifier } from './classifier.ts';
import { type Preprocessing, prependPreprocessing } from './preprocessing.ts';
import { measureShapes, type Shapes } from './shapes.ts';

export interface PreparedClassifier {
  /** The file as loaded. */
  readonly source: Model;
  /** The output's part of the file, behind what is done to pixels: not simplified. A denoiser is put into this. */
  readonly delivered: Model;
  /** The model that is certified: simplified, preprocessing inside, batch axis free where that was proven. */
  readonly model: Model;
  readonly input: Value;
  /** Shape of the input for one image, batch axis (1) included. */
  readonly inputDims: readonly number[];
  readonly classes: number;
  readonly batchable: boolean;
  /** Why rows run one at a time; null when they do not. */
  readonly whyNotBatchable: string | null;
  /** What was rewritten, and which rewrites were omitted. */
  readonly rewrites: Omit<Simplified, 'model'>;
  readonly shapes: Shapes;
  readonly cuts: CutList;
}

/**
 * @param preprocessing what the model expects of its pixels; null leaves its input as it is (for `inspect`)
 * @param inputShape dimensions of one row where the model leaves them open, and there are no images to take them from
 * @param graph 'as delivered' for training, which writes to tensors of the file by name
 * @throws ModelRefused, UsageError as the passes it consists of do
 */
export async function prepareClassifier(
  source: Model,
  output: string | undefined,
  preprocessing: Preprocessing | null,
  inputShape?: readonly number[],
  graph: 'simplified' | 'as delivered' = 'simplified',
): Promise<PreparedClassifier> {
  const opened = await openClassifier(source, {
    ...(output === undefined ? {} : { output }),
    ...(inputShape === undefined ? {} : { inputShape }),
    ...(preprocessing === null ? {} : { images: preprocessing }),
  });
  const delivered = preprocessing === null ? opened.model : prependPreprocessing(opened.model, preprocessing);
  const simplifies = graph === 'simplified';
  const first = await simplify(opened.model, simplifies ? REWRITES : []);
  const canonical = preprocessing === null ? first.model : prependPreprocessing(first.model, preprocessing);
  const freed = await makeBatchSymbolic(canonical);
  const together = await finished(freed, simplifies);
  const mixing = freed.batchable ? await whereRowsMix(together.batched.model, together.shapes) : null;
  const { batched, shapes, second } =
    mixing === null ? together : await finished(oneRowAtATime(freed.model, mixing), simplifies);
  const cuts = listCuts(batched.model, shapes);
  const input = batched.model.graph.inputs[0];
  const measured = input && shapes.get(input.name);
  if (input === undefined || measured === undefined) throw new Error('a classifier has one measured input');
  return {
    ...{ source, delivered },
    model: batched.model,
    input,
    inputDims: measured.dims,
    classes: opened.classes,
    batchable: batched.batchable,
    whyNotBatchable: batched.reason,
    rewrites: {
      changes: [...first.changes, ...second.changes],
      leftOut: [...first.leftOut, ...second.leftOut],
    },
    shapes,
    cuts,
  };
}

/** The model that will be run, its shapes folded and measured. */
async function finished(
  freed: BatchedModel,
  simplifies: boolean,
): Promise<{ batched: BatchedModel; shapes: Shapes; second: Simplified }> {
  const second = await simplify(freed.model, simplifies ? SHAPE_REWRITES : [], freed.batchable);
  const batched = { ...freed, model: second.model };
  return { batched, shapes: await measureShapes(batched), second };
}
