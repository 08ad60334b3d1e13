/**
 * Resize and Upsample with constant scales or sizes: nearest, linear and cubic interpolation are separable affine maps.
 * Every output position along an axis weighs a few input positions; the matrix is the product over the axes.
 */

import { UNIT_ROUNDOFF } from '../ground/rounding-error.ts';
import {
  describeNode,
  floatAttribute,
  floatsAttribute,
  intAttribute,
  intsAttribute,
  type Node,
  sizeOf,
  stringAttribute,
} from '../onnx/model/graph.ts';
import { stridesOf } from './algebra/shape.ts';
import { buildMatrix, checkEntries } from './algebra/sparse-matrix.ts';
import { normalizeAxis, optionalConstant, refuse, required } from './compile/compile-errors.ts';
import type { Operands, Operator } from './operator.ts';

/** One axis before interpolation. */
interface Axis {
  readonly input: number;
  readonly output: number;
  readonly scale: number;
  /** Part of the axis that tf_crop_and_resize shows, in lengths of it. */
  readonly region: readonly [number, number];
}

interface Tap {
  readonly at: number;
  readonly weight: number;
}

interface Interpolation {
  /** Taps of each output position; null where it lies outside and shows the extrapolation value. */
  readonly positions: readonly (readonly Tap[] | null)[];
  /** Upper bound on the error of a weight, from rounding positions and weights. */
  readonly error: number;
}

interface Settings {
  readonly mode: string;
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
}

const COORDINATES = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
];

/** Before opset 11 there was one rule: positions are divided by the scale. */
function settingsOf(node: Node): Settings {
  const plain = node.opType === 'Upsample' || node.opset < 11;
  const mode = stringAttribute(node, 'mode', 'nearest');
  const coordinates = plain
    ? 'asymmetric'
    : stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel');
  const nearest = plain
    ? node.opType === 'Upsample'
      ? 'floor'
      : 'simple'
    : stringAttribute(node, 'nearest_mode', 'round_prefer_floor');
  if (!['nearest', 'linear', 'bilinear', 'cubic'].includes(mode))
    refuse(node, `mode '${mode}' has no bound here`);
  if (!COORDINATES.includes(coordinates))
    refuse(node, `coordinate_transformation_mode '${coordinates}' has no bound here`);
  if (intAttribute(node, 'antialias', 0) !== 0)
    refuse(node, 'an antialiased resize has no bound here', 'Export the model without antialias.');
  return {
    mode: mode === 'bilinear' ? 'linear' : mode,
    coordinates,
    nearest,
    cubic: floatAttribute(node, 'cubic_coeff_a', -0.75),
    excludeOutside: intAttribute(node, 'exclude_outside', 0) === 1,
  };
}

/** Non-empty values of an optional input: exporters write an empty tensor for "not given". */
function listed(node: Node, operands: Operands, position: number, meaning: string): number[] | null {
  const given = optionalConstant(node, operands, position, meaning);
  return given === null || given.values.length === 0 ? null : Array.from(given.values);
}

function axesOf(node: Node, operands: Operands, dims: readonly number[], coordinates: string): Axis[] {
  const old = node.opType === 'Upsample' || node.opset < 11;
  const which = (intsAttribute(node, 'axes') ?? dims.map((_, i) => i)).map((axis) =>
    normalizeAxis(node, axis, dims.length),
  );
  const scales = old
    ? (floatsAttribute(node, 'scales')?.slice() ?? listed(node, operands, 1, 'scales'))
    : listed(node, operands, 2, 'scales');
  const sizes = old ? null : listed(node, operands, 3, 'sizes');
  const roi = coordinates === 'tf_crop_and_resize' ? listed(node, operands, 1, 'region (roi)') : null;
  const given = sizes ?? scales;
  if (given === null || given.length !== which.length)
    refuse(node, 'its scales or sizes are missing or do not fit', 'Re-export the model.');
  if (given.some((v) => !(v > 0) || !Number.isFinite(v)))
    refuse(node, `scales or sizes [${given}] are not positive`, 'Re-export the model.');
  const ratios = which.map((axis, k) => (sizes === null ? given[k]! : given[k]! / dims[axis]!));
  const policy = stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch');
  const common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return dims.map((input, axis): Axis => {
    const k = which.indexOf(axis);
    if (k < 0) return { input, output: input, scale: 1, region: [0, 1] };
    const shown: [number, number] = roi === null ? [0, 1] : [roi[k]!, roi[k + which.length]!];
    if (sizes === null)
      return { input, output: Math.floor(input * given[k]!), scale: given[k]!, region: shown };
    if (policy === 'stretch') return { input, output: given[k]!, scale: ratios[k]!, region: shown };
    return { input, output: Math.floor(common * input + 0.5), scale: common, region: shown };
  });
}

