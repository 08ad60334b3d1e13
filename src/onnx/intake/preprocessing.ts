/**
 * Puts what a model expects of its pixels into the model: its input becomes the canonical image, float32 pixels in [0,1]
 * of shape [N,C,H,W], and the first nodes do the rest. Noise, distances and radii then always live in pixel units.
 *
 *   x ↦ layout( (scale·order(x) − mean) / std )        mean and std per channel, in the model's own units and order
 *
 * with order: rgb (none), bgr (the three channels in reverse, an isometry); layout: nchw (none), nhwc (Transpose), hw ([N,H,W], one channel), flat ([N, C·H·W]).
 */
import { UsageError } from '../../ground/errors.ts';
import { DataType } from '../model/data-type.ts';
import { tensorInfo } from '../model/extract.ts';
import { type Dim, describeType, sizeOf } from '../model/graph.ts';
import { type Model, modelOf } from '../model/model.ts';
import { AttributeType, edited, type NodeProto } from '../model/proto.ts';
import type { ChannelOrder, Layout } from './pixel-layout.ts';

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

/** Shape of one image as the model takes it, without the batch axis. */
export function rowShape(layout: Layout, [c, h, w]: readonly [number, number, number]): number[] {
  switch (layout) {
    case 'nchw':
      return [c, h, w];
    case 'nhwc':
      return [h, w, c];
    case 'hw':
      return [h, w];
    case 'flat':
      return [c * h * w];
  }
}

/** Throws UsageError when the images do not fit the model's input, or mean and std not the channels. */
export function prependPreprocessing(model: Model, wanted: Preprocessing): Model {
  const [channels] = wanted.imageShape;
  const input = model.graph.inputs[0];
  if (input === undefined) throw new Error('a classifier has one input');
  checkFit(model, wanted, input.declaredShape ?? []);
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

  if (wanted.channelOrder === 'bgr') {
    if (channels !== 3) {
      throw new UsageError({
        what: `--channels bgr does not fit images of ${channels} channel${channels === 1 ? '' : 's'}`,
        why: 'only red, green and blue can be put in another order',
        remedy: 'Omit it.',
      });
    }
    append('order', 'Gather', integers([2, 1, 0]), [{ name: 'axis', type: AttributeType.INT, i: 1 }]);
  }
  if (wanted.scale !== 1) append('scale', 'Mul', floats([wanted.scale], []));
  if (mean.some((v) => v !== 0)) append('mean', 'Sub', floats(mean, [1, channels, 1, 1]));
  if (std.some((v) => v !== 1)) append('std', 'Div', floats(std, [1, channels, 1, 1]));
  const row = rowShape(wanted.layout, wanted.imageShape);
  if (wanted.layout === 'nhwc') {
    append('', 'Transpose', null, [{ name: 'perm', type: AttributeType.INTS, ints: [0, 2, 3, 1] }]);
  } else if (wanted.layout !== 'nchw') {
    append('shape', 'Reshape', integers([-1, ...row]));
  }
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

/** Throws UsageError when images do not fit an input of the shape `declared`, batch axis included. */
export function checkFit(
  model: Model,
  { layout, imageShape }: Preprocessing,
  declared: readonly Dim[],
): void {
  const row = rowShape(layout, imageShape);
  const [, ...rest] = declared;
  const fits =
    rest.length === row.length &&
    rest.every((d, k) => typeof d !== 'number' || d === row[k]) &&
    (layout !== 'hw' || imageShape[0] === 1);
  if (fits) return;
  const other = (['nchw', 'nhwc', 'hw', 'flat'] as const).find((candidate) => {
    const shape = rowShape(candidate, imageShape);
    const oneChannel = candidate !== 'hw' || imageShape[0] === 1;
    return (
      oneChannel &&
      shape.length === rest.length &&
      rest.every((d, k) => typeof d !== 'number' || d === shape[k])
    );
  });
  const taken = sizeOf(rest.filter((d): d is number => typeof d === 'number'));
  throw new UsageError({
    what: `images of shape [${imageShape.join(',')}] (channels, height, width) do not fit the model's input ${describeType(DataType.FLOAT, declared)}`,
    where: model.path,
    why: `in layout ${layout} one image has the shape [${row.join(',')}], ${sizeOf(row)} numbers; the model takes [${rest.map((d) => d ?? '?').join(',')}]${rest.every((d) => typeof d === 'number') ? `, ${taken}` : ''}`,
    remedy:
      other === undefined
        ? 'Use the data set the model was trained on, or images of its size.'
        : `Use --layout ${other}.`,
  });
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
      what: `--${name} ${values.join(',')} does not fit images of ${channels} channel${channels === 1 ? '' : 's'}`,
      why: `one ${name === 'std' ? 'positive ' : ''}number per channel is expected`,
      remedy: `Give ${channels} numbers separated by commas, in the model's own units (after --scale).`,
    });
  }
  return all;
}
