/** Files that would take all memory or never end are refused in words, before ONNX Runtime sees them. */
import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import { openClassifier } from '../../src/onnx/intake/classifier.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import {
  type AttributeProto,
  AttributeType,
  type FunctionProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../src/onnx/model/proto.ts';
import { findingsOf } from '../../src/onnx/preflight/registry.ts';
import { subjectOf } from '../../src/onnx/preflight/subject.ts';
import {
  floatTensor,
  intAttr,
  intsAttr,
  intTensor,
  node,
  type Parts,
  tinyModel,
  tinyProto,
  twoLayers,
  weights,
} from './tiny-model.ts';

const floatOne = (name: string) => ({ name, dataType: DataType.FLOAT, dims: [], floatData: [1] });
const scalar = (name: string, value: number) => ({
  name,
  dataType: DataType.INT64,
  dims: [],
  int64Data: [value],
});

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ModelRefused && error.report.remedy !== undefined) return error.report.what;
    throw error;
  }
  throw new Error('it was not refused');
}
const opening = (parts: Parts): Promise<string> => refusal(() => openClassifier(tinyModel(parts)));

describe('local functions', () => {
  /** f0 is a Relu, or calls the last; each other one calls the one before it twice. */
  const nested = (depth: number, cyclic: boolean): ModelProto => {
    const call = (k: number, from: string, to: string): NodeProto =>
      node(`f${k}`, [from], to, { domain: 'local' });
    const functions = Array.from(
      { length: depth },
      (_, k): FunctionProto => ({
        name: `f${k}`,
        domain: 'local',
        input: ['a'],
        output: ['c'],
        opsetImport: [
          { domain: '', version: 17 },
          { domain: 'local', version: 1 },
        ],
        node:
          k === 0 && !cyclic
            ? [node('Relu', ['a'], 'c')]
            : [call((k + depth - 1) % depth, 'a', 'b'), call((k + depth - 1) % depth, 'b', 'c')],
      }),
    );
    const proto = tinyProto({ nodes: [call(depth - 1, 'x', 'y')], output: ['N', 4] });
    return {
      ...proto,
      functions,
      opsetImport: [...(proto.opsetImport ?? []), { domain: 'local', version: 1 }],
    };
  };
  const loading = (proto: ModelProto): Promise<string> => refusal(() => modelFromBytes(encodeModel(proto)));

  it('may call each other', () => {
    expect(() => modelFromBytes(encodeModel(nested(10, false)))).not.toThrow();
  });

  it('that expand to more nodes than any memory holds are refused', async () => {
    expect(await loading(nested(60, false))).toBe("the model's local functions expand to 5.8e+17 nodes");
  });

  it('that call each other without end in sight are refused, in whatever order they are called', async () => {
    const chain = (calls: readonly number[]): ModelProto => {
      const proto = nested(150, false);
      const functions = proto.functions?.map((f) => ({ ...f, node: f.node?.slice(-1) ?? [] })) ?? [];
      const [call] = proto.graph?.node ?? [];
      const node = calls.map((k, n) => ({
        ...call,
        opType: `f${k}`,
        output: [n === 0 ? 'y' : `unused${n}`],
      }));
      return { ...proto, functions, graph: { ...proto.graph, node } };
    };
    const why = "the model's local functions call each other more than 100 levels deep";
    expect(await loading(chain([149]))).toBe(why);
    expect(await loading(chain([60, 120, 149]))).toBe(why);
  });

  it.each([
    ['', 'Relu'],
    ['ai.onnx', 'Softmax'],
    ['ai.onnx.ml', 'Scaler'],
    ['com.microsoft', 'FusedConv'],
  ])(
    'named like an operator that ONNX Runtime has (%s %s) are refused: it would run its own',
    async (domain, name) => {
      const proto = nested(1, false);
      const [inner] = proto.functions ?? [];
      const called = node(name, ['x'], 'y', domain === '' ? {} : { domain });
      const shadow = {
        ...proto,
        functions: [{ ...inner, domain, name }],
        graph: { ...proto.graph, node: [called] },
      };
      expect(await loading(shadow)).toBe(
        `the file defines '${name}', an operator of domain '${domain || 'ai.onnx'}', as a function of its own`,
      );
    },
  );

  it.each<[string, string[], string[], string]>([
    ['inputs', ['x', 'x'], ['y'], "local.f0 node with output 'y' has 2 inputs, the local function 'f0' 1"],
    ['outputs', ['x'], ['y', 'z'], "local.f0 node with output 'y' has 2 outputs, the local function 'f0' 1"],
  ])('that are called with more %s than they have are refused', async (_, input, output, what) => {
    const proto = nested(1, false);
    const call = node('f0', input, output, { domain: 'local' });
    expect(await loading({ ...proto, graph: { ...proto.graph, node: [call] } })).toBe(what);
  });

  it('that call themselves are refused', async () => {
    expect(await loading(nested(3, true))).toMatch(/local function 'f\d' calls itself/);
  });
});

