// Structure-aware mutation of ONNX models: a seed is decoded, changed by a few mutations of its messages or of its graph,
// encoded, and sometimes damaged on the wire as well.
import { decodeModel, encodeModel } from '../../dist/onnx/model/codec.js';
import { AttributeType } from '../../dist/onnx/model/proto.js';
import { randomSource } from './random.mjs';
import { seeds } from './seeds.mjs';

const INTEGERS = [
  ...[-1, 0, 1, 2, 3, 4, 5, 7, 8, 10, 13, 16, 17, 24, 64, 255, 1000, 65_536, 1_000_000, 30_000_000],
  ...[2 ** 28, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53, 2 ** 62, -2, -3, -(2 ** 31), -(2 ** 62)],
];
const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  1e-40,
  1e38,
  -1e38,
  1e-7,
  255,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1000,
];
const STRINGS = [
  ...[
    '',
    ' ',
    'a/b.c',
    '../../../../etc/passwd',
    '/etc/passwd',
    'C:\\x',
    '.',
    'weights.data',
    'weights.data/x',
    '\0',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'length',
    'input',
    '0',
    '1',
    'NaN',
    '-5',
    '1e99',
  ],
  ...[
    '\u001b[31mred\u001b[0m\u0007',
    '\u202eabc',
    '\ud800',
    '😀',
    'a\nb\r\nc',
    '<script>',
    '"\'`|',
    'x'.repeat(70_000),
  ],
  ...[
    'ai.onnx',
    'ai.onnx.ml',
    'com.microsoft',
    'local',
    'ab,bc->ac',
    '...->...',
    'i->iiii',
    'SAME_LOWER',
    'VALID',
  ],
];
const OPERATORS = [
  ...[
    'Abs',
    'Add',
    'And',
    'ArgMax',
    'AveragePool',
    'BatchNormalization',
    'Bernoulli',
    'BitShift',
    'Cast',
    'CastLike',
  ],
  ...[
    'Ceil',
    'Celu',
    'CenterCropPad',
    'Clip',
    'Col2Im',
    'Compress',
    'Concat',
    'ConcatFromSequence',
    'Constant',
  ],
  ...[
    'ConstantOfShape',
    'Conv',
    'ConvInteger',
    'ConvTranspose',
    'CumSum',
    'DFT',
    'DepthToSpace',
    'DequantizeLinear',
  ],
  ...[
    'Det',
    'Div',
    'Dropout',
    'Einsum',
    'Elu',
    'Equal',
    'Erf',
    'Exp',
    'Expand',
    'EyeLike',
    'Flatten',
    'Floor',
    'GRU',
  ],
  ...[
    'Gather',
    'GatherElements',
    'GatherND',
    'Gelu',
    'Gemm',
    'GlobalAveragePool',
    'GlobalLpPool',
    'GridSample',
  ],
  ...[
    'GroupNormalization',
    'HardSigmoid',
    'HardSwish',
    'Hardmax',
    'Identity',
    'If',
    'InstanceNormalization',
    'IsNaN',
  ],
  ...[
    'LRN',
    'LSTM',
    'LayerNormalization',
    'LeakyRelu',
    'Less',
    'Log',
    'LogSoftmax',
    'Loop',
    'LpNormalization',
    'LpPool',
  ],
  ...[
    'MatMul',
    'Max',
    'MaxPool',
    'MaxRoiPool',
    'MaxUnpool',
    'Mean',
    'MeanVarianceNormalization',
    'Min',
    'Mish',
    'Mod',
  ],
  ...[
    'Mul',
    'Multinomial',
    'Neg',
    'NonMaxSuppression',
    'NonZero',
    'Not',
    'OneHot',
    'Optional',
    'PRelu',
    'Pad',
    'Pow',
  ],
  ...[
    'QuantizeLinear',
    'RNN',
    'RandomNormal',
    'RandomUniformLike',
    'Range',
    'Reciprocal',
    'ReduceL2',
    'ReduceMax',
  ],
  ...[
    'ReduceMean',
    'ReduceProd',
    'ReduceSum',
    'Relu',
    'Reshape',
    'Resize',
    'ReverseSequence',
    'RoiAlign',
    'Round',
  ],
  ...[
    'STFT',
    'Scan',
    'Scatter',
    'ScatterElements',
    'ScatterND',
    'Selu',
    'SequenceConstruct',
    'Shape',
    'Shrink',
    'Sigmoid',
  ],
  ...[
    'Sign',
    'Size',
    'Slice',
    'Softmax',
    'Softplus',
    'Softsign',
    'SpaceToDepth',
    'Split',
    'SplitToSequence',
    'Sqrt',
  ],
  ...[
    'Squeeze',
    'StringNormalizer',
    'Sub',
    'Sum',
    'Tanh',
    'TfIdfVectorizer',
    'ThresholdedRelu',
    'Tile',
    'TopK',
  ],
  ...[
    'Transpose',
    'Trilu',
    'Unique',
    'Unsqueeze',
    'Upsample',
    'Where',
    'Xor',
    'ZipMap',
    'Swish',
    'Attention',
  ],
];

