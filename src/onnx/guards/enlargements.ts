/**
 * ONNX Runtime allocates whatever memory a node's result takes, without a limit. So the result sizes that a file
 * states as plain numbers (pads, repeats, strides, target shapes) must be plausible for an image classifier; sizes
 * computed at run time are not visible here.
 */
import { ModelRefused } from '../../ground/errors.ts';
import type { Model } from '../model/model.ts';
import {
  allNodes,
  attributeOf,
  describeNodeProto,
  EXTERNAL,
  type NodeProto,
  normalDomain,
  toNumber,
} from '../model/proto.ts';
import { tensorFault, tensorOf } from '../model/tensor.ts';
import { constantTensors } from './determinism.ts';

/** Elements of a result whose shape is stated. */
const MOST_NUMBERS = 2 ** 26;
/** Elements of an interpolated result: each takes many operations, here and in ONNX Runtime. */
const MOST_RESIZED = 2 ** 22;
/** Places that padding may add to one channel of an image of one pixel. */
const MOST_PADDED = 2 ** 16;
/** Places in one region cut out of a channel, and in one Fourier transform. */
const MOST_PLACES = 2 ** 16;
/** How many times larger than its input a result may be. */
const MOST_TIMES = 2 ** 12;
/** Cells of one pooling window. */
const MOST_CELLS = 2 ** 24;

interface Growth {
  /** "pads to 4194305 places". */
  readonly what: string;
  readonly size: number;
  readonly most: number;
}

/** Numbers of a node's input or attribute; null when they are not written in the file. */
interface Written {
  input(index: number): readonly number[] | null;
  attribute(name: string): readonly number[] | null;
}

const product = (values: readonly number[]): number => values.reduce((a, b) => a * Math.abs(b), 1);
const shape = (values: readonly number[] | null, most = MOST_NUMBERS): Growth[] =>
  values === null ? [] : [{ what: 'gives a result of', size: product(values.filter((v) => v > 0)), most }];
/** Of each region of an image, channel by channel. */
const region = (values: readonly number[] | null): Growth[] =>
  values === null ? [] : [{ what: 'gives regions of', size: product(values), most: MOST_PLACES }];
const times = (values: readonly number[] | null): Growth[] =>
  values === null
    ? []
    : [{ what: 'enlarges its input by a factor of', size: product(values), most: MOST_TIMES }];
/** pads: what is added in front on each axis, then what is added behind. */
const padding = (values: readonly number[] | null): Growth[] => {
  if (values === null) return [];
  const axes = values.length / 2;
  const places = Array.from(
    { length: axes },
    (_, k) => 1 + Math.abs(values[k] ?? 0) + Math.abs(values[k + axes] ?? 0),
  );
  return [{ what: 'pads one pixel to', size: product(places), most: MOST_PADDED }];
};
/** Blocks moved between channels and places: ONNX Runtime crashes where the square of their side overflows. */
const block = ({ attribute }: Written): Growth[] =>
  (attribute('blocksize') ?? []).map((side) => ({
    what: 'has blocks of side',
    size: side,
    most: MOST_TIMES,
  }));
const window = (values: readonly number[] | null): Growth[] =>
  values === null ? [] : [{ what: 'has a window of', size: product(values), most: MOST_CELLS }];

const range = ({ input }: Written): Growth[] => {
  const [start, limit, delta] = [0, 1, 2].map((k) => input(k)?.[0] ?? null);
  if (start == null || limit == null || delta == null) return [];
  return shape([Math.ceil((limit - start) / delta)]);
};

const pooling = ({ attribute }: Written): Growth[] => [
  ...padding(attribute('pads')),
  ...window(attribute('kernel_shape')),
];

