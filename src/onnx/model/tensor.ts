/**
 * Constant tensors of a model file: every storage form of TensorProto (raw bytes, typed fields; external data has been
 * inlined by then) decoded on demand to float64 or integers.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { DataType, dataTypeName, INTEGER_RANGES } from './data-type.ts';
import { sizeOf, type Tensor } from './graph.ts';
import { type SparseTensorProto, type TensorProto, toNumber } from './proto.ts';

/** Bits of one element in raw_data; types missing here (strings) have no raw form. */
const bitsOf: ReadonlyMap<number, number> = new Map([
  ...[DataType.UINT2, DataType.INT2].map((t) => [t, 2] as const),
  ...[DataType.UINT4, DataType.INT4, DataType.FLOAT4E2M1].map((t) => [t, 4] as const),
  ...[
    ...[DataType.UINT8, DataType.INT8, DataType.BOOL, DataType.FLOAT8E8M0],
    ...[DataType.FLOAT8E4M3FN, DataType.FLOAT8E4M3FNUZ, DataType.FLOAT8E5M2, DataType.FLOAT8E5M2FNUZ],
  ].map((t) => [t, 8] as const),
  ...[DataType.UINT16, DataType.INT16, DataType.FLOAT16, DataType.BFLOAT16].map((t) => [t, 16] as const),
  ...[DataType.FLOAT, DataType.INT32, DataType.UINT32].map((t) => [t, 32] as const),
  ...[DataType.DOUBLE, DataType.INT64, DataType.UINT64, DataType.COMPLEX64].map((t) => [t, 64] as const),
  [DataType.COMPLEX128, 128],
]);

/** Bytes that `count` elements take in raw_data; null for strings and types the format does not define. */
export function rawByteLength(type: number, count: number): number | null {
  const bits = bitsOf.get(type);
  return bits === undefined ? null : Math.ceil((count * bits) / 8);
}

/** Elements a tensor's typed field must hold, and which field that is. */
function typedField(tensor: TensorProto): { name: string; length: number; perElement: number } {
  switch (tensor.dataType) {
    case DataType.FLOAT:
      return { name: 'float_data', length: tensor.floatData?.length ?? 0, perElement: 1 };
    case DataType.COMPLEX64:
      return { name: 'float_data', length: tensor.floatData?.length ?? 0, perElement: 2 };
    case DataType.DOUBLE:
      return { name: 'double_data', length: tensor.doubleData?.length ?? 0, perElement: 1 };
    case DataType.COMPLEX128:
      return { name: 'double_data', length: tensor.doubleData?.length ?? 0, perElement: 2 };
    case DataType.INT64:
      return { name: 'int64_data', length: tensor.int64Data?.length ?? 0, perElement: 1 };
    case DataType.UINT32:
    case DataType.UINT64:
      return { name: 'uint64_data', length: tensor.uint64Data?.length ?? 0, perElement: 1 };
    case DataType.STRING:
      return { name: 'string_data', length: tensor.stringData?.length ?? 0, perElement: 1 };
    default: {
      const bits = bitsOf.get(tensor.dataType ?? 0) ?? 8;
      return {
        name: 'int32_data',
        length: tensor.int32Data?.length ?? 0,
        perElement: bits < 8 ? bits / 8 : 1,
      };
    }
  }
}

/** Throws ModelRefused when the stored data do not have the length that type and dims demand. */
export function checkTensor(tensor: TensorProto, where: string): void {
  const fault = tensorFault(tensor, where);
  if (fault !== null) throw fault;
}

/** The refusal of a tensor whose stored data do not have the length that type and dims demand; else null. */
export function tensorFault(tensor: TensorProto, where: string): ModelRefused | null {
  const fault = (what: string, why: string): ModelRefused =>
    new ModelRefused({
      what,
      where,
      why,
      remedy: 'Export the model again: the file is damaged or was written by a faulty tool.',
    });
  const type = tensor.dataType ?? 0;
  if (type === DataType.UNDEFINED || (type !== DataType.STRING && !bitsOf.has(type))) {
    return fault(`a tensor has an undefined element type (${dataTypeName(type)})`, 'ONNX does not define it');
  }
  const dims = (tensor.dims ?? []).map(toNumber);
  if (dims.some((d) => d < 0) || !Number.isSafeInteger(sizeOf(dims))) {
    return fault(`a tensor has impossible dimensions [${dims.join(',')}]`, 'they must be 0 or more');
  }
  const count = sizeOf(dims);
  if (hasRawData(tensor)) {
    const expected = rawByteLength(type, count);
    const actual = tensor.rawData?.length ?? 0;
    if (expected === null) return fault('a string tensor has raw data', 'strings live in string_data');
    if (actual !== expected) {
      return fault(
        `a tensor's raw data has the wrong length: ${actual} bytes`,
        `${dataTypeName(type)}[${dims.join(',')}] takes ${expected} bytes`,
      );
    }
    return type === DataType.BOOL && tensor.rawData?.some((byte) => byte > 1)
      ? fault('a tensor of booleans has bytes other than 0 and 1', 'runtimes disagree about what they are')
      : null;
  }
  const { name, length, perElement } = typedField(tensor);
  if (length !== Math.ceil(count * perElement)) {
    return fault(
      `a tensor's ${name} has ${length} entries`,
      `${dataTypeName(type)}[${dims.join(',')}] takes ${Math.ceil(count * perElement)}`,
    );
  }
  const misfit = misfitIn(tensor, type);
  return misfit === undefined
    ? null
    : fault(`a tensor's ${name} has the value ${misfit}`, `which ${dataTypeName(type)} does not hold`);
}