/** Every message of a model with its field descriptors, the tree flattened. */
function messagesOf(root) {
  const found = [];
  const walk = (message) => {
    if (!message?.$type) return;
    found.push(message);
    for (const field of message.$type.fieldsArray) {
      if (!Object.hasOwn(message, field.name)) continue;
      const value = message[field.name];
      for (const item of Array.isArray(value) ? value : [value]) walk(item);
    }
  };
  walk(root);
  return found;
}

/** Every place of a model that holds something: a field of a message. */
const placesOf = (messages) =>
  messages.flatMap((message) =>
    message.$type.fieldsArray
      .filter((field) => Object.hasOwn(message, field.name) && message[field.name] !== null)
      .map((field) => ({ message, field })),
  );

const cloneOf = (message) => message.$type.decode(message.$type.encode(message).finish());

function otherValue(random, field, old, names) {
  switch (field.type) {
    case 'string':
      return random.chance(0.5) ? random.pick(names) : random.pick(STRINGS);
    case 'bytes':
      return otherBytes(random, old instanceof Uint8Array ? old : new Uint8Array());
    case 'float':
    case 'double':
      return random.pick(FLOATS);
    case 'int32':
      return random.chance(0.7) ? random.below(28) : random.pick(INTEGERS) | 0;
    default:
      return random.chance(0.3) ? Number(old ?? 0) + random.pick([-1, 1, 2]) : random.pick(INTEGERS);
  }
}

function otherBytes(random, old) {
  const kind = random.below(5);
  if (kind === 0) return old.slice(0, random.below(old.length + 1));
  if (kind === 1) return Uint8Array.from([...old, ...old.slice(0, 1 + random.below(9))]);
  if (kind === 2) return new TextEncoder().encode(random.pick(STRINGS));
  const copy = Uint8Array.from(old);
  if (kind === 3) return copy.fill(random.pick([0, 255, 127]));
  for (let k = 0; k <= random.below(8) && copy.length > 0; k++)
    copy[random.below(copy.length)] ^= 1 << random.below(8);
  return copy;
}

/** One change of one field anywhere in the message tree. */
function changeField(random, model) {
  const messages = messagesOf(model);
  const { message, field } = random.pick(placesOf(messages));
  const names = namesIn(model);
  const value = message[field.name];
  const isMessage = field.resolvedType !== null;
  const other = (old) => {
    if (!isMessage) return otherValue(random, field, old, names);
    const kin = messages.filter((candidate) => candidate.$type === old.$type);
    return cloneOf(random.pick(kin));
  };
  if (!Array.isArray(value)) {
    if (isMessage || random.chance(0.15)) {
      if (random.chance(0.5)) delete message[field.name];
      else message[field.name] = other(value);
    } else message[field.name] = other(value);
    return;
  }
  const at = random.below(value.length);
  const list = [...value];
  const kind = random.below(isMessage ? 6 : 7);
  if (value.length === 0 || kind === 0)
    list.push(value.length === 0 ? (isMessage ? field.resolvedType.create() : 1) : other(value[at]));
  else if (kind === 1) list.splice(at, 1);
  else if (kind === 2) list.splice(at, 0, isMessage ? cloneOf(value[at]) : value[at]);
  else if (kind === 3) list.splice(random.below(list.length), 0, ...list.splice(at, 1));
  else if (kind === 4 && random.chance(0.2)) list.length = 0;
  else if (kind === 4 && random.chance(0.3))
    list.push(...Array.from({ length: random.pick([10, 100, 1000]) }, () => value[at]));
  else list[at] = other(value[at]);
  message[field.name] = field.type === 'string' || isMessage ? list : list.map((v) => v ?? 0);
}

const namesIn = (model) => [
  ...(model.graph?.node ?? []).flatMap((n) => [...(n.input ?? []), ...(n.output ?? [])]),
  ...(model.graph?.initializer ?? []).map((t) => t.name ?? ''),
  'x',
];

/** The nodes of the main graph, of a sub-graph or of a function. */
function someNodes(random, model) {
  const lists = messagesOf(model)
    .filter((m) => Array.isArray(m.node) && m.node.length > 0)
    .map((m) => m.node);
  return lists.length === 0 ? [] : random.chance(0.7) ? (model.graph?.node ?? []) : random.pick(lists);
}

