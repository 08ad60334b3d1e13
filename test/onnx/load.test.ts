import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { ModelRefused, SplitzError, ToolError, UsageError } from '../../src/ground/errors.ts';
import { encodeModel, modelDigest } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import { loadModel } from '../../src/onnx/model/load.ts';
import { AttributeType, EXTERNAL, type ModelProto, type TensorProto } from '../../src/onnx/model/proto.ts';
import { saveModel } from '../../src/onnx/model/save.ts';
import { floatTensor, node, type Parts, tinyModel, tinyProto, twoLayers, weights } from './tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'onnx-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: ModelProto | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content instanceof Uint8Array ? content : encodeModel(content));
  return path;
}

async function refusal(path: string): Promise<SplitzError> {
  const error: unknown = await loadModel(path).then(
    () => null,
    (e: unknown) => e,
  );
  if (!(error instanceof SplitzError)) throw new Error(`expected a refusal of ${path}, got ${String(error)}`);
  expect(error.report.remedy, error.message).toBeTruthy();
  return error;
}

const good = encodeModel(tinyProto(twoLayers));
const pointer = Buffer.from(
  `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 9\n`,
);

describe('loading a model', () => {
  it('gives a graph with linked producers, consumers, constants and digests', async () => {
    const model = await loadModel(write('good.onnx', good));
    expect(model.graph.nodes.map((n) => n.opType)).toEqual(['Gemm', 'Relu', 'Gemm']);
    expect(model.graph.inputs.map((v) => v.name)).toEqual(['x']);
    const h = model.graph.values.get('h');
    expect(h?.producer).toBe(model.graph.nodes[0]);
    expect(h?.consumers).toEqual([model.graph.nodes[1]]);
    expect(model.graph.values.get('fc1.bias')?.constant?.dims).toEqual([5]);
    expect(model.graph.nodes[0]?.modulePath).toBe('fc1');
    expect(model.files).toMatchObject([{ name: 'good.onnx', bytes: good.length }]);
    expect(model.files[0]?.sha256).toBe(modelDigest(model.proto));
  });

  it('names what is wrong with a path', async () => {
    expect(await refusal(join(folder, 'absent.onnx'))).toBeInstanceOf(UsageError);
    const directory = await refusal(folder);
    expect(directory).toBeInstanceOf(UsageError);
    expect(directory.message).toMatch(/is a folder/);
  });

  it('names what is wrong with files that are not ONNX', async () => {
    const cases: [string, Uint8Array, RegExp][] = [
      ['empty.onnx', new Uint8Array(), /is empty/],
      ['text.onnx', Buffer.from('not a model at all'), /not an ONNX model/],
      ['truncated.onnx', good.subarray(0, good.length - 9), /truncated/],
      ['ort.onnx', Buffer.from('\x1c\0\0\0ORTM and more'), /\.ort format/],
      ['nograph.onnx', encodeModel({ irVersion: 8 }), /not an ONNX model/],
      ['pointer.onnx', pointer, /git-lfs pointer/],
      ['archive.onnx', Buffer.from('PK\x03\x04\x14\0'), /zip archive/],
      ['page.onnx', Buffer.from('\n<!DOCTYPE html><html lang="en">'), /web page/],
    ];
    for (const [name, bytes, message] of cases) {
      const error = await refusal(write(name, bytes));
      expect(error).toBeInstanceOf(ModelRefused);
      expect(error.message, name).toMatch(message);
    }
  });

  it('says how to get the file that a git-lfs pointer stands for', async () => {
    expect((await refusal(write('pointer.onnx', pointer))).report.remedy).toContain('git lfs pull');
  });

  it('opens a model packed with gzip, whatever its name, under the digest of the file', async () => {
    const packed = gzipSync(good);
    for (const name of ['packed.onnx.gz', 'packed.onnx']) {
      const model = await loadModel(write(name, packed));
      expect(modelDigest(model.proto)).toBe(createHash('sha256').update(good).digest('hex'));
      expect(model.files).toEqual([
        { name, bytes: packed.length, sha256: createHash('sha256').update(packed).digest('hex') },
      ]);
    }
  });

  it('refuses a gzip file that is damaged, or that unpacks to far more than it holds', async () => {
    const packed = gzipSync(good);
    const cut = await refusal(write('cut.onnx.gz', packed.subarray(0, packed.length - 9)));
    expect(cut).toBeInstanceOf(ModelRefused);
    expect(cut.message).toMatch(/cannot be unpacked/);
    const bomb = await refusal(write('bomb.onnx.gz', gzipSync(Buffer.alloc(65 * 2 ** 20))));
    expect(bomb).toBeInstanceOf(ModelRefused);
    expect(bomb.message).toMatch(/unpacks to more than 64 MiB/);
  });

  it('refuses any prefix of a model, never with a raw error', async () => {
    for (let length = 1; length < good.length; length += 37) {
      await refusal(write('prefix.onnx', good.subarray(0, length)));
    }
  });

  it('refuses versions that ONNX Runtime cannot read', async () => {
    const versions: [Partial<ModelProto>, RegExp][] = [
      [{ irVersion: 99 }, /IR version 99/],
      [{ irVersion: 2 }, /IR version 2/],
      [{ opsetImport: [] }, /no operator set/],
      [{ opsetImport: [{ domain: 'ai.onnx', version: 27 }] }, /operator set 27/],
    ];
    for (const [change, message] of versions) {
      expect((await refusal(write('v.onnx', { ...tinyProto(twoLayers), ...change }))).message).toMatch(
        message,
      );
    }
  });

  it('refuses broken graphs and names the node', async () => {
    const broken: [Parts, RegExp][] = [
      [
        { nodes: [node('Relu', ['b'], 'a', { name: 'one' }), node('Relu', ['a'], 'b', { name: 'two' })] },
        /cycle.*'one'.*'two'|cycle.*'two'.*'one'/,
      ],
      [{ nodes: [node('Relu', ['nowhere'], 'y', { name: 'r' })] }, /Relu node 'r' reads 'nowhere'/],
      [{ nodes: [node('Relu', ['x'], 'y'), node('Tanh', ['x'], 'y')] }, /'y' is defined twice/],
      [{ nodes: [node('Relu', ['x'], 'z')] }, /output 'y' is not computed by any node/],
      [
        {
          ...twoLayers,
          initializers: [
            floatTensor('fc1.weight', [4, 5], new Array<number>(20).fill(Number.NaN)),
            weights('fc1.bias', [5]),
            weights('fc2.weight', [5, 3]),
          ],
        },
        /20 NaN/,
      ],
    ];
    for (const [parts, message] of broken) {
      expect((await refusal(write('broken.onnx', tinyProto(parts)))).message).toMatch(message);
    }
  });

  it('sorts nodes that come in any order', () => {
    const model = tinyModel({ ...twoLayers, nodes: [...twoLayers.nodes].reverse() });
    expect(model.graph.nodes.map((n) => n.opType)).toEqual(['Gemm', 'Relu', 'Gemm']);
    expect(model.proto.graph?.node?.map((n) => n.opType)).toEqual(['Gemm', 'Relu', 'Gemm']);
  });

  it('takes initializers that are listed as inputs for weights, not for inputs', () => {
    const inputs = [
      tensorInfo('fc1.weight', DataType.FLOAT, [4, 5]),
      tensorInfo('x', DataType.FLOAT, ['N', 4]),
    ];
    expect(tinyModel({ ...twoLayers, inputs, ir: 3 }).graph.inputs.map((v) => v.name)).toEqual(['x']);
  });

  it('reads every form of a Constant node', () => {
    const forms = [
      { name: 'value', type: AttributeType.TENSOR, t: floatTensor('', [2], [1, 2]) },
      { name: 'value_float', type: AttributeType.FLOAT, f: 1.5 },
      { name: 'value_floats', type: AttributeType.FLOATS, floats: [1, 2] },
      { name: 'value_int', type: AttributeType.INT, i: 3 },
      { name: 'value_ints', type: AttributeType.INTS, ints: [3, 4] },
    ];
    const values = forms.map((attribute) => {
      const nodes = [node('Constant', [], 'c', { attribute: [attribute] }), node('Add', ['x', 'c'], 'y')];
      return [...(tinyModel({ nodes }).graph.values.get('c')?.constant?.float64() ?? [])];
    });
    expect(values).toEqual([[1, 2], [1.5], [1, 2], [3], [3, 4]]);
  });

  it('counts what the branches of an If capture as read by the If', () => {
    const branch = (operator: string) => ({
      node: [node(operator, ['h'], 'out')],
      output: [{ name: 'out' }],
      name: operator,
    });
    const model = tinyModel({
      nodes: [
        node('Relu', ['x'], 'h'),
        node('If', ['c'], 'y', {
          attribute: [
            { name: 'then_branch', type: AttributeType.GRAPH, g: branch('Tanh') },
            { name: 'else_branch', type: AttributeType.GRAPH, g: branch('Relu') },
          ],
        }),
      ],
      initializers: [{ name: 'c', dataType: DataType.BOOL, dims: [], int32Data: [1] }],
    });
    expect(model.graph.nodes[1]?.captured.map((v) => v.name)).toEqual(['h']);
    expect(model.graph.values.get('h')?.consumers).toEqual([model.graph.nodes[1]]);
  });
});

