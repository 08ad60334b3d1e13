/**
 * Weights that are no numbers of the file but computed from some: each matrix is within its error of the exact one, which is
 * known here as fractions.
 */
import { describe, expect, it } from 'vitest';
import { DataType } from '../../src/onnx/data-type.ts';
import type { SparseMatrix } from '../../src/operators/sparse-matrix.ts';
import { atLeastSpectralNorm, units } from '../lipschitz/exact.ts';
import { floatTensor, intAttr, intsAttr, node } from '../onnx/tiny-model.ts';
import { compiled } from './compiled.ts';
import { floatAttr, type OneOperator, stringAttr } from './one-operator.ts';

const one = (
  opType: string,
  dims: number[],
  attribute: OneOperator['nodes'][number]['attribute'] = [],
  initializers: OneOperator['initializers'] = [],
  before: string[] = [],
): OneOperator => ({
  nodes: [
    node(opType, ['x', ...before, ...initializers.map((t) => t.name ?? '')], 'y', {
      attribute: attribute ?? [],
    }),
  ],
  initializers,
  dims,
  opset: 17,
});

const matrixOf = (model: OneOperator): SparseMatrix =>
  compiled(model).output.terms[0]!.matrix as SparseMatrix;

/** Whether the stored matrix, `times` over, is within its error of integers: `exact(row, column)`. */
function expectWithin(
  matrix: SparseMatrix,
  times: bigint,
  exact: (row: number, column: number) => bigint,
): void {
  const difference = Array.from({ length: matrix.rows }, (_, i) =>
    Array.from({ length: matrix.cols }, (_, c) => -exact(i, c) * (1n << 1074n)),
  );
  for (let i = 0; i < matrix.rows; i++)
    for (let k = matrix.rowStart[i]!; k < matrix.rowStart[i + 1]!; k++)
      difference[i]![matrix.column[k]!]! += units(matrix.value[k]!) * times;
  expect(difference.flat().some((v) => v !== 0n)).toBe(true);
  expect(atLeastSpectralNorm(matrix.error, difference, times)).toBe(true);
  expect(matrix.error).toBeLessThan(1e-11);
}

describe('the error of a matrix of computed weights', () => {
  it('covers the thirds of an average, of a pool or of an axis', () => {
    const pool = matrixOf(
      one('AveragePool', [1, 1, 9], [intsAttr('kernel_shape', [3]), intsAttr('strides', [3])]),
    );
    expectWithin(pool, 3n, (i, c) => (Math.floor(c / 3) === i ? 1n : 0n));
    const mean = matrixOf(one('ReduceMean', [1, 2, 7], [intsAttr('axes', [2]), intAttr('keepdims', 0)]));
    expectWithin(mean, 7n, (i, c) => (Math.floor(c / 7) === i ? 1n : 0n));
  });

  it('covers the thirds of a resize between neighbours', () => {
    const resized = matrixOf(
      one(
        'Resize',
        [1, 1, 4],
        [stringAttr('mode', 'linear'), stringAttr('coordinate_transformation_mode', 'align_corners')],
        [{ name: 'sizes', dataType: DataType.INT64, dims: [3], int64Data: [1, 1, 10] }],
        ['', ''],
      ),
    );
    // Position i lies at i / 3.
    expectWithin(resized, 3n, (i, c) => BigInt(Math.max(0, 3 - Math.abs(i - 3 * c))));
  });

  it('covers a division by a constant', () => {
    expectWithin(matrixOf(one('Div', [1, 3], [], [floatTensor('c', [], [3])])), 3n, (i, c) =>
      i === c ? 1n : 0n,
    );
  });

  it('covers a Gemm whose weights are scaled', () => {
    // 0.3 as a float32 is m 2^-25, and so is the weight.
    const m = BigInt(Math.fround(0.3) * 2 ** 25);
    const model = one(
      'Gemm',
      [1, 1],
      [floatAttr('alpha', Math.fround(0.3))],
      [floatTensor('w', [1, 1], [0.3])],
    );
    const { value, error } = matrixOf(model);
    const off = units(value[0]!) * (1n << 50n) - ((m * m) << 1074n);
    expect(units(error) * (1n << 50n)).toBeGreaterThanOrEqual(off < 0n ? -off : off);
    expect(error).toBeLessThan(1e-15);
  });

  it('covers what vanishes: factors that are 0 in float64 and not in the file', () => {
    const wide = (name: string, value: number) => ({
      name,
      dataType: DataType.DOUBLE,
      dims: [1],
      rawData: new Uint8Array(Float64Array.of(value).buffer),
    });
    const model: OneOperator = {
      nodes: [
        node('Cast', ['x'], 'd', { attribute: [intAttr('to', DataType.DOUBLE)] }),
        node('BatchNormalization', ['d', 's', 'b', 'm', 'v'], 'y'),
      ],
      initializers: [wide('s', 1e-300), wide('b', 0), wide('m', 0), wide('v', 1e300)],
      dims: [1, 1],
      opset: 17,
    };
    expect(matrixOf(model).error).toBeGreaterThan(0);
  });
});
