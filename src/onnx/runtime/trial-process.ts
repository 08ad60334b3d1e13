/**
 * The process that `trialRun` starts: runs models sent over stdin, one after the other, and reports the outcome of
 * each.
 */
import type { Readable } from 'node:stream';
import { SplitzError } from '../../ground/errors.ts';
import { withSession } from './session.ts';
import type { TrialReply, TrialRequest } from './trial.ts';

/** Ctrl-C goes to every process of a terminal; whether the trial ends is for the parent to decide. */
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());

/** Reads exact numbers of bytes; null at the end of the stream. */
function reader(stream: Readable): (length: number) => Promise<Uint8Array | null> {
  const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  return async (length) => {
    const whole = new Uint8Array(length);
    for (let filled = 0; filled < length; ) {
      if (rest.length === 0) {
        const { done, value } = await chunks.next();
        if (done === true) return null;
        rest = value;
      }
      const part = rest.subarray(0, length - filled);
      whole.set(part, filled);
      filled += part.length;
      rest = rest.subarray(part.length);
    }
    return whole;
  };
}

/** ONNX Runtime keeps memory that a model needed. */
const TIRED_BYTES = 2 ** 28;

async function outcomeOf(
  request: TrialRequest,
  model: Uint8Array,
  values: Float32Array,
): Promise<TrialReply['outcome']> {
  const { where, input, dims } = request;
  try {
    const results = await withSession(model, where, (session) =>
      session.run(new Map(input === null ? [] : [[input, { data: values, dims }]])),
    );
    return { outputs: [...results].map(([name, { type, dims }]) => ({ name, type, dims: [...dims] })) };
  } catch (error) {
    if (!(error instanceof SplitzError)) throw error;
    const { cause, ...report } = error.report;
    return { exitCode: error.exitCode, report };
  }
}

const read = reader(process.stdin);
for (;;) {
  const header = await read(4);
  if (header === null) break;
  const text = await read(new DataView(header.buffer).getUint32(0, true));
  if (text === null) break;
  const request = JSON.parse(Buffer.from(text).toString('utf8')) as TrialRequest;
  const model = await read(request.modelBytes);
  const values = await read(4 * request.values);
  if (model === null || values === null) break;
  const outcome = await outcomeOf(request, model, new Float32Array(values.buffer));
  const reply: TrialReply = { outcome, tired: process.memoryUsage.rss() > TIRED_BYTES };
  process.send?.(reply);
}