describe('external data', () => {
  const values = Float32Array.from({ length: 20 }, (_, k) => Math.sin(k));
  writeFileSync(join(folder, 'weights.bin'), Buffer.concat([Buffer.alloc(5), Buffer.from(values.buffer)]));
  writeFileSync(join(folder, 'pointer.bin'), pointer.subarray(0, 60));
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'sub', 'w.bin'), Buffer.from(values.buffer));
  symlinkSync(join(folder, 'weights.bin'), join(folder, 'link.bin'));
  symlinkSync(join(folder, 'sub'), join(folder, 'linked'));

  const external = (entries: Record<string, string>): ModelProto => {
    const tensor: TensorProto = {
      name: 'fc1.weight',
      dataType: DataType.FLOAT,
      dims: [4, 5],
      dataLocation: EXTERNAL,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
    };
    return tinyProto({
      ...twoLayers,
      initializers: [tensor, weights('fc1.bias', [5]), weights('fc2.weight', [5, 3])],
    });
  };

  it('is inlined from a file alongside the model, at any offset, with its digest', async () => {
    const path = write('ext.onnx', external({ location: 'weights.bin', offset: '5', length: '80' }));
    const model = await loadModel(path);
    expect([...(model.graph.values.get('fc1.weight')?.constant?.float64() ?? [])]).toEqual([...values]);
    expect(model.files.map((f) => f.name)).toEqual(['ext.onnx', 'weights.bin']);
    expect(encodeModel(model.proto).length).toBeGreaterThan(80);
    const nested = await loadModel(write('ext.onnx', external({ location: 'sub/w.bin' })));
    expect([...(nested.graph.values.get('fc1.weight')?.constant?.float64() ?? [])]).toEqual([...values]);
  });

  it('is refused when it could lie outside the folder, through a link, or beyond the file', async () => {
    const cases: [Record<string, string>, RegExp][] = [
      [{ location: '../weights.bin' }, /unsafe path/],
      [{ location: 'sub/../weights.bin' }, /unsafe path/],
      [{ location: 'sub\\..\\..\\weights.bin' }, /unsafe path/],
      [{ location: '' }, /unsafe path/],
      [{ location: '/etc/hostname' }, /absolute path/],
      [{ location: 'C:\\weights.bin' }, /absolute path/],
      [{ location: 'link.bin', offset: '5' }, /symbolic link/],
      [{ location: 'linked/w.bin' }, /symbolic link/],
      [{ location: 'missing.bin' }, /cannot be opened/],
      [{ location: 'sub' }, /not a plain file/],
      [{ location: 'weights.bin', offset: '-5' }, /offset "-5"/],
      [{ location: 'weights.bin', offset: '5', length: '99999999999999999999' }, /length/],
      [{ location: 'weights.bin', offset: '6', length: '80' }, /beyond the end/],
      [{ location: 'pointer.bin', length: '80' }, /"pointer.bin": this is a git-lfs pointer/],
      [{ location: 'weights.bin', offset: '5', length: '76' }, /wrong length/],
    ];
    for (const [entries, message] of cases) {
      const error = await refusal(write('ext.onnx', external(entries)));
      expect(error, JSON.stringify(entries)).toBeInstanceOf(ModelRefused);
      expect(error.message, JSON.stringify(entries)).toMatch(message);
      expect(error.report.where).toMatch(/ext\.onnx: tensor 'fc1.weight'/);
    }
  });
});

