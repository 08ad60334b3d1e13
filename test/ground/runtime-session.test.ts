import { Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { createSession } from '../../src/ground/runtime-session.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { floatTensor, intAttr, node, tinyModel } from '../onnx/tiny-model.ts';

/** 64 products of 255 and 127: pairs of them exceed 16 bits, where kernels without VNNI instructions saturate. */
it('quantised products are summed exactly on every processor', async () => {
  const { proto } = tinyModel({
    nodes: [
      node('QuantizeLinear', ['x', 'scale', 'zero'], 'q'),
      node('MatMulInteger', ['q', 'w'], 'sum'),
      node('Cast', ['sum'], 'y', { attribute: [intAttr('to', DataType.FLOAT)] }),
    ],
    initializers: [
      floatTensor('scale', [], [1]),
      { name: 'zero', dataType: DataType.UINT8, dims: [], rawData: Uint8Array.of(0) },
      { name: 'w', dataType: DataType.INT8, dims: [64, 2], rawData: new Uint8Array(128).fill(127) },
    ],
    input: ['N', 64],
    output: ['N', 2],
  });
  const session = await createSession(encodeModel(proto), 'cpu', 4);
  try {
    const x = new Tensor('float32', new Float32Array(64).fill(255), [1, 64]);
    const { y } = await session.run({ x });
    expect([...(y?.data ?? [])]).toEqual([64 * 255 * 127, 64 * 255 * 127]);
  } finally {
    await session.release();
  }
});
