import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import type { TensorProto } from '../../src/onnx/model/proto.ts';
import {
  bfloat16ToNumber,
  checkTensor,
  float16ToNumber,
  nonFiniteFault,
  sparseTensorOf,
  tensorOf,
} from '../../src/onnx/model/tensor.ts';

/** At an odd offset, as protobuf gives it. */
function unaligned(values: { readonly buffer: ArrayBufferLike; readonly byteLength: number }): Uint8Array {
  const bytes = new Uint8Array(values.byteLength + 3);
  bytes.set(new Uint8Array(values.buffer), 3);
  return bytes.subarray(3);
}

const read = (proto: TensorProto): number[] => {
  checkTensor(proto, 't');
  return [...tensorOf(proto, 't').float64()];
};

describe('constant tensors', () => {
  it('read the same from raw data at any offset and from the typed field', () => {
    const forms: [number, TensorProto, TensorProto, number[]][] = [
      [DataType.FLOAT, { rawData: unaligned(Float32Array.of(1.5, -2)) }, { floatData: [1.5, -2] }, [1.5, -2]],
      [DataType.DOUBLE, { rawData: unaligned(Float64Array.of(0.1, 2)) }, { doubleData: [0.1, 2] }, [0.1, 2]],
      [
        DataType.FLOAT16,
        { rawData: unaligned(Uint16Array.of(0x3c00, 0xc100)) },
        { int32Data: [0x3c00, 0xc100] },
        [1, -2.5],
      ],
      [
        DataType.BFLOAT16,
        { rawData: unaligned(Uint16Array.of(0x3f80, 0xc020)) },
        { int32Data: [0x3f80, 0xc020] },
        [1, -2.5],
      ],
      [DataType.INT8, { rawData: unaligned(Int8Array.of(-1, 7)) }, { int32Data: [-1, 7] }, [-1, 7]],
      [DataType.UINT8, { rawData: unaligned(Uint8Array.of(255, 7)) }, { int32Data: [255, 7] }, [255, 7]],
      [DataType.BOOL, { rawData: unaligned(Uint8Array.of(1, 0)) }, { int32Data: [1, 0] }, [1, 0]],
      [DataType.INT16, { rawData: unaligned(Int16Array.of(-9, 7)) }, { int32Data: [-9, 7] }, [-9, 7]],
      [
        DataType.UINT16,
        { rawData: unaligned(Uint16Array.of(65535, 7)) },
        { int32Data: [65535, 7] },
        [65535, 7],
      ],
      [DataType.INT32, { rawData: unaligned(Int32Array.of(-9, 7)) }, { int32Data: [-9, 7] }, [-9, 7]],
      [
        DataType.UINT32,
        { rawData: unaligned(Uint32Array.of(2 ** 32 - 1, 7)) },
        { uint64Data: [2 ** 32 - 1, 7] },
        [2 ** 32 - 1, 7],
      ],
      [DataType.INT64, { rawData: unaligned(BigInt64Array.of(-9n, 7n)) }, { int64Data: [-9, 7] }, [-9, 7]],
      [DataType.UINT64, { rawData: unaligned(BigUint64Array.of(9n, 7n)) }, { uint64Data: [9, 7] }, [9, 7]],
    ];
    for (const [dataType, raw, typed, expected] of forms) {
      expect(read({ dataType, dims: [2], ...raw })).toEqual(expected);
      expect(read({ dataType, dims: [2], ...typed })).toEqual(expected);
    }
  });

  it('decode every half and bfloat16 pattern as the hardware formats define them', () => {
    const f32 = new DataView(new ArrayBuffer(4));
    for (let bits = 0; bits <= 0xffff; bits++) {
      f32.setUint16(0, bits);
      if (!Object.is(bfloat16ToNumber(bits), f32.getFloat32(0))) throw new Error(`bfloat16 ${bits}`);
      const exponent = (bits >> 10) & 31;
      // Re-biasing a half by hand: the same significand, exponent − 15 (−14 when subnormal), 31 for what is not finite.
      const significand = (exponent === 0 ? 0 : 1) + (bits & 1023) / 1024;
      const size =
        exponent === 31 ? Number.POSITIVE_INFINITY : significand * 2 ** (Math.max(exponent, 1) - 15);
      const expected = exponent === 31 && (bits & 1023) > 0 ? Number.NaN : bits >> 15 ? -size : size;
      if (!Object.is(float16ToNumber(bits), expected))
        throw new Error(`float16 ${bits}: ${float16ToNumber(bits)}`);
    }
  });

  it('turn INT64_MAX into "to the end" for indices, and refuse other integers beyond 53 bits', () => {
    const of = (v: bigint): TensorProto => ({
      dataType: DataType.INT64,
      dims: [1],
      rawData: unaligned(BigInt64Array.of(v)),
    });
    expect(tensorOf(of(2n ** 63n - 1n), 't').integers()).toEqual([Number.MAX_SAFE_INTEGER]);
    expect(tensorOf(of(-(2n ** 63n)), 't').integers()).toEqual([-Number.MAX_SAFE_INTEGER]);
    expect(() => tensorOf(of(2n ** 60n), 't').integers()).toThrow(ModelRefused);
    expect(() => tensorOf(of(2n ** 63n - 1n), 't').float64()).toThrow(ModelRefused);
  });

  it('are refused with numbers that their type does not hold, which readers cut to different ones', () => {
    for (const [dataType, value] of [
      [DataType.INT8, 300],
      [DataType.INT8, -129],
      [DataType.UINT8, -1],
      [DataType.INT16, 70000],
      [DataType.UINT16, -1],
      [DataType.FLOAT16, 70000],
      [DataType.BOOL, 2],
    ] as const)
      expect(() => checkTensor({ dataType, dims: [2], int32Data: [1, value] }, 't')).toThrow(
        new RegExp(`int32_data has the value ${value}`, 'u'),
      );
    expect(() => checkTensor({ dataType: DataType.UINT32, dims: [1], uint64Data: [2 ** 32] }, 't')).toThrow(
      /uint64_data has the value 4294967296/,
    );
    const two = { dataType: DataType.BOOL, dims: [2], rawData: Uint8Array.of(1, 2) };
    expect(() => checkTensor(two, 't')).toThrow(/bytes other than 0 and 1/);
  });

  it('are refused when the data are shorter or longer than type and dims demand', () => {
    for (const bytes of [0, 7, 9, 16]) {
      const proto = { dataType: DataType.FLOAT, dims: [2], rawData: new Uint8Array(bytes) };
      expect(() => checkTensor(proto, 't'), `${bytes} bytes`).toThrow(ModelRefused);
    }
    expect(() => checkTensor({ dataType: DataType.FLOAT, dims: [2], floatData: [1] }, 't')).toThrow(
      /float_data/,
    );
    expect(() => checkTensor({ dataType: 99, dims: [] }, 't')).toThrow(/undefined element type/);
    expect(() => checkTensor({ dataType: DataType.FLOAT, dims: [-1], floatData: [] }, 't')).toThrow(
      /dimensions/,
    );
    checkTensor({ dataType: DataType.FLOAT, dims: [0] }, 't');
    checkTensor({ dataType: DataType.INT4, dims: [3], rawData: new Uint8Array(2) }, 't');
  });

  it('of float8 and strings say that they cannot be decoded, and only when asked', () => {
    const tensor = tensorOf({ dataType: DataType.FLOAT8E5M2, dims: [1], rawData: Uint8Array.of(1) }, 'w');
    expect(() => tensor.float64()).toThrow(/FLOAT8E5M2/);
  });

  it('of sparse form read as the dense tensor, from flat and from coordinate indices', () => {
    const values = { dataType: DataType.FLOAT, dims: [2], floatData: [5, 7] };
    const flat = {
      values,
      indices: { dataType: DataType.INT64, dims: [2], int64Data: [1, 5] },
      dims: [2, 3],
    };
    const pairs = { dataType: DataType.INT64, dims: [2, 2], int64Data: [0, 1, 1, 2] };
    expect([...sparseTensorOf(flat, 's').float64()]).toEqual([0, 5, 0, 0, 0, 7]);
    expect([...sparseTensorOf({ ...flat, indices: pairs }, 's').float64()]).toEqual([0, 5, 0, 0, 0, 7]);
  });

  it('may hold one infinite bound, but no NaN and no infinite weights', () => {
    const fault = (values: number[]) =>
      nonFiniteFault({ dataType: DataType.FLOAT, dims: [values.length], floatData: values }, 't');
    expect(fault([Number.POSITIVE_INFINITY])).toBeNull();
    expect(fault([Number.NaN])).toBe('1 NaN');
    expect(fault([1, Number.NEGATIVE_INFINITY, Number.NaN])).toBe('1 NaN and 1 infinite');
  });
});