/** By operator, ONNX's and ONNX Runtime's own; all others give results of the sizes of their inputs, or of sums and products of them. */
const growths: ReadonlyMap<string, (written: Written) => Growth[]> = new Map([
  ['Conv', ({ attribute }) => padding(attribute('pads'))],
  ['ConvInteger', ({ attribute }) => padding(attribute('pads'))],
  ['QLinearConv', ({ attribute }) => padding(attribute('pads'))],
  ['Im2Col', ({ attribute }) => padding(attribute('pads'))],
  ['AveragePool', pooling],
  ['MaxPool', pooling],
  ['LpPool', pooling],
  [
    'ConvTranspose',
    ({ attribute }) => [
      ...padding(attribute('pads')),
      ...times(attribute('strides')),
      ...times(attribute('dilations')),
      ...shape(attribute('output_shape')),
      ...padding(attribute('output_padding')?.flatMap((v) => [v, v]) ?? null),
    ],
  ],
  [
    'MaxUnpool',
    ({ attribute, input }) => [
      ...shape(input(2)),
      ...times(attribute('strides')),
      ...times(attribute('kernel_shape')),
    ],
  ],
  [
    'Pad',
    ({ attribute, input }) => [...padding(input(1)), ...padding(attribute('pads') ?? attribute('paddings'))],
  ],
  ['DepthToSpace', block],
  ['SpaceToDepth', block],
  ['Tile', ({ input }) => times(input(1))],
  ['Upsample', ({ attribute, input }) => [...times(input(1)), ...times(attribute('scales'))]],
  ['Resize', ({ input }) => [...times(input(1)), ...times(input(2)), ...shape(input(3), MOST_RESIZED)]],
  ['Expand', ({ input }) => shape(input(1))],
  ['ConstantOfShape', ({ input }) => shape(input(0))],
  ['CenterCropPad', ({ input }) => shape(input(1))],
  ['Col2Im', ({ input }) => shape(input(1))],
  ['AffineGrid', ({ input }) => shape(input(1))],
  ['OneHot', ({ input }) => times(input(1))],
  ['Range', range],
  [
    'RoiAlign',
    ({ attribute }) => region([...(attribute('output_height') ?? []), ...(attribute('output_width') ?? [])]),
  ],
  ['MaxRoiPool', ({ attribute }) => region(attribute('pooled_shape'))],
  ['BlackmanWindow', ({ input }) => shape(input(0))],
  ['HammingWindow', ({ input }) => shape(input(0))],
  ['HannWindow', ({ input }) => shape(input(0))],
  ['MelWeightMatrix', ({ input }) => shape([...(input(0) ?? []), ...(input(1) ?? [])])],
  ['DFT', ({ input }) => region(input(1))],
  ['FusedConv', ({ attribute }) => padding(attribute('pads'))],
  ['NhwcFusedConv', ({ attribute }) => padding(attribute('pads'))],
  ['NhwcMaxPool', pooling],
  ['QLinearAveragePool', pooling],
]);

/** Throws ModelRefused for a node whose result the file states to be larger than any classifier's. */
export function refuseEnlargements({ proto, path }: Model): void {
  const constants = constantTensors(proto);
  const writtenIn = (node: NodeProto): Written => ({
    input(index) {
      const name = node.input?.[index] ?? '';
      const tensor = name === '' ? undefined : constants.get(name);
      if (tensor === undefined || tensor.dataLocation === EXTERNAL || tensorFault(tensor, name) !== null)
        return null;
      // The same constant may also be a weight: long ones are not sizes.
      if ((tensor.dims ?? []).reduce<number>((count, dim) => count * toNumber(dim), 1) > 64) return null;
      return [...tensorOf(tensor, describeNodeProto(node)).float64()];
    },
    attribute(name) {
      const found = attributeOf(node, name);
      if (found === undefined) return null;
      const values = found.ints?.length
        ? found.ints.map(toNumber)
        : found.floats?.length
          ? found.floats
          : null;
      return values ?? (Object.hasOwn(found, 'i') ? [toNumber(found.i)] : null);
    },
  });
  for (const node of allNodes(proto)) {
    if (!['', 'com.microsoft'].includes(normalDomain(node.domain))) continue;
    const found = growths.get(node.opType ?? '')?.(writtenIn(node)) ?? [];
    const fault = found.find(({ size, most }) => !(size <= most));
    if (fault === undefined) continue;
    throw new ModelRefused({
      what: `${describeNodeProto(node)} ${fault.what} ${fault.size}`,
      where: path,
      why: `at most ${fault.most} is supported: no image classifier needs more, and memory might run out`,
      remedy: 'Get the file again from its author: it is damaged or hostile.',
    });
  }
}
