/** Matrix products, each operand possibly transposed. */
import type { BatchMatMulAttrs, BatchMatMulInputs } from '@tensorflow/tfjs-core';
import { sizeOf } from '../../../onnx/model/graph.ts';
import { dense, type Kernels, kernel, type Tracing } from '../kernel.ts';
import { broadcastDims, laidOut, reshaped, transposed, type View, whole } from '../view.ts';

const batchOf = (view: View): readonly number[] => view.shape.slice(0, -2);

const matrixOf = (view: View, turn: boolean): View => {
  const rank = view.shape.length;
  const axes = view.shape.map((_, i) => i);
  return turn ? transposed(view, [...axes.slice(0, -2), rank - 1, rank - 2]) : view;
};

/** A product of two matrices: Gemm reads a transposed operand as it lies. */
function product({ recorder }: Tracing, a: View, b: View): View {
  const left = laidOut(recorder, a);
  const right = laidOut(recorder, b);
  const turned = ({ order }: typeof left): number => (order[0] === 1 ? 1 : 0);
  const dims = [a.shape[0] as number, b.shape[1] as number];
  const attributes = { transA: turned(left), transB: turned(right) };
  return whole(recorder.node('Gemm', [left.value, right.value], dims, attributes));
}

export const matrixKernels: Kernels = {
  BatchMatMul: kernel<BatchMatMulInputs, BatchMatMulAttrs>(
    ({ a, b }, { transposeA, transposeB }, tracing) => {
      const { recorder } = tracing;
      const left = matrixOf(a, transposeA);
      const right = matrixOf(b, transposeB);
      const batch = broadcastDims([batchOf(left), batchOf(right)]);
      const dims = [...batch, left.shape.at(-2) as number, right.shape.at(-1) as number];
      if (sizeOf(batch) === 1) {
        const plain = (view: View): View => reshaped(recorder, view, view.shape.slice(-2));
        return reshaped(recorder, product(tracing, plain(left), plain(right)), dims);
      }
      return whole(recorder.node('MatMul', [dense(tracing, left), dense(tracing, right)], dims));
    },
  ),
};
