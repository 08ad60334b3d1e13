/** Models that `compose` and `ensemble` write. */
import { createHash } from 'node:crypto';
import { ToolError } from '../ground/errors.ts';
import { encodeModel } from '../onnx/model/codec.ts';
import type { ModelProto } from '../onnx/model/proto.ts';
import { saveModel } from '../onnx/model/save.ts';

/** Protobuf's own limit. */
const MOST_BYTES = 2 ** 31 - 1;

/**
 * Writes a model that was made of others and gives its digest.
 * @param remedy what to do where it is larger than a file may be
 */
export async function writeModelFile(proto: ModelProto, out: string, remedy: string): Promise<string> {
  const bytes = encodeModel(proto);
  if (bytes.length > MOST_BYTES) {
    throw new ToolError({
      what: `the composed model has ${bytes.length} bytes`,
      where: out,
      why: 'an ONNX file holds 2 GiB at most, and external data are not written',
      remedy,
    });
  }
  await saveModel(bytes, out);
  return createHash('sha256').update(bytes).digest('hex');
}