const graphMutations = {
  rewire(random, model) {
    const node = random.pick(someNodes(random, model));
    if (node?.input?.length) node.input[random.below(node.input.length)] = random.pick(namesIn(model));
  },
  renameOutput(random, model) {
    const node = random.pick(someNodes(random, model));
    if (node?.output?.length) node.output[random.below(node.output.length)] = random.pick(namesIn(model));
  },
  otherOperator(random, model) {
    const node = random.pick(someNodes(random, model));
    if (node === undefined) return;
    node.opType = random.pick(OPERATORS);
    if (random.chance(0.3)) node.attribute = [];
  },
  bypass(random, model) {
    const nodes = someNodes(random, model);
    const at = random.below(nodes.length);
    const [node] = nodes.splice(at, 1);
    if (!node?.input?.length) return;
    for (const reader of nodes)
      reader.input = reader.input?.map((name) => (name === node.output?.[0] ? node.input[0] : name));
  },
  insert(random, model) {
    const nodes = someNodes(random, model);
    const at = random.below(nodes.length);
    const node = nodes[at];
    if (!node?.input?.length) return;
    const k = random.below(node.input.length);
    const output = `inserted_${random.below(1e6)}`;
    const copy = cloneOf(node);
    copy.name = output;
    copy.opType = random.pick(OPERATORS);
    copy.attribute = random.chance(0.7) ? [] : copy.attribute;
    copy.input = [node.input[k], ...(random.chance(0.4) ? [random.pick(namesIn(model))] : [])];
    copy.output = [output];
    node.input[k] = output;
    nodes.splice(at, 0, copy);
  },
  shuffle(random, model) {
    const nodes = someNodes(random, model);
    for (let k = nodes.length - 1; k > 0; k--) {
      const other = random.below(k + 1);
      [nodes[k], nodes[other]] = [nodes[other], nodes[k]];
    }
  },
  /** A constant with other values or another shape: targets of Reshape, pads, scales, repeats, weights. */
  otherConstant(random, model) {
    const tensor = random.pick(messagesOf(model).filter((m) => m.$type.name === 'TensorProto'));
    if (tensor === undefined) return;
    const dims = (tensor.dims ?? []).map(Number);
    if (random.chance(0.3)) {
      tensor.dims = random.pick([
        [],
        [...dims, 1],
        [1, ...dims],
        dims.toReversed(),
        [dims.reduce((a, b) => a * b, 1)],
      ]);
      return;
    }
    if (tensor.int64Data?.length)
      tensor.int64Data = tensor.int64Data.map((v) => (random.chance(0.5) ? random.pick(INTEGERS) : v));
    else if (tensor.floatData?.length)
      tensor.floatData = tensor.floatData.map((v) => (random.chance(0.5) ? random.pick(FLOATS) : v));
    else if (tensor.rawData?.length >= 4) {
      const raw = Uint8Array.from(tensor.rawData);
      const view = new DataView(raw.buffer);
      view.setFloat32(4 * random.below(raw.length >> 2), random.pick(FLOATS), true);
      tensor.rawData = raw;
    }
  },
  /** Pads, repeats, strides and target shapes as large as memory, or larger. */
  large(random, model) {
    const lists = messagesOf(model).flatMap(({ int64Data, ints }) =>
      [int64Data, ints].filter((l) => l?.length > 0),
    );
    const list = random.pick(lists);
    if (list !== undefined) list[random.below(list.length)] = 2 ** (8 + random.below(24));
  },
  opsets(random, model) {
    if (random.chance(0.3)) model.irVersion = random.below(16);
    else if (model.opsetImport?.length) random.pick(model.opsetImport).version = random.below(30);
  },
  outputs(random, model) {
    const outputs = model.graph?.output;
    if (outputs?.length) random.pick(outputs).name = random.pick(namesIn(model));
  },
  unsafeData(random, model) {
    const tensor = random.pick(messagesOf(model).filter((m) => m.$type.name === 'TensorProto'));
    if (tensor === undefined) return;
    tensor.dataLocation = 1;
    tensor.externalData = ['location', 'offset', 'length'].map((key) => ({
      key,
      value: key === 'location' ? random.pick(['weights.data', ...STRINGS]) : String(random.pick(INTEGERS)),
    }));
  },
  /** Functions that call each other twice, a hundred levels or a few: 2^depth nodes when expanded. */
  functionBomb(random, model) {
    const depth = random.pick([3, 8, 20, 60]);
    const cyclic = random.chance(0.3);
    const call = (level, input, output) => ({
      opType: `f${level}`,
      domain: 'local',
      input: [input],
      output: [output],
    });
    model.functions = Array.from({ length: depth }, (_, k) => ({
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
          ? [{ opType: 'Relu', input: ['a'], output: ['c'] }]
          : [call((k + depth - 1) % depth, 'a', 'b'), call((k + depth - 1) % depth, 'b', 'c')],
    }));
    model.opsetImport = [...(model.opsetImport ?? []), { domain: 'local', version: 1 }];
    const node = random.pick(model.graph?.node ?? []);
    if (node?.input?.length) {
      model.graph.node.unshift(call(depth - 1, node.input[0], 'bomb'));
      node.input[0] = 'bomb';
    }
  },
  longChain(random, model) {
    const node = random.pick(model.graph?.node ?? []);
    if (!node?.input?.length) return;
    const length = random.pick([50, 300, 1000]);
    const opType = random.pick(['Relu', 'Identity', 'Neg', 'Softplus']);
    const chain = Array.from({ length }, (_, k) => ({
      opType,
      input: [k === 0 ? node.input[0] : `c${k}`],
      output: [`c${k + 1}`],
    }));
    node.input[0] = `c${length}`;
    model.graph.node.unshift(...chain);
  },
};

