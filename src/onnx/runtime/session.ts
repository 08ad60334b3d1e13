/**
 * ONNX Runtime on the CPU in the calling thread, for checks and measurements: one session, one thread, its errors
 * reworded for users. `run` blocks the event loop; the sampling of certificates has its own workers (smoothing/).
 */
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { ModelRefused, ToolError } from '../../ground/errors.ts';
import { createSession } from '../../ground/runtime-session.ts';
import { DataType } from '../model/data-type.ts';
import { sizeOf } from '../model/graph.ts';
import { rawByteLength } from '../model/tensor.ts';
import { missingKernel } from './missing-kernel.ts';

export interface RuntimeTensor {
  readonly type: DataType;
  readonly dims: readonly number[];
  /** The values of float32 tensors; null for every other type (which nothing here reads). */
  readonly float32: Float32Array | null;
  /** Its values as raw_data holds them; null for strings and types that are packed. */
  readonly bytes: Uint8Array | null;
}

export interface FloatTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Throws ModelRefused with ONNX Runtime's reason. */
  run(feeds: ReadonlyMap<string, FloatTensor>): Promise<ReadonlyMap<string, RuntimeTensor>>;
}

const runtimeTypes: ReadonlyMap<string, DataType> = new Map([
  ['float32', DataType.FLOAT],
  ['float64', DataType.DOUBLE],
  ['float16', DataType.FLOAT16],
  ['bool', DataType.BOOL],
  ['string', DataType.STRING],
  ['int8', DataType.INT8],
  ['int16', DataType.INT16],
  ['int32', DataType.INT32],
  ['int64', DataType.INT64],
  ['uint8', DataType.UINT8],
  ['uint16', DataType.UINT16],
  ['uint32', DataType.UINT32],
  ['uint64', DataType.UINT64],
  ['int4', DataType.INT4],
  ['uint4', DataType.UINT4],
]);

/** What ONNX Runtime's messages mean; the first match wins. */
const meanings: readonly { pattern: RegExp; what: (m: RegExpExecArray) => string; remedy: string }[] = [
  {
    pattern: /No Op registered for (\S+) with domain_version of (\d+)/,
    what: (m) => `the operator ${m[1]} does not exist in operator set ${m[2]}`,
    remedy:
      'Replace the operator with standard ONNX operators and export again; custom operators cannot be loaded.',
  },
  {
    pattern: /(?:Fatal error: )?([\w.]+:\w+)\(-?\d+\) is not a registered function\/op/,
    what: (m) => `the operator ${m[1]} is unknown`,
    remedy:
      'Export the network without this custom operator (pre- and post-processing belong outside the model).',
  },
  {
    pattern: /two nodes with same node name \(([^)]*)\)/,
    what: (m) => `two nodes have the same name '${m[1]}'`,
    remedy: 'Give each node a name of its own (or none) with the onnx Python package.',
  },
];

/** Of a message; names in it are the file's, and may be of any length. */
const READABLE = 4000;

/** ONNX Runtime's message without its source positions and C++ signatures. */
export function cleanMessage(message: string): string {
  const text = message
    .slice(0, READABLE)
    .replace(/^\/\S*onnxruntime\S*:\d+ .*\) (?=[A-Z])/s, '')
    .replace(/\s+/g, ' ');
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}

function inWords(error: unknown, doing: string, where: string): ModelRefused {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, READABLE);
  for (const { pattern, what, remedy } of meanings) {
    const match = pattern.exec(message);
    if (match)
      return new ModelRefused({ what: what(match), where, why: cleanMessage(message), remedy, cause: error });
  }
  return new ModelRefused({
    what: `ONNX Runtime cannot ${doing} the model`,
    where,
    why: cleanMessage(message),
    remedy: 'Check the model with onnx.checker.check_model(path, full_check=True) and export it again.',
    cause: error,
  });
}

/** A session to be closed by whoever opened it. */
export interface OpenSession extends Session {
  close(): Promise<void>;
}

/**
 * Opens a session on a self-contained model. `where` names the model in errors. Throws ModelRefused when ONNX Runtime does not
 * accept the model.
 */
export async function openSession(bytes: Uint8Array, where: string): Promise<OpenSession> {
  const session = await createSession(bytes, 'cpu', 4).catch((error: unknown) => {
    const missing = missingKernel(error instanceof Error ? error.message : String(error), bytes);
    if (missing === null) throw inWords(error, 'load', where);
    throw new ModelRefused({ ...missing, where, cause: error });
  });
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    run: (feeds) => run(session, feeds, where),
    close: () => session.release(),
  };
}

/** The same, handed to `use` and closed whatever happens. */
export async function withSession<T>(
  bytes: Uint8Array,
  where: string,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(bytes, where);
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}

async function run(
  session: InferenceSession,
  feeds: ReadonlyMap<string, FloatTensor>,
  where: string,
): Promise<ReadonlyMap<string, RuntimeTensor>> {
  const tensors = Object.fromEntries(
    [...feeds].map(([name, { data, dims }]) => [name, new Tensor('float32', data, dims)]),
  );
  const results = await session.run(tensors).catch((error: unknown) => {
    throw inWords(error, 'run', where);
  });
  return new Map(
    Object.entries(results).map(([name, tensor]) => {
      const type = runtimeTypes.get(tensor.type);
      if (type === undefined) {
        throw new ToolError({
          what: `ONNX Runtime returned '${name}' as ${tensor.type}, a type unknown here`,
          where,
          remedy: 'Export the model with outputs of a plain numeric type.',
        });
      }
      return [
        name,
        {
          type,
          dims: tensor.dims,
          float32: tensor.type === 'float32' ? (tensor.data as Float32Array) : null,
          bytes: rawBytes(tensor, type),
        },
      ];
    }),
  );
}

function rawBytes({ data, dims }: Tensor, type: DataType): Uint8Array | null {
  if (!ArrayBuffer.isView(data)) return null;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return rawByteLength(type, sizeOf(dims)) === bytes.length ? bytes : null;
}

/** Runs a model of one input and one float32 output on rows put together as one batch. Throws ModelRefused. */
export async function runRows(
  session: Session,
  rows: readonly Float32Array[],
  rowDims: readonly number[],
): Promise<FloatTensor> {
  const size = rows[0]?.length ?? 0;
  const data = new Float32Array(rows.length * size);
  rows.forEach((row, k) => {
    data.set(row, k * size);
  });
  const feeds = new Map([[session.inputNames[0] ?? '', { data, dims: [rows.length, ...rowDims] }]]);
  const [output] = (await session.run(feeds)).values();
  if (!output?.float32) {
    throw new ModelRefused({
      what: 'the model’s output is not float32',
      remedy: 'Export it with float32 scores, or add a Cast.',
    });
  }
  return { data: output.float32, dims: output.dims };
}
