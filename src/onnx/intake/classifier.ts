/**
 * Is this model a classifier of one float32 image? One input, one output of class scores per row, the same answer for
 * the same image; what ONNX Runtime actually returns is measured, because declared shapes may lie.
 */
import { ModelRefused, UsageError } from '../../ground/errors.ts';
import { nearNames } from '../../ground/near-names.ts';
import { refuseMiscountedScales } from '../guards/computed-scales.ts';
import { refuseNondeterminism } from '../guards/determinism.ts';
import { refuseEnlargements } from '../guards/enlargements.ts';
import { refuseEndlessLoops } from '../guards/loops.ts';
import { refusePixelShapes } from '../guards/pixel-shapes.ts';
import { refuseUncheckedValues } from '../guards/unchecked-values.ts';
import { encodeModel } from '../model/codec.ts';
import { DataType, dataTypeName } from '../model/data-type.ts';
import { inputDependent } from '../model/dependence.ts';
import { extract, withInput } from '../model/extract.ts';
import { type Dim, describeType, sizeOf, type Value } from '../model/graph.ts';
import { type Model, modelOf } from '../model/model.ts';
import { withCallsExpanded } from '../rewrites/inline-functions.ts';
import { checkRows } from '../runtime/check-rows.ts';
import type { FloatTensor } from '../runtime/session.ts';
import { trialRun } from '../runtime/trial.ts';
import { withFloat32Ends } from './float32-ends.ts';
import { fittingRow, type Preprocessing, usualRow } from './preprocessing.ts';

export interface ClassifierOptions {
  /** Name of the output with the class scores; needed when there are several. */
  readonly output?: string;
  /** Dimensions of one input row (without the batch axis); needed where the model leaves them open. */
  readonly inputShape?: readonly number[];
  /** The images it will be given: axes that the model leaves open take their lengths. */
  readonly images?: Preprocessing;
}

export interface Classifier {
  /** One input, one output, only the nodes they need, the input's dimensions (but the batch) all known. */
  readonly model: Model;
  readonly input: Value;
  /** Dimensions of one row, without the batch axis. */
  readonly inputDims: readonly number[];
  readonly output: Value;
  readonly classes: number;
  /** Batch size the file fixes, or null when it is free. */
  readonly fixedBatch: number | null;
}

/** Throws ModelRefused when the model is not a classifier we can certify, UsageError when an option does not fit it. */
export async function openClassifier(model: Model, options: ClassifierOptions = {}): Promise<Classifier> {
  const output = chooseOutput(model, options.output);
  const needed = withFloat32Ends(withOnly(model, output));
  const input = onlyInput(needed);
  refuseConstantOutput(needed);
  const shape = inputShapeOf(needed, input, options);
  const [batch = null, ...rest] = shape;
  const inputDims = rest as number[];
  const shaped = withInput(needed, input, [batch, ...inputDims]);
  refuseUnrunnable(shaped);
  const fixedBatch = typeof batch === 'number' ? batch : null;
  checkInputSize(shaped, inputDims, fixedBatch ?? 1);
  const images = checkImages(inputDims, fixedBatch ?? 1);
  await refuseMiscountedScales(shaped, withCallsExpanded(shaped), images);
  const classes = await measureClasses(shaped, images);
  const [opened, result] = [shaped.graph.inputs[0], shaped.graph.outputs[0]];
  if (!opened || !result) throw new Error('a classifier has one input and one output');
  return { model: shaped, input: opened, inputDims, output: result, classes, fixedBatch };
}

/** Throws ModelRefused for a model that is not a function of its input, or that ONNX Runtime must not be given. */
export function refuseUnrunnable(model: Model): void {
  refuseNondeterminism(model);
  const expanded = withCallsExpanded(model);
  refuseEndlessLoops(expanded);
  refuseEnlargements(expanded);
  refuseUncheckedValues(expanded);
  refusePixelShapes(expanded);
}

function list(values: readonly Value[]): string {
  return values.map((v) => `'${v.name}' ${describeType(v.declaredType, v.declaredShape)}`).join(', ');
}

