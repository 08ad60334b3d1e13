/**
 * How a tfjs tensor lies in an ONNX value. A logical axis is on one axis of the value, or on none: then the entries
 * repeat along it. So Transpose, Reshape that only adds or drops axes of size 1, broadcasting and constant fills cost no
 * node; a kernel asks for the order of axes it wants and usually finds it there.
 */
import { sizeOf } from '../../onnx/model/graph.ts';
import { sameDims, type Value } from './recorded.ts';
import type { GraphRecorder } from './recorder.ts';

export interface View {
  readonly value: Value;
  readonly shape: readonly number[];
  /** Per logical axis the axis of the value, -1 for none. An axis of size 1 is on none; sizes of the others agree. */
  readonly axes: readonly number[];
}

/** The tensor that is the value itself. */
export function whole(value: Value): View {
  return { value, shape: value.dims, axes: value.dims.map((d, i) => (d === 1 ? -1 : i)) };
}

/** One number everywhere. */
export function filled(value: Value, shape: readonly number[]): View {
  return { value, shape, axes: shape.map(() => -1) };
}

/** The value whose axis j is the tensor's axis order[j]. */
export function permuted(value: Value, order: readonly number[]): View {
  const shape = order.map(() => 0);
  const axes = order.map(() => -1);
  order.forEach((axis, position) => {
    const size = value.dims[position] as number;
    shape[axis] = size;
    if (size !== 1) axes[axis] = position;
  });
  return { value, shape, axes };
}

/** tf.transpose. */
export function transposed({ value, shape, axes }: View, perm: readonly number[]): View {
  return { value, shape: perm.map((p) => shape[p] as number), axes: perm.map((p) => axes[p] as number) };
}

/** tf.reshape: free where only axes of size 1 come or go. */
export function reshaped(recorder: GraphRecorder, view: View, shape: readonly number[]): View {
  const { value } = view;
  if (sameDims(view.shape, shape)) return view;
  if (view.axes.every((axis) => axis < 0)) return filled(value, shape);
  const large = view.shape.flatMap((d, i) => (d === 1 ? [] : [i]));
  if (
    sameDims(
      large.map((i) => view.shape[i] as number),
      shape.filter((d) => d !== 1),
    )
  ) {
    let next = 0;
    return { value, shape, axes: shape.map((d) => (d === 1 ? -1 : (view.axes[large[next++]!] as number))) };
  }
  return whole(reshape(recorder, inOrder(recorder, view), shape));
}

/** tf.broadcastTo and what amounts to it. */
export function broadcast({ value, shape, axes }: View, to: readonly number[]): View {
  const missing = to.length - shape.length;
  return { value, shape: to, axes: to.map((_, i) => (i < missing ? -1 : (axes[i - missing] as number))) };
}

/** The value in another shape; a chain of Reshapes becomes one. */
export function reshape(recorder: GraphRecorder, value: Value, dims: readonly number[]): Value {
  const producer = recorder.producerOf(value);
  const source = producer?.op === 'Reshape' ? (producer.inputs[0] as Value) : value;
  if (sameDims(source.dims, dims)) return source;
  return recorder.node('Reshape', [source, recorder.integers(dims)], dims);
}

const increasing = (numbers: readonly number[]): boolean =>
  numbers.every((n, i) => i === 0 || n > (numbers[i - 1] as number));

const present = (view: View, order: readonly number[]): number[] =>
  order.map((axis) => view.axes[axis] as number).filter((position) => position >= 0);

/** Dims of the view's entries in this order of logical axes, 1 where they repeat. */
const compactDims = ({ shape, axes }: View, order: readonly number[]): number[] =>
  order.map((axis) => ((axes[axis] as number) < 0 ? 1 : (shape[axis] as number)));

/** A value of exactly `dims`, the view's entries in this order of logical axes; at most one Transpose. */
function arranged(recorder: GraphRecorder, view: View, order: readonly number[]): Value {
  const dims = compactDims(view, order);
  const positions = present(view, order);
  if (increasing(positions)) return reshape(recorder, view.value, dims);
  const ones = view.value.dims.flatMap((_, position) => (positions.includes(position) ? [] : [position]));
  const sameRank = view.value.dims.length === order.length;
  const perm = sameRank
    ? order.map((axis) => ((view.axes[axis] as number) < 0 ? (ones.shift() as number) : view.axes[axis]!))
    : [...ones, ...positions];
  const turned = recorder.node(
    'Transpose',
    [view.value],
    perm.map((p) => view.value.dims[p] as number),
    { perm },
  );
  return reshape(recorder, turned, dims);
}

