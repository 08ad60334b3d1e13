/** The runs a report is about: result files of ours, or logs in Cohen's format, each as verdicts and their sources. */
import { basename } from 'node:path';
import { isCohenLog, type LoggedVerdict, readBytes, readCohenTsv } from '../records/read-cohen-tsv.ts';
import { readRun } from '../records/read-results.ts';
import type { CertificateRecord, RunHeader, Verdict } from '../records/record.ts';
import { type Score, scoreOf } from '../statistics/accuracy.ts';
import { summarise } from '../statistics/summary.ts';

/** Our own file: everything is known. */
export interface ResultRun {
  readonly kind: 'result';
  readonly header: RunHeader;
  readonly images: readonly CertificateRecord[];
  /** Whether the run was closed; false when it may go on. Files of the first version do not say: null. */
  readonly finished: boolean | null;
}

/** A log of someone else's: verdicts only. */
export interface LoggedRun {
  readonly kind: 'log';
  readonly images: readonly LoggedVerdict[];
}

export type AuditedRun = (ResultRun | LoggedRun) & {
  /** What the run is called in the report; no two have the same name. */
  readonly name: string;
  /** The file's name without its folder, and its bytes as they were. */
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly series: readonly Series[];
  /** Median of the local Lipschitz bound over the certified images; null when the cut is the input, or none is known. */
  readonly medianLipschitz: number | null;
};

/** One curve: a method at one noise level over the images of a run. */
export interface Series {
  /** "SPLITZ", "plain smoothing", or "log". */
  readonly method: 'SPLITZ' | 'plain smoothing' | 'log';
  /** Noise at the cut (SPLITZ) or at the input; null where a log does not say. */
  readonly sigma: number | null;
  readonly score: Score;
  readonly verdicts: readonly Verdict[];
  /** 95 % allowance for failed certificates; null where a log does not state their failure probability. */
  readonly failureAllowance: number | null;
}

/** Reads result files and logs. Throws UsageError when one is not there, neither, or damaged. */
export async function readRuns(paths: readonly string[]): Promise<AuditedRun[]> {
  const names = uniqueNames(paths.map((path) => basename(path)));
  const runs: AuditedRun[] = [];
  for (const [i, path] of paths.entries()) {
    const bytes = await readBytes(path);
    const named = { name: names[i] ?? path, file: basename(path), bytes };
    runs.push(isCohenLog(bytes) ? loggedRun(named, readCohenTsv(bytes, path)) : await resultRun(named, path));
  }
  return runs;
}

type Named = Pick<AuditedRun, 'name' | 'file' | 'bytes'>;

export function loggedRun(named: Named, images: readonly LoggedVerdict[]): AuditedRun {
  const series: Series = {
    ...{ method: 'log', sigma: null, failureAllowance: null },
    ...{ score: scoreOf(images), verdicts: images },
  };
  return { ...named, kind: 'log', images, series: [series], medianLipschitz: null };
}

async function resultRun(named: Named, path: string): Promise<AuditedRun> {
  const { header, records, end } = await readRun(path);
  const chained = Buffer.from(named.bytes.subarray(0, 1 << 20))
    .toString('utf8')
    .split('\n', 1)[0]
    ?.includes('"chain":"');
  return auditedRun(named, header, records, end !== null ? true : chained === true ? false : null);
}

export function auditedRun(
  named: Named,
  header: RunHeader,
  images: readonly CertificateRecord[],
  finished: boolean | null,
): AuditedRun {
  const { series, medianLocalLipschitz } = summarise(header, images);
  const baselines = images.flatMap(({ baseline }) => (baseline === null ? [] : [baseline]));
  return {
    ...named,
    ...{ kind: 'result', header, images, finished, medianLipschitz: medianLocalLipschitz },
    series: series.map(({ name, sigma, score, failureAllowance }, k) => ({
      ...{ method: name, sigma, score, failureAllowance },
      verdicts: k === 0 ? images : baselines,
    })),
  };
}

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

/** Plain smoothing counts as noise-matched to a split when its σ is within this share of σ/L. */
const MATCHED_WITHIN = 0.05;

/**
 * The noise at which plain smoothing is a fair comparison, σ/L with the median L: at it, a linear left half could not beat
 * plain smoothing (data processing). Null when the run is plain smoothing itself.
 */
export function matchedSigma({ series: [own], medianLipschitz }: AuditedRun): number | null {
  if (own?.method !== 'SPLITZ' || own.sigma === null || medianLipschitz === null) return null;
  return medianLipschitz > 0 ? own.sigma / medianLipschitz : null;
}

/** Whether this noise is matched to a split among `runs`. */
export const isMatched = ({ method, sigma }: Series, runs: readonly AuditedRun[]): boolean =>
  method === 'plain smoothing' &&
  sigma !== null &&
  runs.some((run) => {
    const matched = matchedSigma(run);
    return matched !== null && Math.abs(sigma / matched - 1) <= MATCHED_WITHIN;
  });

/** A series with the name it has in figures and tables. */
export interface NamedSeries {
  readonly name: string;
  readonly series: Series;
  readonly run: AuditedRun;
}

/** Every series of the report, named: the method and its noise, after the run's name where there are several runs. */
export function namedSeries(runs: readonly AuditedRun[]): NamedSeries[] {
  return runs.flatMap((run) =>
    run.series.map((series) => {
      const noise = series.sigma === null ? '' : ` σ=${series.sigma}`;
      const matched = isMatched(series, runs) ? ' (matched noise)' : '';
      const method = series.method === 'log' ? run.name : `${series.method}${noise}${matched}`;
      const several = runs.length > 1 && series.method !== 'log';
      return { name: several ? `${run.name}: ${method}` : method, series, run };
    }),
  );
}
