/** Gzip from strangers: never more than was agreed on before is unpacked, whatever a megabyte of it would come to. */
import { constants, gunzipSync } from 'node:zlib';
import { codeOf } from './system-error.ts';

/** Packed bytes that are enough for any header. */
const BEGINNING = 1024;

export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** The first bytes of a gzip stream, as far as a kilobyte of it goes. Throws zlib's error for a damaged one. */
export const gunzipBeginning = (bytes: Uint8Array): Uint8Array =>
  gunzipSync(bytes.subarray(0, BEGINNING), { finishFlush: constants.Z_SYNC_FLUSH });

/**
 * All of a gzip stream, or null where it is longer than `longest` bytes, which are all that is held of it. Throws zlib's error for
 * a damaged one.
 */
export function gunzipUpTo(bytes: Uint8Array, longest: number): Uint8Array | null {
  try {
    return gunzipSync(bytes, { maxOutputLength: Math.max(1, longest) });
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') return null;
    throw error;
  }
}
