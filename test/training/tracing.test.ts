import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ToolError } from '../../src/ground/errors.ts';
import type { Tf } from '../../src/operators/training/form.ts';
import type { StepFunction } from '../../src/training/program.ts';
import type { TracingTarget } from '../../src/training/tracing/kernel.ts';
import { traceFunction } from '../../src/training/tracing/trace.ts';
import { cpuEngine, difference, normals, onlyValue, resultsOfGraph, withGradients } from './programs.ts';

const TARGETS = ['cpu', 'cuda', 'webgpu'] as const;

/** Runs the function traced (for each target) and on tfjs's own JavaScript backend, on the same normals. */
async function agrees(
  step: StepFunction,
  map: (x: number) => number = (x) => x,
  seed = 1,
  targets: readonly TracingTarget[] = ['cpu'],
): Promise<void> {
  const feeds = new Map(
    [...step.feeds].map(([name, dims], i) => {
      const size = dims.reduce((product, d) => product * d, 1);
      return [name, normals(seed + i, size).map(map)];
    }),
  );
  const eager = await cpuEngine({ state: new Map(), functions: { step } });
  const expected = await eager.run('step', feeds);
  await eager.close();
  for (const target of targets) {
    const actual = await resultsOfGraph(step, feeds, target);
    expect([...actual.keys()]).toEqual([...expected.keys()]);
    for (const [name, values] of expected)
      expect(difference(values, actual.get(name) as Float32Array), `${name} for ${target}`).toBeLessThan(
        1e-5,
      );
  }
}

type Compute = (tf: Tf, ...inputs: Tensor[]) => Tensor;

const positive = (x: number): number => Math.abs(x) + 0.3;
const inside = (x: number): number => 0.9 * Math.tanh(x);

const unary: [string, Compute, ((x: number) => number)?][] = [
  ['abs', (tf, a) => tf.abs(a)],
  ['acos', (tf, a) => tf.acos(a), inside],
  ['asin', (tf, a) => tf.asin(a), inside],
  ['atan', (tf, a) => tf.atan(a)],
  ['ceil', (tf, a) => tf.ceil(a)],
  ['clipByValue', (tf, a) => tf.clipByValue(a, -0.5, 0.7)],
  ['cos', (tf, a) => tf.cos(a)],
  ['cosh', (tf, a) => tf.cosh(a)],
  ['elu', (tf, a) => tf.elu(a)],
  ['erf', (tf, a) => tf.erf(a)],
  ['exp', (tf, a) => tf.exp(a)],
  ['expm1', (tf, a) => tf.expm1(a)],
  ['expm1 near 0', (tf, a) => tf.expm1(a), (x) => 1e-4 * x],
  ['floor', (tf, a) => tf.floor(a)],
  ['leakyRelu', (tf, a) => tf.leakyRelu(a, 0.1)],
  ['log', (tf, a) => tf.log(a), positive],
  ['log1p', (tf, a) => tf.log1p(a), positive],
  ['log1p near 0', (tf, a) => tf.log1p(a), (x) => 1e-4 * x],
  ['neg', (tf, a) => tf.neg(a)],
  ['reciprocal', (tf, a) => tf.reciprocal(a), positive],
  ['relu', (tf, a) => tf.relu(a)],
  ['relu6', (tf, a) => tf.relu6(tf.mul(a, 5))],
  ['round', (tf, a) => tf.round(tf.mul(a, 3))],
  ['rsqrt', (tf, a) => tf.rsqrt(a), positive],
  ['selu', (tf, a) => tf.selu(a)],
  ['sigmoid', (tf, a) => tf.sigmoid(a)],
  ['sign', (tf, a) => tf.sign(a)],
  ['sin', (tf, a) => tf.sin(a)],
  ['sinh', (tf, a) => tf.sinh(a)],
  ['softplus', (tf, a) => tf.softplus(a)],
  ['sqrt', (tf, a) => tf.sqrt(a), positive],
  ['square', (tf, a) => tf.square(a)],
  ['step', (tf, a) => tf.step(a, 0.2)],
  ['tan', (tf, a) => tf.tan(a), inside],
  ['tanh', (tf, a) => tf.tanh(a)],
  ['logSoftmax', (tf, a) => tf.logSoftmax(a)],
  ['softmax', (tf, a) => tf.softmax(a)],
];

test.each(unary)('%s and its gradient agree with tfjs', async (_, compute, map) => {
  await agrees(withGradients([[4, 7]], compute), map);
});