describe('an operand omitted from any number of them', () => {
  it.each(['Max', 'Mean', 'Min', 'Sum'])(
    'is refused, in functions too: ONNX Runtime crashes on it (%s)',
    async (type) => {
      const gap = (from: string, to: string) => node(type, [from, '', from], to, { name: 'gap' });
      const why = `${type} node 'gap' omits its operand 2`;
      expect(await refusal(() => tinyModel({ nodes: [gap('x', 'y')], output: ['N', 4] }))).toBe(why);
      const inside: FunctionProto = {
        name: 'f',
        domain: 'local',
        input: ['a'],
        output: ['c'],
        node: [gap('a', 'c')],
      };
      const proto = tinyProto({ nodes: [node('f', ['x'], 'y', { domain: 'local' })], output: ['N', 4] });
      expect(await refusal(() => modelFromBytes(encodeModel({ ...proto, functions: [inside] })))).toBe(why);
    },
  );
});

describe('loops', () => {
  const looped = (trips: number | null): Parts => {
    const body = {
      name: 'body',
      node: [node('Identity', ['going'], 'goes_on'), node('Tanh', ['state'], 'next')],
      input: [
        tensorInfo('iteration', DataType.INT64, []),
        tensorInfo('going', DataType.BOOL, []),
        tensorInfo('state', DataType.FLOAT, ['N', 4]),
      ],
      output: [tensorInfo('goes_on', DataType.BOOL, []), tensorInfo('next', DataType.FLOAT, ['N', 4])],
    };
    const attribute = [{ name: 'body', type: AttributeType.GRAPH, g: body }];
    return {
      nodes: [node('Loop', [trips === null ? '' : 'trips', '', 'x'], 'y', { name: 'loop', attribute })],
      initializers: trips === null ? [] : [scalar('trips', trips)],
      output: ['N', 4],
    };
  };

  it('of a few trips run', async () => {
    expect((await openClassifier(tinyModel(looped(3)))).classes).toBe(4);
  });

  it('of too many trips are refused', async () => {
    expect(await opening(looped(2 ** 31))).toBe("Loop node 'loop' makes 2147483648 trips");
  });

  it('without a constant trip count are refused', async () => {
    expect(await opening(looped(null))).toBe("Loop node 'loop' has no constant trip count");
  });
});

