/**
 * A denoiser as a map of noisy images (or latents) to clean ones, at one level of noise:
 *
 *   as it is      x ↦ d(x)
 *   scaled        x ↦ (σ/σ_t) d(x σ_t/σ)                     d was trained for noise of deviation σ_t on what σ is added to
 *   diffusion     x ↦ (1 + x̂_0)/2,  x_t = √ᾱ_t (2x − 1),      x̂_0 = (x_t − √(1−ᾱ_t) ε(x_t, t))/√ᾱ_t clipped to [-1,1]
 *
 * The last is one step of a diffusion model, with t chosen for σ (Carlini et al. 2023).
 */
import { ModelRefused } from '../../ground/errors.ts';
import { DataType } from '../model/data-type.ts';
import { tensorInfo } from '../model/extract.ts';
import { type Dim, describeType, type Value } from '../model/graph.ts';
import { type Model, modelOf } from '../model/model.ts';
import { AttributeType, edited, type NodeProto, type ValueInfoProto } from '../model/proto.ts';
import { freshNames } from '../rewrites/names.ts';
import { raisedTo } from './raise-opset.ts';
import type { DiffusionStep } from './schedule.ts';

/** How a denoiser is used; both null: as it is. */
export interface Conditioning {
  /** Deviations of the noise it was trained for, and of the noise it gets. */
  readonly scaling: { readonly trained: number; readonly sigma: number } | null;
  readonly diffusion: DiffusionStep | null;
}

export const AS_IT_IS: Conditioning = { scaling: null, diffusion: null };

/** What is written here is in this version: Max and Min broadcast, Slice takes inputs. */
const WRITTEN_IN = 13;

/** @throws ModelRefused for a model that cannot be used so */
export async function conditioned(model: Model, { scaling, diffusion }: Conditioning): Promise<Model> {
  if (diffusion !== null) return oneStep(await raisedTo(model, atLeast(model)), diffusion);
  const input = onlyInput(model);
  if (scaling === null) return model;
  return around(model, input, (write, image) => ({
    fed: write.node('Mul', [image, write.number(scaling.trained / scaling.sigma)]),
    result: (output) => write.node('Mul', [output, write.number(scaling.sigma / scaling.trained)]),
  }));
}

const atLeast = ({ opsets }: Model): number => Math.max(WRITTEN_IN, opsets.get('') ?? WRITTEN_IN);

function onlyInput({ graph, path }: Model): Value {
  const [input, second] = graph.inputs;
  if (input !== undefined && second === undefined) return input;
  throw new ModelRefused({
    what: `the denoiser has ${graph.inputs.length} inputs: ${graph.inputs.map(({ name }) => `'${name}'`).join(', ')}`,
    where: path,
    why: 'a denoiser maps one image to one image',
    remedy:
      second === undefined
        ? 'Export it with an example image.'
        : 'Export it with the others fixed as constants; for a diffusion model, give its schedule (--schedule scheduler_config.json).',
  });
}

function oneStep(model: Model, step: DiffusionStep): Model {
  const { sample, time } = diffusionInputs(model);
  const [signal, noise] = [Math.sqrt(step.alphaBar), Math.sqrt(1 - step.alphaBar)];
  return around(model, sample, (write, image) => {
    const centred = write.node('Sub', [write.node('Mul', [image, write.number(2)]), write.number(1)]);
    const fed = write.node('Mul', [centred, write.number(signal)]);
    write.as(time.name, timestepOf(write, time, image, step.timestep));
    return {
      fed,
      result: (output) => {
        const predicted = firstChannels(write, model, sample, output);
        const scaledNoise = (): string => write.node('Mul', [predicted, write.number(noise)]);
        const clean = {
          sample: () => predicted,
          epsilon: () => write.node('Div', [write.node('Sub', [fed, scaledNoise()]), write.number(signal)]),
          v_prediction: () =>
            write.node('Sub', [write.node('Mul', [fed, write.number(signal)]), scaledNoise()]),
        }[step.prediction]();
        const clipped = write.node('Min', [write.node('Max', [clean, write.number(-1)]), write.number(1)]);
        return write.node('Mul', [write.node('Add', [clipped, write.number(1)]), write.number(0.5)]);
      },
    };
  });
}

/** The noisy image and the step. Throws ModelRefused where the inputs are others. */
function diffusionInputs({ graph, path }: Model): { readonly sample: Value; readonly time: Value } {
  const rank = ({ declaredShape }: Value): number => declaredShape?.length ?? -1;
  const sample = graph.inputs.find((one) => rank(one) > 1);
  const time = graph.inputs.find((one) => rank(one) === 0 || rank(one) === 1);
  if (graph.inputs.length === 2 && sample !== undefined && time !== undefined) return { sample, time };
  throw new ModelRefused({
    what: `a diffusion model has two inputs, a noisy image and a step; this one has ${graph.inputs.map((v) => `'${v.name}' ${describeType(v.declaredType, v.declaredShape)}`).join(', ')}`,
    where: path,
    remedy: 'Export the unconditional U-Net alone, with the inputs sample and timestep.',
  });
}