test('clipByValue and relu at their corners have the gradients of tfjs', async () => {
  await agrees(
    withGradients([[4, 7]], (tf, a) => tf.clipByValue(a, -1, 1)),
    Math.round,
  );
  await agrees(
    withGradients([[4, 7]], (tf, a) => tf.relu(a)),
    Math.round,
  );
});

const binary: [string, Compute, ((x: number) => number)?][] = [
  ['add', (tf, a, b) => tf.add(a, b)],
  ['sub', (tf, a, b) => tf.sub(a, b)],
  ['mul', (tf, a, b) => tf.mul(a, b)],
  ['div', (tf, a, b) => tf.div(a, b), positive],
  ['pow', (tf, a, b) => tf.pow(a, b), positive],
  ['prelu', (tf, a, b) => tf.prelu(tf.add(a, tf.zerosLike(b)), b)],
];

const broadcasts: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [3, 4],
    [3, 4],
  ],
  [[2, 3, 4], [4]],
  [
    [2, 1, 4],
    [3, 1],
  ],
  [[], [5]],
  [
    [2, 3, 2, 2],
    [1, 3, 1, 1],
  ],
];

test.each(binary)('%s and its gradients agree with tfjs on broadcast operands', async (_, compute, map) => {
  for (const [a, b] of broadcasts) {
    await agrees(withGradients([a, b], compute), map);
    await agrees(withGradients([b, a], compute), map);
  }
});

test('where, maximum, minimum, squaredDifference and their gradients agree with tfjs', async () => {
  const dims = [
    [3, 4],
    [3, 4],
  ];
  const rows = (tf: Tf): Tensor => tf.tensor1d([1, 0, 1], 'bool');
  await agrees(
    withGradients(dims, (tf, a, b) => tf.where(tf.broadcastTo(tf.reshape(rows(tf), [3, 1]), [3, 4]), a, b)),
  );
  // tfjs has no gradients of these three for broadcast operands.
  for (const op of ['maximum', 'minimum', 'squaredDifference'] as const) {
    await agrees(withGradients(dims, (tf, a, b) => tf[op](a, b)));
    await agrees(onlyValue([[3, 4], [4]], (tf, a, b) => tf[op](a, b)));
  }
});

const predicates: readonly (readonly [string, Compute])[] = [
  ['greater', (tf, a, b) => tf.greater(a, b)],
  ['greaterEqual', (tf, a, b) => tf.greaterEqual(a, b)],
  ['less', (tf, a, b) => tf.less(a, b)],
  ['lessEqual', (tf, a, b) => tf.lessEqual(a, b)],
  ['equal', (tf, a, b) => tf.equal(tf.round(a), tf.round(b))],
  ['notEqual', (tf, a, b) => tf.notEqual(tf.round(a), tf.round(b))],
  ['logicalAnd', (tf, a, b) => tf.logicalAnd(tf.greater(a, 0), tf.greater(b, 0))],
  ['logicalOr', (tf, a, b) => tf.logicalOr(tf.greater(a, 0), tf.greater(b, 0))],
  ['logicalXor', (tf, a, b) => tf.logicalXor(tf.greater(a, 0), tf.greater(b, 0))],
  ['logicalNot', (tf, a, b) => tf.logicalNot(tf.greater(a, b))],
  ['isNaN', (tf, a, b) => tf.isNaN(tf.log(tf.add(a, b)))],
  [
    'cast to int32 and back',
    (tf, a, b) => tf.add(tf.cast(tf.mul(a, 3), 'int32'), tf.cast(tf.mul(b, 3), 'int32')),
  ],
  ['floorDiv', (tf, a, b) => tf.floorDiv(tf.mul(a, 9), tf.add(tf.square(b), 1))],
  ['argMax of the last axis', (tf, a, b) => tf.argMax(tf.add(a, b), -1)],
  ['argMin of the first axis', (tf, a, b) => tf.argMin(tf.add(a, b), 0)],
  ['accuracy', (tf, a, b) => tf.mean(tf.cast(tf.equal(tf.argMax(a, 1), tf.argMax(b, 1)), 'float32'))],
  ['sum of booleans', (tf, a, b) => tf.sum(tf.greater(a, b), 0)],
  ['oneHot', (tf, a, b) => tf.oneHot(tf.argMax(tf.add(a, b), 1) as Tensor2D, 7)],
];

test.each(predicates)('%s agrees with tfjs', async (_, compute) => {
  await agrees(
    onlyValue(
      [
        [5, 7],
        [5, 7],
      ],
      compute,
    ),
  );
});

