/**
 * Puts an isometric left half and its adjoint in front of a network: the start of the `warm` recipe.
 *
 *   f_L(x) = Clip(0, 2)(W x + 1)   W: the k² orthonormal DCT-II filters of k×k patches per channel, divided by k, on the
 *                                  fully padded image
 *   then     Wᵀ(· - 1), and the network as it was.
 *
 * Each pixel is seen by all k² taps and the filters are an orthonormal basis of patches, so WᵀW = I and ||Wx|| = ||x||.
 * For pixels in [0,1] every |w·x| <= (1/k)·k = 1, hence the clip changes nothing at an image, and noise of level σ behind
 * it reaches the network as noise of level σ on the pixels: right away the split network is the smoothed one it came from.
 */
import { UsageError } from '../errors.ts';
import { DataType } from '../onnx/data-type.ts';
import { type Model, modelOf } from '../onnx/model.ts';
import { type AttributeProto, AttributeType, edited, type NodeProto } from '../onnx/proto.ts';

/** Name of the tensor to cut at. */
export const ISOMETRY_CUT = 'isometry';

/** Patch side: 25 filters for one channel; 27 for three, where more would make the latent very wide. */
const sideFor = (channels: number): number => (channels === 1 ? 5 : 3);

/**
 * @param imageDims [C, H, W]; the model's input must be such images of pixels in [0,1]
 * @returns the model with `isometry` as a cut; it computes what it computed before
 * @throws UsageError for a model that was wrapped already, or of an opset before 11
 */
export function withIsometry(model: Model, imageDims: readonly number[]): Model {
  const input = model.graph.inputs[0];
  const [channels] = imageDims;
  if (input === undefined || channels === undefined) throw new Error('a classifier has one image input');
  if (model.graph.values.has(ISOMETRY_CUT)) {
    throw new UsageError({
      what: `the model has a tensor '${ISOMETRY_CUT}' already`,
      where: model.path,
      why: 'it seems to come from the recipe warm itself',
      remedy: `Train it on with --recipe matched --split ${ISOMETRY_CUT}, or start from the smoothing-trained model.`,
    });
  }
  if ((model.opsets.get('') ?? 0) < 11) {
    throw new UsageError({
      what: `the recipe warm needs operator set 11 or newer; the model has ${model.opsets.get('') ?? 0}`,
      where: model.path,
      remedy: 'Convert it with onnx.version_converter.convert_version(model, 17), or export it again.',
    });
  }
  const side = sideFor(channels);
  const filters = dctFilters(side, channels);
  const count = channels * side * side;
  const sums = filters.reduce((sum, value) => sum + value, 0);
  // Filters of mean zero add up to 0: what -Wᵀ1 is, per channel, comes from the constant filter alone.
  const shift = new Float32Array(channels).fill(-sums / channels);
  const name = (part: string): string => `${ISOMETRY_CUT}/${part}`;
  const ints = (key: string, values: number[]): AttributeProto => ({
    name: key,
    type: AttributeType.INTS,
    ints: values,
  });
  const nodes: NodeProto[] = [
    constant(name('filters'), [count, channels, side, side], filters),
    constant(name('shift'), [count], new Float32Array(count).fill(1)),
    constant(name('low'), [], Float32Array.of(0)),
    constant(name('high'), [], Float32Array.of(2)),
    constant(name('adjoint_filters'), [channels, count, side, side], adjointFilters(filters, side, channels)),
    constant(name('adjoint_shift'), [channels], shift),
    {
      name: name('conv'),
      opType: 'Conv',
      input: [input.name, name('filters'), name('shift')],
      output: [name('linear')],
      attribute: [ints('kernel_shape', [side, side]), ints('pads', new Array<number>(4).fill(side - 1))],
    },
    {
      name: ISOMETRY_CUT,
      opType: 'Clip',
      input: [name('linear'), name('low'), name('high')],
      output: [ISOMETRY_CUT],
      attribute: [],
    },
    {
      name: name('adjoint'),
      opType: 'Conv',
      input: [ISOMETRY_CUT, name('adjoint_filters'), name('adjoint_shift')],
      output: [name('image')],
      attribute: [ints('kernel_shape', [side, side])],
    },
  ];
  const graph = model.proto.graph ?? {};
  const rest = (graph.node ?? []).map((node) => {
    if (node.input?.includes(input.name) !== true) return node;
    return edited(node, { input: node.input.map((i) => (i === input.name ? name('image') : i)) });
  });
  return modelOf(edited(model.proto, { graph: edited(graph, { node: [...nodes, ...rest] }) }), model);
}

/** The orthonormal DCT-II basis of side×side patches over `side`, one bank per channel: [C·side², C, side, side]. */
function dctFilters(side: number, channels: number): Float32Array {
  const taps = side * side;
  const wave = (frequency: number, at: number): number =>
    Math.sqrt((frequency === 0 ? 1 : 2) / side) * Math.cos((Math.PI * (2 * at + 1) * frequency) / (2 * side));
  const filters = new Float32Array(channels * taps * channels * taps);
  for (let c = 0; c < channels; c++) {
    for (let f = 0; f < taps; f++) {
      for (let t = 0; t < taps; t++) {
        const down = wave(Math.floor(f / side), Math.floor(t / side));
        const across = wave(f % side, t % side);
        filters[((c * taps + f) * channels + c) * taps + t] = (down * across) / side;
      }
    }
  }
  return filters;
}

/** Kernels of Wᵀ as a valid convolution: transposed and turned by 180°. */
function adjointFilters(filters: Float32Array, side: number, channels: number): Float32Array {
  const taps = side * side;
  const count = channels * taps;
  const adjoint = new Float32Array(filters.length);
  for (let o = 0; o < count; o++) {
    for (let c = 0; c < channels; c++) {
      for (let t = 0; t < taps; t++) {
        adjoint[(c * count + o) * taps + (taps - 1 - t)] = filters[(o * channels + c) * taps + t] as number;
      }
    }
  }
  return adjoint;
}

/** A Constant node: legal in every IR version, unlike an initializer that is no input. */
function constant(output: string, dims: number[], values: Float32Array): NodeProto {
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return {
    name: output,
    opType: 'Constant',
    input: [],
    output: [output],
    attribute: [
      {
        name: 'value',
        type: AttributeType.TENSOR,
        t: { name: output, dataType: DataType.FLOAT, dims, rawData },
      },
    ],
  };
}
