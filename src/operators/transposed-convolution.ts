/**
 * ConvTranspose, 1-D and 2-D: every input cell adds its kernel to the output at stride times its position. An affine
 * map; row (o, y, x) of its matrix gathers the taps that land on that output cell.
 */
import {
  describeNode,
  intAttribute,
  intsAttribute,
  type Node,
  stringAttribute,
} from '../onnx/model/graph.ts';
import { buildMatrix, checkEntries } from './algebra/sparse-matrix.ts';
import { constantOperand, optionalConstant, refuse, required } from './compile/compile-errors.ts';
import { weightEntries } from './compile/weight-entries.ts';
import type { Operator } from './operator.ts';

/** Geometry along one axis: tap t of input cell i lands on output cell i stride + t dilation - pad. */
interface Spread {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly pad: number;
}

const LINE: Spread = { input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, pad: 0 };

/** ONNX's rules: pads give the output length, or a wanted length (output_shape, auto_pad) gives the pads. */
function spreads(node: Node, dims: readonly number[], kernel: readonly number[]): Spread[] {
  const rank = kernel.length;
  const each = (name: string, fallback: number): readonly number[] =>
    intsAttribute(node, name) ?? kernel.map(() => fallback);
  const [strides, dilations, extra] = [each('strides', 1), each('dilations', 1), each('output_padding', 0)];
  const pads = intsAttribute(node, 'pads') ?? new Array<number>(2 * rank).fill(0);
  const wanted = intsAttribute(node, 'output_shape')?.slice(-rank);
  const automatic = stringAttribute(node, 'auto_pad', 'NOTSET');
  const same = automatic === 'SAME_UPPER' || automatic === 'SAME_LOWER';
  return kernel.map((size, axis) => {
    const input = dims[axis + 2]!;
    const stride = strides[axis]!;
    const dilation = dilations[axis]!;
    const full = stride * (input - 1) + extra[axis]! + (size - 1) * dilation + 1;
    let output: number;
    let pad: number;
    if (wanted !== undefined || same) {
      output = wanted?.[axis] ?? input * stride;
      if (wanted === undefined && full < output)
        refuse(
          node,
          `auto_pad with a stride beyond the kernel has no agreed output length`,
          'Export it with pads.',
        );
      const total = Math.max(0, full - output);
      pad = automatic === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
    } else {
      const [begin, end] = automatic === 'VALID' ? [0, 0] : [pads[axis]!, pads[axis + rank]!];
      if (begin < 0 || end < 0) refuse(node, 'negative padding has no bound here');
      output = full - begin - end;
      pad = begin;
    }
    if (!(output > 0)) refuse(node, 'its padding leaves no output', 'Re-export the model.');
    return { input, output, kernel: size, stride, dilation, pad };
  });
}

/** Calls `visit(inputPosition, kernelPosition)` for the taps that land on output cell `at`. */
function landing(
  { input, kernel, stride, dilation, pad }: Spread,
  at: number,
  visit: (input: number, tap: number) => void,
): void {
  for (let tap = 0; tap < kernel; tap++) {
    const from = (at + pad - tap * dilation) / stride;
    if (Number.isInteger(from) && from >= 0 && from < input) visit(from, tap);
  }
}

export const transposedConvolution: Operator = {
  types: ['ConvTranspose'],
  roles: { ConvTranspose: 'weights' },
  work: (node, shapes) => weightEntries(node, shapes, 1),
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const weight = constantOperand(node, operands, 1, 'kernel');
    const bias = optionalConstant(node, operands, 2, 'bias');
    const [inChannels = 0, perGroup = 0, ...kernel] = weight.dims;
    const rank = dims.length - 2;
    if (rank < 1 || rank > 2)
      refuse(node, `windows over ${rank} spatial axes have no bound here (1 and 2 do)`);
    const groups = intAttribute(node, 'group', 1);
    const [batch = 1, channels = 0] = dims;
    if (channels !== inChannels || channels % groups !== 0 || kernel.length !== rank)
      refuse(
        node,
        `kernel [${weight.dims}] with ${groups} groups does not fit an input [${dims}]`,
        'Re-export the model.',
      );
    const axes = spreads(node, dims, kernel);
    const x = axes.at(-1)!;
    const y = rank === 2 ? axes[0]! : LINE;
    const outChannels = perGroup * groups;
    const inPerGroup = channels / groups;
    const plane = y.output * x.output;
    const inputPlane = y.input * x.input;
    const kernelPlane = y.kernel * x.kernel;
    const entries = batch * channels * inputPlane * perGroup * kernelPlane;
    checkEntries(entries, describeNode(node));
    const rows = batch * outChannels * plane;
    const matrix = buildMatrix(rows, batch * channels * inputPlane, entries, (row, add) => {
      const image = Math.floor(row / (outChannels * plane));
      const out = Math.floor(row / plane) % outChannels;
      const first = Math.floor(out / perGroup) * inPerGroup;
      const outY = Math.floor((row % plane) / x.output);
      for (let c = first; c < first + inPerGroup; c++) {
        const from = (image * channels + c) * inputPlane;
        const weights = (c * perGroup + (out % perGroup)) * kernelPlane;
        landing(y, outY, (inY, tapY) =>
          landing(x, row % x.output, (inX, tapX) =>
            add(from + inY * x.input + inX, weight.values[weights + tapY * x.kernel + tapX]!),
          ),
        );
      }
    });
    return {
      kind: 'affine',
      dims: [batch, outChannels, ...axes.map((axis) => axis.output)],
      terms: [{ operand: 0, matrix }],
      bias:
        bias &&
        Float64Array.from({ length: rows }, (_, row) => bias.values[Math.floor(row / plane) % outChannels]!),
    };
  },
};
