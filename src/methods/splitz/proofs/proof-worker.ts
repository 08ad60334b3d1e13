/** A proof thread: compiles the left half it is given, and answers questions about it in order of arrival. */
import { parentPort } from 'node:worker_threads';
import { type ErrorReport, SplitzError } from '../../../ground/errors.ts';
import { compileLeftHalf } from '../../../lipschitz/compile-left-half.ts';
import { createLeftHalfBound } from '../../../lipschitz/input-radius.ts';
import { modelFromBytes } from '../../../onnx/model/load.ts';
import type { FromThread, ProvedHalf, Question, ToThread } from './proof-protocol.ts';
import { type Proofs, proofsOf } from './proofs.ts';

if (parentPort === null) throw new Error('proof-worker.ts runs in a worker thread only');
const port = parentPort;

let given: ProvedHalf | null = null;
let opened: Proofs | null = null;

port.on('message', (message: ToThread) => {
  if ('half' in message) given = message.half;
  else port.postMessage(answer(message));
});

function answer({ id, name, args }: Question): FromThread {
  try {
    opened ??= proofsOfHalf();
    const proof = opened[name] as (...args: Question['args']) => ReturnType<Proofs[typeof name]>;
    return { id, result: proof(...args) };
  } catch (error) {
    return { id, report: reportOf(error) };
  }
}

function proofsOfHalf(): Proofs {
  if (given === null) throw new Error('no left half was given');
  const { model, inputDims, lipschitz, delta, work } = given;
  const { inputs, outputs } = modelFromBytes(model, 'left half').graph;
  const [[input], [cut]] = [inputs, outputs];
  if (input === undefined || cut === undefined) throw new Error('a left half has an input and an output');
  const left = createLeftHalfBound(compileLeftHalf(input, inputDims, cut), lipschitz, delta);
  if (left.work !== work) throw new Error('the left half compiled in the thread is another one');
  return proofsOf(left);
}

function reportOf(error: unknown): ErrorReport {
  if (error instanceof SplitzError) {
    const { cause: _, ...report } = error.report;
    return report;
  }
  return {
    what: 'the bound of the left half failed',
    why: error instanceof Error ? error.message : String(error),
    remedy: 'Cut earlier, or write --split input (plain smoothing), and please report the model.',
  };
}
