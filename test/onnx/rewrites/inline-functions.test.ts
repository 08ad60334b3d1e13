/** Local functions vanish, and the model still computes what it computed: shown on ONNX Runtime, function by function. */
import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../../src/ground/errors.ts';
import { trainingNodes } from '../../../src/onnx/guards/determinism.ts';
import { encodeModel } from '../../../src/onnx/model/codec.ts';
import { modelFromBytes } from '../../../src/onnx/model/load.ts';
import type { Model } from '../../../src/onnx/model/model.ts';
import {
  type AttributeProto,
  AttributeType,
  allNodes,
  type FunctionProto,
  type ModelProto,
} from '../../../src/onnx/model/proto.ts';
import { inlineFunctions } from '../../../src/onnx/rewrites/inline-functions.ts';
import { floatTensor, intAttr, intsAttr, node, type Parts, tinyProto } from '../tiny-model.ts';
import { largestDifference } from './same.ts';

const DOMAIN = 'test.functions';
const float = (name: string, f: number): AttributeProto => ({ name, type: AttributeType.FLOAT, f });
const referring = (name: string, refAttrName: string, type: number): AttributeProto => ({
  name,
  refAttrName,
  type,
});

function definition(
  name: string,
  input: string[],
  output: string[],
  nodes: Parts['nodes'],
  more: Partial<FunctionProto> = {},
): FunctionProto {
  return {
    name,
    domain: DOMAIN,
    input,
    output,
    node: nodes,
    opsetImport: [
      { domain: '', version: 17 },
      { domain: DOMAIN, version: 1 },
    ],
    ...more,
  };
}

const call = (opType: string, input: string[], output: string | string[], more = {}) =>
  node(opType, input, output, { domain: DOMAIN, ...more });

function withFunctions(functions: FunctionProto[], parts: Parts): Model {
  const proto: ModelProto = {
    ...tinyProto({ output: ['N', 4], ...parts }),
    functions,
    opsetImport: [
      { domain: '', version: 17 },
      { domain: DOMAIN, version: 1 },
    ],
  };
  return modelFromBytes(encodeModel(proto), 'functions.onnx');
}

/** Inlines, and proves that nothing of the functions is left and nothing else has changed. */
async function inlined(model: Model): Promise<Model> {
  const result = await inlineFunctions.apply(model);
  if (result === null) throw new Error('nothing was inlined');
  const next = modelFromBytes(encodeModel(result.proto), 'inlined.onnx');
  expect(result.proto.functions).toEqual([]);
  expect([...allNodes(next.proto)].filter(({ domain }) => domain === DOMAIN)).toEqual([]);
  expect(await largestDifference(model, next)).toBeLessThan(1e-6);
  return next;
}

const bend = definition(
  'Bend',
  ['a'],
  ['b'],
  [
    node('LeakyRelu', ['a'], 'k', { attribute: [referring('alpha', 'factor', AttributeType.FLOAT)] }),
    node('Neg', ['k'], 'b', { name: 'minus' }),
  ],
);

