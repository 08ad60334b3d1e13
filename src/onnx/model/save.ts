/** Writes a model whole or not at all. */
import { ToolError } from '../../ground/errors.ts';
import { writeWholeFile } from '../../ground/whole-file.ts';
import { encodeModel } from './codec.ts';
import type { ModelProto } from './proto.ts';

/** Throws ToolError when the disk refuses; the target is then as it was. */
export async function saveModel(model: ModelProto | Uint8Array, path: string): Promise<void> {
  const bytes = model instanceof Uint8Array ? model : encodeModel(model);
  try {
    writeWholeFile(path, bytes);
  } catch (cause) {
    throw new ToolError({
      what: `the model could not be written to ${path}`,
      why: (cause as Error).message,
      remedy: 'Check that the folder exists, that it may be written to and that the disk has room.',
      cause,
    });
  }
}