function chooseOutput(model: Model, name: string | undefined): Value {
  const outputs = model.graph.outputs;
  if (name !== undefined) {
    const named = outputs.find((v) => v.name === name);
    if (named) return named;
    const names = outputs.map((v) => v.name);
    throw new UsageError({
      what: `the model has no output '${name}'`,
      where: model.path,
      why: `its outputs are ${list(outputs)}`,
      remedy: `Did you mean ${nearNames(name, names, 3).join(', ')}?`,
    });
  }
  const [only, ...others] = outputs;
  if (only === undefined) {
    throw new ModelRefused({
      what: 'the model has no output',
      where: model.path,
      remedy: 'Export it again.',
    });
  }
  if (others.length > 0) {
    const scores = outputs.find((v) => v.declaredType === DataType.FLOAT);
    throw new ModelRefused({
      what: `the model has ${outputs.length} outputs: ${list(outputs)}`,
      where: model.path,
      why: 'only one of them can be the class scores',
      remedy:
        scores === undefined
          ? 'None of them is declared as a float tensor: export the class scores as a plain tensor (skl2onnx: zipmap=False).'
          : `Say which one: --output ${scores.name}`,
    });
  }
  return only;
}

/** The model reduced to what one output needs. */
function withOnly(model: Model, output: Value): Model {
  const graph = model.proto.graph;
  const info = graph?.output?.find((o) => o.name === output.name);
  const names = new Set(model.graph.inputs.map((v) => v.name));
  const inputs = (graph?.input ?? []).filter((i) => names.has(i.name ?? ''));
  const reduced = modelOf(extract(model, inputs, info ? [info] : []), model);
  const read = reduced.graph.inputs.filter((v) => v.consumers.length > 0 || v.name === output.name);
  if (read.length === inputs.length || read.length === 0) return reduced;
  const kept = inputs.filter((i) => read.some((v) => v.name === i.name));
  return modelOf(extract(model, kept, info ? [info] : []), model);
}

/** A network whose scores no image can change has nothing to certify. */
function refuseConstantOutput({ graph, path }: Model): void {
  const output = graph.outputs[0];
  if (output === undefined || inputDependent(graph).has(output)) return;
  throw new ModelRefused({
    what: `the output '${output.name}' does not depend on the input`,
    where: path,
    why: 'every image gets the same scores',
    remedy: 'Name the output with the class scores (--output), or export the network again.',
  });
}

function onlyInput(model: Model): Value {
  const [input, ...others] = model.graph.inputs;
  if (input === undefined) {
    throw new ModelRefused({
      what: 'the model has no input',
      where: model.path,
      why: 'its output is a constant',
      remedy: 'Export the network with an example image.',
    });
  }
  if (others.length > 0) {
    throw new ModelRefused({
      what: `the model has ${model.graph.inputs.length} inputs: ${list(model.graph.inputs)}`,
      where: model.path,
      why: 'a certificate applies to one image',
      remedy: 'Export it again with the other inputs fixed as constants.',
    });
  }
  if (input.declaredType !== DataType.FLOAT) {
    const type =
      input.declaredType === null ? 'of a type that is not a tensor' : dataTypeName(input.declaredType);
    throw new ModelRefused({
      what: `the input '${input.name}' is ${type}, not FLOAT`,
      where: model.path,
      why: 'noise and distances are measured on float32 images',
      remedy:
        input.declaredType === DataType.FLOAT16
          ? 'Convert it with keep_io_types=True (onnxconverter-common), or export the network in float32.'
          : 'Export the network so that it takes float32 images.',
    });
  }
  return input;
}

function inputShapeOf(
  model: Model,
  input: Value,
  { inputShape, images }: Pick<ClassifierOptions, 'inputShape' | 'images'>,
): readonly Dim[] {
  const wanted = inputShape ?? (images && openRow(model, input, images));
  const declared = input.declaredShape;
  const shown = `'${input.name}' ${describeType(input.declaredType, declared)}`;
  if (declared === null && wanted === undefined) {
    throw new ModelRefused({
      what: `the model does not state the shape of its input '${input.name}'`,
      where: model.path,
      remedy: 'Give the shape of one image, as in --input-shape 3,32,32.',
    });
  }
  const shape: readonly Dim[] = declared ?? ['batch', ...(wanted ?? [])];
  if (shape.length < 2) {
    throw new ModelRefused({
      what: `the input ${shown} has no axis for the images of a batch`,
      where: model.path,
      why: 'the first axis of the input must count images',
      remedy: 'Export it with an example input of shape [1, …].',
    });
  }
  const [batch = null, ...rest] = shape;
  if (wanted === undefined) {
    if (rest.every((d) => typeof d === 'number')) return shape;
    throw new ModelRefused({
      what: `the shape of the input ${shown} is open`,
      where: model.path,
      why: 'only the first axis (the batch) may be',
      remedy: 'Give the shape of one image, as in --input-shape 3,32,32.',
    });
  }
  const fits =
    wanted.length === rest.length && rest.every((d, k) => typeof d !== 'number' || d === wanted[k]);
  if (!fits) {
    throw new UsageError({
      what: `an image of shape [${wanted.join(',')}] does not fit the input ${shown}`,
      where: model.path,
      why: `without the batch axis it takes [${rest.map((d) => d ?? '?').join(',')}]`,
      remedy: 'Give the shape that the model takes, without the batch axis.',
    });
  }
  return [batch, ...wanted];
}

