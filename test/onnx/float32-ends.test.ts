/** Models of other number types, seen through float32 ends: the same answers as the file itself gives. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { openClassifier } from '../../src/onnx/intake/classifier.ts';
import { withFloat32Ends } from '../../src/onnx/intake/float32-ends.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import { intAttr, node, type Parts, tinyModel, weights } from './tiny-model.ts';

/** x of `type` -> float32 -> MatMul -> scores of `scores`. */
function cast(type: number, scores: number = DataType.FLOAT, opset = 17): Parts {
  return {
    nodes: [
      node('Cast', ['x'], 'f', { attribute: [intAttr('to', DataType.FLOAT)] }),
      node('MatMul', ['f', 'w'], 's'),
      node('Cast', ['s'], 'y', { attribute: [intAttr('to', scores)] }),
    ],
    initializers: [weights('w', [4, 3])],
    inputs: [tensorInfo('x', type, ['N', 4])],
    outputs: [tensorInfo('y', scores, ['N', 3])],
    opset,
  };
}

/** What the file itself answers to data of its own type. */
async function original(parts: Parts, data: Tensor): Promise<number[]> {
  const session = await InferenceSession.create(encodeModel(tinyModel(parts).proto));
  const { y } = await session.run({ x: data });
  return Array.from(y?.data as Float32Array | Float64Array);
}

async function throughEnds(parts: Parts, row: Float32Array): Promise<number[]> {
  const { model, input, classes } = await openClassifier(tinyModel(parts));
  expect(input.declaredType).toBe(DataType.FLOAT);
  expect(classes).toBe(3);
  return withSession(encodeModel(model.proto), '', async (session) =>
    Array.from((await runRows(session, [row], [4])).data),
  );
}

describe('float32 ends', () => {
  it('of a double model give its answers, rounded to float32', async () => {
    const row = Float32Array.of(0.1, 0.25, 0.7, 1);
    const expected = await original(
      cast(DataType.DOUBLE, DataType.DOUBLE),
      new Tensor('float64', Float64Array.from(row), [1, 4]),
    );
    expect(await throughEnds(cast(DataType.DOUBLE, DataType.DOUBLE), row)).toEqual(expected.map(Math.fround));
  });

  it('of a float16 model give the answers for the image rounded to float16', async () => {
    // 0.1 is not a float16: the nearest is 0x2e66 = 0.0999755859375.
    const bits = Uint16Array.of(0x2e66, 0x3400, 0x3800, 0x3c00);
    const expected = await original(cast(DataType.FLOAT16), new Tensor('float16', bits, [1, 4]));
    expect(await throughEnds(cast(DataType.FLOAT16), Float32Array.of(0.1, 0.25, 0.5, 1))).toEqual(expected);
  });

  it('of a uint8 model round and clip what noise makes of an image', async () => {
    const expected = await original(
      cast(DataType.UINT8),
      new Tensor('uint8', Uint8Array.of(0, 255, 12, 200), [1, 4]),
    );
    expect(await throughEnds(cast(DataType.UINT8), Float32Array.of(-3, 300, 12.4, 199.6))).toEqual(expected);
  });

  it('leave a float32 model as it is, and what has no Cast to be refused', async () => {
    const plain = tinyModel(cast(DataType.FLOAT));
    expect(withFloat32Ends(plain)).toBe(plain);
    const integers = tinyModel(cast(DataType.INT32));
    expect(withFloat32Ends(integers)).toBe(integers);
    await expect(openClassifier(integers)).rejects.toThrow(/'x' is INT32, not FLOAT/);
    // Clip and Round have no such form there.
    const old = tinyModel(cast(DataType.UINT8, DataType.FLOAT, 9));
    expect(withFloat32Ends(old)).toBe(old);
  });

  it('take names that are free', async () => {
    const parts = cast(DataType.DOUBLE);
    const model = withFloat32Ends(
      tinyModel({
        ...parts,
        nodes: [node('Cast', ['x'], 'x_float32', { attribute: [intAttr('to', 1)] }), ...parts.nodes],
      }),
    );
    expect(model.graph.inputs.map((v) => v.name)).toEqual(['x_float32_2']);
  });
});
