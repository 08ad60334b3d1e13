/**
 * ModelProto to bytes and back, losing nothing: fields the schema does not know are kept as they came and written again.
 * Tensors' `rawData` are views into the given bytes (no copy); whoever needs an aligned array copies (tensor.ts).
 */
import protobuf from 'protobufjs';
import type { ModelProto } from './proto.ts';
import { onnxSchema } from './schema.ts';

const modelType = protobuf.parse(onnxSchema).root.lookupType('onnx.ModelProto');

/** Throws protobufjs's own RangeError or Error on bytes that are no ModelProto; `load.ts` puts them in words. */
export function decodeModel(bytes: Uint8Array): ModelProto {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = false;
  return modelType.decode(reader) as unknown as ModelProto;
}

/** Fields in the order of their numbers, as every protobuf writer in C++, Python and Go does. */
export function encodeModel(model: ModelProto): Uint8Array {
  return modelType.encode(model).finish();
}
