import type { NodeProto, TensorProto } from '../../src/onnx/model/proto.ts';

interface Network {
  readonly nodes: NodeProto[];
  readonly initializers: TensorProto[];
  readonly dims: number[];
  readonly opset: number;
}

export declare const FAMILIES: Readonly<Record<string, (normal: () => number) => Network>>;
