/** Small models made in the test itself, so that the tests of onnx/ run without any file. */
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import type { Dim } from '../../src/onnx/model/graph.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import {
  type AttributeProto,
  AttributeType,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../../src/onnx/model/proto.ts';

export function floatTensor(name: string, dims: number[], values: readonly number[]): TensorProto {
  return { name, dataType: DataType.FLOAT, dims, rawData: new Uint8Array(Float32Array.from(values).buffer) };
}

export function intTensor(name: string, values: readonly number[]): TensorProto {
  return { name, dataType: DataType.INT64, dims: [values.length], int64Data: [...values] };
}

/** Deterministic weights of mixed sign. */
export function weights(name: string, dims: number[]): TensorProto {
  const count = dims.reduce((a, b) => a * b, 1);
  return floatTensor(
    name,
    dims,
    Array.from({ length: count }, (_, k) => Math.sin(1 + 2.3 * k + name.length)),
  );
}

export function node(
  opType: string,
  input: string[],
  output: string | string[],
  more: Partial<NodeProto> = {},
): NodeProto {
  return { opType, input, output: [output].flat(), ...more };
}

export function intAttr(name: string, i: number): AttributeProto {
  return { name, type: AttributeType.INT, i };
}

export function intsAttr(name: string, ints: number[]): AttributeProto {
  return { name, type: AttributeType.INTS, ints };
}

export interface Parts {
  readonly nodes: NodeProto[];
  readonly initializers?: TensorProto[];
  readonly input?: readonly Dim[];
  readonly output?: readonly Dim[];
  readonly inputs?: ValueInfoProto[];
  readonly outputs?: ValueInfoProto[];
  readonly opset?: number;
  readonly ir?: number;
}

/** A model 'x' → 'y' (float32) unless told otherwise. */
export function tinyProto(parts: Parts): ModelProto {
  return {
    irVersion: parts.ir ?? 8,
    opsetImport: [{ domain: '', version: parts.opset ?? 17 }],
    producerName: 'test',
    graph: {
      name: 'g',
      node: parts.nodes,
      initializer: parts.initializers ?? [],
      input: parts.inputs ?? [tensorInfo('x', DataType.FLOAT, parts.input ?? ['N', 4])],
      output: parts.outputs ?? [tensorInfo('y', DataType.FLOAT, parts.output ?? ['N', 3])],
    },
  };
}

export function tinyModel(parts: Parts): Model {
  return modelFromBytes(encodeModel(tinyProto(parts)), 'tiny.onnx');
}

/** x [N,4] → Gemm → Relu → Gemm → y [N,3], with module paths in the names of the weights. */
export const twoLayers: Parts = {
  nodes: [
    node('Gemm', ['x', 'fc1.weight', 'fc1.bias'], 'h', { name: 'Gemm_0' }),
    node('Relu', ['h'], 'a', { name: 'Relu_1' }),
    node('Gemm', ['a', 'fc2.weight'], 'y', { name: 'Gemm_2' }),
  ],
  initializers: [weights('fc1.weight', [4, 5]), weights('fc1.bias', [5]), weights('fc2.weight', [5, 3])],
};
