/** Every setting of a run with its origin, and where model, data and numbers came from, as tables. */

import { roundUp } from '../ground/decimal.ts';
import type { RunHeader } from '../records/record.ts';
import type { Table } from './figure.ts';

const WORDS: Readonly<Record<keyof RunHeader['settings'], string>> = {
  sigma: 'σ, noise at the cut',
  baselineSigma: 'σ of plain smoothing alongside',
  n0: 'n0, draws that select the class',
  n: 'n, draws that count votes',
  alpha: 'α, failure probability of the vote bound',
  delta: 'δ, failure probability of the norm bounds',
  bound: 'bound on votes',
  lipschitz: 'bound of the left half',
  seed: 'seed of the noise',
  start: 'first image',
  skip: 'every … image',
  max: 'images at most',
  mean: 'mean the model expects subtracted',
  std: 'deviation it expects divided by',
  scale: 'pixels up to',
  layout: 'layout of an image',
  channelOrder: 'order of the colours',
  output: 'output with the class scores',
  labels: 'file of the labels',
};

export function settingsTable({ settings }: RunHeader): Table {
  const keys = Object.keys(WORDS) as (keyof typeof WORDS)[];
  return {
    caption: 'Settings, each with where its value came from',
    columns: ['setting', 'value', 'origin'].map((header) => ({ header, align: 'left' })),
    rows: keys.flatMap((key) => {
      const setting = settings[key];
      if (setting === undefined) return [];
      const { value, origin } = setting;
      const text = value === null ? 'none' : Array.isArray(value) ? value.join(', ') : String(value);
      return [[WORDS[key], text, origin]];
    }),
  };
}

export function sourceTable({
  tool,
  started,
  guarantee,
  model,
  data,
  split,
  environment: env,
  checks,
}: RunHeader): Table {
  return {
    caption: 'Sources and environment',
    columns: ['what', 'value'].map((header) => ({ header, align: 'left' })),
    rows: [
      ['radii are', guarantee],
      ['model', `${model.name}${model.producer === '' ? '' : `, made by ${model.producer}`}`],
      ...model.files.map(({ name, sha256 }) => [`sha256 of ${name}`, sha256]),
      [
        'ONNX',
        `IR ${model.irVersion}, opset ${model.opsets.map(({ domain, version }) => `${domain === '' ? '' : `${domain} `}${version}`).join(', ')}`,
      ],
      ...(model.modified ?? []).map((change) => ['modified before it was certified', change]),
      [
        'data',
        `${data.name}, ${data.length} images of ${data.shape.join('×')}, ${data.labelled ? 'labelled' : 'without labels'}`,
      ],
      ['digest of the data', data.digest],
      [
        'cut',
        `${split.cut} (tensor ${split.tensor}, ${split.latentShape.join('×')}; ${split.nodesLeft} nodes before, ${split.nodesRight} behind)`,
      ],
      ...(split.heldOut.length === 0
        ? []
        : [['held out', `${split.heldOut.length} images the cut was chosen on; none of them is certified`]]),
      ['made by', `${tool.name} ${tool.version}, started ${started}`],
      [
        'computed by',
        `ONNX Runtime ${env.onnxruntime}, ${env.provider}, ${env.workers} workers, batch ${env.batch}; Node ${env.node} on ${env.platform}, ${env.cpu}`,
      ],
      ['noise', env.noise],
      [
        'largest differences in the checks',
        `left half ${upwards(checks.leftHalf)}${inNoise(checks)}, composition ${upwards(checks.composition)}${checks.provider === null ? '' : `, provider ${upwards(checks.provider)}`}`,
      ],
    ],
  };
}

/** What the left half's difference is to the noise. */
const inNoise = ({ leftHalfNorm, leftHalfSigmas }: RunHeader['checks']): string =>
  ` (in l2 ${upwards(leftHalfNorm)}, that is ${upwards(leftHalfSigmas)} σ)`;

const upwards = (x: number): string => (x === 0 ? '0' : x >= 1e-4 ? roundUp(x, 4) : x.toExponential(1));