/** Patterns of 16 bits, which some write with a sign. */
const PATTERNS = [-32768, 65535] as const;

/** A number of the typed field that is not one of the type, which readers would cut to some other; undefined where there is none. */
function misfitIn({ int32Data, uint64Data }: TensorProto, type: number): number | undefined {
  const half = type === DataType.FLOAT16 || type === DataType.BFLOAT16;
  const range = half ? PATTERNS : INTEGER_RANGES.get(type);
  if (range === undefined) return undefined;
  const [least, most] = range;
  const values = type === DataType.UINT32 ? (uint64Data ?? []).map(toNumber) : (int32Data ?? []);
  return values.find((value) => value < least || value > most);
}

function hasRawData(tensor: TensorProto): boolean {
  return Object.hasOwn(tensor, 'rawData') && tensor.rawData !== null && tensor.rawData !== undefined;
}

/** raw_data as a buffer of its own: the view may start at any byte, typed arrays need alignment. */
function alignedBytes(tensor: TensorProto): ArrayBuffer {
  const raw = tensor.rawData ?? new Uint8Array();
  return raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength) as ArrayBuffer;
}

/** IEEE 754 half precision, exactly. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

/** bfloat16 is the upper half of a float32. */
export function bfloat16ToNumber(bits: number): number {
  scratch.setUint32(0, bits * 65536);
  return scratch.getFloat32(0);
}

type Elements = ArrayLike<number> | BigInt64Array | BigUint64Array;

/** The stored elements, before any conversion; null for types without a decoder. */
function elements(tensor: TensorProto): Elements | null {
  const raw = hasRawData(tensor) ? alignedBytes(tensor) : null;
  const int32 = tensor.int32Data ?? [];
  switch (tensor.dataType) {
    case DataType.FLOAT:
      return raw ? new Float32Array(raw) : Float32Array.from(tensor.floatData ?? []);
    case DataType.DOUBLE:
      return raw ? new Float64Array(raw) : (tensor.doubleData ?? []);
    case DataType.FLOAT16:
      return Float64Array.from(raw ? new Uint16Array(raw) : int32, (b) => float16ToNumber(b & 0xffff));
    case DataType.BFLOAT16:
      return Float64Array.from(raw ? new Uint16Array(raw) : int32, (b) => bfloat16ToNumber(b & 0xffff));
    case DataType.INT8:
      return raw ? new Int8Array(raw) : int32;
    case DataType.UINT8:
      return raw ? new Uint8Array(raw) : int32;
    case DataType.BOOL:
      return Uint8Array.from(raw ? new Uint8Array(raw) : int32, (b) => (b === 0 ? 0 : 1));
    case DataType.INT16:
      return raw ? new Int16Array(raw) : int32;
    case DataType.UINT16:
      return raw ? new Uint16Array(raw) : int32;
    case DataType.INT32:
      return raw ? new Int32Array(raw) : int32;
    case DataType.UINT32:
      return raw ? new Uint32Array(raw) : (tensor.uint64Data ?? []).map(toNumber);
    case DataType.INT64:
      return raw
        ? new BigInt64Array(raw)
        : BigInt64Array.from((tensor.int64Data ?? []).map((v) => BigInt(v.toString())));
    case DataType.UINT64:
      return raw
        ? new BigUint64Array(raw)
        : BigUint64Array.from((tensor.uint64Data ?? []).map((v) => BigInt(v.toString())));
    default:
      return null;
  }
}

/** A number for a 64-bit integer; throws when it cannot be exact, except for "to the end" (see Tensor.integers). */
function exactInteger(value: number | bigint, saturate: boolean, where: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  if (saturate && Math.abs(number) >= 2 ** 62 && Number.isFinite(number)) {
    return Math.sign(number) * Number.MAX_SAFE_INTEGER;
  }
  throw new ModelRefused({
    what: `the value ${value} is not an integer that fits in 53 bits`,
    where,
    remedy: 'Check the export: nothing in an image classifier needs such a constant.',
  });
}