describe('external data of more than 2 GiB', () => {
  it('are refused before any file is read, however they are divided', async () => {
    const part = (name: string): TensorProto => ({
      name,
      dataType: DataType.FLOAT,
      dims: [1024, 293_000],
      dataLocation: EXTERNAL,
      externalData: [{ key: 'location', value: `${name}.bin` }],
    });
    const initializers = [...(twoLayers.initializers ?? []), part('one'), part('two')];
    const error = await refusal(write('large.onnx', tinyProto({ ...twoLayers, initializers })));
    expect(error).toBeInstanceOf(ModelRefused);
    expect(error.message).toMatch(/the weights take 2\.40 GB, more than the 2\.15 GB/);
    expect(error.report.why).toMatch(/one protobuf message/);
  });
});

describe('external data through symbolic links', () => {
  const values = Float32Array.from({ length: 20 }, (_, k) => k);
  const cache = join(folder, 'cache');
  const blobs = join(cache, 'blobs');
  const names = join(cache, 'snapshots');
  for (const made of [blobs, names]) mkdirSync(made, { recursive: true });
  const model = (location: string): ModelProto =>
    tinyProto({
      ...twoLayers,
      initializers: [
        {
          name: 'fc1.weight',
          dataType: DataType.FLOAT,
          dims: [4, 5],
          dataLocation: EXTERNAL,
          externalData: [{ key: 'location', value: location }],
        },
        weights('fc1.bias', [5]),
        weights('fc2.weight', [5, 3]),
      ],
    });
  const bytes = Buffer.from(values.buffer);
  writeFileSync(join(blobs, 'data'), bytes);
  writeFileSync(join(cache, 'elsewhere'), bytes);
  for (const [link, target] of [
    ['beside', '../blobs/data'],
    ['outside', '../elsewhere'],
    ['folder', '../blobs'],
    ['nowhere', '../blobs/missing'],
  ] as const)
    symlinkSync(target, join(names, link));

  const opened = async (location: string, followLinks: boolean): Promise<string> => {
    const name = `${location.replace('/', '-')}.onnx`;
    writeFileSync(join(blobs, name), encodeModel(model(location)));
    const path = join(names, name);
    rmSync(path, { force: true });
    symlinkSync(join('../blobs', name), path);
    const result: unknown = await loadModel(path, { followLinks }).catch((error: unknown) => error);
    return result instanceof ModelRefused ? `${result.report.why} ${result.report.remedy}` : 'opened';
  };

  it('are read where the user allows it, and lead beside the model file itself', async () => {
    expect(await opened('beside', true)).toBe('opened');
    expect(await opened('beside', false)).toMatch(/anywhere on this machine.*--follow-links/);
  });

  it('lead nowhere else', async () => {
    expect(await opened('outside', true)).toMatch(/another folder/);
    expect(await opened('folder', true)).toMatch(/another folder/);
    expect(await opened('folder/data', true)).toBe('opened');
    expect(await opened('nowhere', true)).toMatch(/ENOENT/);
  });
});

describe('saving a model', () => {
  it('writes exactly the bytes, and leaves nothing else behind', async () => {
    const target = join(folder, 'saved.onnx');
    const before = readdirSync(folder).length;
    await saveModel(tinyProto(twoLayers), target);
    expect(readFileSync(target).equals(Buffer.from(good))).toBe(true);
    expect(readdirSync(folder)).toHaveLength(before + 1);
  });

  it('says so when the disk refuses, and leaves nothing half-written', async () => {
    const before = readdirSync(folder);
    await expect(saveModel(good, join(folder, 'no such folder', 'a.onnx'))).rejects.toBeInstanceOf(ToolError);
    await expect(saveModel(good, join(folder, 'sub'))).rejects.toBeInstanceOf(ToolError);
    expect(readdirSync(folder)).toEqual(before);
  });
});