const reductions: readonly (readonly [
  string,
  (tf: Tf, x: Tensor, axes: number[] | undefined, keep: boolean) => Tensor,
])[] = [
  ['sum', (tf, x, axes, keep) => tf.sum(x, axes, keep)],
  ['mean', (tf, x, axes, keep) => tf.mean(x, axes, keep)],
  ['max', (tf, x, axes, keep) => tf.max(x, axes, keep)],
  ['min', (tf, x, axes, keep) => tf.min(x, axes, keep)],
  ['logSumExp', (tf, x, axes, keep) => tf.logSumExp(x, axes, keep)],
];

test.each(reductions)('%s and its gradient agree with tfjs for any axes', async (_, reduce) => {
  for (const axes of [undefined, [0], [-1], [0, 2], [1, 2], [0, 2, 3], [3, 0, 1, 2]])
    for (const keep of [false, true])
      await agrees(withGradients([[3, 4, 2, 5]], (tf, a) => tf.square(reduce(tf, a, axes, keep))));
});

test('reductions agree with tfjs along axes where entries only repeat', async () => {
  const compute: Compute = (tf, a) => {
    const repeated = tf.broadcastTo(tf.reshape(a, [3, 1, 4]), [3, 5, 4]);
    return tf.concat([
      tf.reshape(tf.sum(repeated, 1), [-1]),
      tf.reshape(tf.mean(repeated, [1, 2]), [-1]),
      tf.reshape(tf.max(repeated, 1), [-1]),
      tf.reshape(tf.sum(tf.ones([4, 5])), [-1]),
    ]);
  };
  await agrees(withGradients([[3, 4]], compute));
});

const shapes: readonly (readonly [string, Compute])[] = [
  ['reshape', (tf, a) => tf.square(tf.reshape(a, [6, 20]))],
  ['reshape of a transposed tensor', (tf, a) => tf.reshape(tf.transpose(a, [2, 0, 3, 1]), [8, 15])],
  [
    'expandDims and squeeze',
    (tf, a) => tf.squeeze(tf.mul(tf.expandDims(a, 2), tf.ones([2, 1, 1, 4, 5])), [2]),
  ],
  ['transpose', (tf, a) => tf.square(tf.transpose(a, [0, 2, 3, 1]))],
  ['mixed orders', (tf, a) => tf.mul(tf.transpose(a, [0, 2, 3, 1]), tf.reshape(a, [2, 4, 5, 3]))],
  ['tile', (tf, a) => tf.tile(a, [1, 2, 1, 3])],
  ['tile of a transposed tensor', (tf, a) => tf.tile(tf.transpose(a, [3, 1, 0, 2]), [2, 1, 1, 2])],
  ['tile along an axis of size 1', (tf, a) => tf.tile(tf.reshape(a, [1, 120]), [3, 1])],
  ['broadcastTo', (tf, a) => tf.broadcastTo(tf.reshape(tf.sum(a, 1, true), [2, 1, 4, 5]), [2, 3, 4, 5])],
  ['concat', (tf, a) => tf.concat([a, tf.square(a), tf.ones([2, 2, 4, 5])], 1)],
  [
    'concat of mixed orders',
    (tf, a) => tf.concat([tf.transpose(a, [0, 2, 3, 1]), tf.reshape(a, [2, 4, 5, 3])], -1),
  ],
  ['stack and unstack', (tf, a) => tf.stack(tf.unstack(a, 2).reverse(), 1)],
  ['split', (tf, a) => tf.mul(...(tf.split(a, 2, 2) as [Tensor, Tensor]))],
  [
    'uneven split',
    (tf, a) => (tf.split(tf.transpose(a, [0, 2, 3, 1]), [1, 3, 1], 2) as Tensor[])[1] as Tensor,
  ],
  ['slice', (tf, a) => tf.slice(a, [0, 1, 0, 2], [-1, 2, 3, 2])],
  [
    'slice of a transposed tensor',
    (tf, a) => tf.slice(tf.transpose(a, [0, 2, 3, 1]), [0, 1, 2, 0], [2, 3, 2, -1]),
  ],
  [
    'pad',
    (tf, a) =>
      tf.pad(
        tf.transpose(a, [0, 2, 3, 1]),
        [
          [0, 0],
          [1, 2],
          [0, 1],
          [0, 0],
        ],
        0.5,
      ),
  ],
  ['gather', (tf, a) => tf.gather(a, tf.tensor1d([2, 0, 2, 1], 'int32'), 1)],
  [
    'gather by a matrix',
    (tf, a) =>
      tf.gather(
        a,
        tf.tensor2d(
          [
            [3, 0],
            [1, 3],
          ],
          [2, 2],
          'int32',
        ),
        2,
      ),
  ],
  ['reverse', (tf, a) => tf.reverse(a, [1, -1])],
  ['addN', (tf, a) => tf.addN([a, tf.square(a), tf.reshape(a, [2, 3, 4, 5])])],
  ['fill and onesLike', (tf, a) => tf.add(tf.mul(a, tf.fill([2, 1, 4, 1], 2.5)), tf.onesLike(a))],
];

