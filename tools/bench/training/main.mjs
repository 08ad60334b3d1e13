// Images per second of one SPLITZ training step (regulariser mask, one noise draw, Adam): every engine that is present and,
// with --python, the same step in PyTorch. Contestants take turns in one run; medians are compared.
//
//   node tools/bench/training/main.mjs [--python PATH] [--network lenet] [--batch 256] [--device cpu] [--threads 2]
//                                      [--rounds 5] [--seconds 6]                          (after `npm run build`)
import { spawn } from 'node:child_process';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SplitzError } from '../../../dist/ground/errors.js';
import { findCut } from '../../../dist/onnx/cuts.js';
import { prepareClassifier } from '../../../dist/onnx/intake/prepare-classifier.js';
import { encodeModel } from '../../../dist/onnx/model/codec.js';
import { modelFromBytes } from '../../../dist/onnx/model/load.js';
import { buildArchitecture } from '../../../dist/training/architectures/index.js';
import { openEngine } from '../../../dist/training/engines/select-engine.js';
import { createLoss, parseLoss } from '../../../dist/training/losses/index.js';
import { trainableNetwork } from '../../../dist/training/network.js';
import { createTrainingNoise } from '../../../dist/training/noise.js';
import { ADAM, createOptimizer } from '../../../dist/training/optimizers.js';
import { Feed, splitzProgram } from '../../../dist/training/step.js';
import { inTurns, median, ratio, table } from '../measure.mjs';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string' },
    network: { type: 'string', default: 'lenet' },
    batch: { type: 'string', default: '256' },
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '6' },
  },
});
const batch = Number(options.batch);
const threads = Number(options.threads);
const ENGINES = ['onnxruntime', 'tfjs-node', 'tfjs-node-gpu'];

// As in torch_step.py.
const SIGMA = 0.75;
const RADIUS = 0.1;
const LAMBDA = 0.8;
const THRESHOLD = 0.5;
const POWER_STEPS = 5;
const LEARNING_RATE = 1e-4;

const sizeOf = (dims) => dims.reduce((product, d) => product * d, 1);

/** The program of the untrained NETWORK and a function that makes the feeds of step k. */
async function splitzStep() {
  const bytes = encodeModel(buildArchitecture(options.network));
  const classifier = await prepareClassifier(modelFromBytes(bytes, options.network), undefined, null);
  const cut = findCut(classifier.cuts, 'conv1');
  const network = trainableNetwork(classifier.model, cut.value, { trainLimits: false });
  const segments = network.segments();
  const imageDims = classifier.inputDims.slice(1);
  const latentDims = cut.dims.slice(1);
  const loss = createLoss(parseLoss('gaussian'));
  const optimizer = createOptimizer(ADAM, () => false);
  const program = splitzProgram({
    network,
    segments,
    segmentDims: segments.map(({ input }) => classifier.shapes.get(input.name).dims.slice(1)),
    ...{ batch, classes: classifier.classes, imageDims, latentDims, latentRange: null, loss, optimizer },
    ...{ regularizer: 'mask', powerSteps: POWER_STEPS, boundImages: batch },
    ...{ noise: 'fixed', learnedThreshold: null },
  });
  const count = batch * sizeOf(latentDims);
  const noise = createTrainingNoise(0, { training: count, validation: count });
  const images = noise.uniforms(0, 0, 0, batch * sizeOf(imageDims));
  const labels = new Float32Array(batch * classifier.classes);
  for (let row = 0; row < batch; row++) labels[row * classifier.classes + (row % classifier.classes)] = 1;
  const feeds = (k) => {
    const fed = new Map([
      [Feed.images, images],
      [Feed.labels, labels],
      [Feed.noise, noise.training(0, k)],
      [Feed.sigma, Float32Array.of(SIGMA)],
      [Feed.lambda, Float32Array.of(LAMBDA)],
      [Feed.strength, Float32Array.of(1)],
      [Feed.radius, Float32Array.of(RADIUS)],
      [Feed.threshold, Float32Array.of(THRESHOLD)],
    ]);
    for (const [name, value] of optimizer.scalars(k + 1, LEARNING_RATE))
      fed.set(name, Float32Array.of(value));
    return fed;
  };
  return { program, feeds };
}

/** The engine as a contestant, or a line saying why it is absent. */
async function engineContestant(name, { program, feeds }) {
  let engine;
  try {
    engine = await openEngine(program, name, options.device, threads);
  } catch (error) {
    if (!(error instanceof SplitzError)) throw error;
    return { absent: `${name}: ${error.report.what}` };
  }
  let k = 0;
  return {
    name: engine.description,
    close: () => engine.close(),
    work: async (seconds) => {
      const began = performance.now();
      let images = 0;
      while (performance.now() - began < seconds * 1e3) {
        const results = await engine.run('train', feeds(k++));
        if (!Number.isFinite(results.get('loss')[0])) throw new Error(`${name}: the loss is not finite`);
        images += batch;
      }
      return images;
    },
  };
}

/** torch_step.py in a process of its own, which rests while it is not its turn. */
async function pytorchContestant(python) {
  const script = fileURLToPath(new URL('torch_step.py', import.meta.url));
  const flags = ['--network', options.network, '--batch', options.batch];
  const child = spawn(python, [script, ...flags, '--device', options.device, '--threads', options.threads], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const failed = new Promise((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => code !== 0 && reject(new Error(`${python} ended with code ${code}`)));
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => JSON.parse((await Promise.race([lines.next(), failed])).value);
  const { description } = await answer();
  return {
    name: description,
    close: () => child.stdin.end(),
    work: async (seconds) => {
      child.stdin.write(`${seconds}\n`);
      return (await answer()).images;
    },
  };
}

const step = await splitzStep();
const contestants = [];
for (const name of ENGINES) contestants.push(await engineContestant(name, step));
if (options.python !== undefined) contestants.push(await pytorchContestant(options.python));
for (const { absent } of contestants) if (absent !== undefined) console.log(`absent  ${absent}`);
const present = contestants.filter(({ absent }) => absent === undefined);

const [load = 0] = loadavg();
console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}`);
if (load > 0.5) console.log(`(the machine is not idle: load ${load.toFixed(1)} before the start)`);
console.log(`SPLITZ step of ${options.network}, batches of ${batch}, ${POWER_STEPS} power steps\n`);
const results = await inTurns(
  present.map(({ work }) => work),
  { rounds: Number(options.rounds), seconds: Number(options.seconds) },
);
const rounded = (value) => Math.round(value).toLocaleString('en-US');
const last = results.at(-1);
const rows = results.map(({ wall }, i) => [
  present[i].name,
  rounded(median(wall)),
  `${rounded(Math.min(...wall))} to ${rounded(Math.max(...wall))}`,
  `${ratio(wall, last.wall).toFixed(2)}×`,
]);
console.log(table([['engine', 'images/s', 'rounds', `of ${present.at(-1)?.name.split(' ')[0]}`], ...rows]));
for (const { close } of present) await close();
