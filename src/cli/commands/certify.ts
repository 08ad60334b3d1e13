/** `certify`: the main job. One record per image, resumed by default; at the end one screen that tells the truth. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { cohenTsv } from '../../certificate/cohen-tsv.ts';
import { plannedIndices, RESULT_FORMAT, type RunHeader } from '../../certificate/record.ts';
import { openResultFile, openResultStream, type ResultFile } from '../../certificate/result-file.ts';
import {
  openSmoothedClassifier,
  type SmoothedClassifier,
  type SmoothingSettings,
} from '../../certificate/smoothed-classifier.ts';
import { summarise } from '../../certificate/summary.ts';
import { UsageError } from '../../errors.ts';
import type { Cut } from '../../onnx/cuts.ts';
import { chooseSplit } from '../auto-split.ts';
import { checkSigma, type StatisticalSettings, statisticalSettings } from '../certify-settings.ts';
import { boundAt, cutFor, DEFAULT_INPUT_SIGMA, DELTA, globalLipschitz, shortened } from '../choose-cut.ts';
import { describeEnvironment } from '../environment.ts';
import { interruptible } from '../interrupt.ts';
import { type OpenedRun, openRun } from '../open-run.ts';
import {
  dataOptions,
  modelArgument,
  outputOptions,
  preprocessingOptions,
  smoothingOptions,
} from '../options.ts';
import { byDefault, chosen, derived, numberFrom, requireCount, type Sourced } from '../sourced.ts';
import { startProgress } from '../terminal/progress.ts';
import { screenOf } from '../terminal/style.ts';
import { renderSummary } from '../terminal/summary.ts';
import { packageVersion } from '../version.ts';

const FORMATS = ['table', 'tsv', 'jsonl'] as const;

const builder = <T>(y: Argv<T>) =>
  outputOptions(smoothingOptions(dataOptions(preprocessingOptions(modelArgument(y)))))
    .option('n0', { type: 'number', describe: 'draws that select the class [100]' })
    .option('bound', {
      choices: ['clopper-pearson', 'runner-up'] as const,
      describe: 'how votes become a latent radius [clopper-pearson]',
    })
    .option('baseline-sigma', {
      type: 'number',
      describe: 'noise of plain smoothing beside it [sigma / Lipschitz bound]',
    })
    .option('baseline', {
      type: 'boolean',
      default: true,
      describe: 'run plain smoothing beside it; --no-baseline to skip',
    })
    .option('start', { type: 'number', default: 0, describe: 'index of the first image' })
    .option('skip', { type: 'number', default: 1, describe: 'take every K-th image' })
    .option('max', { type: 'number', describe: 'stop after this many certified images' })
    .option('out', {
      type: 'string',
      describe: 'result file [MODEL.CUT.jsonl]; resumed if it is there; - for stdout',
    })
    .option('format', { choices: FORMATS, default: 'table' as const, describe: 'what to print at the end' })
    .example('$0 certify models/glyphs-lenet.onnx', 'a shipped model on built-in data')
    .example('$0 certify net.onnx --data cifar10:DIR --mean 0.5,0.5,0.5 --std 0.2,0.2,0.2', 'your own');

type Flags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { model: string };

export const certify: CommandModule<object, Flags> = {
  command: 'certify <model>',
  describe:
    'certify how far each image can be perturbed (l2) before the smoothed classifier changes its answer',
  builder: (y) => builder(y) as unknown as Argv<Flags>,
  handler: (flags) => run(flags),
};

async function run(flags: Flags): Promise<void> {
  const statistics = statisticalSettings(flags);
  requireCount('--start', flags.start, 0);
  requireCount('--skip', flags.skip, 1);
  requireCount('--workers', flags.workers, 1);
  requireCount('--batch', flags.batch, 1);
  if (flags.max !== undefined) requireCount('--max', flags.max, 1);
  if (flags.sigma !== undefined) checkSigma('--sigma', flags.sigma);
  const remedy = 'Run the same command again: it continues after the last whole record.';
  await interruptible(remedy, async (signal) => {
    const note = (text: string): void => {
      if (!flags.quiet) process.stderr.write(`${text}\n`);
    };
    const opened = await openRun(flags);
    const { classifier, data } = opened;
    note(
      `model  ${basename(flags.model)}${classifier.source.producer ? `, ${classifier.source.producer}` : ''}`,
    );
    note(`data   ${data.describe()}`);
    if (classifier.whyNotBatchable !== null) note(`note   one row per run: ${classifier.whyNotBatchable}`);

    const split =
      chosen(flags.split, classifier.source.metadata, 'splitz.split', (text) => text) ?? byDefault('first');
    const heldOut: number[] = [];
    let cut: Cut;
    let sigma: Sourced<number> | null = chosen(
      flags.sigma,
      classifier.source.metadata,
      'splitz.sigma',
      numberFrom('model metadata splitz.sigma'),
    );
    if (split.value === 'auto') {
      const pilot = await chooseSplit(
        opened,
        statistics,
        flags,
        sigma?.value ?? DEFAULT_INPUT_SIGMA,
        signal,
        note,
      );
      cut = pilot.cut;
      sigma = derived(pilot.sigma);
      heldOut.push(...pilot.heldOut);
    } else {
      cut = cutFor(classifier, split.value);
    }
    const left = boundAt(classifier, cut, statistics.lipschitz.value);
    const L = globalLipschitz(left, statistics.seed.value);
    const level =
      sigma ?? (left === null ? byDefault(DEFAULT_INPUT_SIGMA) : derived(shortened(DEFAULT_INPUT_SIGMA * L)));
    checkSigma('--sigma', level.value);
    const beside = left !== null && flags.baseline;
    const baselineSigma: Sourced<number | null> = beside
      ? (chosen(
          flags.baselineSigma,
          classifier.source.metadata,
          'splitz.baseline_sigma',
          numberFrom('model metadata splitz.baseline_sigma'),
        ) ?? derived(shortened(level.value / L)))
      : flags.baseline
        ? derived(null)
        : { value: null, origin: 'flag' };
    if (baselineSigma.value !== null) checkSigma('--baseline-sigma', baselineSigma.value);
    note(
      `split  '${cut.name}' [${cut.dims.join(',')}], ${cut.nodesLeft} nodes left, ${cut.nodesRight} right (${split.origin})`,
    );
    note(
      `noise  sigma ${level.value} (${level.origin})${left === null ? '' : `; left half at most ${L.toPrecision(4)}-Lipschitz`}${baselineSigma.value === null ? '' : `; plain smoothing at ${baselineSigma.value} (${baselineSigma.origin})`}`,
    );

    const probes = await sampleImages(opened, flags.start);
    const resources = { provider: flags.provider, workers: flags.workers, batch: flags.batch };
    const main = await openSmoothedClassifier(classifier, cut, left, resources, probes, 'certified');
    let plain: SmoothedClassifier | null = null;
    try {
      if (baselineSigma.value !== null) {
        plain = await openSmoothedClassifier(
          classifier,
          cutFor(classifier, 'input'),
          null,
          resources,
          probes,
          'baseline',
        );
      }
      const header = headerOf(opened, cut, heldOut, statistics, level, baselineSigma, main, flags);
      const results = await openResults(flags, cut, header);
      try {
        note(results.place);
        await certifyAll(opened, results.file, main, plain, statistics, signal, flags);
        report(results, flags);
      } finally {
        await results.file.close();
      }
    } finally {
      await main.close();
      await plain?.close();
    }
  });
}

/** A few images of the run, for the checks before the first certificate. */
async function sampleImages({ data }: OpenedRun, start: number): Promise<Float32Array[]> {
  if (start >= data.length) {
    throw new UsageError({
      what: `--start ${start} is behind the last image`,
      why: `the data set has ${data.length}`,
      remedy: `Give a number below ${data.length}.`,
    });
  }
  const indices = [start, Math.min(start + 1, data.length - 1)];
  return Promise.all([...new Set(indices)].map((index) => data.image(index)));
}

