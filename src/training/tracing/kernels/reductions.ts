/** Sums, means and extremes along axes, argMax, softmax. */
import type {
  ArgMaxAttrs,
  ArgMaxInputs,
  LogSoftmaxAttrs,
  LogSoftmaxInputs,
  MaxAttrs,
  SoftmaxAttrs,
  SoftmaxInputs,
  SumAttrs,
  SumInputs,
} from '@tensorflow/tfjs-core';
import { apply, axesOf, type Kernel, type Kernels, kernel, positive, type Tracing } from '../kernel.ts';
import type { Value } from '../recorded.ts';
import { filled, type View } from '../view.ts';

/** The view without the reduced axes, or with size 1 there. */
function result({ shape, axes }: View, value: Value, reduced: readonly number[], keepDims: boolean): View {
  const kept = shape.flatMap((_, i) => (keepDims || !reduced.includes(i) ? [i] : []));
  return {
    value,
    shape: kept.map((i) => (reduced.includes(i) ? 1 : (shape[i] as number))),
    axes: kept.map((i) => (reduced.includes(i) ? -1 : (axes[i] as number))),
  };
}

/**
 * The reduction on the axes of the value, which stay with size 1: what comes next usually broadcasts the result back.
 * @param repeated what n equal entries along an axis amount to
 */
const reduction = (op: string, repeated: 'times n' | 'the same'): Kernel =>
  kernel<SumInputs, SumAttrs | MaxAttrs>(({ x }, attributes, tracing) => {
    const { recorder } = tracing;
    const { keepDims } = attributes;
    const axis = 'reductionIndices' in attributes ? attributes.reductionIndices : attributes.axis;
    const reduced = axesOf(axis, x.shape.length);
    const positions = reduced.map((i) => x.axes[i] as number).filter((position) => position >= 0);
    let { value } = x;
    if (positions.length > 0) {
      const sorted = positions.toSorted((a, b) => a - b);
      const dims = value.dims.map((d, i) => (sorted.includes(i) ? 1 : d));
      // In opset 17 ReduceSum takes axes as an input, the others as an attribute.
      value =
        op === 'ReduceSum'
          ? recorder.node(op, [value, recorder.integers(sorted)], dims, { keepdims: 1 })
          : recorder.node(op, [value], dims, { axes: sorted, keepdims: 1 });
    }
    const view = result(x, value, reduced, keepDims);
    const times = reduced
      .filter((i) => (x.axes[i] as number) < 0)
      .reduce((product, i) => product * (x.shape[i] as number), 1);
    if (repeated === 'the same' || times === 1) return view;
    return apply(tracing, 'Mul', [view, filled(recorder.constant(value.type, [], [times]), [])]);
  });

/** ArgMax gives int64, which tfjs does not know. */
const argument = (op: string): Kernel =>
  kernel<ArgMaxInputs, ArgMaxAttrs>(({ x }, { axis }, { recorder }) => {
    const along = positive(axis, x.shape.length);
    const position = x.axes[along] as number;
    if (position < 0) {
      const kept = x.shape.filter((_, i) => i !== along);
      return filled(recorder.constant('int32', [], [0]), kept);
    }
    const dims = x.value.dims.map((d, i) => (i === position ? 1 : d));
    const index = recorder.node(op, [x.value], dims, { axis: position, keepdims: 1 }, 'int64');
    return result(x, recorder.node('Cast', [index], dims, { to: 6 }, 'int32'), [along], false);
  });

function softmax(op: string, { recorder }: Tracing, logits: View, axis: number): View {
  const position = logits.axes[positive(axis, logits.shape.length)] as number;
  if (position >= 0)
    return {
      ...logits,
      value: recorder.node(op, [logits.value], logits.value.dims, { axis: position }),
    };
  // Equal logits: the softmax of n of them is 1/n each.
  const n = logits.shape[positive(axis, logits.shape.length)] as number;
  return filled(recorder.number(op === 'Softmax' ? 1 / n : -Math.log(n)), logits.shape);
}

export const reductionKernels: Kernels = {
  Sum: reduction('ReduceSum', 'times n'),
  Mean: reduction('ReduceMean', 'the same'),
  Max: reduction('ReduceMax', 'the same'),
  Min: reduction('ReduceMin', 'the same'),
  ArgMax: argument('ArgMax'),
  ArgMin: argument('ArgMin'),
  Softmax: kernel<SoftmaxInputs, SoftmaxAttrs>(({ logits }, { dim }, tracing) =>
    softmax('Softmax', tracing, logits, dim),
  ),
  LogSoftmax: kernel<LogSoftmaxInputs, LogSoftmaxAttrs>(({ logits }, { axis }, tracing) =>
    softmax('LogSoftmax', tracing, logits, axis),
  ),
};
