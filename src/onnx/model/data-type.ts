/** ONNX element types (onnx.proto `TensorProto.DataType`): the numbers of the format, with the names users read. */
export const DataType = {
  UNDEFINED: 0,
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  COMPLEX64: 14,
  COMPLEX128: 15,
  BFLOAT16: 16,
  FLOAT8E4M3FN: 17,
  FLOAT8E4M3FNUZ: 18,
  FLOAT8E5M2: 19,
  FLOAT8E5M2FNUZ: 20,
  UINT4: 21,
  INT4: 22,
  FLOAT4E2M1: 23,
  FLOAT8E8M0: 24,
  UINT2: 25,
  INT2: 26,
} as const;

export type DataType = (typeof DataType)[keyof typeof DataType];

/** The least and the largest value of each type of whole numbers, as far as float64 tells them apart (64 bits). */
export const INTEGER_RANGES: ReadonlyMap<number, readonly [least: number, most: number]> = new Map<
  number,
  readonly [number, number]
>([
  [DataType.BOOL, [0, 1]],
  [DataType.INT8, [-128, 127]],
  [DataType.UINT8, [0, 255]],
  [DataType.INT16, [-32768, 32767]],
  [DataType.UINT16, [0, 65535]],
  [DataType.INT32, [-(2 ** 31), 2 ** 31 - 1]],
  [DataType.UINT32, [0, 2 ** 32 - 1]],
  [DataType.INT64, [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  [DataType.UINT64, [0, Number.MAX_SAFE_INTEGER]],
]);

/** "FLOAT16" for 10; "type 99" for a number the format does not define. */
export function dataTypeName(type: number): string {
  return Object.entries(DataType).find(([, code]) => code === type)?.[0] ?? `type ${type}`;
}
