import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { decodeModel, encodeModel } from '../../src/onnx/model/codec.ts';
import { edited, type ModelProto } from '../../src/onnx/model/proto.ts';
import { modelFiles, noShared, titled } from './shared.ts';
import { tinyProto, twoLayers } from './tiny-model.ts';

/** A field that no version of ONNX defines, as its bytes. */
const unknownField = protobuf.Writer.create()
  .uint32((900 << 3) | 2)
  .string('from the future')
  .finish();

describe('the ONNX codec', () => {
  it('keeps fields newer than onnx-proto 8.0.1', () => {
    const model: ModelProto = tinyProto(twoLayers);
    const [first] = model.graph?.node ?? [];
    Object.assign(first ?? {}, { overload: 'v2', metadataProps: [{ key: 'k', value: 'v' }] });
    const again = decodeModel(encodeModel(model)).graph?.node?.[0];
    expect(again?.overload).toBe('v2');
    expect(again?.metadataProps?.[0]?.value).toBe('v');
  });

  it('keeps fields it does not know, also through an edit', () => {
    const bytes = Buffer.concat([encodeModel(tinyProto(twoLayers)), unknownField]);
    const decoded = decodeModel(bytes);
    expect(Buffer.from(encodeModel(decoded)).equals(bytes)).toBe(true);
    const renamed = encodeModel(edited(decoded, { producerName: 'someone else' }));
    expect(Buffer.from(renamed).includes('from the future')).toBe(true);
    expect(decodeModel(renamed).producerName).toBe('someone else');
  });

  it('keeps explicitly stored default values (proto2 presence)', () => {
    const bytes = encodeModel({ irVersion: 8, domain: '', modelVersion: 0, graph: { name: '' } });
    expect(Buffer.from(encodeModel(decodeModel(bytes))).equals(bytes)).toBe(true);
  });

  it('reads raw data without copying it', () => {
    const bytes = Buffer.from(encodeModel(tinyProto(twoLayers)));
    const raw = decodeModel(bytes).graph?.initializer?.[0]?.rawData;
    expect(raw?.buffer).toBe(bytes.buffer);
  });
});

describe.skipIf(noShared !== null)(titled('every decodable model of the shared folder'), () => {
  const files = ['real', 'noise-trained', 'one-network-many-exports', 'awkward', 'malformed'].flatMap(
    modelFiles,
  );
  const unreadable = /\.ort$|short\.bin$|garbage|truncated/;

  it('is the same file, byte for byte, after decode and encode', () => {
    const readable = files.filter((f) => !unreadable.test(f));
    expect(readable.length).toBeGreaterThan(50);
    for (const file of readable) {
      const bytes = readFileSync(file);
      expect(Buffer.from(encodeModel(decodeModel(bytes))).equals(bytes), file).toBe(true);
    }
  });
});
