/**
 * Values that carry no row: constants, and integers that a network computes from its shapes. A few of these count the rows
 * (the first length of the image, joined with others for a Reshape or an Expand); their number is tracked exactly,
 * through the operators that only move integers. Any arithmetic with the number of rows ends the tracking: its result
 * would change with the size of the batch.
 */
import { DataType } from '../../model/data-type.ts';
import { intAttribute, intsAttribute, type Tensor } from '../../model/graph.ts';
import { fromFront, integersOf, type Length, numbersOf, type Place, type Step } from './step.ts';

/** A shape has at most as many lengths. */
const MOST = 64;

export const unknown: Place = { kind: 'fixed', integers: null };

const whole: readonly number[] = [DataType.INT64, DataType.INT32];

/** A stored tensor: its integers when it is small enough to be a shape. */
export function placeOfConstant(tensor: Tensor): Place {
  const small = tensor.dims.length <= 1 && (tensor.dims[0] ?? 1) <= MOST;
  return { kind: 'fixed', integers: small && whole.includes(tensor.type) ? tensor.integers() : null };
}

export function placeOfIntegers(integers: readonly Length[]): Place {
  return integers.includes('rows')
    ? { kind: 'counts', integers }
    : { kind: 'fixed', integers: integers as readonly number[] };
}

/** What a Shape node gives. */
export function shapeOf(step: Step): Place | string {
  const { node, operands } = step;
  const [data] = operands;
  if (data == null) return 'has no operand';
  const lengths = data.dims.map((length, k): Length | null => {
    if (data.place.kind !== 'rows' || k !== data.place.axis) return length;
    return data.place.block === 1 ? 'rows' : null;
  });
  const rank = lengths.length;
  const clamped = (at: number): number => Math.min(rank, Math.max(0, fromFront(at, rank)));
  const part = lengths.slice(
    clamped(intAttribute(node, 'start', 0)),
    clamped(intAttribute(node, 'end', rank)),
  );
  if (part.includes(null)) return 'measures an axis that holds several entries of every row';
  return placeOfIntegers(part as Length[]);
}

/** A node none of whose operands carries rows: its output's place, or why it is given up. */
export function computed(step: Step): Place | string {
  const { node, operands } = step;
  const counts = operands.some((operand) => operand?.place.kind === 'counts');
  const moved = node.domain === '' ? movedIntegers(step) : null;
  if (moved !== null) return placeOfIntegers(moved);
  if (!counts) return unknown;
  return (node.domain === '' ? repeated(step) : null) ?? 'computes with the number of rows in the batch';
}

/** Integers that an operator only moves; null when it does more, or they are not known. */
function movedIntegers(step: Step): readonly Length[] | null {
  const { node, operands } = step;
  const [data, second] = operands;
  const integers = integersOf(data);
  if (integers === null || data == null || data.dims.length > 1) return null;
  const others = operands.slice(1).every((operand) => operand === null || numbersOf(operand) !== null);
  switch (node.opType) {
    case 'Identity':
      return integers;
    case 'Cast':
      return kept(integers, intAttribute(node, 'to', 0)) ? integers : null;
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Reshape':
      // The shape may change, the order does not.
      return others ? integers : null;
    case 'Gather': {
      const picked = numbersOf(second)?.map((at) => integers[fromFront(at, integers.length)]);
      return data.dims.length === 1 && picked?.every((v) => v !== undefined) ? (picked as Length[]) : null;
    }
    case 'Slice':
      return data.dims.length === 1 && others ? sliced(step, integers) : null;
    case 'Concat': {
      const parts = operands.map(integersOf);
      if (parts.includes(null) || operands.some((operand) => operand?.dims.length !== 1)) return null;
      return parts.flatMap((part) => part ?? []);
    }
    default:
      return null;
  }
}

/** "To the end" is 2^63 − 1 in some files, and −1 once that is cast to 32 bits. */
const kept = (integers: readonly Length[], type: number): boolean =>
  type === DataType.INT64 ||
  (type === DataType.INT32 && integers.every((v) => v === 'rows' || Math.abs(v) < 2 ** 31));

/** A Slice of a vector, forwards and by single steps. */
function sliced({ node, operands }: Step, integers: readonly Length[]): readonly Length[] | null {
  const start = intsAttribute(node, 'starts') ?? numbersOf(operands[1]);
  const end = intsAttribute(node, 'ends') ?? numbersOf(operands[2]);
  const step = operands[4] == null ? [1] : numbersOf(operands[4]);
  if (start?.length !== 1 || end?.length !== 1 || step?.length !== 1 || step[0] !== 1) return null;
  return integers.slice(start[0], end[0]);
}

/** The same numbers for every row: a constant that is repeated along the rows. */
function repeated({ node, operands }: Step): Place | null {
  const [data, target] = operands;
  const once = (lengths: readonly Length[] | null): number | null => {
    const at = lengths?.indexOf('rows') ?? -1;
    return at < 0 || lengths?.lastIndexOf('rows') !== at ? null : at;
  };
  const along = (axis: number | null): Place | null =>
    axis === null ? null : { kind: 'rows', axis, block: 1 };
  if (node.opType === 'ConstantOfShape') return along(once(integersOf(data)));
  if (data?.place.kind !== 'fixed') return null;
  const lengths = integersOf(target);
  const axis = once(lengths);
  if (lengths === null || axis === null) return null;
  if (node.opType === 'Tile') return data.dims[axis] === 1 ? along(axis) : null;
  if (node.opType !== 'Expand') return null;
  const rank = Math.max(data.dims.length, lengths.length);
  const fromEnd = lengths.length - axis;
  return (data.dims[data.dims.length - fromEnd] ?? 1) === 1 ? along(rank - fromEnd) : null;
}
