/** One claim per finding: the fault is found and named, and the sound twin of the model has no such finding. */
import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../../src/ground/errors.ts';
import { makeBatchSymbolic } from '../../../src/onnx/intake/batch.ts';
import { openClassifier } from '../../../src/onnx/intake/classifier.ts';
import { DataType } from '../../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../../src/onnx/model/extract.ts';
import { AttributeType, type ModelProto } from '../../../src/onnx/model/proto.ts';
import { withBatchMeasured } from '../../../src/onnx/preflight/checks/fixed-batch.ts';
import type { Finding } from '../../../src/onnx/preflight/finding.ts';
import { refusalFinding } from '../../../src/onnx/preflight/refusal.ts';
import { CHECKS, findingsOf, RULES } from '../../../src/onnx/preflight/registry.ts';
import { subjectOf, subjectOfModel } from '../../../src/onnx/preflight/subject.ts';
import {
  floatTensor,
  intAttr,
  intTensor,
  node,
  type Parts,
  tinyModel,
  tinyProto,
  twoLayers,
  weights,
} from '../tiny-model.ts';

const opened = (parts: Parts, scale: number | null = null): Finding[] =>
  findingsOf(subjectOfModel(tinyModel(parts), 'tiny.onnx', { scale }));

/** Findings of a message that may be refused. */
const raw = (proto: ModelProto): Finding[] => findingsOf(subjectOf('tiny.onnx', proto, [], null));

const only = (findings: readonly Finding[], id: string): Finding => {
  const found = findings.filter((finding) => finding.id === id);
  if (found.length !== 1) throw new Error(`${found.length} findings ${id} in ${JSON.stringify(findings)}`);
  return found[0] as Finding;
};

const [dense, relu, scores] = twoLayers.nodes as [
  (typeof twoLayers.nodes)[0],
  (typeof twoLayers.nodes)[0],
  (typeof twoLayers.nodes)[0],
];
const initializers = twoLayers.initializers ?? [];
/** The two layers with `last` between the scores and the output. */
const ending = (last: Parts['nodes'][0], more: Partial<Parts> = {}): Parts => ({
  ...twoLayers,
  ...more,
  nodes: [dense, relu, { ...scores, output: ['s'] }, last],
});
/** The two layers with `first` in front. */
const starting = (first: Parts['nodes'], more: Parts['initializers'] = [], input = 'h0'): Parts => ({
  nodes: [...first, { ...dense, input: [input, 'fc1.weight', 'fc1.bias'] }, relu, scores],
  initializers: [...initializers, ...more],
});

describe('a sound model', () => {
  it('has no findings', () => {
    expect(opened(twoLayers)).toEqual([]);
  });
});

describe('the rules', () => {
  it('have ids of their own, all with a reason and a remedy', () => {
    const ids = RULES.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(ids.map((_, k) => `SPLITZ${String(k + 1).padStart(3, '0')}`));
    expect(new Set(RULES.map(({ name }) => name)).size).toBe(ids.length);
    for (const { title, why, remedy } of RULES)
      for (const text of [title, why, remedy]) expect(text).toBeTruthy();
    expect(CHECKS.length).toBe(RULES.length - 6);
  });
});

