/**
 * What is computed from constants of other types than floats. Such types compute by rules of their own: integers wrap around, a cast to
 * BOOL makes 1 of everything but 0, half precision rounds at every step. Here everything is a float64, which gives the same only
 * where cells are moved and where whole numbers are added and multiplied within range; anything else is refused, since a weight
 * could be made of it. What ONNX Runtime has folded before (onnx/rewrites/fold-constants.ts) never comes here.
 */
import { MOST_EXACT } from '../ground/exact.ts';
import { inflate, normUp } from '../ground/rounding-error.ts';
import { DataType, dataTypeName, INTEGER_RANGES } from '../onnx/model/data-type.ts';
import { describeNode, intAttribute, type Node } from '../onnx/model/graph.ts';
import { refuse } from '../operators/compile/compile-errors.ts';
import type { Constant, SingleAction } from '../operators/operator.ts';

/** A constant and its element type. */
export interface TypedConstant {
  readonly constant: Constant;
  readonly type: DataType;
}

/** The inputs of a node, by position: null for what depends on the network's input, which is a float, or is omitted. */
export type TypedInputs = readonly (TypedConstant | null)[];

const isFloat = (type: DataType): boolean => type === DataType.FLOAT || type === DataType.DOUBLE;

/** The element type of a node's results: that of its first input, with these exceptions. */
export function resultType(node: Node, inputs: TypedInputs): DataType {
  const of = (position: number): DataType => inputs[position]?.type ?? DataType.FLOAT;
  switch (node.opType) {
    case 'Shape':
      return DataType.INT64;
    case 'Cast':
      return intAttribute(node, 'to', DataType.UNDEFINED) as DataType;
    case 'CastLike':
    case 'Where':
      return of(1);
    default:
      return of(0);
  }
}

/**
 * The constant that a node makes of constants, with the value that its type gives it.
 * @param made as computed in float64
 * @throws ModelRefused, naming the node, where the rules of the type could give another
 */
export function typedResult(
  node: Node,
  type: DataType,
  action: SingleAction,
  made: { readonly constant: Constant; readonly error: number },
  inputs: TypedInputs,
): { readonly constant: Constant; readonly error: number } {
  if (type === DataType.FLOAT && ['Cast', 'CastLike'].includes(node.opType)) return roundedToFloat32(made);
  if (isFloat(type)) return made;
  const misfit = made.constant.values.find((value) => !holds(type, value));
  if (misfit !== undefined)
    refuse(
      node,
      `it makes ${dataTypeName(type)} of a constant ${misfit}, which that type does not hold`,
      FOLD,
    );
  if (!isExact(node, action, inputs))
    refuse(
      node,
      `it computes constants of type ${dataTypeName(type)}, and float64 would not give what that type does`,
      FOLD,
    );
  return { constant: made.constant, error: 0 };
}

const FOLD = 'Fold constants at export, or cut the network earlier.';

/** A cast rounds once; where the constant was not exact, its error may grow by as much. */
function roundedToFloat32({ constant, error }: { readonly constant: Constant; readonly error: number }) {
  const values = constant.values.map(Math.fround);
  const grown = inflate(error + 2 ** -23 * normUp(values) + 2 ** -149 * Math.sqrt(values.length), 4);
  return { constant: { dims: constant.dims, values }, error: error === 0 ? 0 : grown };
}

/** Whether a value is one of the type's; never for types that are not read. */
function holds(type: DataType, value: number): boolean {
  const range = INTEGER_RANGES.get(type);
  if (range !== undefined) return Number.isInteger(value) && value >= range[0] && value <= range[1];
  if (type === DataType.FLOAT16) return !Number.isFinite(value) || fits(value, 11, -24, 65504);
  return type === DataType.BFLOAT16 && (!Number.isFinite(value) || fits(value, 8, -133, 2 ** 128));
}

/** Whether a number has at most `bits` significant bits, none below 2^lowest. */
function fits(value: number, bits: number, lowest: number, most: number): boolean {
  if (value === 0) return true;
  const magnitude = Math.abs(value);
  let unit = Math.max(lowest, Math.floor(Math.log2(magnitude)) - bits + 1);
  // The logarithm of a number just below a power of two may be that power's.
  if (magnitude < 2 ** (unit + bits - 1) && unit > lowest) unit--;
  return magnitude <= most && Number.isInteger(magnitude / 2 ** unit);
}

function isExact(node: Node, action: SingleAction, inputs: TypedInputs): boolean {
  // Shapes, the larger or smaller of two, and quotients that have been looked at.
  if (action.kind === 'constant') return true;
  if (action.kind !== 'affine') return false;
  return movesCells(action) || addsWholeNumbers(node, action, inputs);
}

type Affine = Extract<SingleAction, { kind: 'affine' }>;

/** Whether every cell is a copy of one cell, or 0. */
function movesCells({ terms, bias }: Affine): boolean {
  if (bias?.some((value) => value !== 0) === true) return false;
  if (!terms.every(({ matrix }) => matrix.error === 0 && matrix.isSelection())) return false;
  if (terms.length === 1) return true;
  const readers = terms.map(({ matrix }) => matrix.explicit('constants').rowStart);
  const rows = (readers[0]?.length ?? 1) - 1;
  for (let i = 0; i < rows; i++)
    if (readers.reduce((sum, starts) => sum + (starts[i + 1] ?? 0) - (starts[i] ?? 0), 0) > 1) return false;
  return true;
}

/**
 * Whether all sums are of whole numbers whose magnitudes together stay where float64 is exact. INT64_MAX, which stands for "to the end" and
 * is kept as 2^53 - 1, is beyond.
 */
function addsWholeNumbers(node: Node, { terms, bias }: Affine, inputs: TypedInputs): boolean {
  const whole = (values: Float64Array): boolean => values.every(Number.isInteger);
  if (bias !== null && !whole(bias)) return false;
  const total = bias === null ? null : bias.map(Math.abs);
  const sums: Float64Array[] = total === null ? [] : [total];
  for (const { operand, matrix } of terms) {
    const values = inputs[operand]?.constant.values;
    const written = matrix.explicit(describeNode(node));
    if (values === undefined || written.error !== 0 || !whole(values) || !whole(written.value)) return false;
    sums.push(written.applyAbsolute(values.map(Math.abs)));
  }
  const size = sums[0]?.length ?? 0;
  for (let i = 0; i < size; i++)
    if (!(sums.reduce((sum, part) => sum + (part[i] ?? 0), 0) <= MOST_EXACT)) return false;
  return true;
}
