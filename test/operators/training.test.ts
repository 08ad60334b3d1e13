/** The training form of every operator: ONNX Runtime's values, the gradients of the float64 side, its row norms. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { TensorProto } from '../../src/onnx/model/proto.ts';
import { withSession } from '../../src/onnx/runtime/session.ts';
import type { SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import { trainingFormOf } from '../../src/operators/registry.ts';
import { floatTensor } from '../onnx/tiny-model.ts';
import { compiled, encoded } from './compiled.ts';
import { makersOfTrained as makers, type OneOperator } from './one-operator.ts';
import { type Random, randomSource } from './random.ts';
import { running, type TrainedModel, tensor, tensorsOf, trainedOperator } from './training.ts';

const VARIANTS = 16;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Only refused where the table says so; null then. */
function orRefused<T>(work: () => T, allowed: RegExp): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof ModelRefused && allowed.test(error.message)) return null;
    throw error;
  }
}

/** The types with a training form: what their random models exercise. */
const trainable = Object.keys(makers).filter((type) => {
  const made = makers[type]?.(randomSource(1)) as OneOperator;
  const node = modelFromBytes(encoded(made)).graph.nodes.find((n) => n.opType === type);
  return type === 'Constant' || (node !== undefined && trainingFormOf(node) !== null);
});
const untrained = Object.keys(makers).filter((type) => !trainable.includes(type) && type !== 'Shape');

/**
 * TensorFlow.js has no gradient of dilated windows; products are trained by a matrix, or with equal leading axes; halves to be
 * sorted are trained where Slice cuts them, not Split.
 */
const UNTRAINED = /train refuses .*(dilated|constant factor must be a matrix|Split node)/;

const variants = (type: string): { model: OneOperator; random: Random; title: string }[] =>
  Array.from({ length: VARIANTS }, (_, variant) => {
    const random = randomSource(5000 * variant + type.length);
    const model = (makers[type] as (random: Random) => OneOperator)(random);
    const attributes = JSON.stringify(model.nodes.map((n) => [n.opType, n.attribute]));
    return { model, random, title: `variant ${variant}: ${attributes}` };
  });

const closeTo = (
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  title: string,
) => {
  expect(actual.length, title).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i] as number, expected[i] as number];
    expect(Math.abs(a - e), `${title}, element ${i}: ${a} for ${e}`).toBeLessThanOrEqual(
      tolerance * (1 + Math.abs(e)),
    );
  }
};

describe('an operator trained through', () => {
  it.each(untrained)('is not %s, which is refused by name', (type) => {
    const model = makers[type]?.(randomSource(1)) as OneOperator;
    const trained = trainedOperator(model);
    const run = () =>
      trained.run(tensor(new Float32Array(sizeOf(model.dims)), model.dims), tensorsOf(trained));
    expect(run).toThrow(ModelRefused);
    expect(run).toThrow(new RegExp(`${type} node`));
  });

  it.each(trainable)('%s computes what ONNX Runtime computes', async (type) => {
    let compared = 0;
    for (const { model, random, title } of variants(type)) {
      const x = Float32Array.from(random.normals(sizeOf(model.dims)));
      const trained = trainedOperator(model);
      const y = orRefused(() => trained.run(tensor(x, model.dims), tensorsOf(trained)), UNTRAINED);
      if (y === null) continue;
      const theirs = await withSession(encoded(model), title, async (session) =>
        (await session.run(new Map([['x', { data: x, dims: model.dims }]]))).get('y'),
      );
      expect(y.shape, title).toEqual(theirs?.dims);
      closeTo(y.dataSync(), theirs?.float32 ?? [], 3e-6, title);
      compared++;
    }
    expect(compared).toBeGreaterThan(VARIANTS / 4);
  });
});

/** r · y(x) in float64, for constants of the file replaced by others. */
function projected(model: OneOperator, r: Float64Array, replaced: readonly TensorProto[] = []) {
  const named = new Map(replaced.map((t) => [t.name, t]));
  const half = compiled({ ...model, initializers: model.initializers.map((t) => named.get(t.name) ?? t) });
  return (x: Float64Array): number =>
    evaluateLeftHalf(half, x).latent.value.reduce((sum, y, i) => sum + y * (r[i] as number), 0);
}

/** Gradients of r · y with respect to x and the weights. */
function gradientsOf(trained: TrainedModel, model: OneOperator, x: Float32Array, r: Float64Array) {
  const weights = tensorsOf(trained);
  const names = Object.keys(weights);
  const gradients = tf.grads((input, ...values) => {
    const state = Object.fromEntries(names.map((name, k) => [name, values[k] as tf.Tensor]));
    const y = trained.run(input as tf.Tensor, state);
    return tf.sum(tf.mul(y, tensor(r, y.shape)));
  })([tensor(x, model.dims), ...names.map((name) => weights[name] as tf.Tensor)]);
  const [atX, ...rest] = gradients as [tf.Tensor, ...tf.Tensor[]];
  return { x: atX.dataSync(), weights: new Map(names.map((name, k) => [name, rest[k]?.dataSync()])) };
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, v, i) => sum + v * (b[i] as number), 0);