describe('sizes written in the file', () => {
  /** x, enlarged by `middle` to h, which is joined with x where their shapes allow it. */
  const convolved = (middle: NodeProto, constants: Parts['initializers'] = [], pooled = 'joined'): Parts => ({
    nodes: [
      middle,
      node('Add', ['h', 'x'], 'joined'),
      node('GlobalAveragePool', [pooled], 'p'),
      node('Flatten', ['p'], 'y'),
    ],
    initializers: [...constants],
    input: ['N', 3, 4, 4],
  });

  it.each<[string, Parts]>([
    [
      'pads',
      convolved(
        node('MaxPool', ['x'], 'h', {
          name: 'n',
          attribute: [intsAttr('kernel_shape', [2, 2]), intsAttr('pads', [0, 2 ** 28, 0, 0])],
        }),
      ),
    ],
    [
      'pads as an input',
      convolved(node('Pad', ['x', 'pads'], 'h', { name: 'n' }), [
        intTensor('pads', [0, 0, 0, 0, 0, 0, 2 ** 27, 0]),
      ]),
    ],
    [
      'repeats',
      convolved(node('Tile', ['x', 'repeats'], 'h', { name: 'n' }), [
        intTensor('repeats', [1, 1, 2 ** 14, 2 ** 14]),
      ]),
    ],
    [
      'a target shape',
      convolved(node('Expand', ['x', 'shape'], 'h', { name: 'n' }), [
        intTensor('shape', [1, 3, 2 ** 20, 2 ** 20]),
      ]),
    ],
    [
      'strides',
      convolved(
        node('ConvTranspose', ['x', 'w'], 'h', {
          name: 'n',
          attribute: [intsAttr('strides', [2 ** 13, 2 ** 13])],
        }),
        [weights('w', [3, 3, 2, 2])],
      ),
    ],
    [
      'regions',
      convolved(
        node('RoiAlign', ['x', 'rois', 'zero'], 'h', {
          name: 'n',
          attribute: [intAttr('output_height', 2 ** 12), intAttr('output_width', 2 ** 12)],
        }),
        [floatTensor('rois', [1, 4], [0, 0, 3, 3]), intTensor('zero', [0])],
      ),
    ],
    [
      'pads of an operator of ONNX Runtime',
      convolved(
        node('FusedConv', ['x', 'w'], 'h', {
          name: 'n',
          domain: 'com.microsoft',
          attribute: [intsAttr('pads', [0, 2 ** 20, 0, 0])],
        }),
        [weights('w', [3, 3, 2, 2])],
      ),
    ],
    [
      'a range',
      convolved(node('Range', ['from', 'to', 'step'], 'h', { name: 'n' }), [
        scalar('from', 0),
        scalar('to', 2 ** 40),
        scalar('step', 1),
      ]),
    ],
    [
      'blocks',
      convolved(node('DepthToSpace', ['x'], 'h', { name: 'n', attribute: [intAttr('blocksize', 2 ** 32)] })),
    ],
  ])('%s beyond any classifier are refused by the name of the node', async (_, parts) => {
    expect(await opening(parts)).toMatch(/node 'n' (pads|enlarges|gives|has blocks)/);
  });

  it('of ordinary networks pass', async () => {
    const pads = [0, 0, 3, 3, 0, 0, 3, 3];
    const parts = convolved(node('Pad', ['x', 'pads'], 'h'), [intTensor('pads', pads)], 'h');
    expect((await openClassifier(tinyModel(parts))).classes).toBe(3);
  });
});

