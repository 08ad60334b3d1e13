/**
 * NumPy's array file (NEP 1, "A simple file format for NumPy arrays"): a magic string, a version, a header that is a
 * Python dictionary {'descr', 'fortran_order', 'shape'}, then the values. Numeric types in either byte order; arrays of
 * objects, strings, records and complex numbers are refused.
 */
import { UsageError } from '../ground/errors.ts';

export interface NpyArray {
  /** NumPy's name of the element type: "uint8", "float32", "int64", … */
  readonly type: string;
  readonly shape: readonly number[];
  /** Number of values. */
  readonly size: number;
  /** The value at a flat position in C order; 64-bit integers beyond 2^53 are rounded. */
  at(position: number): number;
  /** The stored bytes of the values. */
  readonly bytes: Uint8Array;
}

type Reader = (view: DataView, offset: number, littleEndian: boolean) => number;

const ELEMENT: Readonly<Record<string, { name: string; read: Reader }>> = {
  b1: { name: 'bool', read: (view, offset) => view.getUint8(offset) },
  u1: { name: 'uint8', read: (view, offset) => view.getUint8(offset) },
  i1: { name: 'int8', read: (view, offset) => view.getInt8(offset) },
  u2: { name: 'uint16', read: (view, offset, little) => view.getUint16(offset, little) },
  i2: { name: 'int16', read: (view, offset, little) => view.getInt16(offset, little) },
  u4: { name: 'uint32', read: (view, offset, little) => view.getUint32(offset, little) },
  i4: { name: 'int32', read: (view, offset, little) => view.getInt32(offset, little) },
  u8: { name: 'uint64', read: (view, offset, little) => Number(view.getBigUint64(offset, little)) },
  i8: { name: 'int64', read: (view, offset, little) => Number(view.getBigInt64(offset, little)) },
  f4: { name: 'float32', read: (view, offset, little) => view.getFloat32(offset, little) },
  f8: { name: 'float64', read: (view, offset, little) => view.getFloat64(offset, little) },
};

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');

/** Whether the bytes begin as an NPY file does. */
export function looksLikeNpy(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(0, MAGIC.length), MAGIC) === 0;
}

/**
 * @param where the file (and, inside an archive, the array) the bytes are from, for errors
 * @throws UsageError when the bytes are not an NPY file, are cut short, or hold another type or Fortran order
 */
export function parseNpy(bytes: Uint8Array, where: string): NpyArray {
  const refuse = (what: string, why: string, remedy: string): never => {
    throw new UsageError({ what, where, why, remedy });
  };
  if (!looksLikeNpy(bytes) || bytes.length < 12) {
    refuse(
      'not a NumPy array',
      'it does not begin with the NPY magic string',
      'Save it with numpy.save or numpy.savez.',
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6] as number;
  const headerStart = version === 1 ? 10 : 12;
  const dataStart = headerStart + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (dataStart > bytes.length) {
    refuse(
      'the NumPy array is cut short',
      `its header needs ${dataStart} bytes, it has ${bytes.length}`,
      'Save it again.',
    );
  }
  const header = Buffer.from(bytes.subarray(headerStart, dataStart)).toString('utf8');
  const descr = /'descr'\s*:\s*'([<>|=])([a-zA-Z]\d+)'/.exec(header);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header);
  const sizes = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(header);
  const element = descr === null ? undefined : ELEMENT[descr[2] as string];
  if (descr === null || order === null || sizes === null || element === undefined) {
    return refuse(
      'a NumPy array of a type that is not read',
      `its header is ${header.trim()}; bool, 8 to 64-bit integers, float32 and float64 are read`,
      'Convert it: images.astype("float32"), labels.astype("int64").',
    );
  }
  if (order[1] === 'True') {
    refuse('a NumPy array in Fortran order', 'only C order is read', 'Save numpy.ascontiguousarray(array).');
  }
  const shape = (sizes[1] as string)
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const size = shape.reduce((product, length) => product * length, 1);
  const width = Number((descr[2] as string).slice(1));
  if (bytes.length - dataStart !== size * width) {
    refuse(
      bytes.length - dataStart < size * width
        ? 'the NumPy array is cut short'
        : 'the NumPy array has bytes left over',
      `shape (${shape.join(', ')}) of ${element.name} needs ${size * width} bytes, there are ${bytes.length - dataStart}`,
      'Save it again.',
    );
  }
  const little = descr[1] !== '>';
  const { name: type, read } = element;
  return {
    type,
    shape,
    size,
    at: (position) => read(view, dataStart + position * width, little),
    bytes: bytes.subarray(dataStart),
  };
}
