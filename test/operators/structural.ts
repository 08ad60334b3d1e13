/** Makers of random models for the operators that move, repeat, interpolate, sort and pool cells (see one-operator.ts). */
import { DataType } from '../../src/onnx/model/data-type.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import {
  type AttributeProto,
  AttributeType,
  type NodeProto,
  type TensorProto,
} from '../../src/onnx/model/proto.ts';
import { floatTensor, intAttr, intsAttr, intTensor, node } from '../onnx/tiny-model.ts';
import type { Random } from './random.ts';

interface Made {
  readonly nodes: NodeProto[];
  readonly initializers: TensorProto[];
  readonly dims: number[];
  readonly opset: number;
}

const text = (name: string, value: string): AttributeProto => ({
  name,
  type: AttributeType.STRING,
  s: new TextEncoder().encode(value),
});
const float = (name: string, f: number): AttributeProto => ({ name, type: AttributeType.FLOAT, f });
const indices = (name: string, dims: number[], values: number[]): TensorProto => ({
  name,
  dataType: DataType.INT64,
  dims,
  int64Data: values,
});
const constant = (random: Random, name: string, dims: number[]): TensorProto =>
  floatTensor(name, dims, random.float32s(sizeOf(dims)));
const times = <T>(count: number, make: (k: number) => T): T[] =>
  Array.from({ length: count }, (_, k) => make(k));
const anyShape = (random: Random): number[] => [
  1,
  ...times(random.integer(1, 3), () => random.integer(2, 4)),
];
const image = (random: Random): number[] => [
  1,
  random.integer(1, 3),
  ...times(random.integer(1, 2), () => random.integer(4, 6)),
];

/** One node on x and the given constants; a constant with an empty name is an omitted input. */
const made = (
  type: string,
  dims: number[],
  attribute: AttributeProto[],
  constants: TensorProto[] = [],
  opset = 17,
): Made => ({
  nodes: [node(type, ['x', ...constants.map((t) => t.name ?? '')], 'y', { attribute })],
  initializers: constants.filter((t) => t.name !== ''),
  dims,
  opset,
});
const none: TensorProto = { name: '' };

function convTranspose(random: Random): Made {
  const groups = random.integer(1, 2);
  const [inPerGroup, perGroup] = [random.integer(1, 2), random.integer(1, 2)];
  const dims = [1, groups * inPerGroup, ...times(random.integer(1, 2), () => random.integer(2, 4))];
  const kernel = dims.slice(2).map(() => random.integer(1, 3));
  const form = random.integer(0, 5);
  // Automatic padding is defined only where the kernel covers the stride.
  const strides = kernel.map((k) => random.integer(1, form === 0 ? k : 3));
  const dilations = kernel.map(() => random.integer(1, 2));
  const attribute = [intsAttr('strides', strides), intAttr('group', groups)];
  if (form === 0) attribute.push(text('auto_pad', random.pick(['SAME_UPPER', 'SAME_LOWER'])));
  else if (form === 1) attribute.push(text('auto_pad', 'VALID'));
  else {
    attribute.push(intsAttr('dilations', dilations));
    const extra = strides.map((s) => random.integer(0, s - 1));
    if (form < 4) attribute.push(intsAttr('output_padding', extra));
    const extents = kernel.map((k, a) => (dilations[a] as number) * (k - 1) + 1);
    if (form === 2) {
      const smallest = extents.map((e, a) => (strides[a] as number) * ((dims[a + 2] as number) - 1) + e);
      attribute.push(
        intsAttr(
          'output_shape',
          smallest.map((s) => Math.max(1, s - random.integer(0, 1))),
        ),
      );
    } else
      attribute.push(
        intsAttr(
          'pads',
          [...kernel, ...kernel].map((k) => random.integer(0, k > 1 ? 1 : 0)),
        ),
      );
  }
  const constants = [constant(random, 'w', [dims[1] as number, perGroup, ...kernel])];
  if (random.integer(0, 1)) constants.push(constant(random, 'b', [perGroup * groups]));
  return made('ConvTranspose', dims, attribute, constants);
}

function blocks(type: 'DepthToSpace' | 'SpaceToDepth') {
  return (random: Random): Made => {
    const block = random.integer(2, 3);
    const [a, b, c] = [random.integer(1, 2), random.integer(1, 2), random.integer(1, 2)];
    const size = intAttr('blocksize', block);
    return type === 'DepthToSpace'
      ? made(type, [1, a * block * block, b, c], [size, text('mode', random.pick(['DCR', 'CRD']))])
      : made(type, [1, a, b * block, c * block], [size]);
  };
}

