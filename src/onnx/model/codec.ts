/**
 * ModelProto to bytes and back, losing nothing: fields the schema does not know are kept as they came and written again.
 * Tensors' `rawData` are views into the given bytes (no copy); code that needs an aligned array copies them
 * (tensor.ts).
 */
import { createHash } from 'node:crypto';
import protobuf from 'protobufjs';
import { mapTensors } from './map-tensors.ts';
import type { ModelProto } from './proto.ts';
import { onnxSchema } from './schema.ts';

const modelType = protobuf.parse(onnxSchema).root.lookupType('onnx.ModelProto');

/** Throws protobufjs's own RangeError or Error on bytes that are not a ModelProto; `load.ts` words them for users. */
export function decodeModel(bytes: Uint8Array): ModelProto {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = false;
  return modelType.decode(reader) as unknown as ModelProto;
}

/** From this many bytes of weights on, the message is written into one buffer of the right size, not a doubling one. */
const LARGE = 2 ** 24;

/** Fields in the order of their numbers, as every protobuf writer in C++, Python and Go does. */
export function encodeModel(model: ModelProto): Uint8Array {
  const weights = rawBytes(model);
  const writer = protobuf.Writer.create();
  if (weights < LARGE) return modelType.encode(model, writer).finish();
  writer.buf = Buffer.allocUnsafe(Math.ceil((65 / 64) * weights) + LARGE);
  // A view, not a copy of half a gigabyte.
  return modelType.encode(model, writer).finish(true);
}

function rawBytes(model: ModelProto): number {
  let sum = 0;
  mapTensors(model, (tensor) => {
    sum += tensor.rawData?.length ?? 0;
    return tensor;
  });
  return sum;
}

/** SHA-256 of the model as encoded: the same for the same message, whatever file it came from. */
export const modelDigest = (model: ModelProto): string =>
  createHash('sha256').update(encodeModel(model)).digest('hex');
