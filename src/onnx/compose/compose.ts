/**
 * A denoiser and a network as one network, ready to be cut, and the proof that it computes what its parts compute one after
 * the other: right(denoiser(left(x))), where nothing is left of the input.
 *
 * What is done to pixels (mean, std, layout) belongs to the network: at the input, the denoiser stands in front of it.
 */
import { ModelRefused } from '../../ground/errors.ts';
import type { Cut } from '../cuts.ts';
import { type PreparedClassifier, prepareClassifier } from '../intake/prepare-classifier.ts';
import { encodeModel } from '../model/codec.ts';
import { sizeOf } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import { checkRows } from '../runtime/check-rows.ts';
import { splitModel } from '../split.ts';
import { answersTo, differenceOf } from './answers.ts';
import { putBehind } from './insert.ts';

export interface Composed {
  readonly classifier: PreparedClassifier;
  /** What it was prepared from: this is written to a file. */
  readonly model: Model;
  /** Largest difference between its scores and those of the parts, relative to their scale. */
  readonly largestDifference: number;
}

/**
 * @param network whose input is images of pixels in [0,1], [N,C,H,W]
 * @param cut of the network, which the denoiser is put behind
 * @param denoiser from `denoiserOf`, for what is at the cut
 * @throws ModelRefused where the two cannot share a graph, or the whole is not its parts
 */
export async function composed(network: PreparedClassifier, cut: Cut, denoiser: Model): Promise<Composed> {
  if (cut.index > 0 && !network.delivered.graph.values.has(cut.value.name)) {
    throw new ModelRefused({
      what: `a denoiser cannot be put behind '${cut.name}'`,
      where: network.source.path,
      why: 'that tensor is inside a local function of the file, or appeared when the network was simplified',
      remedy: 'Choose another cut, or put a denoiser of images in front of the network (--split input).',
    });
  }
  const at = cut.index === 0 ? network.delivered.graph.inputs[0]?.name : cut.value.name;
  const model = await putBehind(network.delivered, at ?? '', denoiser);
  const [channels = 1, rows = 1, columns = 1] = network.inputDims.slice(1);
  const classifier = await prepareClassifier(model, undefined, {
    ...{ layout: 'nchw', scale: 1, imageShape: [channels, rows, columns] },
  });
  return { classifier, model, largestDifference: await proved(network, cut, denoiser, classifier) };
}

const ROWS = 3;

/** Runs the parts and the whole on pixels in [0,1], and on some that noise has moved beyond. */
async function proved(
  network: PreparedClassifier,
  cut: Cut,
  denoiser: Model,
  whole: PreparedClassifier,
): Promise<number> {
  const dims = network.inputDims.slice(1);
  const pixels = checkRows(ROWS, sizeOf(dims), 4);
  const images = [...pixels, ...pixels.map((row) => row.map((value) => 3 * value - 1))];
  const { left, right } = splitModel(network.model, cut);
  const latents = left === null ? images : await answersTo(left, 'left half', images, dims);
  const latentDims = cut.dims.slice(1);
  const clean = await answersTo(encodeModel(denoiser.proto), 'denoiser', latents, latentDims);
  const expected = await answersTo(right, 'network', clean, latentDims);
  const actual = await answersTo(encodeModel(whole.model.proto), 'composed', images, dims);
  return differenceOf(
    expected,
    actual,
    (why) =>
      new ModelRefused({
        what: 'the composed network does not compute what the denoiser and the network compute one after the other',
        where: `${denoiser.path}, ${network.source.path}`,
        why,
        remedy: 'Export both for the same operator set, and please report the two files.',
      }),
  );
}
