/**
 * Opens an ONNX file. Everything that can be wrong with one is refused here with a clear message: not ONNX, truncated,
 * another format, versions ONNX Runtime cannot read, unsafe or missing external data, damaged tensors, NaN weights,
 * cycles.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { ModelRefused, SplitzError, UsageError } from '../../ground/errors.ts';
import { checkFunctionCalls } from '../guards/function-calls.ts';
import { checkOmittedOperands } from '../guards/omitted-operands.ts';
import { decodeModel } from './codec.ts';
import { inlineExternalData } from './external-data.ts';
import { mapTensors } from './map-tensors.ts';
import { type Model, type ModelFile, modelOf, type Origin } from './model.ts';
import { otherFormatOf } from './other-formats.ts';
import type { ModelProto } from './proto.ts';
import { checkTensor, nonFiniteFault } from './tensor.ts';
import { unpacked } from './unpacked.ts';

export interface LoadOptions {
  readonly sha256?: string | undefined;
  readonly followLinks?: boolean | undefined;
}

/**
 * @param sha256 digest that the file must have; one with another is not parsed
 * @param followLinks whether external data may be reached through symbolic links (external-data.ts)
 * @throws UsageError for a path that does not lead to a file or ('other-model') leads to another one, ModelRefused for a file
 *   that is not a usable model
 */
export async function loadModel(
  path: string,
  { sha256, followLinks = false }: LoadOptions = {},
): Promise<Model> {
  const { model, refusal } = await openModel(path, { sha256, followLinks });
  if (model === null) throw refusal;
  return model;
}

/** A file as far as it opens: what was read before it was refused is kept, so that a refused model can be examined too. */
export type OpenedFile = {
  /** The model file, once read, and its external data. */
  readonly files: readonly ModelFile[];
  /** Null when the bytes are not an ONNX message; with external data inlined where they could be read. */
  readonly proto: ModelProto | null;
} & (
  | { readonly model: Model; readonly refusal: null }
  | { readonly model: null; readonly refusal: ModelRefused }
);

/** As `loadModel`, except that a file which is not a usable model is part of the result. */
export async function openModel(
  path: string,
  { sha256: expected, followLinks = false }: LoadOptions = {},
): Promise<OpenedFile> {
  const bytes = await readModelFile(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (expected !== undefined && sha256 !== expected) throw anotherModel(path, sha256, expected);
  let files: ModelFile[] = [{ name: basename(path), sha256, bytes: bytes.length }];
  let proto: ModelProto | null = null;
  try {
    return await locating(path, async () => {
      proto = parse(await unpacked(bytes, path), path);
      const inlined = await inlineExternalData(proto, { modelPath: path, followLinks });
      proto = inlined.proto;
      files = [...files, ...inlined.files];
      return { files, proto, model: checkedModel(proto, { path, files }), refusal: null };
    });
  } catch (error) {
    if (!(error instanceof ModelRefused)) throw error;
    return { files, proto, model: null, refusal: error };
  }
}

const anotherModel = (path: string, sha256: string, expected: string): UsageError =>
  new UsageError({
    code: 'other-model',
    what: 'this is not the model of the result file',
    where: path,
    why: `sha256 ${sha256} now, ${expected} in the result file`,
    remedy: 'Name the model the run was made with.',
  });

/** A model that is in memory already (made by a rewriting pass, embedded in a test). `path` names it in errors. */
export function modelFromBytes(bytes: Uint8Array, path = '<memory>'): Model {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return checkedModel(parse(bytes, path), { path, files: [{ name: path, sha256, bytes: bytes.length }] });
}

function checkedModel(proto: ModelProto, origin: Origin): Model {
  checkTensors(proto);
  checkFunctionCalls(proto);
  checkOmittedOperands(proto);
  return modelOf(proto, origin);
}

async function readModelFile(path: string): Promise<Buffer> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError({
      what: cause.code === 'ENOENT' ? `there is no file ${path}` : `the file ${path} cannot be opened`,
      why: cause.message,
      remedy: 'Give the path of an .onnx file.',
      cause,
    });
  });
  if (found.isDirectory()) {
    throw new UsageError({
      what: `${path} is a folder`,
      why: 'a model is one .onnx file (with its .data file alongside, if there is one)',
      remedy: 'Give the path of the .onnx file inside it.',
    });
  }
  if (!found.isFile()) {
    throw new UsageError({
      what: `${path} is not a plain file`,
      why: 'devices, pipes and sockets are not read',
      remedy: 'Save the model as a file first.',
    });
  }
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError({
      what: `the file ${path} cannot be read`,
      why: cause.code === 'ERR_FS_FILE_TOO_LARGE' ? 'protobuf files are limited to 2 GiB' : cause.message,
      remedy:
        cause.code === 'ERR_FS_FILE_TOO_LARGE'
          ? 'Save the weights as external data (onnx.save with save_as_external_data=True).'
          : 'Check its permissions.',
      cause,
    });
  });
}

function parse(bytes: Uint8Array, path: string): ModelProto {
  const refused = (what: string, why: string, cause?: unknown): ModelRefused =>
    new ModelRefused({
      what,
      where: path,
      why,
      remedy:
        'Give the .onnx file that torch.onnx.export (or another exporter) wrote; if it is one, copy it again.',
      ...(cause === undefined ? {} : { cause }),
    });
  if (bytes.length === 0)
    throw refused('the file is empty', 'an ONNX model has at least a version and a graph');
  const other = otherFormatOf(bytes);
  if (other !== null) throw new ModelRefused({ ...other, where: path });
  let proto: ModelProto;
  try {
    proto = decodeModel(bytes);
  } catch (cause) {
    // protobufjs throws a RangeError at the end of the bytes, a plain Error for an impossible wire type.
    const truncated = cause instanceof RangeError;
    throw refused(
      truncated ? 'the file is truncated, or not an ONNX model' : 'the file is not an ONNX model',
      truncated
        ? 'it ends in the middle of a field'
        : `its bytes are not a protobuf message (${(cause as Error).message})`,
      cause,
    );
  }
  if (!proto.graph) throw refused('the file is not an ONNX model', 'it holds no graph');
  return proto;
}

/** Lengths of all tensors, finiteness of the weights of the main graph and its constants. */
function checkTensors(proto: ModelProto): void {
  mapTensors(proto, (tensor) => {
    const where = tensor.name ? `tensor '${tensor.name}'` : 'a tensor without a name (a Constant node)';
    checkTensor(tensor, where);
    const fault = nonFiniteFault(tensor, where);
    if (fault !== null) {
      throw new ModelRefused({
        what: `a weight holds ${fault} values`,
        where,
        why: 'the network computes nothing meaningful with them, and no bound exists',
        remedy: 'Export a healthy checkpoint: training has diverged or the file is damaged.',
      });
    }
    return tensor;
  });
}

/** Errors from below that name a node or tensor get the file they are in. */
async function locating<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SplitzError) || error.report.where?.startsWith(path)) throw error;
    const where = error.report.where === undefined ? path : `${path}: ${error.report.where}`;
    if (error instanceof ModelRefused) throw new ModelRefused({ ...error.report, where });
    throw error;
  }
}
