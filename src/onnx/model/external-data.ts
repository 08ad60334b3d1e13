/**
 * Reads tensors stored in files alongside the model ("external data": PyTorch's new exporter writes model.onnx.data)
 * into the message. The path in the model is untrusted: it must name a plain file inside the model's own folder,
 * reached through no symbolic link, and the range must lie inside that file (CVE-2022-25882, CVE-2024-27318 and
 * similar). Links are followed only where the user says so, and only to a file beside the one that the model's own path
 * leads to: caches keep every file under its digest, and links with the names that a model knows.
 */
import { createHash } from 'node:crypto';
import { lstat, readFile, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, win32 } from 'node:path';
import { ModelRefused } from '../../ground/errors.ts';
import { mapTensors } from './map-tensors.ts';
import type { ModelFile } from './model.ts';
import { otherFormatOf } from './other-formats.ts';
import { EXTERNAL, edited, type ModelProto, type TensorProto, toNumber } from './proto.ts';
import { rawByteLength } from './tensor.ts';

interface Reference {
  readonly location: string;
  readonly offset: number;
  /** Null: up to the end of the file. */
  readonly length: number | null;
}

const isExternal = (tensor: TensorProto): boolean => tensor.dataLocation === EXTERNAL;

function refuse(what: string, tensor: TensorProto, why: string, remedy: string): ModelRefused {
  return new ModelRefused({ what, where: `tensor '${tensor.name ?? ''}'`, why, remedy });
}

const damaged = 'Get the model again from its author: it is damaged or hostile.';

function referenceOf(tensor: TensorProto): Reference {
  const entries = new Map((tensor.externalData ?? []).map((e) => [e.key ?? '', e.value ?? '']));
  const whole = (key: string): number | null => {
    const text = entries.get(key);
    if (text === undefined || text === '') return null;
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
      throw refuse(
        `external data with the ${key} "${text}"`,
        tensor,
        'it must be a whole number, 0 or more',
        damaged,
      );
    }
    return Number(text);
  };
  return { location: entries.get('location') ?? '', offset: whole('offset') ?? 0, length: whole('length') };
}

const leavesFolder = (location: string): boolean =>
  location === '' || location.includes('\0') || location.split(/[/\\]/).includes('..');

const isAbsoluteAnywhere = (location: string): boolean =>
  isAbsolute(location) || win32.isAbsolute(location) || /^[A-Za-z]:/.test(location);

/** Whether a location, by its text alone, may lead out of the model's folder. */
export const isUnsafeLocation = (location: string): boolean =>
  leavesFolder(location) || isAbsoluteAnywhere(location);

/** Where external data are looked for. */
export interface DataPlace {
  readonly modelPath: string;
  /** Whether symbolic links are followed, to files beside the one that `modelPath` leads to. */
  readonly followLinks: boolean;
}

/** The file a location names, or ModelRefused when it could lie anywhere but beside the model. */
async function safePath(place: DataPlace, location: string, tensor: TensorProto): Promise<string> {
  const folder = dirname(place.modelPath);
  const parts = location.split(/[/\\]/);
  if (leavesFolder(location)) {
    throw refuse(
      `external data at the unsafe path "${location}"`,
      tensor,
      'the path must lead to a file inside the folder of the model, without ".."',
      damaged,
    );
  }
  if (isAbsoluteAnywhere(location)) {
    throw refuse(
      `external data at the absolute path "${location}"`,
      tensor,
      'the path must be relative to the folder of the model',
      damaged,
    );
  }
  let path = folder;
  const steps = parts.filter((p) => p !== '' && p !== '.');
  for (const [k, step] of steps.entries()) {
    path = join(path, step);
    const found = await lstat(path).catch((cause: NodeJS.ErrnoException) => {
      throw refuse(
        `the external data file "${location}" cannot be opened`,
        tensor,
        cause.code === 'ENOENT' ? `it is not in the folder of the model (${folder})` : cause.message,
        `Put "${location}" alongside the model file: the exporter wrote both.`,
      );
    });
    if (found.isSymbolicLink()) {
      if (place.followLinks) return followed(join(folder, ...steps), place.modelPath, location, tensor);
      throw refuse(
        `external data through the symbolic link "${location}"`,
        tensor,
        'a link could lead anywhere on this machine',
        'Replace the link with the file itself, or add --follow-links if the file it leads to lies beside the model file itself, as in the cache of the Hugging Face hub.',
      );
    }
    const last = k === steps.length - 1;
    if (last ? !found.isFile() : !found.isDirectory()) {
      throw refuse(
        `external data at "${location}", which is not a plain file`,
        tensor,
        'a file was expected',
        damaged,
      );
    }
  }
  return path;
}