describe('values that ONNX Runtime computes with before it looks', () => {
  const named = (
    type: string,
    inputs: string[],
    attribute: AttributeProto[],
    more: Partial<NodeProto> = {},
  ) => node(type, inputs, 'h', { name: 'n', attribute, ...more });
  /** x [N,4,4,4] through the node, to scores. */
  const through = (middle: NodeProto, initializers: TensorProto[] = [], opset = 18): Parts => ({
    nodes: [middle, node('GlobalAveragePool', ['h'], 'p'), node('Flatten', ['p'], 'y')],
    input: ['N', 4, 4, 4],
    initializers,
    opset,
  });
  const transposed = (group: number) =>
    through(named('ConvTranspose', ['x', 'w'], [intAttr('group', group)]), [weights('w', [4, 2, 2, 2])]);

  it.each<[string, Parts, string]>([
    ['a group of 0', transposed(0), "ConvTranspose node 'n' has group = 0"],
    [
      'no heads',
      through(
        named('Attention', ['x', 'x', 'x'], [intAttr('q_num_heads', 2), intAttr('kv_num_heads', 0)]),
        [],
        23,
      ),
      "Attention node 'n' has kv_num_heads = 0",
    ],
    [
      'an axis that no tensor has',
      through(named('LayerNormalization', ['x', 'w'], [intAttr('axis', 2 ** 31)]), [weights('w', [4])]),
      "LayerNormalization node 'n' has axis = 2147483648",
    ],
    [
      'a negative number of axes',
      through(named('GatherND', ['x', 'rows'], [intAttr('batch_dims', -64)]), [intTensor('rows', [0])]),
      "GatherND node 'n' has batch_dims = -64",
    ],
    [
      'sizes that are not those of the weights',
      through(
        named('Attention', ['x', 'w'], [intsAttr('qkv_hidden_sizes', [8, 65536, 8])], {
          domain: 'com.microsoft',
        }),
        [weights('w', [4, 24])],
      ),
      "com.microsoft.Attention node 'n' has sizes of its own for query, key and value",
    ],
    [
      'more outputs than there are',
      through(node('Split', ['x'], ['h', 'i'], { name: 'n', attribute: [intAttr('num_outputs', 2 ** 31)] })),
      "Split node 'n' has num_outputs = 2147483648",
    ],
    [
      'any integer beyond the numbers of an image',
      through(named('LRN', ['x'], [intAttr('size', 2 ** 40 + 1)])),
      "LRN node 'n' has size = 1099511627777",
    ],
    [
      'a list with one such integer',
      through(
        named('MaxPool', ['x'], [intsAttr('kernel_shape', [2, 2]), intsAttr('dilations', [1, -(2 ** 62)])]),
      ),
      "MaxPool node 'n' has dilations = -4611686018427388000",
    ],
    [
      'a depth that holds nothing',
      through(named('OneHot', ['x', 'depth', 'values'], []), [
        intTensor('depth', []),
        floatTensor('values', [2], [0, 1]),
      ]),
      "OneHot node 'n' has an operand 'depth' that holds nothing",
    ],
    [
      'a scale that holds nothing',
      through(named('QLinearSigmoid', ['x', 'scale', '', 'scale'], [], { domain: 'com.microsoft' }), [
        floatTensor('scale', [0], []),
      ]),
      "com.microsoft.QLinearSigmoid node 'n' has an operand 'scale' that holds nothing",
    ],
    [
      'an operator of sound',
      through(named('STFT', ['x', 'step'], []), [scalar('step', 0)]),
      "STFT node 'n' is for sound or text, or not for classifiers",
    ],
    [
      'an operator that generates text',
      through(named('GroupQueryAttention', ['x', 'x', 'x'], [], { domain: 'com.microsoft' })),
      "com.microsoft.GroupQueryAttention node 'n' is for sound or text, or not for classifiers",
    ],
    [
      'an internal operator',
      through(named('ReorderInput', ['x'], [], { domain: 'com.microsoft.nchwc' })),
      "com.microsoft.nchwc.ReorderInput node 'n' is an internal operator of ONNX Runtime",
    ],
  ])('are refused: %s', async (_, parts, what) => {
    expect(await opening(parts)).toBe(what);
  });

  it('are refused where a call hands them to a local function, as an attribute or as an operand', async () => {
    const calling = (body: NodeProto, inputs: string[], attribute: AttributeProto[], held: TensorProto[]) => {
      const call = named('f', inputs, attribute, { domain: 'local' });
      const proto = tinyProto(through(call, held));
      const imports = [{ domain: '', version: 18 }];
      const f = {
        name: 'f',
        domain: 'local',
        input: ['a', 'b'],
        output: ['c'],
        attribute: ['side'],
        node: [body],
      };
      return modelFromBytes(
        encodeModel({
          ...proto,
          functions: [{ ...f, opsetImport: imports }],
          opsetImport: [...imports, { domain: 'local', version: 1 }],
        }),
      );
    };
    const blocks = node('DepthToSpace', ['a'], 'c', {
      attribute: [{ name: 'blocksize', type: AttributeType.INT, refAttrName: 'side' }],
    });
    const sided = (side: number) => openClassifier(calling(blocks, ['x'], [intAttr('side', side)], []));
    await expect(sided(2 ** 32)).rejects.toThrow(/DepthToSpace node .* has blocks of side 4294967296/);
    const expand = node('Expand', ['a', 'b'], 'c');
    const shape = intTensor('shape', [1, 4, 2 ** 20, 2 ** 20]);
    const expanded = openClassifier(calling(expand, ['x', 'shape'], [], [shape]));
    await expect(expanded).rejects.toThrow(/Expand node .* gives a result of 4398046511104/);
  });

  it('pass where they mean something: groups, ends beyond the end, seeds', async () => {
    expect((await openClassifier(tinyModel(transposed(2)))).classes).toBe(4);
    const sliced = named(
      'Slice',
      ['x'],
      [intsAttr('starts', [-(2 ** 62)]), intsAttr('ends', [2 ** 62]), intsAttr('axes', [2])],
    );
    expect((await openClassifier(tinyModel(through(sliced, [], 9)))).classes).toBe(4);
    const dropped = named('Dropout', ['x'], [intAttr('seed', 2 ** 40)]);
    expect((await openClassifier(tinyModel(through(dropped)))).classes).toBe(4);
  });
});

