/** Writes a model whole or not at all: to a temporary file alongside the target, flushed, then renamed over it. */
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { ToolError } from '../../ground/errors.ts';
import { encodeModel } from './codec.ts';
import type { ModelProto } from './proto.ts';

/** Throws ToolError when the disk refuses; the target is then as it was. */
export async function saveModel(model: ModelProto | Uint8Array, path: string): Promise<void> {
  const bytes = model instanceof Uint8Array ? model : encodeModel(model);
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new ToolError({
      what: `the model could not be written to ${path}`,
      why: (cause as Error).message,
      remedy: 'Check that the folder exists, that it may be written to and that the disk has room.',
      cause,
    });
  }
}
