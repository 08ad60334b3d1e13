/** What an honest classifier has no reason for, each operator beside an honest use of it. */
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../../src/onnx/model/codec.ts';
import { DataType } from '../../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../../src/onnx/model/extract.ts';
import { loadModel, modelFromBytes } from '../../../src/onnx/model/load.ts';
import {
  AttributeType,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../../src/onnx/model/proto.ts';
import type { Finding } from '../../../src/onnx/preflight/finding.ts';
import { findingsOf } from '../../../src/onnx/preflight/registry.ts';
import { subjectOf, subjectOfModel } from '../../../src/onnx/preflight/subject.ts';
import { modelFiles, noShared, sharedFolder, titled } from '../shared.ts';
import { floatTensor, intAttr, intTensor, node, tinyProto, twoLayers } from '../tiny-model.ts';

const ids = ['SPLITZ029', 'SPLITZ030'];
const ours = (findings: readonly Finding[]): Finding[] => findings.filter(({ id }) => ids.includes(id));
const findings = (proto: ModelProto): Finding[] =>
  ours(findingsOf(subjectOfModel(modelFromBytes(encodeModel(proto), 'tiny.onnx'), 'tiny.onnx')));
const told = (nodes: NodeProto[], initializers: TensorProto[] = [], opset = 19): Finding[] =>
  findings(tinyProto({ nodes, initializers, outputs: [{ name: 'y' }], opset }));
const cast = (from: string, to: number, output: string): NodeProto =>
  node('Cast', [from], output, { attribute: [intAttr('to', to)] });
const scalar = (name: string, value: number): TensorProto => floatTensor(name, [], [value]);
const integer = (name: string, value: number): TensorProto => ({
  name,
  dataType: DataType.INT32,
  dims: [],
  int32Data: [value],
});
const quantiser = [
  scalar('s', 0.1),
  { name: 'z', dataType: DataType.UINT8, dims: [], rawData: Uint8Array.of(3) },
];

/** Name, a suspicious use, an honest one. */
const PAIRS: readonly (readonly [string, Finding[], Finding[]])[] = [
  ...['Floor', 'Ceil', 'Round', 'Sign'].map((type) => {
    const one = (from: string) => node(type, [from], 'r', { name: 'apart' });
    const shape = [
      node('Shape', ['x'], 'n'),
      cast('n', DataType.FLOAT, 'f'),
      one('f'),
      cast('r', DataType.INT64, 't'),
      node('Reshape', ['x', 't'], 'y'),
    ];
    return [type, told([one('x'), node('Add', ['r', 'x'], 'y')]), told(shape)] as const;
  }),
  [
    'Mod',
    told([node('Mod', ['x', 's'], 'y', { name: 'apart', attribute: [intAttr('fmod', 1)] })], quantiser),
    // The number of a class, by its half.
    told(
      [
        node('ArgMax', ['x'], 'a', { attribute: [intAttr('axis', 1)] }),
        node('Mod', ['a', 'two'], 'm'),
        cast('m', DataType.FLOAT, 'y'),
      ],
      [intTensor('two', [2])],
    ),
  ],
  [
    'Cast to integers',
    told([{ ...cast('x', DataType.INT32, 'i'), name: 'apart' }, cast('i', DataType.FLOAT, 'y')]),
    told(
      [node('TopK', ['x', 'k'], ['v', 'i']), cast('i', DataType.INT32, 'j'), cast('j', DataType.FLOAT, 'y')],
      [intTensor('k', [1])],
    ),
  ],
  [
    'Cast to truth values',
    told([{ ...cast('x', DataType.BOOL, 'i'), name: 'apart' }, cast('i', DataType.FLOAT, 'y')]),
    told([node('Greater', ['x', 's'], 'g'), cast('g', DataType.FLOAT, 'y')], quantiser),
  ],
  [
    'CastLike',
    told(
      [node('CastLike', ['x', 'i'], 'c', { name: 'apart' }), cast('c', DataType.FLOAT, 'y')],
      [integer('i', 1)],
    ),
    told([node('CastLike', ['x', 's'], 'y')], quantiser),
  ],
  ...(['BitwiseAnd', 'BitwiseOr', 'BitwiseXor'] as const).map(
    (type) =>
      [
        type,
        told(
          [
            cast('x', DataType.INT32, 'i'),
            node(type, ['i', 'b'], 'm', { name: 'apart' }),
            cast('m', DataType.FLOAT, 'y'),
          ],
          [integer('b', 3)],
        ),
        told(
          [
            node('ArgMax', ['x'], 'a', { attribute: [intAttr('axis', 1)] }),
            node(type, ['a', 'b'], 'm'),
            cast('m', DataType.FLOAT, 'y'),
          ],
          [intTensor('b', [3])],
        ),
      ] as const,
  ),
  [
    'BitShift',
    told(
      [
        cast('x', DataType.UINT8, 'i'),
        node('BitShift', ['i', 'z'], 'm', {
          name: 'apart',
          attribute: [{ name: 'direction', type: AttributeType.STRING, s: new TextEncoder().encode('LEFT') }],
        }),
        cast('m', DataType.FLOAT, 'y'),
      ],
      quantiser,
    ),
    told(
      [
        node('QuantizeLinear', ['x', 's', 'z'], 'i'),
        node('BitShift', ['i', 'z'], 'm', {
          attribute: [
            { name: 'direction', type: AttributeType.STRING, s: new TextEncoder().encode('RIGHT') },
          ],
        }),
        cast('m', DataType.FLOAT, 'y'),
      ],
      quantiser,
    ),
  ],
];

describe('SPLITZ029, low-order bits of the input:', () => {
  it.each(PAIRS)('%s', (_, suspicious, honest) => {
    expect(suspicious).toMatchObject([{ id: 'SPLITZ029', severity: 'warning' }]);
    expect(suspicious[0]?.what).toMatch(/'apart'/);
    expect(honest).toEqual([]);
  });

  it('a sign that the size is multiplied with is not a sign, unless something else reads it', () => {
    const joined = [
      ...[node('Sign', ['x'], 'sign'), node('Abs', ['x'], 'size'), node('Relu', ['size'], 'r')],
      node('Mul', ['sign', 'r'], 'm'),
    ];
    expect(told([...joined, node('Relu', ['m'], 'y')])).toEqual([]);
    expect(told([...joined, node('Add', ['m', 'sign'], 'y')])).toMatchObject([{ id: 'SPLITZ029' }]);
    const other = joined.map((n) => (n.opType === 'Abs' ? node('Abs', ['r0'], 'size') : n));
    expect(told([node('Relu', ['x'], 'r0'), ...other, node('Relu', ['m'], 'y')])).toMatchObject([
      { id: 'SPLITZ029' },
    ]);
  });

  it('quantised networks, in every way of writing them, are not meant', () => {
    const restored = [
      node('QuantizeLinear', ['x', 's', 'z'], 'q'),
      node('DequantizeLinear', ['q', 's', 'z'], 'd'),
    ];
    expect(told([...restored, node('Floor', ['d'], 'y')], quantiser)).toEqual([]);
    const weight = { name: 'w', dataType: DataType.UINT8, dims: [4, 3], rawData: new Uint8Array(12).fill(2) };
    const dynamic = [
      ...[
        node('DynamicQuantizeLinear', ['x'], ['q', 'scale', 'zero']),
        node('MatMulInteger', ['q', 'w', 'zero'], 'p'),
      ],
      ...[cast('p', DataType.FLOAT, 'f'), node('Mul', ['f', 'scale'], 'y')],
    ];
    expect(told(dynamic, [weight])).toEqual([]);
    // Its scale is the range of the image, with all its bits.
    expect(
      told([...dynamic.slice(0, 1), node('Floor', ['scale'], 'f'), node('Add', ['x', 'f'], 'y')]),
    ).toHaveLength(1);
  });

  it('is found in local functions and branches, and in refused models that call themselves', () => {
    const local = (body: NodeProto[], name: string): ModelProto => ({
      ...tinyProto({
        nodes: [node(name, ['x'], 'y', { domain: 'local' })],
        outputs: [tensorInfo('y', DataType.FLOAT, ['N', 4])],
      }),
      opsetImport: [
        { domain: '', version: 17 },
        { domain: 'local', version: 1 },
      ],
      functions: [
        {
          name,
          domain: 'local',
          input: ['a'],
          output: ['b'],
          node: body,
          opsetImport: [{ domain: '', version: 17 }],
        },
      ],
    });
    expect(findings(local([node('Floor', ['a'], 'b')], 'f'))[0]?.what).toMatch(/1 node: Floor/);
    const endless = local([node('f', ['a'], 'b', { domain: 'local' })], 'f');
    expect(ours(findingsOf(subjectOf('tiny.onnx', endless, [], null)))).toEqual([]);

    const branch = (type: string) => ({
      name: type,
      node: [node(type, ['x'], type)],
      output: [tensorInfo(type, DataType.FLOAT, ['N', 4])],
    });
    const choice = (type: string) =>
      node('If', ['c'], 'y', {
        attribute: [
          { name: 'then_branch', type: AttributeType.GRAPH, g: branch(type) },
          { name: 'else_branch', type: AttributeType.GRAPH, g: branch('Tanh') },
        ],
      });
    const condition = { name: 'c', dataType: DataType.BOOL, dims: [], rawData: Uint8Array.of(1) };
    expect(told([choice('Round')], [condition])).toHaveLength(1);
    expect(told([choice('Relu')], [condition])).toEqual([]);
  });
});

describe('SPLITZ030, weights of extreme size:', () => {
  const scaled = (...factors: number[]): Finding[] =>
    told(
      factors.map((_, k) =>
        node('Mul', [k === 0 ? 'x' : `v${k}`, `c${k}`], k === factors.length - 1 ? 'y' : `v${k + 1}`),
      ),
      factors.map((factor, k) => scalar(`c${k}`, factor)),
    );

  it('factors that span more than 1e30, or one of 1e30', () => {
    expect(scaled(1e-20, 1e20)).toMatchObject([
      { id: 'SPLITZ030', severity: 'warning', what: "factors from 1.0e-20 ('c0') to 1.0e+20 ('c1')" },
    ]);
    expect(scaled(1e31)).toMatchObject([{ where: "'c0'", what: "factors from 1 to 1.0e+31 ('c0')" }]);
    expect(scaled(1e-31)).toMatchObject([{ where: "'c0'" }]);
    expect(scaled(1e-12, 1e12)).toEqual([]);
    expect(scaled(0, 255)).toEqual([]);
  });

  it('not bounds, fills and masks, nor single weights that decayed', () => {
    const bounds = [scalar('low', -3.4e38), scalar('high', 3.4e38)];
    expect(told([node('Clip', ['x', 'low', 'high'], 'y')], bounds)).toEqual([]);
    expect(told([node('Add', ['x', 'low'], 'm'), node('Softmax', ['m'], 'y')], bounds)).toEqual([]);
    const decayed = floatTensor('w', [4, 2], [1, 1e-40, 1e-35, 0.3, 2e-44, 1, 1, 1]);
    expect(told([node('MatMul', ['x', 'w'], 'y')], [decayed])).toEqual([]);
  });
});

describe('a sound model', () => {
  it('has neither', () => {
    expect(findings(tinyProto(twoLayers))).toEqual([]);
  });
});

describe.skipIf(noShared !== null)(titled('the cases made to deceive'), () => {
  it.each([
    ['float-grid/grid.onnx', 'SPLITZ029', /2 nodes: Floor .*, Sign/],
    ['underflow/under.onnx', 'SPLITZ030', /1\.0e-170 .* 1\.0e\+85/],
    ['underflow/under32.onnx', 'SPLITZ030', /1\.0e-35 .* 1\.0e\+35/],
  ])('%s', async (file, id, what) => {
    const model = await loadModel(`${sharedFolder}/cases/${file}`);
    const [finding, ...others] = ours(findingsOf(subjectOfModel(model, 'case.onnx')));
    expect([finding?.id, others]).toEqual([id, []]);
    expect(finding?.what).toMatch(what);
  });

  it('and no honest model of the shared folder', async () => {
    for (const file of ['real', 'noise-trained', 'one-network-many-exports', 'malformed'].flatMap(
      modelFiles,
    )) {
      const model = await loadModel(file).catch(() => null);
      if (model !== null)
        expect([file, ours(findingsOf(subjectOfModel(model, 'm.onnx')))]).toEqual([file, []]);
    }
    const pooled = await loadModel(`${sharedFolder}/cases/unbounded-exports/lppool.onnx`);
    expect(ours(findingsOf(subjectOfModel(pooled, 'lppool.onnx')))).toEqual([]);
  });
});
