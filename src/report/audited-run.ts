/** The runs a report is about: result files of ours, or logs in Cohen's format, each as series of verdicts and their sources. */
import { basename } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import { FORMATS, labelOf, methodOf } from '../methods/index.ts';
import type { FairComparison } from '../methods/method.ts';
import { outcomeOf, readRun } from '../methods/result-files.ts';
import { type Norm, normOf } from '../records/norm.ts';
import { isCohenLog, readBytes, readCohenTsv } from '../records/read-cohen-tsv.ts';
import type {
  CertificateRecord,
  Outcome,
  RunEnd,
  RunHeader,
  SeriesHeader,
  Verdict,
} from '../records/record.ts';
import { resultDigest } from '../records/result-digest.ts';
import { resultLines } from '../records/result-lines.ts';
import { type Score, scoreOf, verdictOf } from '../statistics/accuracy.ts';
import { summarise } from '../statistics/summary.ts';

/** One image as one series sees it. */
export interface ImageVerdict extends Pick<Outcome, 'index' | 'label'>, Verdict {}

/** One curve: a method with its settings over the images of a run. */
export interface Series {
  /** As in tables and figures, "SPLITZ σ=0.5"; for a log the name of the run. */
  readonly label: string;
  /** Its number in the run. */
  readonly number: number;
  /** As the header has it; null for a log. */
  readonly header: SeriesHeader | null;
  /** Of its radii; a log does not say, and those of the field are l2. */
  readonly norm: Norm;
  readonly score: Score;
  /** In the order of the run. */
  readonly images: readonly ImageVerdict[];
  /** 95 % allowance for failed certificates; null where a log does not state their failure probability. */
  readonly failureAllowance: number | null;
  /** Median of D(r)/r over the certified images; null when none is known or the method has no left half. */
  readonly medianLocalLipschitz: number | null;
}

interface Audited {
  /** What the run is called in the report; no two have the same name. */
  readonly name: string;
  /** The file's name without its folder, and its bytes as they were. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** The run's own first, then what it is compared with. */
  readonly series: readonly [own: Series, ...alongside: Series[]];
}

/** Our own file: everything is known. */
export interface ResultRun extends Audited {
  readonly kind: 'result';
  readonly header: RunHeader;
  readonly records: readonly CertificateRecord[];
  /** Whether the run was closed; false when it may go on. */
  readonly finished: boolean;
  /** The result digest: of a finished run the one its last line states, else of the records so far. */
  readonly digest: string;
  /** Images whose label the network alone answers; null without labels. Not certified. */
  readonly right: number | null;
}

/** A log of someone else's: verdicts only. */
export interface LoggedRun extends Audited {
  readonly kind: 'log';
}

export type AuditedRun = ResultRun | LoggedRun;

/** Reads result files and logs. Throws UsageError when one is not there, neither, or damaged. */
export async function readRuns(paths: readonly string[]): Promise<AuditedRun[]> {
  const names = uniqueNames(paths.map((path) => basename(path)));
  const runs: AuditedRun[] = [];
  for (const [i, path] of paths.entries()) {
    const bytes = await readBytes(path);
    const named = { name: names[i] ?? path, file: basename(path), bytes };
    if (isCohenLog(bytes)) {
      runs.push(loggedRun(named, readCohenTsv(bytes, path)));
      continue;
    }
    const { header, records, end } = await readRun(path);
    runs.push(resultRun(named, header, records, end));
  }
  return runs;
}

type Named = Pick<AuditedRun, 'name' | 'file' | 'bytes'>;

export function loggedRun(named: Named, outcomes: readonly Outcome[]): LoggedRun {
  const series: Series = {
    ...{
      label: named.name,
      number: 0,
      header: null,
      norm: 'l2',
      failureAllowance: null,
      medianLocalLipschitz: null,
    },
    ...{ score: scoreOf(outcomes), images: imagesOf(outcomes, 0) },
  };
  return { ...named, kind: 'log', series: [series] };
}

