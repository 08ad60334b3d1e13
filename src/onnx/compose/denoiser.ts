/**
 * Is this model a denoiser of these images (or of the latents at a cut)? One input, one output of the same shape, the same
 * answer for the same input. Whether its rows are independent is asked of the composed network.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { checkImages, refuseUnrunnable } from '../intake/classifier.ts';
import { withFloat32Ends } from '../intake/float32-ends.ts';
import { encodeModel } from '../model/codec.ts';
import { DataType } from '../model/data-type.ts';
import { inputDependent } from '../model/dependence.ts';
import { withInput } from '../model/extract.ts';
import { type Dim, describeType } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import { trialRun } from '../runtime/trial.ts';
import { type Conditioning, conditioned } from './conditioning.ts';

/** What is denoised: "images", or "the latent at 'conv1'", and the shape of one of them, without the batch axis. */
export interface Denoised {
  readonly what: string;
  readonly dims: readonly number[];
}

/**
 * The denoiser at one level of noise, proved to be a map of such tensors to themselves.
 * @throws ModelRefused naming what it is instead
 */
export async function denoiserOf(
  model: Model,
  conditioning: Conditioning,
  { what, dims }: Denoised,
): Promise<Model> {
  const [output, second] = model.graph.outputs;
  if (output === undefined || second !== undefined)
    throw notOne(model, `it has ${model.graph.outputs.length} outputs`);
  const map = await conditioned(withFloat32Ends(model), conditioning);
  const [input] = map.graph.inputs;
  if (input === undefined || input.declaredType !== DataType.FLOAT)
    throw notOne(
      model,
      `it takes ${input === undefined ? 'nothing' : describeType(input.declaredType, input.declaredShape)}`,
    );
  const declared = input.declaredShape ?? ['batch', ...dims];
  if (!fits(declared.slice(1), dims)) {
    throw new ModelRefused({
      what: `the denoiser takes ${describeType(input.declaredType, declared)}, and ${what} are [${dims.join(',')}]`,
      where: model.path,
      why: 'it stands between the noise and the network, and must take what noise is added to',
      remedy:
        'Use a denoiser of that shape (channels, height, width; pixels in [0,1]), or put it behind another cut with --split.',
    });
  }
  if (typeof declared[0] === 'number' && declared[0] > 1) {
    throw new ModelRefused({
      what: `the denoiser takes batches of exactly ${declared[0]}`,
      where: model.path,
      why: 'rows are denoised alone, or as many as there are',
      remedy: 'Export it with a dynamic batch axis: dynamic_axes={"input": {0: "batch"}}.',
    });
  }
  const shaped = withInput(map, input, [declared[0] ?? null, ...dims]);
  if (!inputDependent(shaped.graph).has(shaped.graph.outputs[0] ?? input))
    throw notOne(model, 'its output does not depend on its input');
  refuseUnrunnable(shaped);
  await refuseOtherShapes(shaped, dims);
  return shaped;
}

const fits = (declared: readonly Dim[], dims: readonly number[]): boolean =>
  declared.length === dims.length && declared.every((d, k) => typeof d !== 'number' || d === dims[k]);

/** One row must come back in the shape it went in. */
async function refuseOtherShapes(map: Model, dims: readonly number[]): Promise<void> {
  const [input] = map.graph.inputs;
  const images = checkImages(dims, 1);
  const [result] = await trialRun(encodeModel(map.proto), map.path, input?.name ?? null, images);
  if (result?.type === DataType.FLOAT && result.dims.join() === images.dims.join()) return;
  throw notOne(
    map,
    `for ${describeType(DataType.FLOAT, images.dims)} it answers ${result === undefined ? 'nothing' : describeType(result.type, result.dims)}`,
  );
}

const notOne = ({ path }: Model, why: string): ModelRefused =>
  new ModelRefused({
    what: 'this model is not a denoiser: it does not map an image to an image of the same shape',
    where: path,
    why,
    remedy:
      'Name a denoiser, exported with one input and one output; a network that classifies is named first, without an option.',
  });
