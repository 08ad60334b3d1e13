/** A session of ONNX Runtime on a right half: rows in, logits out. */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { createSession } from '../ground/runtime-session.ts';

export interface HalfSession {
  /** Logits [count, classes], flat, of rows [count, ...latentDims]. @throws Error when the model gives anything else */
  logits(rows: Tensor, count: number): Promise<Float32Array>;
  release(): Promise<void>;
}

/**
 * @throws ONNX Runtime's error when it does not take the model, Error when the model does not have one input and one output
 */
export async function openHalf(
  model: Uint8Array,
  provider: string,
  classes: number,
  device = 0,
): Promise<HalfSession> {
  const session = await createSession(model, provider, 3, device);
  let input: string;
  let output: string;
  try {
    input = onlyName(session.inputNames, 'input');
    output = onlyName(session.outputNames, 'output');
  } catch (error) {
    await session.release();
    throw error;
  }
  return {
    logits: async (rows, count) =>
      requireLogits(await session.run({ [input]: rows }), output, count, classes),
    release: () => session.release(),
  };
}

/** @throws Error when the output is not float32 [count, classes, ...] */
export function requireLogits(
  results: InferenceSession.ReturnType,
  output: string,
  count: number,
  classes: number,
): Float32Array {
  const result = results[output];
  if (result === undefined) throw new Error(`no output ${output}`);
  const values = result.data;
  if (!(values instanceof Float32Array) || values.length !== count * classes || result.dims[0] !== count)
    throw new Error(
      `expected float32 [${count}, ${classes}] from ${output}, got ${result.type} [${result.dims.join(', ')}]`,
    );
  return values;
}

function onlyName(names: readonly string[], role: string): string {
  const [name, ...rest] = names;
  if (name === undefined || rest.length > 0)
    throw new Error(
      `the right half has ${names.length} ${role}s, exactly one is needed: ${names.join(', ')}`,
    );
  return name;
}
