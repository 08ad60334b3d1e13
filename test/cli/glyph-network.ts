/** A tiny classifier of 28×28 one-channel images, written by the test: Conv → Relu → Flatten → Gemm, fast to sample. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import type { ModelProto } from '../../src/onnx/model/proto.ts';
import { intAttr, intsAttr, node, type Parts, tinyProto, weights } from '../onnx/tiny-model.ts';

export const glyphParts: Parts = {
  nodes: [
    node('Conv', ['x', 'conv.weight', 'conv.bias'], 'h', {
      name: 'Conv_0',
      attribute: [intsAttr('kernel_shape', [5, 5]), intsAttr('strides', [3, 3])],
    }),
    node('Relu', ['h'], 'a', { name: 'Relu_1' }),
    node('Flatten', ['a'], 'f', { name: 'Flatten_2', attribute: [intAttr('axis', 1)] }),
    node('Gemm', ['f', 'fc.weight', 'fc.bias'], 'y', { name: 'Gemm_3' }),
  ],
  initializers: [
    weights('conv.weight', [3, 1, 5, 5]),
    weights('conv.bias', [3]),
    weights('fc.weight', [192, 10]),
    weights('fc.bias', [10]),
  ],
  input: ['N', 1, 28, 28],
  output: ['N', 10],
};

export function glyphProto(
  changes: Partial<Parts> = {},
  metadata: Readonly<Record<string, string>> = {},
): ModelProto {
  return {
    ...tinyProto({ ...glyphParts, ...changes }),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  };
}

/** Writes the model into `folder` and gives its path. */
export function writeModel(folder: string, name: string, proto: ModelProto = glyphProto()): string {
  const path = join(folder, name);
  writeFileSync(path, encodeModel(proto));
  return path;
}
