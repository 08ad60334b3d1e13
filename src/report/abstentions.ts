/** Why images have no certificate, in the words of their method. */
import { methodOf } from '../methods/index.ts';
import type { AbstentionReason } from '../methods/method.ts';
import type { CertificateRecord } from '../records/record.ts';
import type { ResultRun } from './audited-run.ts';

export interface Abstentions extends AbstentionReason {
  readonly records: readonly CertificateRecord[];
}

/** The images to which the run's own series gives no positive radius, grouped by reason, most frequent first. */
export function abstentions({ header, records }: Pick<ResultRun, 'header' | 'records'>): Abstentions[] {
  const [series] = header.series;
  if (series === undefined) throw new RangeError('a run has a series');
  const method = methodOf(series);
  const groups = new Map<string, AbstentionReason & { readonly records: CertificateRecord[] }>();
  for (const record of records) {
    const [certificate] = record.series;
    if (certificate === undefined || certificate.radius > 0) continue;
    const why = method.whyNone(certificate, series);
    const key = JSON.stringify([why.reason, why.remedy]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ...why, records: [record] });
    else group.records.push(record);
  }
  return [...groups.values()].sort((a, b) => b.records.length - a.records.length);
}

/** "7: 4845, 9: 4350", the classes with the most votes. */
export function leadingVotes(counts: readonly number[], most = 3): string {
  return counts
    .map((votes, label) => ({ votes, label }))
    .filter(({ votes }) => votes > 0)
    .sort((a, b) => b.votes - a.votes || a.label - b.label)
    .slice(0, most)
    .map(({ votes, label }) => `${label}: ${votes}`)
    .join(', ');
}
