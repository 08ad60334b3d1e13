/**
 * TensorFlow's C library under TensorFlow.js: the packages @tensorflow/tfjs-node and @tensorflow/tfjs-node-gpu. They are
 * optional, frozen at 4.22 and may end the process when their library does not fit, so a child process tries first.
 */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import util from 'node:util';
import { ToolError } from '../../ground/errors.ts';

export type TfjsNodePackage = 'tfjs-node-gpu' | 'tfjs-node';

/** What a child process found. */
export type TfjsNodeProbe =
  | {
      readonly available: true;
      /** Main file of the package. */
      readonly path: string;
      /** Version of the package and of TensorFlow's library. */
      readonly version: string;
      readonly tensorflow: string;
      /** Whether it computes on a GPU. */
      readonly gpu: boolean;
    }
  | {
      readonly available: false;
      readonly reason: 'not installed' | 'addon missing' | 'library unsuitable';
      readonly why: string;
      readonly remedy: string;
    };

const PROBE_TIMEOUT_MS = 120_000;
const ANSWER = 'splitz-tfjs-node ';

/** Loads the package and multiplies two matrices. Plain JavaScript: the child has no loader. */
const PROBE_SCRIPT = `
const fs = require('node:fs');
const util = require('node:util');
util.isNullOrUndefined ??= (v) => v === null || v === undefined;
util.isArray ??= Array.isArray;
const tf = require(process.argv[1]);
const y = tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).dataSync();
if (y[0] !== 3) throw new Error('a product of ones came back as ' + y);
const backend = tf.backend();
fs.writeSync(1, '\\n${ANSWER}' + JSON.stringify({
  version: tf.version_core,
  tensorflow: String(backend.binding.TF_Version),
  gpu: backend.isGPUPackage === true && backend.isUsingGpuDevice === true,
}) + '\\n');
`;

/** Is the package installed, in the user's folder or alongside this one, and does it work? */
export async function probeTfjsNode(name: TfjsNodePackage): Promise<TfjsNodeProbe> {
  const path = mainFile(name);
  if (path === null)
    return {
      available: false,
      reason: 'not installed',
      why: `the package @tensorflow/${name} is not installed`,
      remedy: `Run npm install @tensorflow/${name}@4.22.0 (downloads TensorFlow; see tools/tfjs-node for building it).`,
    };
  return new Promise((resolve) => {
    const options = { timeout: PROBE_TIMEOUT_MS, env: { ...process.env, ...QUIET } };
    execFile(process.execPath, ['-e', PROBE_SCRIPT, path], options, (error, stdout, stderr) => {
      const answer = stdout.split('\n').find((line) => line.startsWith(ANSWER));
      if (error === null && answer !== undefined) {
        const found = JSON.parse(answer.slice(ANSWER.length)) as {
          version: string;
          tensorflow: string;
          gpu: boolean;
        };
        resolve({ available: true, path, ...found });
      } else if (error?.killed === true) {
        resolve(diagnoseTfjsNode(name, `no answer within ${PROBE_TIMEOUT_MS / 1000} seconds`));
      } else resolve(diagnoseTfjsNode(name, `${stdout}\n${stderr}`));
    });
  });
}

/** Finds in the child's output why the package does not work. */
export function diagnoseTfjsNode(name: TfjsNodePackage, output: string): TfjsNodeProbe {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (/native addon module .*can not be found/s.test(output)) {
    return {
      available: false,
      reason: 'addon missing',
      why: `@tensorflow/${name} is installed without its native addon (its install script did not run or failed)`,
      remedy: `Run npm rebuild @tensorflow/${name} with its install script allowed, or build the addon with tools/tfjs-node.`,
    };
  }
  const telling = /symbol lookup error|cannot open shared object|undefined symbol|Error|no answer/;
  return {
    available: false,
    reason: 'library unsuitable',
    why: `@tensorflow/${name} does not run: ${lines.find((line) => telling.test(line)) ?? lines.at(-1) ?? 'it ended without any output'}`,
    remedy: `Reinstall @tensorflow/${name}@4.22.0, or build its addon against an installed TensorFlow with tools/tfjs-node.`,
  };
}

/** TensorFlow's own log lines, errors excepted, would disturb the progress. */
const QUIET = { TF_CPP_MIN_LOG_LEVEL: '2', TF_FORCE_GPU_ALLOW_GROWTH: 'true' };

/**
 * Loads the package into this process: tfjs's backend "tensorflow" exists then.
 * @param path main file, from a probe that succeeded
 * @param threads of TensorFlow's kernels; applies to the first load in a process
 */
export function loadTfjsNode(path: string, threads: number): void {
  const settings = { ...QUIET, TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: '1' };
  for (const [name, value] of Object.entries(settings)) process.env[name] ??= value;
  // Version 4.22 calls two functions that Node 23 no longer has.
  const old = util as unknown as { [name: string]: unknown };
  old['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  old['isArray'] ??= Array.isArray;
  // It brings a copy of TensorFlow.js, which warns of every kernel and gradient that ours has registered before.
  const { warn } = console;
  console.warn = () => undefined;
  try {
    createRequire(import.meta.url)(path);
  } catch (error) {
    throw new ToolError({
      what: 'TensorFlow.js for Node cannot be loaded',
      where: path,
      why: error instanceof Error ? error.message : String(error),
      remedy: 'Use --engine onnxruntime.',
      cause: error,
    });
  } finally {
    console.warn = warn;
  }
}

function mainFile(name: TfjsNodePackage): string | null {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      return createRequire(from).resolve(`@tensorflow/${name}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return null;
}