/**
 * Shape of one image, laid out as the model takes it, where the model leaves an axis other than the batch open; undefined where
 * it leaves none. Throws UsageError where the images do not fit what it declares.
 */
export function openRow(
  model: Model,
  { declaredShape }: Value,
  images: Preprocessing,
): readonly number[] | undefined {
  if (declaredShape?.slice(1).every((d) => typeof d === 'number')) return undefined;
  const usual = usualRow(images.layout, images.imageShape);
  return fittingRow(model, images, declaredShape ?? ['batch', ...usual]);
}

/** Numbers in one image, and in a batch whose size the file fixes: a few copies of either must fit in memory. */
const MOST_NUMBERS = { image: 2 ** 24, batch: 2 ** 26 } as const;

/** Throws ModelRefused for images (or fixed batches) that no classifier takes, before memory is asked for them. */
function checkInputSize(model: Model, rowDims: readonly number[], batch: number): void {
  const size = sizeOf(rowDims);
  const image = size > MOST_NUMBERS.image;
  if (!image && batch * size <= MOST_NUMBERS.batch) return;
  throw new ModelRefused({
    what: image
      ? `one image of the model has ${size} numbers: [${rowDims.join(',')}]`
      : `a batch of the model has ${batch * size} numbers: ${batch} images of [${rowDims.join(',')}]`,
    where: model.path,
    why: `at most ${image ? MOST_NUMBERS.image : MOST_NUMBERS.batch} are supported`,
    remedy: image
      ? 'Check the input shape that the file declares, or export the network for smaller images.'
      : 'Export the network with a free batch axis, or for batches of one image.',
  });
}

/** A batch to run before anything is known about the model. */
export function checkImages(rowDims: readonly number[], batch: number): FloatTensor {
  const size = sizeOf(rowDims);
  const rows = checkRows(Math.min(batch, 3), size);
  const data = new Float32Array(batch * size);
  for (let k = 0; k < batch; k++) data.set(rows[k % rows.length] as Float32Array, k * size);
  return { data, dims: [batch, ...rowDims] };
}

/** Runs one batch and reads the number of classes off the result: [N,K], [N,K,1,1], or [K] when N is 1. */
async function measureClasses(model: Model, images: FloatTensor): Promise<number> {
  const input = model.graph.inputs[0]?.name ?? '';
  const [result] = await trialRun(encodeModel(model.proto), model.path, input, images);
  const name = model.graph.outputs[0]?.name ?? '';
  const shown = result === undefined ? 'nothing' : describeType(result.type, result.dims);
  const refused = (why: string, remedy: string): ModelRefused =>
    new ModelRefused({
      what: `the output '${name}' is ${shown}: not class scores`,
      where: model.path,
      why,
      remedy,
    });
  if (result?.type !== DataType.FLOAT) {
    throw refused(
      'one float32 number per class is expected',
      result?.type === DataType.FLOAT16
        ? 'Convert it with keep_io_types=True (onnxconverter-common), or export the network in float32.'
        : 'Export the scores before ArgMax as the output, or name another output with --output.',
    );
  }
  const batch = images.dims[0];
  const [first, ...rest] = result.dims;
  const [classes = 0, ...ones] = rest;
  if (first === batch && rest.length > 0 && ones.every((d) => d === 1) && classes >= 2) return classes;
  if (result.dims.length === 1 && batch === 1 && (first ?? 0) >= 2) return first ?? 0;
  throw refused(
    'the expected shape is [batch, classes], with at least two classes',
    'Name the output with the class scores (--output), or export the network with them as its output.',
  );
}