function headerOf(
  { classifier, data, preprocessing }: OpenedRun,
  cut: Cut,
  heldOut: readonly number[],
  statistics: StatisticalSettings,
  sigma: Sourced<number>,
  baselineSigma: Sourced<number | null>,
  main: SmoothedClassifier,
  flags: Flags,
): RunHeader {
  const { source } = classifier;
  const flagged = <T>(value: T, isDefault: boolean): Sourced<T> => ({
    value,
    origin: isDefault ? 'default' : 'flag',
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
        origin: main.left?.failureProbability === DELTA ? 'default' : 'derived',
      },
      bound: statistics.bound,
      lipschitz: statistics.lipschitz,
      seed: statistics.seed,
      start: flagged(flags.start, flags.start === 0),
      skip: flagged(flags.skip, flags.skip === 1),
      max: flagged(flags.max ?? null, flags.max === undefined),
      mean: preprocessing.mean,
      std: preprocessing.std,
      scale: preprocessing.scale,
      layout: preprocessing.layout,
    },
    environment: describeEnvironment(flags.provider, flags.workers, flags.batch),
    checks: main.checks,
  };
}

interface OpenedResults {
  readonly file: ResultFile;
  /** Path of the result file; null for stdout. */
  readonly path: string | null;
  /** Where the records go, for people. */
  readonly place: string;
}