function split(random: Random): Made {
  const dims = [1, random.integer(1, 2), random.integer(4, 6), 2];
  const length = dims[2] as number;
  const axis = intAttr('axis', random.pick([2, -2]));
  const first = random.integer(1, length - 1);
  const form = random.integer(0, 3);
  const even = [...dims.slice(0, 2), 2 * Math.floor(length / 2), 2];
  const [attribute, constants, shape, opset] = (
    [
      [[axis], [intTensor('s', [first, length - first])], dims, 17],
      [[axis, intsAttr('split', [first, length - first])], [], dims, 11],
      [[axis], [], even, 13],
      [[axis, intAttr('num_outputs', 2)], [], dims, 18],
    ] as [AttributeProto[], TensorProto[], number[], number][]
  )[form] as [AttributeProto[], TensorProto[], number[], number];
  const [a, b] = random.pick([
    ['a', 'b'],
    ['b', 'a'],
  ]) as [string, string];
  const model = made('Split', shape, attribute, constants, opset);
  return {
    ...model,
    nodes: [
      { ...(model.nodes[0] as NodeProto), output: ['a', 'b'] },
      node('Concat', [a, b], 'y', { attribute: [intAttr('axis', 2)] }),
    ],
  };
}

function expand(random: Random): Made {
  const dims = anyShape(random).map((dim) => (random.integer(0, 1) ? 1 : dim));
  const target = dims.map((dim, a) => (dim === 1 && a > 0 ? random.integer(1, 3) : random.pick([1, dim])));
  return made('Expand', dims, [], [intTensor('t', random.integer(0, 2) ? target : [2, ...dims])]);
}

function tile(random: Random): Made {
  const dims = anyShape(random);
  return made(
    'Tile',
    dims,
    [],
    [
      intTensor(
        't',
        dims.map((_, a) => (a === 0 ? 1 : random.integer(1, 3))),
      ),
    ],
  );
}

function einsum(random: Random): Made {
  const [b, i, j, k] = [1, random.integer(2, 3), random.integer(2, 4), random.integer(2, 3)];
  const [equation, dims, shape] = random.pick([
    ['bij,jk->bik', [b, i, j], [j, k]],
    ['bij,bjk->bik', [b, i, j], [b, j, k]],
    ['bij,kj->bk', [b, i, j], [k, j]],
    ['bij , k -> bki', [b, i, j], [k]],
    ['bii->bi', [b, i, i], null],
    ['bij->bji', [b, i, j], null],
    ['...ij,jk->...ik', [b, 2, i, j], [j, k]],
    ['bij,jk', [b, i, j], [j, k]],
  ] as [string, number[], number[] | null][]) as [string, number[], number[] | null];
  return made(
    'Einsum',
    dims,
    [text('equation', equation)],
    shape === null ? [] : [constant(random, 'w', shape)],
  );
}

function gatherElements(random: Random): Made {
  const dims = anyShape(random);
  const axis = random.integer(1, dims.length - 1);
  const length = dims[axis] as number;
  const shape = dims.map((dim, a) => (a === axis ? random.integer(1, 4) : random.integer(1, dim)));
  const values = times(sizeOf(shape), () => random.integer(-length, length - 1));
  return made('GatherElements', dims, [intAttr('axis', axis)], [indices('i', shape, values)]);
}

function gatherND(random: Random): Made {
  const dims = [1, random.integer(2, 3), random.integer(2, 4), 2];
  const batched = random.integer(0, 1);
  const depth = random.integer(1, 3 - batched);
  const shape = [...(batched ? [1] : []), random.integer(1, 3), depth];
  const values = times(sizeOf(shape), (k) => {
    const length = dims[batched + (k % depth)] as number;
    return random.integer(-length, length - 1);
  });
  return made('GatherND', dims, [intAttr('batch_dims', batched)], [indices('i', shape, values)], 13);
}

/** Distinct numbers below `limit`. */
const distinct = (random: Random, count: number, limit: number): number[] => {
  const pool = times(limit, (k) => k);
  return times(count, () => pool.splice(random.integer(0, pool.length - 1), 1)[0] as number);
};