/** Where output position x of an axis lies on the input; `round` is applied to every result (float32 or nothing). */
function original(
  node: Node,
  mode: string,
  { input, output, scale, region }: Axis,
  x: number,
  round: (value: number) => number,
): number {
  const s = round(scale);
  const half = (): number => round(round(round(x + 0.5) / s) - 0.5);
  switch (mode) {
    case 'asymmetric':
      return round(x / s);
    case 'tf_half_pixel_for_nn':
      return round(round(x + 0.5) / s);
    case 'pytorch_half_pixel':
      return output > 1 ? half() : 0;
    case 'half_pixel_symmetric': {
      const adjustment = round(output / round(s * input));
      return round(round(round(input / 2) * round(1 - adjustment)) + half());
    }
    case 'align_corners':
      // The specification uses the rounded length, its reference implementation scale times input.
      if (Math.abs(scale * input - output) > 1e-4)
        refuse(
          node,
          'align_corners with a scale that gives no whole length is computed differently by different runtimes',
          'Export the model with sizes instead of scales.',
        );
      return output === 1 ? 0 : round(round(x * (input - 1)) / (output - 1));
    case 'tf_crop_and_resize': {
      const [start, end] = region;
      return output > 1
        ? round(
            round(start * (input - 1)) + round(round(x * round(end - start) * (input - 1)) / (output - 1)),
          )
        : round(0.5 * round(start + end) * (input - 1));
    }
    default:
      return half();
  }
}

function nearestTap(rule: string, at: number, { input, scale }: Axis): Tap[] {
  const rounded =
    rule === 'floor'
      ? Math.floor(at)
      : rule === 'ceil'
        ? Math.ceil(at)
        : rule === 'simple'
          ? scale < 1
            ? Math.ceil(at)
            : Math.floor(at)
          : rule === 'round_prefer_ceil'
            ? Math.floor(at + 0.5)
            : Math.ceil(at - 0.5);
  return [{ at: Math.min(Math.max(rounded, 0), input - 1), weight: 1 }];
}

function linearTaps(at: number, input: number): Tap[] {
  const inside = Math.min(Math.max(at, 0), input - 1);
  const low = Math.floor(inside);
  const t = inside - low;
  const high = Math.min(low + 1, input - 1);
  return high === low
    ? [{ at: low, weight: 1 }]
    : [
        { at: low, weight: 1 - t },
        { at: high, weight: t },
      ];
}

/** Keys' cubic convolution over four neighbours; those outside repeat the border, or are omitted and the rest rescaled. */
function cubicTaps(
  at: number,
  input: number,
  a: number,
  excludeOutside: boolean,
): { taps: Tap[]; sum: number } {
  const low = Math.floor(at);
  const t = at - low;
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  const four = [far(t + 1), near(t), near(1 - t), far(2 - t)];
  const taps = four.map((weight, k) => ({ at: low - 1 + k, weight }));
  const clamp = (p: number): number => Math.min(Math.max(p, 0), input - 1);
  if (!excludeOutside) return { taps: taps.map((tap) => ({ ...tap, at: clamp(tap.at) })), sum: 1 };
  const inside = taps.filter((tap) => tap.at >= 0 && tap.at < input);
  const sum = inside.reduce((total, tap) => total + tap.weight, 0);
  return { taps: inside.map((tap) => ({ ...tap, weight: tap.weight / sum })), sum };
}

function merged(taps: readonly Tap[]): Tap[] {
  const weights = new Map<number, number>();
  for (const { at, weight } of taps) weights.set(at, (weights.get(at) ?? 0) + weight);
  return Array.from(weights, ([at, weight]) => ({ at, weight }));
}