const lengthDelimited = (number, bytes) => {
  const head = [(number << 3) | 2];
  for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
    head.push(rest >= 128 ? (rest % 128) | 128 : rest);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from(head), bytes]);
};

/** Messages within messages within messages, thousands deep: sub-graphs, or types of types. */
function deepNesting(random) {
  const depth = random.pick([20, 60, 200, 1500]);
  let inner = Buffer.alloc(0);
  if (random.chance(0.3)) {
    for (let k = 0; k < depth; k++) inner = lengthDelimited(4, lengthDelimited(1, inner));
    return lengthDelimited(7, lengthDelimited(13, lengthDelimited(2, inner)));
  }
  const opType = lengthDelimited(4, Buffer.from('If'));
  const name = lengthDelimited(1, Buffer.from('then_branch'));
  const type = Buffer.from([0xa0, 1, AttributeType.GRAPH]);
  for (let k = 0; k < depth; k++) {
    const attribute = Buffer.concat([name, lengthDelimited(6, inner), type]);
    inner = lengthDelimited(1, Buffer.concat([opType, lengthDelimited(5, attribute)]));
  }
  return lengthDelimited(7, inner);
}

/** Damage that no encoder would write: flipped bits, a missing end, a piece repeated or taken out, foreign bytes. */
function damage(random, bytes) {
  const kind = random.below(5);
  const at = random.below(bytes.length + 1);
  const length = random.below(Math.min(64, bytes.length - at) + 1);
  if (kind === 0) return bytes.subarray(0, at);
  if (kind === 1) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
  if (kind === 2) return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
  if (kind === 3)
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(Array.from({ length }, () => random.below(256))),
      bytes.subarray(at),
    ]);
  const copy = Buffer.from(bytes);
  for (let k = 0; k <= random.below(6) && copy.length > 0; k++)
    copy[random.below(copy.length)] ^= 1 << random.below(8);
  return copy;
}

/** Mutations by weight: fields and graphs often, bombs rarely. */
const often = ['rewire', 'renameOutput', 'otherOperator', 'bypass', 'insert', 'otherConstant'];
const rarely = ['shuffle', 'large', 'opsets', 'outputs', 'unsafeData', 'functionBomb', 'longChain'];

/**
 * Mutant number `index` of a run.
 * @returns its bytes and what was done to which seed
 */
export function mutant(seed, index) {
  const random = randomSource(seed, index);
  const origin = random.pick(seeds);
  const done = [origin.name];
  let bytes = Buffer.from(origin.bytes);
  if (!random.chance(0.15)) {
    let model = decodeModel(bytes);
    const count = 1 + random.below(random.chance(0.3) ? 6 : 2);
    for (let k = 0; k < count; k++) {
      const name = random.chance(0.4) ? 'field' : random.pick(random.chance(0.9) ? often : rarely);
      done.push(name);
      if (name === 'field') changeField(random, model);
      else graphMutations[name](random, model);
      // What a mutation built from plain objects becomes messages, for the next one.
      if (rarely.includes(name)) model = decodeModel(encodeModel(model));
    }
    bytes = Buffer.from(encodeModel(model));
  }
  if (random.chance(0.01)) {
    done.push('nesting');
    bytes = Buffer.concat([bytes, deepNesting(random)]);
  }
  if (done.length === 1 || random.chance(0.1)) {
    done.push('damage');
    bytes = damage(random, bytes);
  }
  return { bytes, done };
}