/** Where links lead from `path`: to a plain file in the folder of the model file itself, or ModelRefused. */
async function followed(
  path: string,
  modelPath: string,
  location: string,
  tensor: TensorProto,
): Promise<string> {
  const refused = (why: string): ModelRefused =>
    refuse(
      `external data through the symbolic link "${location}"`,
      tensor,
      why,
      'Replace the link with the file itself.',
    );
  const [target, model] = await Promise.all([realpath(path), realpath(modelPath)]).catch(
    (cause: NodeJS.ErrnoException) => {
      throw refused(cause.message);
    },
  );
  if (dirname(target) !== dirname(model))
    throw refused('it leads to another folder than the one that holds the model file itself');
  if (!(await lstat(target)).isFile()) throw refused('it does not lead to a plain file');
  return target;
}

/** What the tensor's shape and type need; 0 where the type has no fixed size. */
function declaredBytes({ dims, dataType }: TensorProto): number {
  const count = (dims ?? []).reduce<number>((product, dim) => product * toNumber(dim), 1);
  return rawByteLength(dataType ?? 0, count) ?? 0;
}

/** A protobuf message ends there. */
const LARGEST_MESSAGE = 2 ** 31 - 1;

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

/** Throws ModelRefused, before anything is read, for weights that do not fit into one message together. */
function requireOneMessage(external: readonly TensorProto[]): void {
  const bytes = external.reduce(
    (sum, tensor) => sum + (referenceOf(tensor).length ?? declaredBytes(tensor)),
    0,
  );
  if (bytes <= LARGEST_MESSAGE) return;
  throw new ModelRefused({
    what: `the weights take ${gigabytes(bytes)}, more than the ${gigabytes(LARGEST_MESSAGE)} that are supported`,
    why: 'the network is cut and rewritten in memory and handed to ONNX Runtime as one protobuf message, which ends at 2 GiB; external data lift that limit for files only',
    remedy:
      'Use a smaller network, or export it in float16, which halves its weights (it can then be cut at the input).',
  });
}

/** The model with every external tensor inlined as raw_data, and the files that held them. */
export async function inlineExternalData(
  model: ModelProto,
  place: DataPlace,
): Promise<{ proto: ModelProto; files: ModelFile[] }> {
  const external: TensorProto[] = [];
  mapTensors(model, (tensor) => {
    if (isExternal(tensor)) external.push(tensor);
    return tensor;
  });
  if (external.length === 0) return { proto: model, files: [] };
  requireOneMessage(external);

  const contents = new Map<string, Buffer>();
  const files: ModelFile[] = [];
  const inlined = new Map<TensorProto, TensorProto>();
  for (const tensor of external) {
    const { location, offset, length } = referenceOf(tensor);
    const path = await safePath(place, location, tensor);
    let bytes = contents.get(path);
    if (bytes === undefined) {
      bytes = await readFile(path).catch((cause: Error) => {
        throw refuse(
          `the external data file "${location}" cannot be read`,
          tensor,
          cause.message,
          'Check its permissions and its size: files of 2 GiB and more are not supported.',
        );
      });
      contents.set(path, bytes);
      files.push({
        name: location,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        bytes: bytes.length,
      });
    }
    const end = offset + (length ?? declaredBytes(tensor));
    if (end > bytes.length) {
      const other = otherFormatOf(bytes);
      if (other !== null) throw refuse(`"${location}": ${other.what}`, tensor, other.why, other.remedy);
      throw refuse(
        `external data beyond the end of "${location}"`,
        tensor,
        `bytes ${offset} to ${end} are asked for; the file has ${bytes.length}`,
        'Copy the data file again: it is truncated or belongs to another model.',
      );
    }
    inlined.set(
      tensor,
      edited(tensor, { rawData: bytes.subarray(offset, end), externalData: [], dataLocation: 0 }),
    );
  }
  return { proto: mapTensors(model, (tensor) => inlined.get(tensor) ?? tensor), files };
}