test.each(shapes)('%s and its gradient agree with tfjs', async (_, compute) => {
  await agrees(withGradients([[2, 3, 4, 5]], compute));
});

test('stridedSlice agrees with tfjs, backwards too', async () => {
  await agrees(onlyValue([[6, 7]], (tf, a) => tf.stridedSlice(a, [1, 6], [6, 0], [2, -2])));
  await agrees(onlyValue([[6, 7]], (tf, a) => tf.stridedSlice(a, [0, 5], [0, 0], [1, -1], 1, 3)));
});

test('matMul and its gradients agree with tfjs, batched and transposed', async () => {
  for (const [turnA, turnB] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ] as const) {
    const dims = (batch: number[], rows: number, columns: number, turn: boolean): number[] => [
      ...batch,
      ...(turn ? [columns, rows] : [rows, columns]),
    ];
    for (const batch of [[], [1], [3]])
      await agrees(
        withGradients([dims(batch, 4, 5, turnA), dims(batch, 5, 6, turnB)], (tf, a, b) =>
          tf.matMul(a, b, turnA, turnB),
        ),
      );
  }
  await agrees(
    onlyValue(
      [
        [2, 3, 4],
        [4, 5],
      ],
      (tf, a, b) => tf.matMul(a, tf.reshape(b, [1, 4, 5])),
    ),
  );
});

const windows = fc.record({
  rows: fc.integer({ min: 1, max: 3 }),
  columns: fc.integer({ min: 1, max: 3 }),
  strideY: fc.integer({ min: 1, max: 3 }),
  strideX: fc.integer({ min: 1, max: 2 }),
  height: fc.integer({ min: 4, max: 8 }),
  width: fc.integer({ min: 4, max: 7 }),
  inChannels: fc.constantFrom(1, 2, 8),
  outChannels: fc.integer({ min: 1, max: 3 }),
  pad: fc.constantFrom('valid' as const, 'same' as const),
});

test('conv2d and its gradients agree with tfjs for any window, in ONNX layout', async () => {
  await fc.assert(
    fc.asyncProperty(windows, async (w) => {
      const compute: Compute = (tf, x, kernel) =>
        tf.transpose(
          tf.conv2d(
            tf.transpose(x as Tensor4D, [0, 2, 3, 1]),
            tf.transpose(kernel as Tensor4D, [2, 3, 1, 0]),
            [w.strideY, w.strideX],
            w.pad,
          ),
          [0, 3, 1, 2],
        );
      await agrees(
        withGradients(
          [
            [2, w.inChannels, w.height, w.width],
            [w.outChannels, w.inChannels, w.rows, w.columns],
          ],
          compute,
        ),
        undefined,
        1,
        TARGETS,
      );
    }),
    { numRuns: 25, seed: 3 },
  );
});

test('conv2d in tfjs layout, a transposed convolution and their gradients agree with tfjs', async () => {
  await agrees(
    withGradients(
      [
        [2, 6, 5, 3],
        [3, 2, 3, 4],
      ],
      (tf, x, kernel) => tf.conv2d(x as Tensor4D, kernel as Tensor4D, [2, 1], 'same'),
    ),
  );
  await agrees(
    withGradients(
      [
        [2, 3, 4, 3],
        [3, 2, 5, 3],
      ],
      (tf, y, kernel) => tf.conv2dTranspose(y as Tensor4D, kernel as Tensor4D, [2, 7, 5, 5], [2, 1], 'valid'),
    ),
  );
});

test('maxPool, avgPool and their gradients agree with tfjs for any window, among equals too', async () => {
  await fc.assert(
    fc.asyncProperty(windows, async (w) => {
      for (const pool of ['maxPool', 'avgPool'] as const) {
        const compute: Compute = (tf, x) =>
          tf[pool](
            tf.transpose(x as Tensor4D, [0, 2, 3, 1]),
            [w.rows, w.columns],
            [w.strideY, w.strideX],
            // tfjs's JavaScript backend averages padded windows differently in its gradient.
            pool === 'avgPool' ? 'valid' : w.pad,
          );
        // Rounded: many windows have several maxima, and the first of them counts.
        await agrees(withGradients([[2, w.inChannels, w.height, w.width]], compute), Math.round, 1, TARGETS);
      }
    }),
    { numRuns: 15, seed: 4 },
  );
});