describe('shapes computed from pixels', () => {
  const scaled = (scales: NodeProto[]): Parts => ({
    nodes: [
      ...scales,
      node('Resize', ['x', '', 'scales'], 'h', { name: 'n' }),
      node('GlobalAveragePool', ['h'], 'p'),
      node('Flatten', ['p'], 'y'),
    ],
    input: ['N', 3, 4, 4],
    initializers: [floatTensor('ones', [4], [1, 1, 1, 1])],
  });
  const why = /^Resize node 'n' takes 'scales', which is computed from pixels/;

  it('are refused: more of them than there are axes are written over the stack of the process', async () => {
    expect(await opening(scaled([node('Relu', ['x'], 'scales')]))).toMatch(why);
  });

  it('are refused in a branch, and behind a call', async () => {
    const branch = (name: string): AttributeProto => ({
      name,
      type: AttributeType.GRAPH,
      g: {
        name,
        node: [node('Resize', ['x', '', 'scales'], name, { name: 'n' })],
        output: [tensorInfo(name, DataType.FLOAT, ['N', 3, 4, 4])],
      },
    });
    const parts = scaled([node('Relu', ['x'], 'scales')]);
    const nodes = parts.nodes.map((n) =>
      n.opType === 'Resize'
        ? node('If', ['true'], 'h', { attribute: [branch('then_branch'), branch('else_branch')] })
        : n,
    );
    const yes = { name: 'true', dataType: DataType.BOOL, dims: [], int32Data: [1] };
    expect(await opening({ ...parts, nodes, initializers: [yes] })).toMatch(why);
    const body = parts.nodes.map((n) => ({
      ...n,
      input: n.input?.map((name) => (name === 'x' ? 'a' : name)) ?? [],
    }));
    const call = node('f', ['x'], 'y', { domain: 'local' });
    const proto = tinyProto({ ...parts, nodes: [call], initializers: [] });
    const imports = [{ domain: '', version: 17 }];
    const f: FunctionProto = {
      name: 'f',
      domain: 'local',
      input: ['a'],
      output: ['y'],
      node: body,
      opsetImport: imports,
    };
    const called = { ...proto, functions: [f], opsetImport: [...imports, { domain: 'local', version: 1 }] };
    expect(await refusal(() => openClassifier(modelFromBytes(encodeModel(called))))).toMatch(
      /^Resize node .* takes .*scales.* which is computed from pixels/,
    );
  });

  /** Scales computed from shapes, so many times over. */
  const fromShape = (times: number): NodeProto[] => [
    node('Shape', ['x'], 'shape'),
    node('Cast', ['shape'], 'sizes', { attribute: [intAttr('to', DataType.FLOAT)] }),
    node('Div', ['sizes', 'sizes'], 'each'),
    node(
      'Concat',
      Array.from({ length: times }, () => 'each'),
      'scales',
      { attribute: [intAttr('axis', 0)] },
    ),
  ];

  it('are not those computed from shapes', async () => {
    expect((await openClassifier(tinyModel(scaled(fromShape(1))))).classes).toBe(3);
    const before = scaled([node('Relu', ['x'], 'r'), ...fromShape(1)]);
    const nodes = before.nodes.map((n) => (n.opType === 'Resize' ? { ...n, input: ['r', '', 'scales'] } : n));
    expect((await openClassifier(tinyModel({ ...before, nodes }))).classes).toBe(3);
  });

  it('are counted where they are scales, before they are used', async () => {
    const what = "Resize node 'n' has scales of shape [64] for 4 axes";
    expect(await opening(scaled(fromShape(16)))).toBe(what);
    const upsample = scaled(fromShape(16)).nodes.map((n) =>
      n.opType === 'Resize' ? node('Upsample', ['x', 'scales'], 'h', { name: 'n' }) : n,
    );
    expect(await opening({ ...scaled([]), nodes: upsample, opset: 9 })).toBe(
      what.replace('Resize', 'Upsample'),
    );
  });

  it('are refused in a branch, where they cannot be counted', async () => {
    const g = (name: string) => ({
      name,
      node: [node('Resize', ['x', '', 'scales'], name, { name: 'n' })],
      output: [tensorInfo(name, DataType.FLOAT, ['N', 3, 4, 4])],
    });
    const attribute = ['then_branch', 'else_branch'].map((name) => ({
      name,
      type: AttributeType.GRAPH,
      g: g(name),
    }));
    const parts = scaled(fromShape(1));
    const nodes = parts.nodes.map((n) =>
      n.opType === 'Resize' ? node('If', ['true'], 'h', { attribute }) : n,
    );
    const yes = { name: 'true', dataType: DataType.BOOL, dims: [], int32Data: [1] };
    expect(await opening({ ...parts, nodes, initializers: [yes] })).toBe(
      "Resize node 'n' computes its scales inside a branch, a loop or a function",
    );
  });
});

