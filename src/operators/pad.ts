/** Pad: constant (affine, with the constant as bias), reflect and edge (selections of cells). */
import { floatAttribute, intsAttribute, stringAttribute } from '../onnx/graph.ts';
import { integers, normalizeAxis, optionalConstant, refuse, required } from './compile-errors.ts';
import type { Operator } from './operator.ts';
import { stridesOf } from './shape.ts';
import { selection } from './sparse-matrix.ts';

export const pad: Operator = {
  types: ['Pad'],
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const rank = dims.length;
    const givenPads = optionalConstant(node, operands, 1, 'pads');
    const listed =
      givenPads === null
        ? (intsAttribute(node, 'pads') ?? intsAttribute(node, 'paddings'))
        : integers(node, givenPads);
    if (listed === null) refuse(node, 'pads are missing', 'Re-export the model.');
    const givenAxes = optionalConstant(node, operands, 3, 'axes');
    const axes =
      givenAxes === null
        ? dims.map((_, i) => i)
        : integers(node, givenAxes).map((a) => normalizeAxis(node, a, rank));
    if (listed.length !== 2 * axes.length)
      refuse(node, `${listed.length} pads for ${axes.length} axes`, 'Re-export the model.');
    const begin = new Array<number>(rank).fill(0);
    const end = new Array<number>(rank).fill(0);
    axes.forEach((axis, k) => {
      begin[axis] = listed[k]!;
      end[axis] = listed[k + axes.length]!;
    });
    const mode = stringAttribute(node, 'mode', 'constant');
    if (!['constant', 'reflect', 'edge'].includes(mode)) refuse(node, `mode '${mode}' has no bound here`);
    const fill =
      optionalConstant(node, operands, 2, 'padding value')?.values[0] ?? floatAttribute(node, 'value', 0);

    const out = dims.map((dim, axis) => dim + begin[axis]! + end[axis]!);
    if (out.some((dim) => dim < 0)) refuse(node, 'it pads to a negative length', 'Re-export the model.');
    const strides = stridesOf(dims);
    const outStrides = stridesOf(out);
    const size = out.reduce((product, dim) => product * dim, 1);
    const source = new Int32Array(size);
    for (let i = 0; i < size; i++) {
      let from = 0;
      for (let axis = 0; axis < rank; axis++) {
        const length = dims[axis]!;
        let at = (Math.floor(i / outStrides[axis]!) % out[axis]!) - begin[axis]!;
        if (at < 0 || at >= length) {
          if (mode === 'edge') at = Math.min(Math.max(at, 0), length - 1);
          else if (mode === 'reflect') at = at < 0 ? -at : 2 * (length - 1) - at;
          if (at < 0 || at >= length) {
            if (mode !== 'constant') refuse(node, 'it reflects further than its input is long');
            from = -1;
            break;
          }
        }
        from += at * strides[axis]!;
      }
      source[i] = from;
    }
    return {
      kind: 'affine',
      dims: out,
      terms: [
        {
          operand: 0,
          matrix: selection(
            dims.reduce((p, d) => p * d, 1),
            source,
          ),
        },
      ],
      bias: fill === 0 ? null : Float64Array.from(source, (from) => (from < 0 ? fill : 0)),
    };
  },
};