describe('a local function', () => {
  it('becomes its body, at every call under names of its own', async () => {
    const twice = [
      call('Bend', ['x'], 'h', { name: 'first', attribute: [float('factor', 3)] }),
      call('Bend', ['h'], 'y', { name: 'second', attribute: [float('factor', -0.5)] }),
    ];
    const model = await inlined(withFunctions([bend], { nodes: twice }));
    expect(model.graph.nodes.map(({ name }) => name)).toEqual(['', 'first/minus', '', 'second/minus']);
  });

  it('may call others, and share names with them and with the model', async () => {
    const affine = definition(
      'Affine',
      ['b'],
      ['a'],
      [
        call('Bend', ['b'], 'k', { attribute: [referring('factor', 'slope', AttributeType.FLOAT)] }),
        node('Relu', ['k'], 'b_'),
        call('Bend', ['b_'], 'a', { attribute: [float('factor', 2)] }),
      ],
    );
    await inlined(
      withFunctions([affine, bend], {
        nodes: [
          call('Affine', ['x'], 'b', { attribute: [float('slope', 0.7)] }),
          call('Affine', ['b'], 'k', { attribute: [float('slope', -1.5)] }),
          node('Add', ['k', 'b'], 'y'),
        ],
      }),
    );
  });

  it('takes the attribute of the call, else its own default, else the operator’s', async () => {
    const leaky = definition(
      'Leaky',
      ['a'],
      ['b'],
      [
        node('LeakyRelu', ['a'], 'h', { attribute: [referring('alpha', 'slope', AttributeType.FLOAT)] }),
        node('Elu', ['h'], 'b', { attribute: [referring('alpha', 'bend', AttributeType.FLOAT)] }),
      ],
      { attribute: ['bend'], attributeProto: [float('slope', 0.4)] },
    );
    const nodes = [
      node('Neg', ['x'], 'n'),
      call('Leaky', ['n'], 'p'),
      call('Leaky', ['n'], 'q', { attribute: [float('slope', 0.9), float('bend', 2)] }),
      node('Sub', ['p', 'q'], 'y'),
    ];
    const model = await inlined(withFunctions([leaky], { nodes }));
    const attributes = model.graph.nodes.map(({ attributes }) => [...attributes.keys()]);
    expect(attributes).toEqual([[], ['alpha'], [], ['alpha'], ['alpha'], []]);
  });

  it('is chosen by its overload', async () => {
    const sign = (overload: string, opType: string) =>
      definition('Sign', ['a'], ['b'], [node(opType, ['a'], 'b')], { overload });
    const nodes = [
      call('Sign', ['x'], 'h', { overload: 'minus' }),
      call('Sign', ['h'], 'y', { overload: 'plus' }),
    ];
    const parts = { nodes, ir: 10 };
    const model = await inlined(withFunctions([sign('plus', 'Abs'), sign('minus', 'Neg')], parts));
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Neg', 'Abs']);
  });

  it('may be called without some of its inputs and outputs', async () => {
    const several = definition(
      'Several',
      ['a', 'low', 'high'],
      ['clipped', 'again', 'unused'],
      [
        node('Clip', ['a', 'low', 'high'], 'clipped'),
        node('Neg', ['clipped'], 'unused'),
        node('Identity', ['clipped'], 'again'),
      ],
    );
    const nodes = [
      call('Several', ['x', '', 'top'], ['c', 'd', '']),
      call('Several', ['x', 'bottom', ''], ['', 'e', '']),
      node('Sum', ['c', 'd', 'e'], 'y'),
    ];
    const initializers = [floatTensor('top', [], [0.3]), floatTensor('bottom', [], [0.6])];
    await inlined(withFunctions([several], { nodes, initializers }));
  });

  it('may branch inside: names that the branches capture are renamed with the rest', async () => {
    const branch = (name: string, opType: string) => ({
      name,
      type: AttributeType.GRAPH,
      g: {
        name,
        node: [
          node(opType, ['h'], 'inside'),
          call('Bend', ['inside'], 'r', { attribute: [float('factor', 5)] }),
        ],
        output: [{ name: 'r' }],
      },
    });
    const choose = definition(
      'Choose',
      ['a'],
      ['b'],
      [
        node('Abs', ['a'], 'h'),
        node('ReduceSum', ['a'], 's', { attribute: [intAttr('keepdims', 0)] }),
        node('Constant', [], 'limit', { attribute: [float('value_float', 2)] }),
        node('Greater', ['s', 'limit'], 'c'),
        node('If', ['c'], 'b', { attribute: [branch('then_branch', 'Neg'), branch('else_branch', 'Sqrt')] }),
      ],
    );
    const nodes = [call('Choose', ['x'], 'h'), call('Choose', ['h'], 'y')];
    await inlined(withFunctions([choose, bend], { nodes, input: [1, 4], output: [1, 4] }));
  });

  it('brings the domain that only it imports', async () => {
    const label = definition(
      'Normal',
      ['a'],
      ['b'],
      [
        node('Normalizer', ['a'], 'b', {
          domain: 'ai.onnx.ml',
          attribute: [{ name: 'norm', type: AttributeType.STRING, s: new TextEncoder().encode('L2') }],
        }),
      ],
      { opsetImport: [{ domain: 'ai.onnx.ml', version: 3 }] },
    );
    const model = await inlined(withFunctions([label], { nodes: [call('Normal', ['x'], 'y')] }));
    expect(model.opsets.get('ai.onnx.ml')).toBe(3);
  });
});

describe('what cannot be inlined is left, with the reason', () => {
  const refusal = async (model: Model): Promise<string> => {
    try {
      await inlineFunctions.apply(model);
      return 'inlined';
    } catch (error) {
      expect(error).toBeInstanceOf(ModelRefused);
      return (error as ModelRefused).report.what;
    }
  };

  it('a function of another operator set: the same name may mean something else there', async () => {
    const old = definition(
      'Old',
      ['a'],
      ['b'],
      [node('ReduceSum', ['a'], 'b', { attribute: [intsAttr('axes', [1])] })],
      {
        opsetImport: [{ domain: '', version: 11 }],
      },
    );
    const model = withFunctions([old], { nodes: [call('Old', ['x'], 'y')] });
    expect(await refusal(model)).toMatch(/Old uses operator set ai.onnx 11, the model 17/);
  });

  it('a model without functions has nothing to inline', async () => {
    expect(await inlineFunctions.apply(withFunctions([], { nodes: [node('Neg', ['x'], 'y')] }))).toBeNull();
  });
});

describe('a function in training mode by an attribute of its call', () => {
  const normal = definition(
    'Normal',
    ['a', 'g', 'b', 'm', 'v'],
    ['n'],
    [
      node('BatchNormalization', ['a', 'g', 'b', 'm', 'v'], 'n', {
        attribute: [referring('training_mode', 'training', AttributeType.INT)],
      }),
    ],
    { attribute: ['training'] },
  );
  const outer = definition(
    'Outer',
    ['a', 'g', 'b', 'm', 'v'],
    ['n'],
    [
      call('Normal', ['a', 'g', 'b', 'm', 'v'], 'n', {
        attribute: [referring('training', 'training', AttributeType.INT)],
      }),
    ],
    { attribute: ['training'] },
  );
  const model = (opType: string, training: number): Model =>
    withFunctions([normal, outer], {
      nodes: [call(opType, ['x', 'g', 'b', 'm', 'v'], 'y', { attribute: [intAttr('training', training)] })],
      initializers: ['g', 'b', 'm', 'v'].map((name) => floatTensor(name, [4], [1, 1, 1, 1])),
    });

  it('is seen', () => {
    expect([...trainingNodes(model('Normal', 1).proto)]).toHaveLength(1);
    expect([...trainingNodes(model('Outer', 1).proto)]).toHaveLength(1);
  });

  it('is not taken for one that is in inference', () => {
    const alone = model('Normal', 0).proto;
    expect([...trainingNodes({ ...alone, functions: [normal] })]).toEqual([]);
  });
});