/** Models that predict a variance as well put it behind the noise. */
function firstChannels(write: Writer, { graph, path }: Model, sample: Value, output: string): string {
  const channels = sample.declaredShape?.[1];
  const given = graph.outputs[0]?.declaredShape?.[1];
  if (typeof channels !== 'number' || typeof given !== 'number' || given === channels) return output;
  if (given !== 2 * channels) {
    throw new ModelRefused({
      what: `the diffusion model takes ${channels} channels and answers ${given}`,
      where: path,
      why: 'the noise has as many channels as the image, with a variance twice as many',
      remedy: 'Export the U-Net of a DDPM or DDIM pipeline.',
    });
  }
  const ints = (value: number): string => write.integers([value]);
  return write.node('Slice', [output, ints(0), ints(channels), ints(1)]);
}

/** The step, in the type and shape the model takes it: one number, or one per row. */
function timestepOf(write: Writer, time: Value, image: string, timestep: number): string {
  const [count] = time.declaredShape ?? [];
  if (time.declaredShape?.length === 0) return write.constant([timestep], [], time);
  if (typeof count === 'number')
    return write.constant(new Array<number>(count).fill(timestep), [count], time);
  const one = write.constant([timestep], [1], time);
  const rows = write.node('Slice', [write.node('Shape', [image]), write.integers([0]), write.integers([1])]);
  return write.node('Expand', [one, rows]);
}

/** Appends nodes and constants. */
interface Writer {
  /** @returns the name of its output */
  node(opType: string, inputs: readonly string[]): string;
  number(value: number): string;
  integers(values: readonly number[]): string;
  /** In the type of `like`. */
  constant(values: readonly number[], dims: readonly number[], like: Value): string;
  /** Gives a value another name, which the model reads. */
  as(name: string, value: string): void;
}

/** The model between what is written in front of it and what is written behind. */
function around(
  model: Model,
  input: Value,
  write: (
    writer: Writer,
    image: string,
  ) => { readonly fed: string; readonly result: (output: string) => string },
): Model {
  const [output] = model.graph.outputs;
  if (output === undefined) throw new Error('a denoiser has an output');
  const graph = model.proto.graph ?? {};
  const fresh = freshNames(model.proto);
  const nodes: NodeProto[] = [];
  const image = fresh('noisy');
  const writer = writerTo(nodes, fresh, model.path);
  const { fed, result } = write(writer, image);
  writer.as(input.name, fed);
  const last = result(output.name);
  const dims: readonly Dim[] | null = input.declaredShape;
  const info = (name: string): ValueInfoProto =>
    dims === null
      ? { name, type: { tensorType: { elemType: DataType.FLOAT } } }
      : tensorInfo(name, DataType.FLOAT, dims);
  const free = new Set(model.graph.inputs.map(({ name }) => name));
  const weights = (graph.input ?? []).filter(({ name }) => !free.has(name ?? ''));
  const proto = edited(model.proto, {
    graph: edited(graph, {
      node: [...nodes, ...(graph.node ?? [])],
      input: [info(image), ...weights],
      output: [info(last)],
      valueInfo: [],
    }),
  });
  return modelOf(proto, model);
}

function writerTo(nodes: NodeProto[], fresh: (wanted: string) => string, where: string): Writer {
  const append = (
    opType: string,
    input: readonly string[],
    attribute: NodeProto['attribute'] = [],
  ): string => {
    const name = fresh(`conditioning/${opType}`);
    nodes.push({ name, opType, input: [...input], output: [name], attribute: attribute ?? [] });
    return name;
  };
  const stored = (fields: object, dataType: number, dims: readonly number[]): string =>
    append(
      'Constant',
      [],
      [{ name: 'value', type: AttributeType.TENSOR, t: { dataType, dims: [...dims], ...fields } }],
    );
  return {
    node: (opType, inputs) => append(opType, inputs),
    number: (value) => stored({ floatData: [value] }, DataType.FLOAT, []),
    integers: (values) => stored({ int64Data: [...values] }, DataType.INT64, [values.length]),
    constant(values, dims, like) {
      const field = FIELDS.get(like.declaredType ?? 0);
      if (field !== undefined) return stored({ [field]: [...values] }, like.declaredType ?? 0, dims);
      throw new ModelRefused({
        what: `the input '${like.name}' is ${describeType(like.declaredType, like.declaredShape)}`,
        where,
        why: 'the step of a diffusion model is a whole number or a float',
        remedy: 'Export the U-Net with an int64 timestep.',
      });
    },
    as(name, value) {
      nodes.push({ name: fresh(`conditioning/${name}`), opType: 'Identity', input: [value], output: [name] });
    },
  };
}

const FIELDS: ReadonlyMap<number, string> = new Map([
  [DataType.FLOAT, 'floatData'],
  [DataType.DOUBLE, 'doubleData'],
  [DataType.INT32, 'int32Data'],
  [DataType.INT64, 'int64Data'],
]);
