/**
 * Weights that are not numbers of the file but computed from some: each matrix is within its error of the exact one, which is
 * known here as fractions.
 */
import { describe, expect, it } from 'vitest';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { identityMatrix, type SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import { multiply } from '../../src/operators/algebra/sparse-products.ts';
import { atLeastSpectralNorm, units } from '../lipschitz/exact.ts';
import { distance, fixed, over, squareRoot, times } from '../lipschitz/fixed-point.ts';
import { floatTensor, intAttr, intsAttr, node } from '../onnx/tiny-model.ts';
import { compiled } from './compiled.ts';
import { floatAttr, type OneOperator, stringAttr } from './one-operator.ts';
import { randomSource } from './random.ts';

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

  it('covers the roots of a BatchNormalization, in its factors and in its bias', () => {
    for (let seed = 0; seed < 30; seed++) {
      const [scale = 0, bias = 0, mean = 0, root = 0] = randomSource(seed).float32s(4);
      const variance = Math.fround(root * root + 0.1);
      const epsilon = Math.fround(1e-5);
      const constants = { s: scale, b: bias, m: mean, v: variance };
      const half = compiled(
        one(
          'BatchNormalization',
          [1, 1],
          [],
          Object.entries(constants).map(([name, value]) => floatTensor(name, [1], [value])),
        ),
      );
      const factor = over(fixed(scale), squareRoot(fixed(variance) + fixed(epsilon)));
      const exactBias = fixed(bias) - times(fixed(mean), factor);
      const { matrix } = half.output.terms[0]!;
      expect(distance((matrix as SparseMatrix).value, [factor])).toBeLessThanOrEqual(matrix.error);
      expect(distance(half.output.bias, [exactBias])).toBeLessThanOrEqual(half.output.biasError);
      expect(matrix.error).toBeLessThan(1e-14 * (1 + Math.abs(scale)));
    }
  });

  it('covers what a factor of 1 in float64 is off by, where it meets other maps', () => {
    // 1/sqrt(variance + epsilon) rounds to 1.
    const variance = Math.fround(1 - 1e-5);
    const epsilon = 1 - variance - 2 ** -54;
    const model: OneOperator = {
      nodes: [
        node('BatchNormalization', ['x', 's', 'zero', 'zero', 'v'], 'n', {
          attribute: [floatAttr('epsilon', epsilon)],
        }),
        node('MatMul', ['n', 'w'], 'y'),
      ],
      initializers: [
        floatTensor('s', [2], [1, 1]),
        floatTensor('zero', [2], [0, 0]),
        floatTensor('v', [2], [variance, variance]),
        floatTensor('w', [2, 2], [1, 0, 0, 1]),
      ],
      dims: [1, 2],
      opset: 17,
    };
    const { matrix } = compiled(model).output.terms[0]!;
    expect((matrix as SparseMatrix).value.every((v) => Math.abs(v - 1) < 1e-7)).toBe(true);
    const scaled = identityMatrix(3).withError(1e-9);
    for (const product of [multiply(scaled, identityMatrix(3), ''), multiply(identityMatrix(3), scaled, '')])
      expect(product.error).toBeGreaterThanOrEqual(1e-9);
    const exact = identityMatrix(3);
    expect(multiply(exact, exact, '').error).toBe(0);
  });

  it('covers the products of an Einsum of several constants', () => {
    for (let seed = 0; seed < 20; seed++) {
      const random = randomSource(seed);
      const [a, b, c] = [random.float32s(4), random.float32s(4), random.float32s(4)];
      const matrix = matrixOf(
        one(
          'Einsum',
          [1, 4],
          [stringAttr('equation', 'ni,ik,i,i->nk')],
          [floatTensor('a', [4, 1], a), floatTensor('b', [4], b), floatTensor('c', [4], c)],
        ),
      );
      const exact = a.map((v, i) => times(times(fixed(v), fixed(b[i]!)), fixed(c[i]!)));
      const off = distance(
        Float64Array.from(matrix.column, (_, k) => matrix.value[matrix.column.indexOf(k)]!),
        exact,
      );
      expect(off).toBeGreaterThan(0);
      expect(matrix.error).toBeGreaterThanOrEqual(off);
      expect(matrix.error).toBeLessThan(1e-13);
    }
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
