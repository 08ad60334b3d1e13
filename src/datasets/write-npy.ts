/** NumPy's array file, version 1.0 (NEP 1), written: little-endian float32 or float64 in C order. */
export function npyBytes(values: Float32Array | Float64Array, shape: readonly number[]): Uint8Array {
  const descr = values instanceof Float32Array ? '<f4' : '<f8';
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  // Magic string, version and length take 10 bytes; with the header and its newline a multiple of 64.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(length, 8);
  const data = Buffer.alloc(values.byteLength);
  values.forEach((value, i) => {
    if (values instanceof Float32Array) data.writeFloatLE(value, 4 * i);
    else data.writeDoubleLE(value, 8 * i);
  });
  return Buffer.concat([head, Buffer.from(`${text.padEnd(length - 1)}\n`, 'latin1'), data]);
}
