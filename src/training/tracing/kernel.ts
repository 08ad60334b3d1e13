/** What a kernel of the tracing backend is: views in, views out, nodes recorded on the way. */
import type { Value } from './recorded.ts';
import type { GraphRecorder } from './recorder.ts';
import { elementwise, inOrder, type View } from './view.ts';

/** Where the traced graph will run: providers have no or slow kernels for some forms. */
export type TracingTarget = 'cpu' | 'cuda' | 'webgpu';

export interface Tracing {
  readonly recorder: GraphRecorder;
  readonly target: TracingTarget;
}

export type Kernel = (
  inputs: { readonly [name: string]: View },
  attributes: unknown,
  tracing: Tracing,
) => View | readonly View[];

/** Kernels by tfjs's kernel name. */
export type Kernels = { readonly [name: string]: Kernel };

type ViewsOf<Inputs> = { readonly [Name in keyof Inputs]: View };

/** A kernel with the inputs and attributes that tfjs-core declares for it. */
export function kernel<Inputs, Attributes = object>(
  run: (inputs: ViewsOf<Inputs>, attributes: Attributes, tracing: Tracing) => View | readonly View[],
): Kernel {
  return (inputs, attributes, tracing) =>
    run(inputs as unknown as ViewsOf<Inputs>, attributes as Attributes, tracing);
}

/** Inputs that tfjs numbers: Concat, Pack, AddN. */
export const listed = (inputs: { readonly [name: string]: View }): View[] => Object.values(inputs);

/** Elementwise, of one operand's type. */
export function apply(
  { recorder }: Tracing,
  op: string,
  operands: readonly View[],
  type = operands[0]?.value.type ?? 'float32',
): View {
  return elementwise(recorder, operands, (values, dims) => recorder.node(op, values, dims, {}, type));
}

/** The tensor in its own order of axes. */
export const dense = ({ recorder }: Tracing, view: View): Value => inOrder(recorder, view);

/** A negative axis counts from the end. */
export const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The axes of a reduction, ascending. */
export function axesOf(axis: number | readonly number[] | null | undefined, rank: number): number[] {
  const all = Array.from({ length: rank }, (_, i) => i);
  if (axis === null || axis === undefined) return all;
  const listed = (typeof axis === 'number' ? [axis] : axis).map((a) => positive(a, rank));
  return all.filter((i) => listed.includes(i));
}
