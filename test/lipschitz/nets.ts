/** Random left halves for the displacement bounds, and attacks that look for the largest displacement in a ball. */

import type { NormOf } from '../../src/lipschitz/displacement.ts';
import { type Evaluation, evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import type { LeftHalf } from '../../src/lipschitz/left-half.ts';
import { createSpectralNorm, type SpectralNorm } from '../../src/lipschitz/spectral-norm.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import type { NodeProto, TensorProto } from '../../src/onnx/model/proto.ts';
import type { LinearMap } from '../../src/operators/algebra/linear-map.ts';
import { floatTensor, intAttr, intsAttr, node } from '../onnx/tiny-model.ts';
import { floatAttr, makers, type OneOperator } from '../operators/one-operator.ts';
import type { Random } from '../operators/random.ts';

/** Proved norms of any matrix, each prepared once. */
export function provedNorms(random: Random): NormOf {
  const known = new Map<LinearMap, SpectralNorm>();
  return (matrix, rows, columns) => {
    const norm = known.get(matrix) ?? createSpectralNorm(matrix, [matrix.rows], [matrix.cols]);
    known.set(matrix, norm);
    return norm.bound(rows, columns, random.normals, 1e-9);
  };
}

/** An operator between two nonlinearities, so that its bound is used with masks and slopes on both sides. */
export function surrounded(type: string, random: Random): OneOperator {
  const made = (makers[type] as (typeof makers)[string])(random);
  const before = random.pick(['LeakyRelu', 'Tanh', 'Elu', 'Identity']);
  const after = random.pick(['Relu', 'Sigmoid', 'Softplus', 'Identity']);
  const renamed = made.nodes.map((n) => ({
    ...n,
    input: (n.input ?? []).map((name) => (name === 'x' ? 'before' : name)),
    output: (n.output ?? []).map((name) => (name === 'y' ? 'after' : name)),
  }));
  return { ...made, nodes: [node(before, ['x'], 'before'), ...renamed, node(after, ['after'], 'y')] };
}

/** Conv, BatchNormalization, activation, a residual Conv, overlapping MaxPool, Clip, Gemm: a small classifier's left part. */
export function deepNet(random: Random): OneOperator {
  const channels = random.integer(1, 3);
  const width = random.integer(2, 4);
  const dims = [1, channels, 6, 6];
  const initializers: TensorProto[] = [];
  const weight = (name: string, shape: number[], spread: number): string => {
    initializers.push(floatTensor(name, shape, random.float32s(sizeOf(shape), spread)));
    return name;
  };
  const padded = [intsAttr('pads', [1, 1, 1, 1])];
  const nodes: NodeProto[] = [
    node('Conv', ['x', weight('w1', [width, channels, 3, 3], 0.4), weight('b1', [width], 0.3)], 'c1', {
      attribute: padded,
    }),
    node(
      'BatchNormalization',
      ['c1', weight('s', [width], 1), weight('t', [width], 0.5), weight('m', [width], 0.5), 'v'],
      'n1',
    ),
    node(random.pick(['Relu', 'Tanh', 'LeakyRelu']), ['n1'], 'a1'),
    node('Conv', ['a1', weight('w2', [width, width, 3, 3], 0.3)], 'c2', { attribute: padded }),
    node('Add', ['c2', random.pick(['a1', 'n1'])], 'sum'),
    node(random.pick(['Relu', 'Sigmoid', 'Softplus']), ['sum'], 'a2'),
    node('MaxPool', ['a2'], 'p', {
      attribute: [intsAttr('kernel_shape', [3, 3]), intsAttr('strides', [2, 2]), ...padded],
    }),
    node('Concat', ['p', 'p'], 'twice', { attribute: [intAttr('axis', 1)] }),
    node('Flatten', ['twice'], 'flat'),
    node('Gemm', ['flat', weight('w3', [width * 18, 6], 0.3)], 'z'),
    node('LeakyRelu', ['z'], 'y', { attribute: [floatAttr('alpha', -0.25)] }),
  ];
  initializers.push(
    floatTensor(
      'v',
      [width],
      random.float32s(width).map((v) => Math.fround(v * v + 0.2)),
    ),
  );
  const depth = random.pick([3, 6, nodes.length]);
  const kept = nodes.slice(0, depth);
  const last = kept.at(-1) as NodeProto;
  return { nodes: [...kept.slice(0, -1), { ...last, output: ['y'] }], initializers, dims, opset: 17 };
}

const length = (v: Float64Array): number => Math.sqrt(v.reduce((sum, c) => sum + c * c, 0));

/**
 * The largest displacement found on the sphere of radius r around x: random directions (dense and sparse), then ascent
 * along finite-difference gradients from the best of them. A lower bound on the true supremum.
 */
export function attack(
  half: LeftHalf,
  x: Float64Array,
  centre: Evaluation,
  r: number,
  random: Random,
  { directions, ascents }: { readonly directions: number; readonly ascents: number },
): number {
  const from = centre.latent.value;
  const moved = (direction: Float64Array): number => {
    const size = length(direction);
    if (size === 0) return 0;
    // Just inside the ball, so that rounding cannot put the point outside.
    const scale = (r * (1 - 1e-12)) / size;
    const there = evaluateLeftHalf(
      half,
      x.map((v, i) => v + scale * (direction[i] as number)),
    ).latent.value;
    return length(there.map((v, i) => v - (from[i] as number)));
  };
  let best: Float64Array = x.map(() => 1);
  let most = moved(best);
  const consider = (direction: Float64Array): boolean => {
    const found = moved(direction);
    if (!(found > most)) return false;
    most = found;
    best = direction;
    return true;
  };
  for (let d = 0; d < directions; d++) {
    const live = random.pick([1, 1, 0.3, 0]);
    const only = random.integer(0, x.length - 1);
    consider(x.map((_, i) => (i === only || random.uniform(0, 1) < live ? random.normal() : 0)));
  }
  for (let a = 0; a < ascents; a++) {
    const unit = best.map((v) => v / length(best));
    const step = 1e-4;
    const gradient = unit.map((_, i) => {
      const [up, down] = [unit.slice(), unit.slice()];
      up[i] = (up[i] as number) + step;
      down[i] = (down[i] as number) - step;
      return (moved(up) - moved(down)) / (2 * step);
    });
    const slope = length(gradient);
    if (slope === 0) break;
    const found = [4, 1, 0.25].some((rate) =>
      consider(unit.map((v, i) => v + (rate * (gradient[i] as number)) / slope)),
    );
    if (!found) break;
  }
  return most;
}