/** @param end the closing line; null where the run is not finished */
export function resultRun(
  named: Named,
  header: RunHeader,
  records: readonly CertificateRecord[],
  end: RunEnd | null,
): ResultRun {
  const outcomes = records.map((record) => outcomeOf(record, header));
  const summary = summarise(header, outcomes);
  const [own, ...alongside] = header.series.map((series, k): Series => {
    const of = summary.series[k];
    if (of === undefined) throw new RangeError(`no series ${k}`);
    const { score, failureAllowance, medianLocalLipschitz } = of;
    return {
      ...{
        label: labelOf(series),
        number: k,
        header: series,
        norm: normOf(series),
        images: imagesOf(outcomes, k),
      },
      ...{ score, failureAllowance, medianLocalLipschitz },
    };
  });
  if (own === undefined) throw new RangeError('a run has a series');
  return {
    ...named,
    ...{ kind: 'result', header, records, finished: end !== null, right: summary.right },
    digest: end?.digest ?? digestOf(header, records),
    series: [own, ...alongside],
  };
}

function digestOf(header: RunHeader, records: readonly CertificateRecord[]): string {
  const digest = resultDigest(header, resultLines(FORMATS));
  for (const record of records) digest.add(record);
  return digest.value();
}

const imagesOf = (outcomes: readonly Outcome[], k: number): ImageVerdict[] =>
  outcomes.map((outcome) => ({
    ...{ index: outcome.index, label: outcome.label },
    ...verdictOf(outcome, k),
  }));

/** "a.jsonl" is called "a"; of two with one name the second is called "a (2)". */
function uniqueNames(files: readonly string[]): string[] {
  const taken = new Set<string>();
  return files.map((file) => {
    const plain = file.replace(/\.(jsonl|tsv|gz)$/iu, '') || file;
    let name = plain;
    for (let k = 2; taken.has(name); k++) name = `${plain} (${k})`;
    taken.add(name);
    return name;
  });
}

/** Whether an image is certified to be another class than its label. */
export const isMistake = ({ prediction, label }: ImageVerdict): boolean =>
  prediction !== null && label !== null && prediction !== label;

/** What a series is fairly compared with; null where there is nothing to name. */
export const fairnessOf = ({ header, medianLocalLipschitz }: Series): FairComparison | null =>
  header === null ? null : methodOf(header).fairness(header, medianLocalLipschitz);

/** The norm of all radii. Throws UsageError where runs differ in it: their radii are different statements. */
export function commonNorm(runs: readonly AuditedRun[]): Norm {
  const [first, ...others] = runs.map(({ name, series: [{ norm }] }) => ({ name, norm }));
  const other = others.find(({ norm }) => norm !== first?.norm);
  if (first === undefined || other === undefined) return first?.norm ?? 'l2';
  throw new UsageError({
    what: 'the radii of these runs are in different norms',
    where: `${first.name}, ${other.name}`,
    why: `those of ${first.name} are in ${first.norm}, those of ${other.name} in ${other.norm}; on one axis they would be read as comparable`,
    remedy: 'Report them one norm at a time, or have them side by side with `splitz-onnx benchmark`.',
  });
}

/** A series with the name it has in figures and tables. */
export interface NamedSeries {
  readonly name: string;
  readonly series: Series;
  readonly run: AuditedRun;
}

/** Every series of the report, named: its label, after the run's name where there are several runs. */
export function namedSeries(runs: readonly AuditedRun[]): NamedSeries[] {
  const fair = runs.flatMap(({ series: [own] }) => fairnessOf(own) ?? []);
  return runs.flatMap((run) =>
    run.series.map((series) => {
      const { header, label } = series;
      const matched = header !== null && fair.some((comparison) => comparison.matches(header));
      const name = `${label}${matched ? ' (matched noise)' : ''}`;
      return { name: runs.length > 1 && header !== null ? `${run.name}: ${name}` : name, series, run };
    }),
  );
}