function interpolation(node: Node, settings: Settings, axis: Axis): Interpolation {
  const { mode, coordinates } = settings;
  const crop = coordinates === 'tf_crop_and_resize';
  const unscaled = axis.scale === 1 && axis.input === axis.output;
  if (unscaled && crop && (axis.region[0] !== 0 || axis.region[1] !== 1))
    refuse(node, 'runtimes disagree about a region (roi) along an axis that keeps its length');
  if (unscaled)
    return { positions: Array.from({ length: axis.input }, (_, at) => [{ at, weight: 1 }]), error: 0 };
  // Which cell is nearest depends on the rounding of the position, so it is rounded as runtimes do.
  const round = mode === 'nearest' ? Math.fround : (value: number): number => value;
  let amplification = 1;
  const positions = Array.from({ length: axis.output }, (_, x) => {
    const at = original(node, coordinates, axis, x, round);
    if (crop && isOutside(node, at, axis.input)) return null;
    if (mode === 'nearest') return nearestTap(settings.nearest, at, axis);
    if (mode === 'linear') return linearTaps(at, axis.input);
    const { taps, sum } = cubicTaps(at, axis.input, settings.cubic, settings.excludeOutside);
    amplification = Math.max(amplification, 1 / (sum * sum));
    return merged(taps);
  });
  if (!Number.isFinite(amplification) || amplification > 1e6)
    refuse(
      node,
      'its cubic weights without the outside nearly cancel',
      'Export it with exclude_outside = 0.',
    );
  // A position is off by a few units relative to the longer length; weights change at most 8 (1 + |a|) times as fast.
  const longest = Math.max(axis.input, axis.output) * Math.max(1, 1 / axis.scale) + 4;
  const steepness = mode === 'cubic' ? 8 * (1 + Math.abs(settings.cubic)) : 1;
  return {
    positions,
    error: mode === 'nearest' ? 0 : 32 * UNIT_ROUNDOFF * longest * steepness * amplification,
  };
}

/** Whether a position shows the extrapolation value; a position too close to the border to decide is refused. */
function isOutside(node: Node, at: number, input: number): boolean {
  const beyond = Math.max(-at, at - (input - 1));
  if (beyond > 0 && beyond < 1e-5 * input)
    refuse(
      node,
      'its region ends on a pixel, where rounding decides what is shown',
      'Cut the network earlier.',
    );
  return beyond > 0;
}

/** Most taps of an output position, and most readers of an input position. */
function fullest({ positions }: Interpolation, input: number): { row: number; column: number } {
  const readers = new Int32Array(input);
  let row = 0;
  for (const taps of positions) {
    row = Math.max(row, taps?.length ?? 0);
    for (const { at } of taps ?? []) readers[at] = readers[at]! + 1;
  }
  return { row, column: readers.reduce((most, count) => Math.max(most, count), 0) };
}

const heaviest = (taps: readonly Tap[] | null): number =>
  (taps ?? []).reduce((most, { weight }) => Math.max(most, Math.abs(weight)), 0);

export const resize: Operator = {
  types: ['Resize', 'Upsample'],
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const settings = settingsOf(node);
    const axes = axesOf(node, operands, dims, settings.coordinates);
    const out = axes.map((axis) => axis.output);
    if (out.some((length) => !(length > 0))) refuse(node, 'its output is empty', 'Re-export the model.');
    if (axes.every(({ input, output }) => input === output) && axes.some(({ scale }) => scale !== 1))
      refuse(
        node,
        'runtimes disagree about scales that leave every length as it is: some copy, and some interpolate',
        'Remove the node, or export it with sizes instead of scales.',
      );
    const along = axes.map((axis) => interpolation(node, settings, axis));
    const shapes = along.map((axis, k) => fullest(axis, dims[k]!));
    const rows = sizeOf(out);
    const entries = rows * shapes.reduce((product, { row }) => product * row, 1);
    checkEntries(entries, describeNode(node));
    const strides = stridesOf(dims);
    const outStrides = stridesOf(out);
    const outside = new Uint8Array(rows);
    const matrix = buildMatrix(rows, sizeOf(dims), entries, (row, add) => {
      let cells: Tap[] = [{ at: 0, weight: 1 }];
      for (let axis = 0; axis < dims.length; axis++) {
        const taps = along[axis]!.positions[Math.floor(row / outStrides[axis]!) % out[axis]!];
        if (taps === null || taps === undefined) {
          outside[row] = 1;
          return;
        }
        cells = cells.flatMap((cell) =>
          taps.map((tap) => ({
            at: cell.at + tap.at * strides[axis]!,
            weight: cell.weight * tap.weight,
          })),
        );
      }
      for (const { at, weight } of cells) add(at, weight);
    });
    // A weight is a product of one per axis, none above `largest`, each off by its axis's error; near a whole position
    // the neighbours may change, which a factor of 8 for at most four axes of two or more taps covers.
    const largest = along.reduce((most, { positions }) => Math.max(most, ...positions.map(heaviest)), 1);
    const perWeight = 8 * along.reduce((sum, { error }) => sum + error, 0) * largest ** dims.length;
    const spread = shapes.reduce((product, { row, column }) => product * row * column, 1);
    const fill = floatAttribute(node, 'extrapolation_value', 0);
    return {
      kind: 'affine',
      dims: out,
      terms: [{ operand: 0, matrix: matrix.withError(perWeight * Math.sqrt(spread)) }],
      bias: fill === 0 || !outside.includes(1) ? null : Float64Array.from(outside, (is) => is * fill),
    };
  },
};
