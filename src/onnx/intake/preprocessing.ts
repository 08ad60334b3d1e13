/**
 * Puts what a model expects of its pixels into the model: its input becomes the canonical image, float32 pixels in [0,1]
 * of shape [N,C,H,W], and the first nodes do the rest. Noise, distances and radii then always live in pixel units.
 *
 *   x ↦ layout( (scale·order(x) − mean) / std )        mean and std per channel, in the model's own units and order
 *
 * with order: rgb (none), bgr (the three channels in reverse, an isometry); "grey-to-" is done where images are read; layout: nchw (none),
 * nhwc (Transpose), hw ([N,H,W], one channel), flat (any shape of C·H·W elements), flat-transposed (the same, columns first).
 */
import { UsageError } from '../../ground/errors.ts';
import { DataType } from '../model/data-type.ts';
import { tensorInfo } from '../model/extract.ts';
import { type Dim, describeType, sizeOf } from '../model/graph.ts';
import { type Model, modelOf } from '../model/model.ts';
import { AttributeType, edited, type NodeProto } from '../model/proto.ts';
import { type ChannelOrder, type Layout, takesBgr } from './pixel-layout.ts';

export interface Preprocessing {
  readonly layout: Layout;
  /** Absent: rgb. */
  readonly channelOrder?: ChannelOrder;
  /** 255 for a model that takes 0..255. */
  readonly scale: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** [C,H,W] of the data. */
  readonly imageShape: readonly [number, number, number];
}

type ImageShape = Preprocessing['imageShape'];

const isFlat = (layout: Layout): boolean => layout.startsWith('flat');

/** Shape of one image in a layout. */
export function usualRow(layout: Layout, [c, h, w]: ImageShape): number[] {
  switch (layout) {
    case 'nchw':
      return [c, h, w];
    case 'nhwc':
      return [h, w, c];
    case 'hw':
      return [h, w];
    case 'flat':
    case 'flat-transposed':
      return [c * h * w];
  }
}

/** Shape of one image in a layout and in the model, whose dimensions may be open; null where the two do not agree. */
function rowFor(layout: Layout, image: ImageShape, declared: readonly Dim[]): number[] | null {
  const row = usualRow(layout, image);
  if (isFlat(layout)) return isChannelsLast(image, declared) ? null : flatRow(row[0] ?? 0, declared);
  const fits =
    row.length === declared.length && declared.every((d, k) => typeof d !== 'number' || d === row[k]);
  return fits && (layout !== 'hw' || image[0] === 1) ? row : null;
}

/** [H,W,C] has the right number of elements, but colours laid flat would land on other pixels. */
function isChannelsLast(image: ImageShape, declared: readonly Dim[]): boolean {
  const last = usualRow('nhwc', image);
  return image[0] > 1 && declared.length === 3 && declared.every((d, k) => d === last[k]);
}

/** `count` elements in the declared shape; an open dimension takes what the others leave, if there is only one. */
function flatRow(count: number, declared: readonly Dim[]): number[] | null {
  const known = sizeOf(declared.filter((d): d is number => typeof d === 'number'));
  const open = declared.filter((d) => typeof d !== 'number').length;
  if (declared.length === 0 || open > 1) return null;
  const left = count / known;
  if (open === 0 ? left !== 1 : !Number.isInteger(left)) return null;
  return declared.map((d) => (typeof d === 'number' ? d : left));
}

/** Throws UsageError when the images do not fit the model's input, or mean and std not the channels. */
export function prependPreprocessing(model: Model, wanted: Preprocessing): Model {
  const [channels] = wanted.imageShape;
  const input = model.graph.inputs[0];
  if (input === undefined) throw new Error('a classifier has one input');
  const row = fittingRow(model, wanted, input.declaredShape ?? []);
  const mean = perChannel('mean', wanted.mean, channels, (v) => Number.isFinite(v));
  const std = perChannel('std', wanted.std, channels, (v) => Number.isFinite(v) && v > 0);
  if (!(Number.isFinite(wanted.scale) && wanted.scale > 0)) {
    throw new UsageError({ what: `the scale ${wanted.scale} is not positive`, remedy: 'Use 1 or 255.' });
  }

  const taken = new Set([...model.graph.values.keys()]);
  const takenNodes = new Set(model.graph.nodes.map((n) => n.name));
  const free = (name: string, names: Set<string>): string => {
    let candidate = name;
    for (let k = 2; names.has(candidate); k++) candidate = `${name}_${k}`;
    names.add(candidate);
    return candidate;
  };
  const nodes: NodeProto[] = [];
  const image = free('image', taken);
  let current = image;
  const append = (
    step: string,
    opType: string,
    constant: Constant | null,
    attribute: NodeProto['attribute'] = [],
  ) => {
    const inputs = [current];
    if (constant !== null) {
      const name = free(`preprocessing/${step}`, taken);
      inputs.push(name);
      nodes.push(constantNode(free(`preprocessing/${step}`, takenNodes), name, constant));
    }
    current = free(`preprocessing/${opType.toLowerCase()}`, taken);
    const name = free(`preprocessing/${opType}`, takenNodes);
    nodes.push({ name, opType, input: inputs, output: [current], attribute: attribute ?? [] });
  };
  const floats = (values: readonly number[], dims: number[]): Constant => ({
    values,
    dims,
    type: DataType.FLOAT,
  });
  const integers = (values: readonly number[]): Constant => ({
    values,
    dims: [values.length],
    type: DataType.INT64,
  });

  if (takesBgr(wanted.channelOrder ?? 'rgb')) {
    if (channels !== 3) {
      throw new UsageError({
        what: `--channels ${wanted.channelOrder} does not fit images of ${channels} channel${channels === 1 ? '' : 's'}`,
        why: 'only red, green and blue can be put in another order',
        remedy: 'Omit it.',
      });
    }
    append('order', 'Gather', integers([2, 1, 0]), [{ name: 'axis', type: AttributeType.INT, i: 1 }]);
  }
  if (wanted.scale !== 1) append('scale', 'Mul', floats([wanted.scale], []));
  if (mean.some((v) => v !== 0)) append('mean', 'Sub', floats(mean, [1, channels, 1, 1]));
  if (std.some((v) => v !== 1)) append('std', 'Div', floats(std, [1, channels, 1, 1]));
  const transpose = (ints: number[]): void =>
    append('', 'Transpose', null, [{ name: 'perm', type: AttributeType.INTS, ints }]);
  if (wanted.layout === 'nhwc') transpose([0, 2, 3, 1]);
  if (wanted.layout === 'flat-transposed') transpose([0, 1, 3, 2]);
  if (wanted.layout === 'hw' || isFlat(wanted.layout)) append('shape', 'Reshape', integers([-1, ...row]));
  const last = nodes.at(-1);
  if (last === undefined) return model;
  last.output = [input.name];

  const graph = model.proto.graph ?? {};
  const batch: Dim = input.declaredShape?.[0] ?? 'batch';
  const info = tensorInfo(image, DataType.FLOAT, [batch, ...wanted.imageShape]);
  const inputs = (graph.input ?? []).map((i) => (i.name === input.name ? info : i));
  const proto = edited(model.proto, {
    graph: edited(graph, { input: inputs, node: [...nodes, ...(graph.node ?? [])] }),
  });
  return modelOf(proto, model);
}

