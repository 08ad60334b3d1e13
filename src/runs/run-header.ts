/** The first line of a result file: everything that was run, with digests and the origin of every setting. */
import { basename } from 'node:path';
import type { Subset } from '../datasets/dataset.ts';
import { DEFAULT_DELTA } from '../lipschitz/input-radius.ts';
import { inSigmas } from '../methods/left-half-check.ts';
import type { SmoothedClassifier } from '../methods/smoothed-classifier.ts';
import { RESULT_FORMAT, type RunHeader } from '../records/record.ts';
import type { StatisticalSettings } from './certify-settings.ts';
import { describeEnvironment } from './environment.ts';
import type { OpenedRun } from './open-run.ts';
import type { SmoothingPlan } from './smoothing-plan.ts';
import { originOrDefault, type Sourced, type WithOrigins } from './sourced.ts';
import { packageVersion } from './version.ts';

/** Which images. */
export interface RunSelection extends WithOrigins {
  readonly subset: Subset;
  readonly start: number;
  readonly skip: number;
  readonly max?: number | undefined;
  readonly output?: string | undefined;
  /** Path of a label file. */
  readonly labels?: string | undefined;
}

export function runHeader(
  { classifier, data, preprocessing, findings }: OpenedRun,
  { cut, heldOut, sigma }: SmoothingPlan,
  statistics: StatisticalSettings,
  baselineSigma: Sourced<number | null>,
  main: SmoothedClassifier,
  flags: RunSelection,
): RunHeader {
  const { source } = classifier;
  const { leftHalf } = main.checks;
  const flagged = <T>(option: string, value: T, isDefault: boolean): Sourced<T> => ({
    value,
    origin: originOrDefault(flags, option, isDefault),
  });
  return {
    kind: 'run',
    schema: RESULT_FORMAT,
    tool: { name: 'splitz-onnx', version: packageVersion() },
    started: new Date().toISOString(),
    guarantee:
      statistics.lipschitz.value === 'power' && main.left !== null ? 'estimate, not a bound' : 'certificate',
    model: {
      name: basename(source.path),
      files: source.files.map(({ name, sha256 }) => ({ name, sha256 })),
      producer: source.producer,
      irVersion: source.irVersion,
      opsets: [...source.opsets].map(([domain, version]) => ({ domain, version })),
      ...(source.modifications === undefined ? {} : { modified: source.modifications }),
    },
    data: {
      name: data.name,
      subset: flags.subset,
      digest: data.digest,
      length: data.length,
      shape: [...data.shape],
      labelled: data.labels !== null,
    },
    split: {
      cut: cut.name,
      index: cut.index,
      tensor: cut.value.name,
      latentShape: cut.dims.slice(1),
      nodesLeft: cut.nodesLeft,
      nodesRight: cut.nodesRight,
      heldOut,
    },
    settings: {
      sigma,
      baselineSigma,
      n0: statistics.n0,
      n: statistics.n,
      alpha: statistics.alpha,
      delta: {
        value: main.left?.failureProbability ?? 0,
        origin: main.left?.failureProbability === DEFAULT_DELTA ? 'default' : 'derived',
      },
      bound: statistics.bound,
      lipschitz: statistics.lipschitz,
      seed: statistics.seed,
      start: flagged('start', flags.start, flags.start === 0),
      skip: flagged('skip', flags.skip, flags.skip === 1),
      max: flagged('max', flags.max ?? null, flags.max === undefined),
      mean: preprocessing.mean,
      std: preprocessing.std,
      scale: preprocessing.scale,
      layout: preprocessing.layout,
      ...(preprocessing.channelOrder.value === 'rgb' ? {} : { channelOrder: preprocessing.channelOrder }),
      ...(flags.output === undefined ? {} : { output: flagged('output', flags.output, false) }),
      ...(flags.labels === undefined ? {} : { labels: flagged('labels', basename(flags.labels), false) }),
    },
    environment: { ...describeEnvironment(main.resources), noise: main.noise },
    checks: {
      ...main.checks,
      leftHalf: leftHalf.largest,
      leftHalfNorm: leftHalf.norm,
      leftHalfSigmas: inSigmas(leftHalf, sigma.value),
    },
    findings: findings.map(({ id, severity, where, what }) => ({ id, severity, where, what })),
  };
}
