/** `certify`: one record per image, resumed by default, and a summary screen at the end. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { UsageError } from '../../ground/errors.ts';
import type { Context } from '../../methods/context.ts';
import { methodOf } from '../../methods/index.ts';
import { valuesOf } from '../../methods/method.ts';
import { openResultFile, openResultStream, recordedRun } from '../../methods/result-files.ts';
import { cohenTsv, requireLoggable } from '../../records/cohen-tsv.ts';
import { precisionInWords } from '../../records/precision-words.ts';
import type { RunHeader } from '../../records/record.ts';
import type { ResultFile } from '../../records/result-file.ts';
import {
  type CertifyRequest,
  checkRequest,
  type OpenedRun,
  openRun,
  type SettledRun,
  settleOn,
} from '../../runs/certify.ts';
import { denoiserNote } from '../../runs/open-denoiser.ts';
import { openSubject } from '../../runs/open-subject.ts';
import { allForegone } from '../../statistics/foregone.ts';
import { aloneInWords } from '../../statistics/network-alone.ts';
import {
  type Judgement,
  parseRequirements,
  type Requirement,
  requireLabels,
} from '../../statistics/policy.ts';
import { runEnd } from '../../statistics/run-end.ts';
import { summarise } from '../../statistics/summary.ts';
import { again } from '../again.ts';
import { contextOf } from '../context.ts';
import { dataNotes } from '../data-notes.ts';
import type { CertifyFlags } from '../declarations/certify.ts';
import { modelStem, resultName } from '../default-names.ts';
import { placeNotes } from '../place-note.ts';
import { applyPolicy } from '../policy.ts';
import { seriesRequests } from '../series-flags.ts';
import { warningLines } from '../terminal/findings.ts';
import { nextSteps } from '../terminal/next-steps.ts';
import { type Progress, startProgress } from '../terminal/progress.ts';
import { screenOf } from '../terminal/style.ts';
import { renderSummary } from '../terminal/summary.ts';

export async function run(flags: CertifyFlags): Promise<void> {
  const requirements = parseRequirements(flags.require);
  if (flags.stopWhenDecided && requirements.length === 0)
    throw new UsageError({
      what: '--stop-when-decided without --require',
      why: 'there is nothing to decide',
      remedy: 'Add --require "certified@0.5 >= 60%", for instance.',
    });
  const request: CertifyRequest = { ...flags, ...seriesRequests(flags) };
  checkRequest(request);
  const remedy = 'Run the same command again: it continues after the last whole record.';
  await contextOf(flags, remedy, (context, listen) => within(flags, request, requirements, context, listen));
}

async function within(
  flags: CertifyFlags,
  request: CertifyRequest,
  requirements: readonly Requirement[],
  context: Context,
  listen: (heard: Context['tell']) => void,
): Promise<void> {
  const note = (text: string): void => context.tell({ kind: 'note', text });
  const subject = await openSubject(request, note);
  const { source } = subject.classifier;
  requireLabels(requirements, subject.data.labels !== null);
  note(`model  ${basename(flags.model)}${source.producer ? `, ${source.producer}` : ''}`);
  note(`data   ${subject.data.describe()}`);
  if (subject.alone !== null) note(`alone  ${aloneInWords(subject.alone)}`);
  if (subject.denoiser !== null) note(denoiserNote(subject.denoiser));
  for (const text of dataNotes(subject.data)) note(text);
  for (const text of warningLines(subject.findings)) note(text);
  const settled = await settleOn(subject, request, context);
  if (flags.format === 'tsv' && settled.series[0] !== undefined)
    requireLoggable(settled.series[0].method.norm);
  const path = resultPath(flags, settled);
  const seeded = await continued(settled, path);
  const opened = await openRun(seeded, context);
  try {
    for (const text of seriesNotes(opened.header)) note(text);
    const results = await openResults(flags, path, opened.header);
    try {
      for (const text of results.places) note(text);
      const planned = plannedImages(opened.header);
      const progress = startProgress(process.stderr, planned, results.file.outcomes, flags.quiet);
      listen((message) => {
        if (message.kind === 'draws') progress.partial(message.share);
        else progress.note(message.text);
      });
      const judged = (): readonly Judgement[] | null => {
        const { header, outcomes } = results.file;
        return allForegone(requirements, header, outcomes, planned - outcomes.length);
      };
      await certifyAll(opened, results.file, progress, flags.stopWhenDecided ? judged : () => null);
      report(results, flags);
      note(`digest ${results.file.digest()}`);
      const { length } = results.file.outcomes;
      if (length < planned)
        note(
          `ended  after ${length} of ${planned} images: every requirement is decided; the same command without --stop-when-decided continues the run`,
        );
      applyPolicy(judged() ?? [], note);
    } finally {
      await results.file.close();
    }
  } finally {
    await opened.close();
  }
}

/** The series of the run, for people, in the words of their methods. */
function seriesNotes(header: RunHeader): string[] {
  const seed = `seed ${header.seed.value} (${header.seed.origin})`;
  const { shareNoise, precision } = header;
  const shared =
    shareNoise === undefined
      ? []
      : [
          `shared ${shareNoise.value} images share each draw of noise, so their certificates may fail together; the allowance for failures takes that into account`,
        ];
  return [
    ...header.series.flatMap((series, k) => {
      const lines = methodOf(series).notes(series, k === 0 ? seed : null);
      const without = series.denoised === false ? ', without the denoiser' : '';
      return k === 0 ? lines : lines.map((line) => `beside ${line.replace(/^\S+\s+/u, '')}${without}`);
    }),
    ...shared,
    ...(precision === undefined ? [] : [`precision ${precisionInWords(precision.value)}`]),
  ];
}

