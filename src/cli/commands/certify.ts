/** `certify`: the main job. One record per image, resumed by default; at the end one screen that tells the truth. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { roundUp } from '../../ground/decimal.ts';
import { UsageError } from '../../ground/errors.ts';
import {
  openSmoothedClassifier,
  type SmoothedClassifier,
  type SmoothingSettings,
} from '../../methods/smoothed-classifier.ts';
import type { Cut } from '../../onnx/cuts.ts';
import { cohenTsv } from '../../records/cohen-tsv.ts';
import { plannedIndices, type RunHeader } from '../../records/record.ts';
import { recordedSeed } from '../../records/recorded-seed.ts';
import { openResultFile, openResultStream, type ResultFile } from '../../records/result-file.ts';
import { checkSigma, type StatisticalSettings, statisticalSettings } from '../../runs/certify-settings.ts';
import { cutFor, shortened } from '../../runs/choose-cut.ts';
import { type OpenedRun, openRun } from '../../runs/open-run.ts';
import { runHeader } from '../../runs/run-header.ts';
import { baselineSetting, chooseCut, planAt, type SmoothingPlan } from '../../runs/smoothing-plan.ts';
import { byFlag, derived, originOf, requireCount, type Sourced } from '../../runs/sourced.ts';
import { parseRequirements, requireLabels } from '../../statistics/policy.ts';
import { runEnd } from '../../statistics/run-end.ts';
import { summarise } from '../../statistics/summary.ts';
import type { CertifyFlags } from '../declarations/certify.ts';
import { interruptible } from '../interrupt.ts';
import { placeNote } from '../place-note.ts';
import { applyPolicy } from '../policy.ts';
import { findingNotes } from '../terminal/findings.ts';
import { startProgress } from '../terminal/progress.ts';
import { screenOf } from '../terminal/style.ts';
import { renderSummary } from '../terminal/summary.ts';

export async function run(flags: CertifyFlags): Promise<void> {
  const given = statisticalSettings(flags);
  const requirements = parseRequirements(flags.require);
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
    requireLabels(requirements, data.labels !== null);
    note(
      `model  ${basename(flags.model)}${classifier.source.producer ? `, ${classifier.source.producer}` : ''}`,
    );
    note(`data   ${data.describe()}`);
    for (const text of findingNotes(opened.findings)) note(text);

    const resources = { provider: flags.provider, workers: flags.workers, batch: flags.batch };
    const choice = await chooseCut(opened, flags, given, resources, signal, note);
    const path = resultPath(flags, choice.cut);
    const statistics = await continued(given, path);
    const plan = await planAt(opened, choice, statistics);
    const { cut, left, sigma } = plan;
    const baselineSigma = baselineLevel(opened, plan, flags);
    note(
      `split  '${cut.name}' [${cut.dims.join(',')}], ${cut.nodesLeft} nodes left, ${cut.nodesRight} right (${plan.splitOrigin})`,
    );
    note(
      [
        `noise  sigma ${sigma.value} (${sigma.origin}), seed ${statistics.seed.value} (${statistics.seed.origin})`,
        ...(left === null
          ? []
          : [
              Number.isFinite(plan.lipschitz)
                ? `left half at most ${roundUp(plan.lipschitz, 3)}-Lipschitz`
                : 'left half bounded on balls only, no Lipschitz constant on all of space',
            ]),
        ...(baselineSigma.value === null
          ? []
          : [`plain smoothing at ${baselineSigma.value} (${baselineSigma.origin})`]),
      ].join('; '),
    );

    const probes = await sampleImages(opened, flags.start);
    const main = await openSmoothedClassifier(classifier, cut, left, resources, probes, 'certified');
    if (classifier.batchable && main.resources.batch < flags.batch)
      note('note   one row per run: logits of this model depend on the batch in their last bits');
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
      main.requireHidden(sigma.value);
      const header = runHeader(opened, plan, statistics, baselineSigma, main, flags);
      const results = await openResults(flags, path, header);
      try {
        note(results.place);
        await certifyAll(opened, results.file, main, plain, statistics, signal, flags);
        report(results, flags);
        applyPolicy(requirements, header, results.file.outcomes, note);
      } finally {
        await results.file.close();
      }
    } finally {
      await main.close();
      await plain?.close();
    }
  });
}

/** Noise of plain smoothing beside the split; null when there is none to run. */
function baselineLevel(
  { classifier }: OpenedRun,
  plan: SmoothingPlan,
  flags: CertifyFlags,
): Sourced<number | null> {
  if (!flags.baseline) return byFlag(null, originOf(flags, 'baseline'));
  if (plan.left === null) return derived(null);
  const told = baselineSetting(flags, classifier.source.metadata);
  if (told === null && !Number.isFinite(plan.lipschitz)) {
    throw new UsageError({
      what: `plain smoothing beside the cut '${plan.cut.name}' needs a --baseline-sigma`,
      why: 'the default is sigma by the Lipschitz constant of the left half, and only balls around images have a bound here',
      remedy: 'Write --baseline-sigma 0.25, for instance, or --no-baseline.',
    });
  }
  const level = told ?? derived(shortened(plan.sigma.value / plan.lipschitz));
  checkSigma('--baseline-sigma', level.value);
  return level;
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

interface OpenedResults {
  readonly file: ResultFile;
  /** Path of the result file; null for stdout. */
  readonly path: string | null;
  /** Where the records go, for people. */
  readonly place: string;
}

/** Where the records go; null for stdout. */
function resultPath({ out, model }: CertifyFlags, cut: Cut): string | null {
  if (out === '-') return null;
  const safeCut = cut.name.replace(/[^\w.-]+/g, '_');
  return out ?? `${basename(model).replace(/\.onnx$/i, '')}.${safeCut}.jsonl`;
}

/** The settings with the seed of the file that is continued, unless somebody chose one. */
async function continued(given: StatisticalSettings, path: string | null): Promise<StatisticalSettings> {
  if (given.seed.origin !== 'operating system' || path === null) return given;
  return { ...given, seed: (await recordedSeed(path)) ?? given.seed };
}

async function openResults(
  flags: CertifyFlags,
  path: string | null,
  header: RunHeader,
): Promise<OpenedResults> {
  if (path === null) {
    return {
      file: await openResultStream(process.stdout, header, flags.format === 'tsv' ? 'tsv' : 'jsonl'),
      path: null,
      place: 'out    stdout (nothing to resume from)',
    };
  }
  const file = await openResultFile(path, header);
  const repaired = file.repaired === 'nothing' ? '' : `, ${file.repaired} cut off`;
  return {
    file,
    path,
    place: placeNote(path, file, repaired),
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
  { quiet, max }: Pick<CertifyFlags, 'quiet' | 'max'>,
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
    await results.finish(runEnd(header, results.outcomes));
  } finally {
    progress.finish();
  }
}

/** The result on stdout; nothing more when the records themselves went there. */
function report({ file, path }: OpenedResults, flags: CertifyFlags): void {
  const { header, outcomes } = file;
  if (path === null) return;
  if (flags.json)
    process.stdout.write(`${JSON.stringify({ run: header, summary: summarise(header, outcomes) })}\n`);
  else if (flags.format === 'tsv') process.stdout.write(cohenTsv(header, outcomes));
  else if (flags.format === 'jsonl') process.stdout.write(readFileSync(path, 'utf8'));
  else
    process.stdout.write(renderSummary(summarise(header, outcomes), screenOf(process.stdout, process.env)));
}
