/**
 * Conv, 1-D and 2-D, with stride, padding (auto_pad included), dilation and groups. An affine map: row (o, y, x) of its
 * matrix holds the kernel of output channel o at the taps that fall inside the input, so border rows of a padded
 * convolution have fewer entries and smaller norms.
 */
import { describeNode, intAttribute } from '../onnx/graph.ts';
import { constantOperand, optionalConstant, refuse, required } from './compile-errors.ts';
import type { Operator } from './operator.ts';
import { buildMatrix, checkEntries } from './sparse-matrix.ts';
import { slidingWindows, taps } from './window.ts';

export const convolution: Operator = {
  types: ['Conv'],
  compile(node, operands) {
    const input = required(node, operands, 0);
    const weight = constantOperand(node, operands, 1, 'kernel');
    const bias = optionalConstant(node, operands, 2, 'bias');
    const [outChannels = 0, perGroup = 0, ...kernel] = weight.dims;
    const groups = intAttribute(node, 'group', 1);
    const { batch, channels, y, x, outputDims } = slidingWindows(node, input.dims, kernel);
    if (channels !== perGroup * groups || outChannels % groups !== 0) {
      refuse(
        node,
        `kernel [${weight.dims}] with ${groups} groups does not fit ${channels} channels`,
        'Re-export the model.',
      );
    }
    const plane = y.output * x.output;
    const rows = batch * outChannels * plane;
    const entries = rows * perGroup * y.kernel * x.kernel;
    checkEntries(entries, describeNode(node));
    const inputPlane = y.input * x.input;
    const kernelPlane = y.kernel * x.kernel;

    const matrix = buildMatrix(rows, batch * channels * inputPlane, entries, (row, add) => {
      const image = Math.floor(row / (outChannels * plane));
      const out = Math.floor(row / plane) % outChannels;
      const first = Math.floor(out / (outChannels / groups)) * perGroup;
      const outY = Math.floor((row % plane) / x.output);
      const outX = row % x.output;
      for (let c = 0; c < perGroup; c++) {
        const from = (image * channels + first + c) * inputPlane;
        const weights = (out * perGroup + c) * kernelPlane;
        taps(y, outY, (inY, tapY) =>
          taps(x, outX, (inX, tapX) =>
            add(from + inY * x.input + inX, weight.values[weights + tapY * x.kernel + tapX]!),
          ),
        );
      }
    });
    return {
      kind: 'affine',
      dims: [batch, outChannels, ...outputDims],
      terms: [{ operand: 0, matrix }],
      bias:
        bias &&
        Float64Array.from({ length: rows }, (_, row) => bias.values[Math.floor(row / plane) % outChannels]!),
    };
  },
};