/** Updates are constant or come from the input too. */
function scatter(type: 'ScatterElements' | 'ScatterND') {
  return (random: Random): Made => {
    const [rows, columns] = [random.integer(2, 3), random.integer(3, 5)];
    const dims = [1, rows, columns];
    const adds = random.integer(0, 1) === 1;
    const attribute = adds ? [text('reduction', 'add')] : [];
    let index: TensorProto;
    let shape: number[];
    if (type === 'ScatterElements') {
      const count = random.integer(1, columns);
      shape = [1, rows, count];
      const places = times(rows, () =>
        adds ? times(count, () => random.integer(-columns, columns - 1)) : distinct(random, count, columns),
      );
      index = indices('i', shape, places.flat());
      attribute.push(intAttr('axis', 2));
    } else {
      const places = distinct(random, random.integer(1, rows), rows);
      index = indices(
        'i',
        [places.length, 2],
        places.flatMap((place) => [0, place]),
      );
      shape = [places.length, columns];
    }
    const model = made(type, dims, attribute, [index, constant(random, 'u', shape)], 16);
    if (random.integer(0, 1)) return model;
    const flat = sizeOf(shape);
    return {
      ...model,
      nodes: [
        node('Reshape', ['x', 'flat'], 'line'),
        node('Slice', ['line', 'from', 'to'], 'part'),
        node('Reshape', ['part', 'shape'], 'u'),
        ...model.nodes,
      ],
      initializers: [
        index,
        intTensor('flat', [-1]),
        intTensor('from', [0]),
        intTensor('to', [flat]),
        intTensor('shape', shape),
      ],
    };
  };
}

function trilu(random: Random): Made {
  const dims = [1, random.integer(1, 2), random.integer(2, 4), random.integer(2, 4)];
  const diagonal = random.integer(-2, 2);
  return made(
    'Trilu',
    dims,
    random.integer(0, 2) ? [intAttr('upper', random.integer(0, 1))] : [],
    random.integer(0, 1) ? [indices('k', [], [diagonal])] : [],
  );
}

function cumSum(random: Random): Made {
  const dims = anyShape(random);
  const axis = random.integer(1, dims.length - 1) - (random.integer(0, 1) ? dims.length : 0);
  return made(
    'CumSum',
    dims,
    [intAttr('exclusive', random.integer(0, 1)), intAttr('reverse', random.integer(0, 1))],
    [indices('a', [], [axis])],
  );
}

function resize(random: Random): Made {
  const mode = random.pick(['nearest', 'linear', 'cubic']);
  const dims = [1, random.integer(1, 2), random.integer(2, 5), random.integer(2, 5)];
  const ways = ['half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners'];
  const way = random.pick(random.integer(0, 3) === 0 && mode !== 'cubic' ? ['tf_crop_and_resize'] : ways);
  const attribute = [
    text('mode', mode),
    text('coordinate_transformation_mode', way),
    text('nearest_mode', random.pick(['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'])),
  ];
  if (mode === 'cubic')
    attribute.push(
      float('cubic_coeff_a', random.pick([-0.75, -0.5])),
      intAttr('exclude_outside', random.integer(0, 1)),
    );
  const roi =
    way === 'tf_crop_and_resize' ? floatTensor('r', [8], [0, 0, 0.11, 0.23, 1, 1, 0.87, 1.31]) : none;
  if (way === 'tf_crop_and_resize') attribute.push(float('extrapolation_value', 0.5));
  const longer = (dim: number): number => dim + random.integer(1, 4);
  if (way === 'tf_crop_and_resize') {
    // Along an axis that keeps its length a region has no agreed meaning.
    const sizes = dims.map((dim, a) => (a < 2 ? dim : longer(dim)));
    return made('Resize', dims, attribute, [roi, none, intTensor('s', sizes)]);
  }
  if (random.integer(0, 1) || way === 'align_corners') {
    const sizes = [...dims.slice(0, 2), random.integer(1, 8), random.integer(1, 8)];
    return made('Resize', dims, attribute, [roi, none, intTensor('s', sizes)]);
  }
  const scales = [1, 1, random.pick([2, 3, 0.5, 1.5]), random.pick([2, 1, 0.5, 1.25])];
  return made('Resize', dims, attribute, [roi, floatTensor('s', [4], scales)]);
}

function upsample(random: Random): Made {
  const dims = [1, random.integer(1, 2), random.integer(2, 4), random.integer(2, 4)];
  const scales = [1, 1, random.pick([1, 2, 3]), random.pick([2, 1.5])];
  const mode = text('mode', random.pick(['nearest', 'linear']));
  return random.integer(0, 1)
    ? made('Upsample', dims, [mode], [floatTensor('s', [4], scales)], 9)
    : made('Upsample', dims, [mode, { name: 'scales', type: AttributeType.FLOATS, floats: scales }], [], 7);
}

