/**
 * Models packed with gzip, as VNN-COMP ships them (.onnx.gz), known by their first bytes. What a small file may unpack to is
 * limited: a stream of zeros is packed 1000 times, weights hardly at all.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ModelRefused } from '../../ground/errors.ts';

const unpack = promisify(gunzip);

const MEBIBYTE = 2 ** 20;

/** A protobuf message ends there. */
const LARGEST = 2 ** 31 - 1;

/** Bytes that a packed file of so many may unpack to. */
const largestOf = (packed: number): number => Math.min(LARGEST, Math.max(64 * MEBIBYTE, 20 * packed));

/**
 * The bytes themselves where they do not begin as gzip does.
 * @param path names the file in errors
 * @throws ModelRefused for a damaged stream, or one that unpacks to more than a model's weights would
 */
export async function unpacked(bytes: Uint8Array, path: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const most = largestOf(bytes.length);
  return unpack(bytes, { maxOutputLength: most }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new ModelRefused({
        what: `the gzip file of ${bytes.length} bytes unpacks to more than ${Math.floor(most / MEBIBYTE)} MiB`,
        where: path,
        why: 'weights can hardly be packed: a stream like that may be made to exhaust memory',
        remedy: 'Unpack it yourself with gzip -d -k, and give the .onnx file.',
        cause,
      });
    }
    throw new ModelRefused({
      what: 'the gzip file cannot be unpacked',
      where: path,
      why: cause.message,
      remedy: 'Fetch the file again: it is damaged or incomplete.',
      cause,
    });
  });
}