interface Constant {
  readonly values: readonly number[];
  readonly dims: number[];
  readonly type: DataType;
}

/** A Constant node: legal in every IR version, unlike an initializer that is not an input. */
function constantNode(name: string, output: string, { values, dims, type }: Constant): NodeProto {
  const data = type === DataType.FLOAT ? { floatData: [...values] } : { int64Data: [...values] };
  return {
    name,
    opType: 'Constant',
    input: [],
    output: [output],
    attribute: [
      { name: 'value', type: AttributeType.TENSOR, t: { name: output, dataType: type, dims, ...data } },
    ],
  };
}

/** Shape of one image as the model takes it. Throws UsageError, with the flag that would help, where it does not fit. */
export function fittingRow(
  model: Model,
  { layout, imageShape }: Preprocessing,
  declared: readonly Dim[],
): number[] {
  const [, ...rest] = declared;
  const row = rowFor(layout, imageShape, rest);
  if (row !== null) return row;
  const usual = usualRow(layout, imageShape);
  const taken = sizeOf(rest.filter((d): d is number => typeof d === 'number'));
  throw new UsageError({
    what: `images of shape [${imageShape.join(',')}] (channels, height, width) do not fit the model's input ${describeType(DataType.FLOAT, declared)}`,
    where: model.path,
    why: `in layout ${layout} one image has the shape [${usual.join(',')}], ${sizeOf(usual)} numbers; the model takes [${rest.map((d) => d ?? '?').join(',')}]${rest.every((d) => typeof d === 'number') ? `, ${taken}` : ''}`,
    remedy:
      otherFlags(layout, imageShape, rest) ??
      'Use the data set the model was trained on, or images of its size.',
  });
}

/** The flags with which the images would fit, or null: another layout, or grey images repeated for a model of colour ones. */
function otherFlags(layout: Layout, image: ImageShape, rest: readonly Dim[]): string | null {
  const layoutFor = (shape: ImageShape): Layout | undefined =>
    (['nchw', 'nhwc', 'hw', 'flat'] as const).find(
      (candidate) =>
        (isFlat(candidate) || rest.some((d) => typeof d === 'number')) &&
        rowFor(candidate, shape, rest) !== null,
    );
  const other = layoutFor(image);
  if (other !== undefined) return `Use --layout ${other}.`;
  const [channels, height, width] = image;
  const colour = channels === 1 ? ([3, height, width] as const) : null;
  if (colour === null) return null;
  if (rowFor(layout, colour, rest) !== null)
    return 'The images are grey. Add --channels grey-to-rgb to read them as R = G = B.';
  const both = layoutFor(colour);
  return both === undefined
    ? null
    : `The images are grey. Add --channels grey-to-rgb to read them as R = G = B, and --layout ${both}.`;
}

/** One number per channel; a single number applies to all. Absent: nothing to do. */
function perChannel(
  name: 'mean' | 'std',
  values: readonly number[] | undefined,
  channels: number,
  valid: (v: number) => boolean,
): number[] {
  if (values === undefined) return new Array<number>(channels).fill(name === 'std' ? 1 : 0);
  const all = values.length === 1 ? new Array<number>(channels).fill(values[0] as number) : [...values];
  if (all.length !== channels || !all.every(valid)) {
    throw new UsageError({
      what: all.every(valid)
        ? `--${name} ${values.join(',')} does not fit images of ${channels} channel${channels === 1 ? '' : 's'}`
        : `--${name} ${values.join(',')} is out of range`,
      why: `one ${name === 'std' ? 'positive ' : 'finite '}number per channel is expected`,
      remedy: `Give ${channels === 1 ? 'one number' : `${channels} numbers separated by commas`}, in units of --scale.`,
    });
  }
  return all;
}