/** The tensor as a value of its full shape, logical axes in this order (default: as they are). */
export function inOrder(
  recorder: GraphRecorder,
  view: View,
  order: readonly number[] = view.shape.map((_, axis) => axis),
): Value {
  const compact = arranged(recorder, view, order);
  const dims = order.map((axis) => view.shape[axis] as number);
  if (sameDims(compact.dims, dims)) return compact;
  return recorder.node('Expand', [compact, recorder.integers(dims)], dims);
}

/**
 * The tensor as a value of its full shape in the order of axes that costs least; axis i of the tensor is axis
 * order.indexOf(i) of the value. For kernels that work along axes, whatever their order.
 */
export function laidOut(
  recorder: GraphRecorder,
  view: View,
): { readonly value: Value; readonly order: readonly number[] } {
  const order = ownOrder(view);
  return { value: inOrder(recorder, view, order), order };
}

/** NumPy's broadcasting. */
export function broadcastDims(all: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...all.map((dims) => dims.length));
  return Array.from({ length: rank }, (_, i) =>
    all.reduce((size, dims) => {
      const d = dims[i - rank + dims.length] ?? 1;
      return d === 1 ? size : d;
    }, 1),
  );
}

/** The order of logical axes in which the view's value can be used as it is. */
function ownOrder(view: View): number[] {
  const rank = view.shape.length;
  const natural = Array.from({ length: rank }, (_, i) => i);
  if (increasing(present(view, natural)) && view.value.dims.length !== rank) return natural;
  const logical = new Map(view.axes.map((position, axis) => [position, axis]));
  const absent = natural.filter((axis) => (view.axes[axis] as number) < 0);
  const spare = absent.length - (view.value.dims.length - (rank - absent.length));
  const front = absent.splice(0, Math.max(0, spare));
  const slots = view.value.dims.flatMap((_, position) => {
    const axis = logical.get(position) ?? absent.shift();
    return axis === undefined ? [] : [axis];
  });
  return [...front, ...slots];
}

/**
 * An elementwise operation on broadcast operands: brings them into the order of axes that moves the least data.
 * Along an axis where all operands repeat, so does the result.
 * @param compute gets broadcast-compatible values and the shape of their result
 */
export function elementwise(
  recorder: GraphRecorder,
  operands: readonly View[],
  compute: (values: readonly Value[], dims: readonly number[]) => Value,
): View {
  const shape = broadcastDims(operands.map((view) => view.shape));
  const views = operands.map((view) => broadcast(view, shape));
  const cost = (order: readonly number[]): number =>
    views.reduce((sum, view) => sum + (increasing(present(view, order)) ? 0 : sizeOf(view.value.dims)), 0);
  const bySize = views.toSorted((a, b) => sizeOf(b.value.dims) - sizeOf(a.value.dims));
  let order = ownOrder(bySize[0] as View);
  for (const view of bySize.slice(1)) {
    const other = ownOrder(view);
    if (cost(other) < cost(order)) order = other;
  }
  const values = views.map((view) => forBroadcast(recorder, view, order));
  const result = compute(values, broadcastDims(values.map((v) => v.dims)));
  const missing = shape.length - result.dims.length;
  const axes = shape.map(() => -1);
  order.forEach((axis, j) => {
    if (j >= missing && result.dims[j - missing] !== 1) axes[axis] = j - missing;
  });
  return { value: result, shape, axes };
}

/** Like `arranged`, but axes of size 1 at the front may be missing. */
function forBroadcast(recorder: GraphRecorder, view: View, order: readonly number[]): Value {
  const { dims } = view.value;
  const first = dims.findIndex((d) => d !== 1);
  const own = first < 0 ? [] : dims.slice(first);
  const wanted = compactDims(view, order);
  const asIs =
    dims.length <= order.length &&
    increasing(present(view, order)) &&
    sameDims(own, wanted.slice(wanted.length - own.length));
  return asIs ? view.value : arranged(recorder, view, order);
}