/** With a constant, with another branch (broadcast too), of three operands, or as the MinMax pair of a split. */
function extreme(type: 'Max' | 'Min') {
  return (random: Random): Made => {
    const dims = [1, 2 * random.integer(1, 2), random.integer(2, 3)];
    const form = random.integer(0, 4);
    const wide = [1, 1, dims[2] as number];
    if (form === 0) return made(type, dims, [], [constant(random, 'c', random.pick([dims, wide, []]))]);
    if (form === 1) return made(type, wide, [], [constant(random, 'c', dims)]);
    const model = made(type, dims, [], []);
    if (form === 2) {
      const attribute = [intsAttr('axes', [1])];
      const branch = node('ReduceMean', ['x'], 'h', { attribute });
      return { ...model, nodes: [branch, node(type, ['x', 'h'], 'y')] };
    }
    if (form === 3) {
      return {
        ...model,
        nodes: [node('Sigmoid', ['x'], 'h'), node(type, ['h', 'c', 'x'], 'y')],
        initializers: [constant(random, 'c', wide)],
      };
    }
    const other = type === 'Max' ? 'Min' : 'Max';
    return {
      ...model,
      nodes: [
        node('Split', ['x'], ['a', 'b'], { attribute: [intAttr('axis', 1)] }),
        node(type, ['a', 'b'], 'p'),
        node(other, ['b', 'a'], 'q'),
        node('Concat', ['p', 'q'], 'y', { attribute: [intAttr('axis', 1)] }),
      ],
    };
  };
}

function topK(random: Random): Made {
  const dims = anyShape(random);
  const axis = random.integer(1, dims.length - 1);
  const kept = random.integer(1, dims[axis] as number);
  const model = made(
    'TopK',
    dims,
    [intAttr('axis', axis), intAttr('largest', random.integer(0, 1))],
    [intTensor('k', [kept])],
    11,
  );
  return { ...model, nodes: model.nodes.map((n) => ({ ...n, output: ['y', 'where'] })) };
}

function lpPool(random: Random): Made {
  const dims = image(random);
  const kernel = dims.slice(2).map(() => random.integer(1, 3));
  const attribute = [
    intsAttr('kernel_shape', kernel),
    intAttr('p', random.integer(1, 2)),
    intsAttr(
      'strides',
      kernel.map(() => random.integer(1, 3)),
    ),
  ];
  if (random.integer(0, 2) === 0)
    attribute.push(text('auto_pad', random.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID'])));
  else
    attribute.push(
      intsAttr(
        'pads',
        [...kernel, ...kernel].map((k) => random.integer(0, k - 1)),
      ),
    );
  return made('LpPool', dims, attribute, [], 18);
}

function reduce(type: string) {
  return (random: Random): Made => {
    const dims = anyShape(random);
    const axes = dims.map((_, a) => a).filter((a) => a > 0 && random.integer(0, 1) === 1);
    const keep = intAttr('keepdims', axes.length === 0 ? 1 : random.integer(0, 1));
    if (axes.length === 0) return made(type, dims, [keep], [], 13);
    return random.integer(0, 1)
      ? made(type, dims, [keep, intsAttr('axes', axes)], [], 13)
      : made(type, dims, [keep], [intTensor('axes', axes)], 18);
  };
}

export const structural: Readonly<Record<string, (random: Random) => Made>> = {
  ConvTranspose: convTranspose,
  CumSum: cumSum,
  DepthToSpace: blocks('DepthToSpace'),
  Einsum: einsum,
  Expand: expand,
  GatherElements: gatherElements,
  GatherND: gatherND,
  GlobalLpPool: (random) => made('GlobalLpPool', image(random), [intAttr('p', random.integer(1, 2))]),
  LpPool: lpPool,
  Max: extreme('Max'),
  Min: extreme('Min'),
  ReduceL1: reduce('ReduceL1'),
  ReduceL2: reduce('ReduceL2'),
  ReduceMax: reduce('ReduceMax'),
  ReduceMin: reduce('ReduceMin'),
  Resize: resize,
  ScatterElements: scatter('ScatterElements'),
  ScatterND: scatter('ScatterND'),
  SpaceToDepth: blocks('SpaceToDepth'),
  Split: split,
  Tile: tile,
  TopK: topK,
  Trilu: trilu,
  Upsample: upsample,
};