async function openResults(flags: Flags, cut: Cut, header: RunHeader): Promise<OpenedResults> {
  if (flags.out === '-') {
    return {
      file: await openResultStream(process.stdout, header, flags.format === 'tsv' ? 'tsv' : 'jsonl'),
      path: null,
      place: 'out    stdout (nothing to resume from)',
    };
  }
  const safeCut = cut.name.replace(/[^\w.-]+/g, '_');
  const path = flags.out ?? `${basename(flags.model).replace(/\.onnx$/i, '')}.${safeCut}.jsonl`;
  const file = await openResultFile(path, header);
  const repaired = file.repaired === 'nothing' ? '' : `, ${file.repaired} cut off`;
  return {
    file,
    path,
    place: `out    ${path}${file.resumed > 0 ? `, resumed after ${file.resumed} images` : ''}${repaired}`,
  };
}

/** Certifies what is still missing; records are appended in order, one flush each. */
async function certifyAll(
  { data }: OpenedRun,
  results: ResultFile,
  main: SmoothedClassifier,
  plain: SmoothedClassifier | null,
  statistics: StatisticalSettings,
  signal: AbortSignal,
  { quiet, max }: Pick<Flags, 'quiet' | 'max'>,
): Promise<void> {
  const { header } = results;
  const planned = [...plannedIndices(header)].slice(0, max ?? data.length);
  const settingsAt = (sigma: number): SmoothingSettings => ({
    sigma,
    n0: statistics.n0.value,
    n: statistics.n.value,
    alpha: statistics.alpha.value,
    bound: statistics.bound.value,
    seed: BigInt(statistics.seed.value),
  });
  const progress = startProgress(process.stderr, planned.length, results.outcomes, quiet);
  const parts = plain === null ? 1 : 2;
  try {
    for (const index of planned.slice(results.outcomes.length)) {
      const image = await data.image(index);
      const label = data.labels?.[index] ?? null;
      const own = await main.certify(
        image,
        index,
        label,
        settingsAt(header.settings.sigma.value),
        signal,
        (share) => progress.partial(share / parts),
      );
      const level = header.settings.baselineSigma.value;
      const baseline =
        plain === null || level === null
          ? null
          : await plain.certify(image, index, label, settingsAt(level), signal, (share) =>
              progress.partial((1 + share) / parts),
            );
      signal.throwIfAborted();
      await results.append({ kind: 'certificate', index, label, ...own, baseline });
      const outcome = results.outcomes.at(-1);
      if (outcome !== undefined) progress.image(outcome);
    }
  } finally {
    progress.finish();
  }
}

/** The result on stdout; nothing more when the records themselves went there. */
function report({ file, path }: OpenedResults, flags: Flags): void {
  const { header, outcomes } = file;
  if (path === null) return;
  if (flags.json)
    process.stdout.write(`${JSON.stringify({ run: header, summary: summarise(header, outcomes) })}\n`);
  else if (flags.format === 'tsv') process.stdout.write(cohenTsv(header, outcomes));
  else if (flags.format === 'jsonl') process.stdout.write(readFileSync(path, 'utf8'));
  else
    process.stdout.write(renderSummary(summarise(header, outcomes), screenOf(process.stdout, process.env)));
}