describe('the input', () => {
  it.each([
    ['one image', ['N', 3, 2 ** 20, 2 ** 20]],
    ['a batch', [2 ** 20, 3, 64, 64]],
  ])('of which %s fits in no memory is refused', async (what, input) => {
    const nodes = [node('GlobalAveragePool', ['x'], 'p'), node('Flatten', ['p'], 'y')];
    expect(await opening({ nodes, input })).toMatch(new RegExp(`^${what} of the model has \\d+ numbers`));
  });

  it('that the output does not depend on is refused', async () => {
    const nodes = [node('Neg', ['c'], 'y')];
    const what = await opening({ nodes, initializers: [floatOne('c')], output: [] });
    expect(what).toBe("the output 'y' does not depend on the input");
  });
});

describe('names of any length', () => {
  it('in the reasons that ONNX Runtime gives do not slow down the refusal', async () => {
    // Read by a pattern as a whole, it would take hours.
    const attribute = [intAttr('x'.repeat(2_000_000), 1)];
    expect(await opening({ nodes: [node('Relu', ['x'], 'y', { attribute })], output: ['N', 4] })).toBe(
      'ONNX Runtime cannot load the model',
    );
  });
});

describe('texts of any length', () => {
  it.each(['x', '\n', 'a@', '1.', ' at', ':1'])(
    'made of %j are looked through for what they leak',
    (part) => {
      // By a pattern that starts again at every character, it would take hours.
      const proto = { ...tinyProto(twoLayers), docString: part.repeat(2_000_000 / part.length) };
      const findings = findingsOf(subjectOf('tiny.onnx', proto, [], null));
      expect(findings.filter(({ id }) => ['SPLITZ011', 'SPLITZ012', 'SPLITZ013'].includes(id))).toEqual([]);
    },
  );
});

describe('attributes', () => {
  it('of a kind they hold nothing of are empty', () => {
    const attribute = [{ name: 'auto_pad', type: AttributeType.STRING }];
    const model = tinyModel({ nodes: [node('Relu', ['x'], 'y', { attribute })], output: ['N', 4] });
    expect(model.graph.nodes[0]?.attributes.get('auto_pad')).toEqual({ kind: 'string', value: '' });
  });
});
