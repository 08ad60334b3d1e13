/**
 * Constants of the file's own types, which compute by other rules than float64: what is made of them here is what ONNX Runtime makes of
 * them, or it is refused. These constants are compiled unfolded, as a file brings about with large ones.
 */
import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { DataType, dataTypeName } from '../../src/onnx/model/data-type.ts';
import type { NodeProto, TensorProto } from '../../src/onnx/model/proto.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import { intAttr, intsAttr, intTensor, node } from '../onnx/tiny-model.ts';
import { compiled, encoded } from '../operators/compiled.ts';
import type { OneOperator } from '../operators/one-operator.ts';
import { type Random, randomSource } from '../operators/random.ts';

const SIZE = 4;

const constant = (name: string, type: DataType, values: readonly number[], dims = [SIZE]): TensorProto => ({
  ...{ name, dataType: type, dims },
  ...(type === DataType.INT64
    ? { int64Data: [...values] }
    : type === DataType.FLOAT
      ? { floatData: [...values] }
      : type === DataType.DOUBLE
        ? { doubleData: [...values] }
        : { int32Data: [...values] }),
});

const cast = (from: string, to: DataType, name: string): NodeProto =>
  node('Cast', [from], name, { attribute: [intAttr('to', to)] });

/** y = x times what the nodes make, as floats. */
const weighted = (nodes: NodeProto[], initializers: TensorProto[]): OneOperator => ({
  nodes: [...nodes, cast('made', DataType.FLOAT, 'w'), node('Mul', ['x', 'w'], 'y')],
  initializers,
  dims: [1, SIZE],
  opset: 17,
});

/** Our values at ones, or null where it is refused. */
function ours(model: OneOperator): number[] | null {
  try {
    return [...evaluateLeftHalf(compiled(model), new Float64Array(SIZE).fill(1)).latent.value];
  } catch (error) {
    if (error instanceof ModelRefused) return null;
    throw error;
  }
}

/** Theirs; null where they have no such kernel. */
async function theirs(model: OneOperator): Promise<number[] | null> {
  try {
    return await withSession(encoded(model), 'constants', async (session) => [
      ...(await runRows(session, [new Float32Array(SIZE).fill(1)], [SIZE])).data,
    ]);
  } catch (error) {
    if (error instanceof ModelRefused) return null;
    throw error;
  }
}

const { BOOL, DOUBLE, FLOAT, FLOAT16, INT8, INT32, INT64, UINT8 } = DataType;
const BOUNDS = new Map<DataType, readonly [number, number]>([
  [INT8, [-128, 127]],
  [UINT8, [0, 255]],
  [INT32, [-(2 ** 31), 2 ** 31 - 1]],
  [INT64, [-(2 ** 53) + 1, 2 ** 53 - 1]],
]);

function randomValue(random: Random, type: DataType): number {
  const [least, most] = BOUNDS.get(type) ?? [0, 1];
  const small = Math.max(least, random.integer(-3, 9));
  return random.pick([small, small, small, least, most, Math.floor(random.uniform(least, most))]);
}