test('gradients inside of the function agree with tfjs: nested, customGrad, power iteration', async () => {
  await agrees(
    withGradients([[3, 4]], (tf, a) => {
      const inner = tf.grad((x: Tensor) => tf.sum(tf.exp(tf.mul(x, 0.3))));
      return tf.mul(inner(a), a);
    }),
  );
  await agrees(
    withGradients([[3, 4]], (tf, a) =>
      tf.customGrad((x) => ({ value: tf.square(x as Tensor), gradFunc: (dy: Tensor) => tf.mul(dy, 7) }))(a),
    ),
  );
  await agrees(
    withGradients(
      [
        [2, 1, 6, 6],
        [3, 1, 3, 3],
      ],
      (tf, v, kernel) => {
        const linear = (x: Tensor): Tensor =>
          tf.conv2d(
            tf.transpose(x as Tensor4D, [0, 2, 3, 1]),
            tf.transpose(kernel as Tensor4D, [2, 3, 1, 0]),
            1,
            'same',
          );
        const adjoint = tf.grad(linear);
        let u = v;
        for (let k = 0; k < 3; k++) {
          const next = adjoint(u, linear(u));
          u = tf.div(next, tf.sqrt(tf.sum(tf.square(next), [1, 2, 3], true)));
        }
        return tf.sum(tf.square(linear(u)), [1, 2, 3]);
      },
    ),
  );
});

test('random chains of shape changes and sums agree with tfjs', async () => {
  const moves = fc.array(fc.constantFrom('transpose', 'flatten', 'broadcast', 'slice', 'mean', 'mirror'), {
    minLength: 2,
    maxLength: 7,
  });
  await fc.assert(
    fc.asyncProperty(moves, fc.integer({ min: 1, max: 50 }), async (chain, seed) => {
      const compute: Compute = (tf, a) => {
        let x = a;
        for (const move of chain) {
          const last = x.rank - 1;
          if (move === 'transpose') x = tf.transpose(x, [last, ...Array.from({ length: last }, (_, i) => i)]);
          if (move === 'flatten')
            x = tf.reshape(x, [x.shape[0] as number, 1, x.size / (x.shape[0] as number)]);
          if (move === 'broadcast') x = tf.mul(x, tf.reshape(tf.sum(x, 0), [1, ...x.shape.slice(1)]));
          if (move === 'slice' && (x.shape[0] as number) > 1)
            x = tf.slice(x, new Array(x.rank).fill(0), [(x.shape[0] as number) - 1, ...x.shape.slice(1)]);
          if (move === 'mean') x = tf.sub(x, tf.mean(x, -1, true));
          if (move === 'mirror') x = tf.add(x, tf.reverse(x, -1));
        }
        return tf.tanh(x);
      };
      await agrees(withGradients([[2, 3, 4]], compute), (x) => 0.3 * x, seed);
    }),
    { numRuns: 30, seed: 5 },
  );
});

const trace = (step: StepFunction) => traceFunction(step, new Map(), 'cpu');

test('what a step computes twice is in the graph once, and what nothing needs is not there', () => {
  const { nodes, feeds } = trace(
    onlyValue([[4, 3], [3, 5], [7]], (tf, a, b) => {
      tf.exp(a);
      return tf.add(tf.matMul(a as Tensor2D, b as Tensor2D), tf.matMul(a as Tensor2D, b as Tensor2D));
    }),
  );
  expect(nodes.get('Gemm')).toBe(1);
  expect(nodes.has('Exp')).toBe(false);
  expect(feeds.map(({ name }) => name)).toEqual(['a', 'b']);
});

test('ones, broadcasts and transposes that cancel cost no node', () => {
  const { nodes } = trace(
    onlyValue([[4, 3]], (tf, a) => {
      const there = tf.transpose(a, [1, 0]);
      return tf.transpose(tf.mul(tf.relu(there), tf.ones([3, 4])), [1, 0]);
    }),
  );
  expect([...nodes]).toEqual([['Relu', 1]]);
});

test('a kernel without a recording is refused by its name', () => {
  const step = onlyValue([[4]], (tf, a) => tf.cumsum(a));
  expect(() => trace(step)).toThrow(ToolError);
  expect(() => trace(step)).toThrow(/Cumsum/);
});

test('reading values while tracing is refused', () => {
  const step = onlyValue([[4]], (tf, a) => tf.tensor(a.dataSync()));
  expect(() => trace(step)).toThrow(/reads the values/);
});
