/**
 * BatchNormalization in inference mode: y = scale (x - mean) / sqrt(var + epsilon) + bias per channel, an affine map
 * with a diagonal matrix. Training mode is refused: its output depends on the other rows of the batch.
 */
import { floatAttribute, intAttribute } from '../onnx/graph.ts';
import { constantOperand, refuse, required } from './compile-errors.ts';
import type { Operator } from './operator.ts';
import { gamma, inflate } from './rounding.ts';
import { selection } from './sparse-matrix.ts';

export const batchNormalization: Operator = {
  types: ['BatchNormalization'],
  compile(node, operands) {
    const input = required(node, operands, 0);
    if (
      intAttribute(node, 'training_mode', 0) !== 0 ||
      node.outputs.slice(1).some((value) => value !== null)
    ) {
      refuse(
        node,
        'it is in training mode, so its output depends on the rest of the batch',
        'Export the model in eval mode.',
      );
    }
    if (node.opset < 9 && intAttribute(node, 'spatial', 1) === 0)
      refuse(node, 'spatial = 0 has no bound here');
    const [scale, bias, mean, variance] = ['scale', 'bias', 'mean', 'variance'].map((name, i) =>
      constantOperand(node, operands, i + 1, name),
    ) as [
      ReturnType<typeof constantOperand>,
      ReturnType<typeof constantOperand>,
      ReturnType<typeof constantOperand>,
      ReturnType<typeof constantOperand>,
    ];
    const epsilon = floatAttribute(node, 'epsilon', Math.fround(1e-5));
    const channels = input.dims[1] ?? 0;
    const size = input.dims.reduce((product, dim) => product * dim, 1);
    const plane = size / ((input.dims[0] ?? 1) * Math.max(channels, 1));
    const channelOf = (i: number): number => Math.floor(i / plane) % channels;
    const factor = Float64Array.from(
      { length: channels },
      (_, c) => scale.values[c]! / Math.sqrt(variance.values[c]! + epsilon),
    );
    if (factor.some((f) => !Number.isFinite(f)))
      refuse(node, 'variance + epsilon is not positive', 'Re-export the model.');
    const matrix = selection(
      size,
      Int32Array.from({ length: size }, (_, i) => i),
      Float64Array.from({ length: size }, (_, i) => factor[channelOf(i)]!),
    );
    let largest = 0;
    let magnitude = 0;
    for (let c = 0; c < channels; c++) {
      largest = Math.max(largest, Math.abs(factor[c]!));
      magnitude = Math.max(magnitude, Math.abs(bias.values[c]!) + Math.abs(mean.values[c]! * factor[c]!));
    }
    return {
      kind: 'affine',
      dims: input.dims,
      terms: [{ operand: 0, matrix: { ...matrix, error: gamma(4) * largest } }],
      bias: Float64Array.from({ length: size }, (_, i) => {
        const c = channelOf(i);
        return bias.values[c]! - mean.values[c]! * factor[c]!;
      }),
      biasError: inflate(gamma(6) * magnitude * Math.sqrt(size), 8),
    };
  },
};