/** Images of the run, including those already done. */
function plannedImages({ selection, data }: RunHeader): number {
  const { start, skip, max, heldOut, unreadable = [] } = selection;
  const omitted = [...new Set([...heldOut, ...unreadable])];
  const last = (index: number): boolean => index >= start.value && (index - start.value) % skip.value === 0;
  const all = Math.ceil((data.length - start.value) / skip.value) - omitted.filter(last).length;
  return Math.min(all, max.value ?? all);
}

interface OpenedResults {
  readonly file: ResultFile;
  /** Path of the result file; null for stdout. */
  readonly path: string | null;
  /** Where the records go, for people: lines. */
  readonly places: readonly string[];
}

/** Where the records go; null for stdout. */
function resultPath({ out, model, denoiser }: CertifyFlags, { series: [own] }: SettledRun): string | null {
  if (out === '-') return null;
  if (own === undefined) throw new Error('a run has a series');
  const tag = own.method.tag(valuesOf(own.settings));
  return out ?? resultName(model, denoiser === undefined ? tag : `${tag}.${modelStem(denoiser)}`);
}

/** The run with the seed of the file being continued, unless one was given, and without the images it left out. */
async function continued(settled: SettledRun, path: string | null): Promise<SettledRun> {
  const recorded = path === null ? null : await recordedRun(path);
  if (recorded === null) return settled;
  const { seed, unreadable } = settled;
  return {
    ...settled,
    seed: seed.origin === 'operating system' ? recorded.seed : seed,
    unreadable: [...new Set([...(recorded.selection.unreadable ?? []), ...unreadable])].sort((a, b) => a - b),
  };
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
      places: ['out    stdout (nothing to resume from)'],
    };
  }
  const file = await openResultFile(path, header);
  const repaired = file.repaired === 'nothing' ? '' : `, ${file.repaired} cut off`;
  return { file, path, places: placeNotes(path, file, repaired) };
}

/**
 * Certifies the images still missing; records are appended in order, and flushed as they come.
 * @param decided not null where the images left need not be certified: the run can be continued
 */
async function certifyAll(
  opened: OpenedRun,
  results: ResultFile,
  progress: Progress,
  decided: () => object | null,
): Promise<void> {
  try {
    if (decided() !== null && results.outcomes.length < plannedImages(opened.header)) return;
    for await (const record of opened.records(results.outcomes.length)) {
      await results.append(record);
      const outcome = results.outcomes.at(-1);
      if (outcome !== undefined) progress.image(outcome);
      if (decided() !== null) break;
    }
    if (results.outcomes.length < plannedImages(opened.header)) return;
    await results.finish(runEnd(results.header, results.outcomes, results.digest()));
  } finally {
    progress.finish();
  }
}

/** The result on stdout; nothing more when the records themselves went there. */
function report({ file, path }: OpenedResults, flags: CertifyFlags): void {
  const { header, outcomes } = file;
  if (path === null) return;
  const [own] = header.series;
  const summary = summarise(header, outcomes);
  if (flags.json)
    process.stdout.write(`${JSON.stringify({ run: header, summary, digest: file.digest() })}\n`);
  else if (flags.format === 'tsv') process.stdout.write(cohenTsv(own?.guarantee ?? 'certificate', outcomes));
  else if (flags.format === 'jsonl') process.stdout.write(readFileSync(path, 'utf8'));
  else {
    const steps = nextSteps(header, summary, again(flags));
    process.stdout.write(renderSummary(header, summary, screenOf(process.stdout, process.env), steps));
  }
}