describe('functions that are not functions', () => {
  it('SPLITZ002: Dropout and BatchNormalization in training mode, named', () => {
    const train = floatTensor('t', [], [1]);
    const dropout = starting(
      [
        node('Cast', ['t'], 'mode', { attribute: [intAttr('to', DataType.BOOL)] }),
        node('Dropout', ['x', '', 'mode'], 'h0', { name: 'drop' }),
      ],
      [train],
    );
    expect(only(opened(dropout), 'SPLITZ002')).toMatchObject({
      severity: 'error',
      where: "Dropout node 'drop'",
    });
    const parameters = ['gamma', 'beta', 'mean', 'variance'].map((name) =>
      floatTensor(name, [4], [1, 1, 1, 1]),
    );
    const normalisation = (mode: number): Parts =>
      starting(
        [
          node(
            'BatchNormalization',
            ['x', 'gamma', 'beta', 'mean', 'variance'],
            mode === 1 ? ['h0', 'm', 'v'] : ['h0'],
            {
              name: 'bn',
              attribute: [intAttr('training_mode', mode)],
            },
          ),
        ],
        parameters,
      );
    expect(only(opened(normalisation(1)), 'SPLITZ002').what).toContain("'bn'");
    expect(opened(normalisation(0))).toEqual([]);
  });

  it('SPLITZ003: random operators', () => {
    const noise = ending(node('Add', ['s', 'r'], 'y'));
    const model = {
      ...noise,
      nodes: [
        ...noise.nodes.slice(0, 3),
        node('RandomNormalLike', ['s'], 'r', { name: 'rnd' }),
        ...noise.nodes.slice(3),
      ],
    };
    expect(only(opened(model), 'SPLITZ003')).toMatchObject({
      severity: 'error',
      where: "RandomNormalLike node 'rnd'",
    });
  });

  it('SPLITZ024: rows that influence each other, found by running them', async () => {
    const { model } = await openClassifier(
      tinyModel({
        ...twoLayers,
        nodes: [
          dense,
          relu,
          { ...scores, output: ['s'] },
          node('ReduceMean', ['s'], 'mean', {
            attribute: [{ name: 'axes', type: AttributeType.INTS, ints: [0] }],
          }),
          node('Mul', ['s', 'mean'], 'y'),
        ],
      }),
    );
    const refusal: unknown = await makeBatchSymbolic(model).then(
      () => null,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(ModelRefused);
    expect(refusalFinding(refusal as ModelRefused, 'tiny.onnx')).toMatchObject({
      id: 'SPLITZ024',
      severity: 'error',
    });
  });
});

describe('weights', () => {
  const withWeight = (values: number[]): ModelProto =>
    tinyProto({
      ...twoLayers,
      initializers: [
        ...initializers.slice(0, 1),
        floatTensor('fc1.bias', [5], values),
        ...initializers.slice(2),
      ],
    });

  it('SPLITZ004: NaN and infinite values are counted, in the tensor they are in', () => {
    const finding = only(raw(withWeight([Number.NaN, Infinity, Infinity, 0, 1])), 'SPLITZ004');
    expect(finding.what).toContain("'fc1.bias' (1 NaN and 2 infinite)");
    expect(raw(withWeight([1, 2, 3, 4, 5]))).toEqual([]);
  });

  it('SPLITZ005: denormal values are counted; zero and the smallest normal number are not', () => {
    expect(only(raw(withWeight([1e-40, -1e-39, 0, 2 ** -126, 1])), 'SPLITZ005').what).toContain(
      "'fc1.bias' (2)",
    );
    expect(raw(withWeight([0, 2 ** -126, -(2 ** -126), 1, 1]))).toEqual([]);
  });

  it('SPLITZ006: external data at paths that may lead out of the folder, SPLITZ007: at others', () => {
    const external = (location: string): ModelProto =>
      tinyProto({
        ...twoLayers,
        initializers: [
          ...initializers.slice(1),
          {
            name: 'fc1.weight',
            dataType: DataType.FLOAT,
            dims: [4, 5],
            dataLocation: 1,
            externalData: [{ key: 'location', value: location }],
          },
        ],
      });
    for (const location of ['../w.bin', '/etc/passwd', 'a/../../b', 'C:\\w.bin', '..\\w', '', 'w\0.bin']) {
      expect(
        raw(external(location)).map(({ id }) => id),
        location,
      ).toEqual(['SPLITZ006']);
    }
    expect(raw(external('weights/w.bin')).map(({ id }) => id)).toEqual(['SPLITZ007']);
  });

  it('SPLITZ007: files that were read are reported with their digests', () => {
    const model = tinyModel(twoLayers);
    const sha256 = 'c'.repeat(64);
    const files = [...model.files, { name: 'w.data', sha256, bytes: 8 }];
    const finding = only(findingsOf(subjectOfModel({ ...model, files }, 'tiny.onnx')), 'SPLITZ007');
    expect(finding.what).toContain(`w.data (sha256 ${sha256})`);
  });

  it('SPLITZ008: weights that are inputs too, from IR version 4 on, where they can be overridden', () => {
    const inputs = [tensorInfo('x', DataType.FLOAT, ['N', 4]), tensorInfo('fc1.bias', DataType.FLOAT, [5])];
    expect(only(opened({ ...twoLayers, inputs }), 'SPLITZ008')).toMatchObject({
      severity: 'warning',
      where: "'fc1.bias'",
    });
    expect(raw(tinyProto({ ...twoLayers, inputs, ir: 3 }))).toEqual([]);
  });
});

describe('what the runtime can read', () => {
  it('SPLITZ009: versions beyond it, with both numbers and the remedy', () => {
    const ir = only(raw(tinyProto({ ...twoLayers, ir: 99 })), 'SPLITZ009');
    expect(ir.what).toMatch(/IR version 99; ONNX Runtime \S+ reads up to 13/);
    expect(ir.remedy).toContain('ir_version = 8');
    const opset = only(raw(tinyProto({ ...twoLayers, opset: 999 })), 'SPLITZ009');
    expect(opset.what).toMatch(/operator set 999; ONNX Runtime \S+ knows up to 26/);
    expect(opset.remedy).toContain('convert_version(model, 26)');
    expect(only(raw({ ...tinyProto(twoLayers), opsetImport: [] }), 'SPLITZ009').what).toContain(
      'no operator set',
    );
  });

  it('SPLITZ010: custom domains by name; local functions are not reported', () => {
    const custom = tinyProto(ending(node('Spike', ['s'], 'y', { domain: 'org.example' })));
    expect(only(raw(custom), 'SPLITZ010')).toMatchObject({
      where: 'domain org.example',
      severity: 'warning',
    });
    expect(raw({ ...custom, functions: [{ name: 'Spike', domain: 'org.example', node: [] }] })).toEqual([]);
    expect(raw(tinyProto(ending(node('Relu', ['s'], 'y', { domain: 'ai.onnx' }))))).toEqual([]);
  });

  it('SPLITZ014: control flow', () => {
    const loop = tinyProto(ending(node('If', ['s'], 'y', { name: 'choice' })));
    expect(only(raw(loop), 'SPLITZ014').where).toBe("If node 'choice'");
  });
});

describe('leaks', () => {
  const withNote = (docString: string): ModelProto =>
    tinyProto({ ...twoLayers, nodes: [{ ...dense, docString }, relu, scores] });

  it('SPLITZ011: stack traces in doc_strings, node metadata and model metadata; never repeated', () => {
    const trace = 'File "/home/jane/train.py", line 12, in forward';
    const proto = tinyProto({
      ...twoLayers,
      nodes: [
        { ...dense, metadataProps: [{ key: 'pkg.torch.onnx.stack_trace', value: trace }] },
        relu,
        scores,
      ],
    });
    const findings = raw(proto);
    expect(only(findings, 'SPLITZ011').where).toBe(
      "metadata 'pkg.torch.onnx.stack_trace' of Gemm node 'Gemm_0'",
    );
    expect(JSON.stringify(findings)).not.toContain('jane');
    expect(raw(withNote('/usr/lib/torch/nn/conv.py(443): _conv_forward')).map(({ id }) => id)).toContain(
      'SPLITZ011',
    );
    const meta = {
      ...tinyProto(twoLayers),
      metadataProps: [{ key: 'error', value: 'Traceback (most recent call last):' }],
    };
    expect(only(raw(meta), 'SPLITZ011').where).toBe("metadata 'error' of the model");
  });

  it('SPLITZ012: paths of a machine, on any system', () => {
    for (const path of ['from /home/jane/m.h5', 'C:\\Users\\jane\\m.h5', '/mnt/nas/model', 'path=/data/x'])
      expect(only(raw(withNote(path)), 'SPLITZ012').where).toBe("doc_string of Gemm node 'Gemm_0'");
    for (const fine of ['input/output of conv1/Conv', 'see https://example.org/home', 'a ratio of 1/2'])
      expect(raw(withNote(fine)), fine).toEqual([]);
  });

  it('SPLITZ013: e-mail addresses', () => {
    expect(raw(withNote('by jane.doe@example.org')).map(({ id }) => id)).toEqual(['SPLITZ013']);
    expect(raw(withNote('acc@1 of 93 %'))).toEqual([]);
  });
});

describe('outputs', () => {
  it('SPLITZ015: sequences and maps', () => {
    const outputs = [
      { name: 'y', type: { sequenceType: { elemType: { mapType: { keyType: DataType.INT64 } } } } },
    ];
    expect(only(raw(tinyProto({ ...twoLayers, outputs })), 'SPLITZ015').where).toBe("output 'y' sequence");
  });

  it('SPLITZ016: several outputs, each with its type', () => {
    const outputs = [tensorInfo('y', DataType.FLOAT, ['N', 3]), tensorInfo('a', DataType.FLOAT, ['N', 5])];
    expect(only(opened({ ...twoLayers, outputs }), 'SPLITZ016').what).toBe(
      "2 outputs: 'y' FLOAT[N,3], 'a' FLOAT[N,5]",
    );
  });

  it('SPLITZ017: a label and no scores', () => {
    const label = ending(node('ArgMax', ['s'], 'y', { attribute: [intAttr('axis', 1)] }), {
      outputs: [tensorInfo('y', DataType.INT64, ['N', 1])],
    });
    expect(only(opened(label), 'SPLITZ017').severity).toBe('error');
    const both = { ...label, outputs: [...(label.outputs ?? []), tensorInfo('s', DataType.FLOAT, ['N', 3])] };
    expect(opened(both).map(({ id }) => id)).toEqual(['SPLITZ016']);
  });

  it('SPLITZ018: Softmax and LogSoftmax at the end are harmless notes, in the middle nothing', () => {
    for (const type of ['Softmax', 'LogSoftmax'])
      expect(only(opened(ending(node(type, ['s'], 'y'))), 'SPLITZ018').severity).toBe('note');
    const reshaped = { ...ending(node('Identity', ['p'], 'y')) };
    const nodes = [...reshaped.nodes.slice(0, 3), node('Softmax', ['s'], 'p'), ...reshaped.nodes.slice(3)];
    expect(opened({ ...reshaped, nodes }).map(({ id }) => id)).toEqual(['SPLITZ018']);
    expect(opened({ ...reshaped, nodes: [...nodes.slice(0, 4), node('Relu', ['p'], 'y')] })).toEqual([]);
  });
});

describe('precision', () => {
  const quantisation = [floatTensor('scale', [], [0.1])];

  it('SPLITZ019: the first quantiser of the input is named, since the cut must lie before it', () => {
    const parts = starting(
      [
        node('QuantizeLinear', ['x', 'scale'], 'q', { name: 'first' }),
        node('DequantizeLinear', ['q', 'scale'], 'h0'),
      ],
      quantisation,
    );
    expect(only(opened(parts), 'SPLITZ019')).toMatchObject({
      severity: 'warning',
      where: "QuantizeLinear node 'first'",
    });
  });

  it('SPLITZ019: weights stored as int8 are not a quantiser', () => {
    const stored = { name: 'stored', dataType: DataType.INT8, dims: [5], rawData: new Uint8Array(5) };
    const parts: Parts = {
      nodes: [node('DequantizeLinear', ['stored', 'scale'], 'fc1.bias'), dense, relu, scores],
      initializers: [...initializers.filter(({ name }) => name !== 'fc1.bias'), ...quantisation, stored],
    };
    expect(opened(parts)).toEqual([]);
  });

  it('SPLITZ020: 16-bit floats inside are a note, at an end a warning', () => {
    const cast = (to: number) => ({ attribute: [intAttr('to', to)] });
    const inside = starting([
      node('Cast', ['x'], 'half', cast(DataType.FLOAT16)),
      node('Cast', ['half'], 'h0', cast(DataType.FLOAT)),
    ]);
    expect(only(opened(inside), 'SPLITZ020').severity).toBe('note');
    const end = {
      ...starting([node('Cast', ['x'], 'h0', cast(DataType.FLOAT))]),
      inputs: [tensorInfo('x', DataType.FLOAT16, ['N', 4])],
    };
    expect(only(opened(end), 'SPLITZ020')).toMatchObject({ severity: 'warning', where: "'x'" });
  });
});

describe('the shape of the graph', () => {
  it('SPLITZ021: dead nodes, SPLITZ022: unused inputs', () => {
    const inputs = [
      tensorInfo('x', DataType.FLOAT, ['N', 4]),
      tensorInfo('unused', DataType.FLOAT, ['N', 4]),
    ];
    const findings = opened({
      ...twoLayers,
      inputs,
      nodes: [...twoLayers.nodes, node('Relu', ['unused'], 'dead', { name: 'lost' })],
    });
    expect(only(findings, 'SPLITZ021')).toMatchObject({ severity: 'note', where: "Relu node 'lost'" });
    expect(only(findings, 'SPLITZ022').where).toBe("'unused'");
    expect(findings).toHaveLength(2);
  });

  it('SPLITZ023: a batch that could not be freed is a warning, in place of the note', () => {
    const fixed = opened({ ...twoLayers, input: [1, 4], output: [1, 3] });
    expect(withBatchMeasured(fixed, null, 'x')).toEqual(fixed);
    const slow = only(withBatchMeasured(fixed, 'a Reshape to [1,4]', 'x'), 'SPLITZ023');
    expect(slow.severity).toBe('warning');
    expect(slow.what).toContain('a Reshape to [1,4]');
  });

  it('SPLITZ023: a fixed batch', () => {
    expect(only(opened({ ...twoLayers, input: [1, 4], output: [1, 3] }), 'SPLITZ023').what).toContain(
      'batches of 1',
    );
  });
});

describe('preprocessing', () => {
  const divided = (by: number[]): Parts =>
    starting([node('Div', ['x', 'by'], 'h0', { name: 'first' })], [floatTensor('by', [by.length], by)]);

  it('SPLITZ025: what the model does to its pixels itself', () => {
    const finding = only(opened(divided([0.2, 0.25, 0.5, 0.5])), 'SPLITZ025');
    expect(finding).toMatchObject({ severity: 'note', where: "Div node 'first'" });
    expect(finding.what).toBe('the first nodes are Div [0.2, 0.25, 0.5, 0.5]');
  });

  it('SPLITZ025: is a warning where pixels are normalised before it, too', () => {
    const subject = subjectOfModel(tinyModel(divided([0.2, 0.25, 0.5, 0.5])), 'tiny.onnx', {
      normalised: true,
    });
    const finding = only(findingsOf(subject), 'SPLITZ025');
    expect(finding.severity).toBe('warning');
    expect(finding.what).toContain('--mean or --std normalises the pixels before them');
  });

  it('SPLITZ026: pixels divided by 255 are reported to be 0..255, unless the user said so', () => {
    expect(only(opened(divided([255])), 'SPLITZ026').remedy).toContain('--scale 255');
    expect(only(opened(divided([127.5])), 'SPLITZ026').remedy).toContain('--scale 255');
    expect(only(opened(divided([16])), 'SPLITZ026').remedy).toContain('--scale 16');
    expect(only(opened(divided([255]), 1), 'SPLITZ026').severity).toBe('warning');
    expect(opened(divided([255]), 255).map(({ id }) => id)).toEqual(['SPLITZ025']);
    expect(opened(divided([0.5])).map(({ id }) => id)).toEqual(['SPLITZ025']);
  });

  it('is none where the first nodes are a layer', () => {
    const layer = starting([node('MatMul', ['x', 'w'], 'h0')], [weights('w', [4, 4])]);
    expect(opened(layer)).toEqual([]);
    expect(opened(starting([node('Reshape', ['x', 'to'], 'h0')], [intTensor('to', [-1, 4])]))).toEqual([]);
  });
});
