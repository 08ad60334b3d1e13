/**
 * Sliding windows as Conv and the pools define them: strides, dilations, explicit or automatic padding, ceil_mode.
 * One- and two-dimensional windows are both seen as 2-D (height 1 for 1-D); those of the pools may have any number of axes.
 */
import { intAttribute, intsAttribute, type Node, stringAttribute } from '../../onnx/model/graph.ts';
import { refuse } from '../compile/compile-errors.ts';
import type { Sweep } from './sweep.ts';

/** Both axes of a 2-D window over an input of shape [N, C, height, width]. */
export interface Windows {
  readonly batch: number;
  readonly channels: number;
  readonly y: Sweep;
  readonly x: Sweep;
  /** Spatial output dims in the operator's own rank. */
  readonly outputDims: readonly number[];
}

/**
 * @param dims input shape [N, C, spatial...]
 * @param kernel spatial kernel shape
 * @throws ModelRefused for 3-D windows and inconsistent attributes
 */
export function slidingWindows(node: Node, dims: readonly number[], kernel: readonly number[]): Windows {
  const rank = dims.length - 2;
  if (rank > 2) refuse(node, `windows over ${rank} spatial axes have no bound here (1 and 2 do)`);
  const sweeps = sweepsOf(node, dims, kernel);
  const line: Sweep = { input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, padBegin: 0, padEnd: 0 };
  return {
    batch: dims[0]!,
    channels: dims[1]!,
    y: rank === 2 ? sweeps[0]! : line,
    x: rank === 2 ? sweeps[1]! : sweeps[0]!,
    outputDims: sweeps.map((sweep) => sweep.output),
  };
}

/**
 * The window along each spatial axis, however many there are.
 * @param dims input shape [N, C, spatial...]
 * @param kernel spatial kernel shape
 * @throws ModelRefused for inconsistent attributes
 */
export function sweepsOf(node: Node, dims: readonly number[], kernel: readonly number[]): Sweep[] {
  const rank = dims.length - 2;
  if (rank < 1) refuse(node, 'its input has no spatial axis', 'Re-export the model.');
  if (kernel.length !== rank)
    refuse(node, `kernel of ${kernel.length} axes on an input of ${rank} spatial axes`);
  const strides = intsAttribute(node, 'strides') ?? kernel.map(() => 1);
  const dilations = intsAttribute(node, 'dilations') ?? kernel.map(() => 1);
  const pads = intsAttribute(node, 'pads');
  const autoPad = stringAttribute(node, 'auto_pad', 'NOTSET');
  const ceil = intAttribute(node, 'ceil_mode', 0) === 1;
  return kernel.map((size, axis): Sweep => {
    const input = dims[axis + 2]!;
    const stride = strides[axis]!;
    const dilation = dilations[axis]!;
    const extent = dilation * (size - 1) + 1;
    let padBegin = pads?.[axis] ?? 0;
    let padEnd = pads?.[axis + rank] ?? 0;
    let output: number;
    if (autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER') {
      output = Math.ceil(input / stride);
      const needed = (output - 1) * stride + extent - input;
      // Where three cells or more are skipped at the end, ONNX Runtime shifts the first window, and the specification does not.
      if (needed < -2)
        refuse(
          node,
          'runtimes disagree about auto_pad where windows skip cells',
          'Export the network with explicit pads.',
        );
      const total = Math.max(0, needed);
      padBegin = autoPad === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
      padEnd = total - padBegin;
    } else {
      if (autoPad === 'VALID') padBegin = padEnd = 0;
      const steps = (input + padBegin + padEnd - extent) / stride;
      output = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
      // A window that would start in the end padding is dropped (ONNX, ceil_mode).
      if (ceil && (output - 1) * stride >= input + padBegin) output--;
    }
    if (!(output > 0))
      refuse(node, `its window (${extent}) does not fit its input (${input})`, 'Re-export the model.');
    if (padBegin < 0 || padEnd < 0) refuse(node, 'negative padding has no bound here');
    return { input, output, kernel: size, stride, dilation, padBegin, padEnd };
  });
}
