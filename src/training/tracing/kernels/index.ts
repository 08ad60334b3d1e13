/** Every kernel of the tracing backend. */
import type { Kernels } from '../kernel.ts';
import { convolutionKernels } from './convolution.ts';
import { elementwiseKernels } from './elementwise.ts';
import { matrixKernels } from './matrix-products.ts';
import { poolingKernels } from './pooling.ts';
import { reductionKernels } from './reductions.ts';
import { shapeKernels } from './shapes.ts';

export const tracingKernels: Kernels = {
  ...elementwiseKernels,
  ...reductionKernels,
  ...shapeKernels,
  ...matrixKernels,
  ...convolutionKernels,
  ...poolingKernels,
};