describe('the gradient', () => {
  const differentiable = trainable;

  it.each(differentiable)('of %s is that of its float64 value, in its input and its weights', (type) => {
    let compared = 0;
    for (const { model, random, title } of variants(type)) {
      const half = compiled(model);
      const r = random.normals(sizeOf(half.dims));
      const x = Float32Array.from(random.normals(sizeOf(model.dims)));
      const trained = trainedOperator(model);
      const gradients = orRefused(() => gradientsOf(trained, model, x, r), UNTRAINED);
      if (gradients === null) continue;
      const along = random.normals(x.length);
      const value = projected(model, r);
      const h = 1e-6;
      const at = (t: number): number => value(Float64Array.from(x, (v, i) => v + t * (along[i] as number)));
      closeTo([dot(gradients.x, along)], [(at(h) - at(-h)) / (2 * h)], 1e-4, `${title}, input`);
      // The value is linear in the weights of a layer: any step gives the derivative exactly.
      const moved = [...trained.weights].map(([name, { dims, values }]) =>
        floatTensor(
          name,
          [...dims],
          Array.from(values, (v) => Math.fround(v + random.normal())),
        ),
      );
      if (moved.length > 0) {
        const from = Float64Array.from(x);
        const rise = projected(model, r, moved)(from) - value(from);
        let predicted = 0;
        for (const { name, rawData } of moved) {
          const now = new Float32Array((rawData as Uint8Array).slice().buffer);
          const before = trained.weights.get(name ?? '')?.values as Float32Array;
          predicted += dot(
            gradients.weights.get(name ?? '') as Float32Array,
            now.map((v, i) => v - (before[i] as number)),
          );
        }
        closeTo([predicted], [rise], 1e-4, `${title}, weights`);
      }
      compared++;
    }
    expect(compared).toBeGreaterThan(VARIANTS / 4);
  });
});

/** The map's matrix, where y = Ax + b with one A. */
function matrixOf(model: OneOperator): SparseMatrix | null {
  const half = compiled(model);
  const [term] = half.output.terms;
  return half.steps.length === 0 && half.output.terms.length === 1 && term !== undefined
    ? term.matrix.explicit('')
    : null;
}

const affine = trainable.filter((type) => {
  const { model } = trainedOperator(makers[type]?.(randomSource(1)) as OneOperator);
  return model.graph.nodes.some((node) => trainingFormOf(node)?.squaredRows !== undefined);
});

/** Row norms of what repeats its input would be as many as its output has; they are refused. */
const NOT_KEPT =
  /train refuses .*(dilated|constant factor must be a matrix|repeats the entries|two branches)/;

describe('of an affine operator', () => {
  it.each(affine)('%s, squared rows and linear part are those of its matrix', (type) => {
    let compared = 0;
    for (const { model, random, title } of variants(type)) {
      const matrix = matrixOf(model);
      if (matrix === null) continue;
      const trained = trainedOperator(model);
      const weights = tensorsOf(trained);
      const v = Float32Array.from(random.normals(matrix.cols), Math.abs);
      const rows = orRefused(
        () =>
          trained.run(tensor(v, model.dims), weights, running, (form, node, operands, context) => {
            if (form.squaredRows === undefined) throw new Error(`${node.opType} is not affine`);
            return form.squaredRows(node, operands, context);
          }),
        NOT_KEPT,
      );
      if (rows === null) continue;
      const squares = matrix.withValues(matrix.value.map((a) => a * a));
      closeTo(rows.dataSync(), squares.apply(Float64Array.from(v)), 1e-5, title);
      const linear = trained.run(tensor(v, model.dims), weights, running, (form, node, operands, context) =>
        (form.linear ?? form.forward)(node, operands, context),
      );
      closeTo(linear.dataSync(), matrix.apply(Float64Array.from(v)), 1e-5, title);
      compared++;
    }
    expect(compared).toBeGreaterThan(2);
  });

  it('adding cells or repeating them counts as mixing', () => {
    for (const type of affine)
      for (const { model, title } of variants(type)) {
        const matrix = matrixOf(model);
        if (matrix === null || orRefused(() => runLinear(model), NOT_KEPT) === null) continue;
        const { graph } = trainedOperator(model).model;
        const mixes = graph.nodes.some((node) => trainingFormOf(node)?.mixes?.(node));
        if (!mixes) expect(entriesShare(matrix), title).toBe(false);
      }
  });
});

function runLinear(model: OneOperator): tf.Tensor {
  const trained = trainedOperator(model);
  const ones = new Float32Array(sizeOf(model.dims)).fill(1);
  return trained.run(tensor(ones, model.dims), tensorsOf(trained), running, (form, node, operands, context) =>
    (form.squaredRows ?? form.forward)(node, operands, context),
  );
}

/** Whether two entries of the matrix lie in one row or one column. */
function entriesShare({ rows, rowStart, column }: SparseMatrix): boolean {
  for (let i = 0; i < rows; i++) if ((rowStart[i + 1] as number) - (rowStart[i] as number) > 1) return true;
  return new Set(column).size < column.length;
}