const MAKERS: readonly ((random: Random) => { nodes: NodeProto[]; more?: TensorProto[] })[] = [
  (random) => ({
    nodes: [node(random.pick(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min']), ['a', 'b'], 'made')],
  }),
  () => ({ nodes: [node('Neg', ['a'], 'made')] }),
  (random) => ({
    nodes: [
      node('Mul', ['a', 'b'], 'p'),
      node(random.pick(['ReduceSum', 'ReduceMean']), random.pick([['p'], ['a']]), 'made', {
        attribute: [intAttr('keepdims', 1)],
      }),
    ],
  }),
  (random) => ({ nodes: [cast('a', random.pick([BOOL, UINT8, INT8, INT32, FLOAT16]), 'made')] }),
  () => ({
    nodes: [node('Gather', ['a', 'at'], 'made')],
    more: [intTensor('at', [3, 0, 0, 2])],
  }),
  () => ({
    nodes: [
      node('Concat', ['a', 'b'], 'both', { attribute: [intAttr('axis', 0)] }),
      node('Reshape', ['both', 'shape'], 'square'),
      node('Transpose', ['square'], 'made', { attribute: [intsAttr('perm', [1, 0])] }),
    ],
    more: [intTensor('shape', [2, SIZE])],
  }),
];

it('random ones: every value that is not refused is the one of ONNX Runtime', async () => {
  let [same, refused] = [0, 0];
  for (let seed = 0; seed < 400; seed++) {
    const random = randomSource(seed);
    const type = random.pick([INT8, UINT8, INT32, INT64]);
    const values = () => Array.from({ length: SIZE }, () => randomValue(random, type));
    const { nodes, more = [] } = random.pick(MAKERS)(random);
    const model = weighted(nodes, [constant('a', type, values()), constant('b', type, values()), ...more]);
    const mine = ours(model);
    if (mine === null) {
      refused++;
      continue;
    }
    const other = await theirs(model);
    if (other === null) continue;
    expect(
      mine.map(Math.fround),
      `${seed}: ${nodes.map(({ opType }) => opType)} of ${dataTypeName(type)}`,
    ).toEqual(other.map(Math.fround));
    same++;
  }
  expect(same).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(50);
});

describe('a constant', () => {
  it.each<[string, NodeProto[], TensorProto[]]>([
    ['-1 as a boolean', [cast('a', BOOL, 'made')], [constant('a', INT8, [-1, 0, 1, 1])]],
    ['300 in eight bits', [cast('a', UINT8, 'made')], [constant('a', INT32, [300, 0, 1, 1])]],
    ['2049 in half precision', [cast('a', FLOAT16, 'made')], [constant('a', FLOAT, [2049, 0, 1, 1])]],
    ['a product beyond 32 bits', [node('Mul', ['a', 'a'], 'made')], [constant('a', INT32, [65536, 1, 1, 1])]],
    [
      'the largest integer, used as a number',
      [node('Sub', ['a', 'b'], 'made')],
      [
        constant('a', INT64, [Number.MAX_SAFE_INTEGER, 1, 1, 1]),
        constant('b', INT64, [Number.MAX_SAFE_INTEGER - 4, 1, 1, 1]),
      ],
    ],
    [
      'a sum in half precision',
      [node('Add', ['a', 'a'], 'made')],
      [{ name: 'a', dataType: FLOAT16, dims: [SIZE], int32Data: [0x3c00, 0, 0, 0x3555] }],
    ],
    ['a mean that is rounded', [node('ReduceMean', ['a'], 'made')], [constant('a', INT32, [1, 2, 2, 2])]],
    [
      'a shape that is multiplied beyond 53 bits',
      [node('Shape', ['x'], 's'), node('Gather', ['s', 'at'], 'n'), node('Mul', ['n', 'a'], 'made')],
      [intTensor('at', [1]), constant('a', INT64, [1, 2, 3, 2 ** 51])],
    ],
    ['a power', [node('Pow', ['a', 'a'], 'made')], [constant('a', INT32, [1, 2, 2, 2])]],
  ])('is refused: %s', (_, nodes, initializers) => {
    expect(() => compiled(weighted(nodes, initializers))).toThrow(
      /does not hold|would not give what that type does|rounding depends on their type/,
    );
  });

  it.each<[string, NodeProto[], TensorProto[], number[]]>([
    [
      'half precision that is moved',
      [node('Gather', ['a', 'at'], 'made')],
      [
        { name: 'a', dataType: FLOAT16, dims: [SIZE], int32Data: [0x3c00, 0, 0xbc00, 0x3555] },
        intTensor('at', [3, 2, 1, 0]),
      ],
      [0.333251953125, -1, 0, 1],
    ],
    [
      'a double that float32 rounds',
      [cast('a', FLOAT, 'made')],
      [constant('a', DOUBLE, [0.1, 1e-50, 1, -3])],
      [Math.fround(0.1), 0, 1, -3],
    ],
    [
      'the shape of the image',
      [node('Shape', ['x'], 's'), node('Gather', ['s', 'at'], 'n'), node('Mul', ['n', 'a'], 'made')],
      [intTensor('at', [1]), constant('a', INT64, [1, 2, 3, -4])],
      [4, 8, 12, -16],
    ],
  ])('is what ONNX Runtime has: %s', async (_, nodes, initializers, values) => {
    const model = weighted(nodes, initializers);
    expect(ours(model)).toEqual(values);
    const other = await theirs(model);
    if (other !== null) expect(other).toEqual(values);
  });
});