function undecodable(tensor: TensorProto, where: string): ModelRefused {
  return new ModelRefused({
    what: `constants of type ${dataTypeName(tensor.dataType ?? 0)} cannot be read as numbers`,
    where,
    why: 'only floating point up to 64 bits, integers and booleans of 8 bits and more are decoded',
    remedy: 'Cut the network before this tensor is used, or export the model with float32 weights.',
  });
}

/** The typed view of a TensorProto. `where` names it in errors: "initializer 'conv1.weight'". */
export function tensorOf(proto: TensorProto, where: string): Tensor {
  const type = (proto.dataType ?? 0) as DataType;
  return {
    type,
    dims: (proto.dims ?? []).map(toNumber),
    float64() {
      const stored = elements(proto);
      if (stored === null) throw undecodable(proto, where);
      if (stored instanceof BigInt64Array || stored instanceof BigUint64Array) {
        return Float64Array.from(stored, (v) => exactInteger(v, false, where));
      }
      return Float64Array.from(stored);
    },
    integers() {
      const stored = elements(proto);
      if (stored === null) throw undecodable(proto, where);
      return Array.from(stored as ArrayLike<number | bigint>, (v) => exactInteger(v, true, where));
    },
  };
}

/** A sparse constant, dense: indices are flat positions [nnz] or coordinates [nnz, rank]. */
export function sparseTensorOf(proto: SparseTensorProto, where: string): Tensor {
  const values = tensorOf(proto.values ?? {}, where);
  const dims = (proto.dims ?? []).map(toNumber);
  const positions = (): number[] => {
    const indices = tensorOf(proto.indices ?? {}, where);
    const flat = indices.integers();
    const rank = dims.length;
    const found =
      indices.dims.length < 2
        ? flat
        : Array.from({ length: indices.dims[0] ?? 0 }, (_, k) =>
            dims.reduce((position, dim, axis) => position * dim + (flat[k * rank + axis] ?? 0), 0),
          );
    if (found.some((p) => p < 0 || p >= sizeOf(dims))) {
      throw new ModelRefused({
        what: 'a sparse tensor has an index outside its shape',
        where,
        remedy: 'Export the model again.',
      });
    }
    return found;
  };
  return {
    type: values.type,
    dims,
    float64() {
      const dense = new Float64Array(sizeOf(dims));
      const stored = values.float64();
      positions().forEach((p, k) => {
        dense[p] = stored[k] ?? 0;
      });
      return dense;
    },
    integers() {
      const dense = new Array<number>(sizeOf(dims)).fill(0);
      const stored = values.integers();
      positions().forEach((p, k) => {
        dense[p] = stored[k] ?? 0;
      });
      return dense;
    },
  };
}

/** Elements per block of `floatBlocks`. */
const BLOCK = 2 ** 16;

/**
 * The values of a floating-point tensor, in blocks: a network's largest weight is never decoded whole just to check
 * its values. Nothing for other types. The tensor must have passed `checkTensor`.
 */
export function* floatBlocks(tensor: TensorProto, where: string): Generator<ArrayLike<number>> {
  const floating: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];
  const type = tensor.dataType ?? 0;
  if (!floating.includes(type)) return;
  const raw = hasRawData(tensor) ? tensor.rawData : null;
  if (!raw) {
    yield tensorOf(tensor, where).float64();
    return;
  }
  const bytes = BLOCK * (rawByteLength(type, 1) ?? 1);
  for (let from = 0; from < raw.length; from += bytes) {
    yield elements({ dataType: type, rawData: raw.subarray(from, from + bytes) }) as ArrayLike<number>;
  }
}

/**
 * What is wrong with a weight's values: null when all are finite. A single infinite number is allowed (the bound of a
 * Clip, the fill of a mask); NaN never is.
 */
export function nonFiniteFault(tensor: TensorProto, where: string): string | null {
  let count = 0;
  let nan = 0;
  let infinite = 0;
  for (const values of floatBlocks(tensor, where)) {
    count += values.length;
    for (let k = 0; k < values.length; k++) {
      const v = values[k] as number;
      if (Number.isNaN(v)) nan++;
      else if (!Number.isFinite(v)) infinite++;
    }
  }
  if (nan === 0 && (infinite === 0 || count === 1)) return null;
  return [nan > 0 ? `${nan} NaN` : '', infinite > 0 ? `${infinite} infinite` : '']
    .filter((s) => s !== '')
    .join(' and ');
}
