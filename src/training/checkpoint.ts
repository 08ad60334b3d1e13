/**
 * A checkpoint: the engine's whole state after some step, and which run it belongs to. The container is an ONNX message
 * without nodes (state tensors as initializers, the rest as metadata), so the codec, the atomic write and every ONNX
 * viewer work on it.
 */
import { readFile } from 'node:fs/promises';
import { UsageError } from '../ground/errors.ts';
import { decodeModel, encodeModel } from '../onnx/model/codec.ts';
import { DataType } from '../onnx/model/data-type.ts';
import { toNumber } from '../onnx/model/proto.ts';
import { saveModel } from '../onnx/model/save.ts';
import type { HostTensor } from './program.ts';

/** What must be equal for a run to go on from a checkpoint. */
export interface RunIdentity {
  /** SHA-256 of the model trained, before the first step. */
  readonly model: string;
  /** Digest of the data set. */
  readonly data: string;
  /** Every setting that decides the result. */
  readonly settings: unknown;
}

/** Where a run stands: `step` steps done in epoch `epoch` (from 0). */
export interface Position {
  readonly epoch: number;
  readonly step: number;
}

export interface Checkpoint {
  readonly identity: RunIdentity;
  /** The engine that computed it; another one can continue, but not to the same bits. */
  readonly engine: string;
  readonly position: Position;
  /** Sums of the step results of the epoch so far, for its report. */
  readonly sums: { readonly count: number; readonly sums: { readonly [name: string]: number } };
  /** One record per finished epoch, for the produced file's card. */
  readonly history: readonly unknown[];
  readonly state: ReadonlyMap<string, Float32Array>;
}

const KEY = 'splitz.checkpoint';
const FORMAT = 'splitz-onnx/checkpoint/1';

/** Writes the checkpoint whole or not at all. Throws ToolError when the disk refuses. */
export async function saveCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { state, ...header } = checkpoint;
  await saveModel(
    encodeModel({
      irVersion: 8,
      producerName: 'splitz-onnx',
      opsetImport: [{ domain: '', version: 17 }],
      metadataProps: [{ key: KEY, value: JSON.stringify({ format: FORMAT, ...header }) }],
      graph: {
        name: 'checkpoint',
        initializer: [...state].map(([name, values]) => ({
          name,
          dims: [values.length],
          dataType: DataType.FLOAT,
          rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
        })),
      },
    }),
    path,
  );
}

/**
 * Reads a checkpoint; null when there is none.
 * @throws UsageError when the file is not a checkpoint, or belongs to another run
 */
export async function loadCheckpoint(
  path: string,
  identity: RunIdentity,
  program: ReadonlyMap<string, HostTensor>,
): Promise<Checkpoint | null> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    throw refused(path, cause.message);
  });
  if (bytes === null) return null;
  const { header, state } = decode(path, bytes);
  const difference = differenceOf(header.identity, identity);
  if (difference !== null) throw refused(path, difference);
  for (const [name, { values }] of program) {
    if (state.get(name)?.length !== values.length) throw refused(path, `its state '${name}' does not fit`);
  }
  return { ...header, state };
}

function decode(
  path: string,
  bytes: Uint8Array,
): { header: Omit<Checkpoint, 'state'>; state: Map<string, Float32Array> } {
  try {
    const model = decodeModel(bytes);
    const text = model.metadataProps?.find((p) => p.key === KEY)?.value;
    const header = JSON.parse(text ?? 'null') as (Omit<Checkpoint, 'state'> & { format: string }) | null;
    if (header?.format !== FORMAT) throw new Error(`it is not of format ${FORMAT}`);
    const state = new Map<string, Float32Array>();
    for (const tensor of model.graph?.initializer ?? []) {
      const raw = Uint8Array.from(tensor.rawData ?? []);
      if (raw.byteLength !== 4 * toNumber(tensor.dims?.[0])) throw new Error(`'${tensor.name}' is cut short`);
      state.set(tensor.name ?? '', new Float32Array(raw.buffer));
    }
    return { header, state };
  } catch (cause) {
    throw refused(path, (cause as Error).message);
  }
}

/** One sentence about the first difference, or null. */
function differenceOf(theirs: RunIdentity, ours: RunIdentity): string | null {
  if (theirs.model !== ours.model) return 'it was trained from another model';
  if (theirs.data !== ours.data) return 'it was trained on other data';
  const [a, b] = [theirs.settings, ours.settings] as Record<string, unknown>[];
  for (const key of new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])) {
    const [before, now] = [JSON.stringify(a?.[key]), JSON.stringify(b?.[key])];
    if (before !== now) return `its ${key} is ${before}, now it is ${now}`;
  }
  return null;
}

function refused(path: string, why: string): UsageError {
  return new UsageError({
    what: 'the checkpoint cannot be continued',
    where: path,
    why,
    remedy:
      'Repeat the command it was made with, or start anew with --restart (the checkpoint is then replaced).',
  });
}
