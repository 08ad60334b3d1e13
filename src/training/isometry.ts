/**
 * Puts an isometric left half and its adjoint in front of a network: the start of the `warm` recipe.
 *
 *   f_L(x) = Clip(0, 2k)(W x + k)   W: the k² orthonormal DCT-II filters of k×k patches side by side, per channel
 *   then     Wᵀ(· - k), patches put back in place, and the network as it was.
 *
 * W is an orthogonal matrix, so ||Wx|| = ||x||. For pixels in [0,1] every |w·x| <= k, hence the clip changes nothing at an
 * image, and noise of level σ behind it reaches the network as noise of level σ on the pixels: right away the split network
 * is the smoothed one it came from. Patches that overlap would do the same with a latent k² times as large, all of which
 * would have to be filled with noise.
 */
import { UsageError } from '../ground/errors.ts';
import { DataType } from '../onnx/model/data-type.ts';
import { type Model, modelOf } from '../onnx/model/model.ts';
import { type AttributeProto, AttributeType, edited, type NodeProto } from '../onnx/model/proto.ts';

/** Name of the tensor to cut at. */
export const ISOMETRY_CUT = 'isometry';

/** Sides of a patch, best first: the first that divides the image is taken, and 1 divides all. */
const SIDES = [4, 3, 2, 1];

/**
 * @param imageDims [C, H, W]; the model's input must be such images of pixels in [0,1]
 * @returns the model with `isometry` as a cut; it computes what it computed before
 * @throws UsageError for a model that was wrapped already, or of an opset before 11
 */
export function withIsometry(model: Model, imageDims: readonly number[]): Model {
  const input = model.graph.inputs[0];
  const [channels, rows, columns] = imageDims;
  if (input === undefined || channels === undefined || rows === undefined || columns === undefined)
    throw new Error('a classifier has one image input');
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
  const side = SIDES.find((k) => rows % k === 0 && columns % k === 0) ?? 1;
  const basis = dctBasis(side);
  const taps = side * side;
  const count = channels * taps;
  const name = (part: string): string => `${ISOMETRY_CUT}/${part}`;
  const ints = (key: string, values: number[]): AttributeProto => ({
    name: key,
    type: AttributeType.INTS,
    ints: values,
  });
  // Wᵀ(· - k): what the shift adds to each tap of a patch is taken off again.
  const unshift = Float32Array.from({ length: count }, (_, c) => {
    let sum = 0;
    for (let f = 0; f < taps; f++) sum += basis[f * taps + (c % taps)] as number;
    return -side * sum;
  });
  const nodes: NodeProto[] = [
    constant(name('filters'), [count, channels, side, side], perChannel(basis, taps, channels)),
    constant(name('shift'), [count], new Float32Array(count).fill(side)),
    constant(name('low'), [], Float32Array.of(0)),
    constant(name('high'), [], Float32Array.of(2 * side)),
    constant(
      name('adjoint_filters'),
      [count, count, 1, 1],
      perChannel(transposedBasis(basis, taps), taps, channels),
    ),
    constant(name('adjoint_shift'), [count], unshift),
    shape(name('patch_dims'), [0, channels, side, side, rows / side, columns / side]),
    shape(name('image_dims'), [0, channels, rows, columns]),
    {
      name: name('conv'),
      opType: 'Conv',
      input: [input.name, name('filters'), name('shift')],
      output: [name('linear')],
      attribute: [ints('kernel_shape', [side, side]), ints('strides', [side, side])],
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
      output: [name('taps')],
      attribute: [ints('kernel_shape', [1, 1])],
    },
    {
      name: name('patches'),
      opType: 'Reshape',
      input: [name('taps'), name('patch_dims')],
      output: [name('patches')],
      attribute: [],
    },
    {
      name: name('in_place'),
      opType: 'Transpose',
      input: [name('patches')],
      output: [name('in_place')],
      attribute: [ints('perm', [0, 1, 4, 2, 5, 3])],
    },
    {
      name: name('image'),
      opType: 'Reshape',
      input: [name('in_place'), name('image_dims')],
      output: [name('image')],
      attribute: [],
    },
  ];
  const graph = model.proto.graph ?? {};
  const rest = (graph.node ?? []).map((node) => {
    if (node.input?.includes(input.name) !== true) return node;
    return edited(node, { input: node.input.map((i) => (i === input.name ? name('image') : i)) });
  });
  return modelOf(edited(model.proto, { graph: edited(graph, { node: [...nodes, ...rest] }) }), model);
}

/** The orthonormal DCT-II basis of side×side patches: [filter, tap], row-major. */
function dctBasis(side: number): Float32Array {
  const taps = side * side;
  const wave = (frequency: number, at: number): number =>
    Math.sqrt((frequency === 0 ? 1 : 2) / side) * Math.cos((Math.PI * (2 * at + 1) * frequency) / (2 * side));
  const basis = new Float32Array(taps * taps);
  for (let f = 0; f < taps; f++) {
    for (let t = 0; t < taps; t++) {
      basis[f * taps + t] = wave(Math.floor(f / side), Math.floor(t / side)) * wave(f % side, t % side);
    }
  }
  return basis;
}

function transposedBasis(basis: Float32Array, taps: number): Float32Array {
  return basis.map((_, i) => basis[(i % taps) * taps + Math.floor(i / taps)] as number);
}

/** The same taps×taps matrix for every channel: block diagonal, [C·taps, C·taps]. */
function perChannel(matrix: Float32Array, taps: number, channels: number): Float32Array {
  const width = channels * taps;
  const blocks = new Float32Array(width * width);
  for (let c = 0; c < channels; c++) {
    for (let f = 0; f < taps; f++) {
      const row = matrix.subarray(f * taps, (f + 1) * taps);
      blocks.set(row, (c * taps + f) * width + c * taps);
    }
  }
  return blocks;
}

function constant(output: string, dims: number[], values: Float32Array): NodeProto {
  return constantNode(output, DataType.FLOAT, dims, values);
}

function shape(output: string, dims: number[]): NodeProto {
  return constantNode(output, DataType.INT64, [dims.length], BigInt64Array.from(dims, BigInt));
}

/** A Constant node: legal in every IR version, unlike an initializer that is not an input. */
function constantNode(
  output: string,
  dataType: number,
  dims: number[],
  values: Float32Array | BigInt64Array,
): NodeProto {
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return {
    name: output,
    opType: 'Constant',
    input: [],
    output: [output],
    attribute: [{ name: 'value', type: AttributeType.TENSOR, t: { name: output, dataType, dims, rawData } }],
  };
}
