/** What a forger can do with a result file: edit whatever he likes, make all figures fit, and build the chain again. */

import { roundedDown, type VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import type { SplitzEvidence } from '../../src/methods/splitz/schema.ts';
import type { CertificateRecord, RunHeader } from '../../src/records/record.ts';
import { VOTE_BOUNDS } from '../../src/smoothing/votes/index.ts';
import { latentRadius } from '../../src/smoothing/votes/latent-radius.ts';
import { chainedLines, endOf, LINES, linesOf, withVerdict } from '../records/run.ts';

export interface RunFile {
  readonly header: RunHeader;
  readonly records: readonly CertificateRecord[];
}

/** The file of a run, its closing line counted and its chain built again. */
export const rebuilt = ({ header, records }: RunFile): string =>
  chainedLines([...linesOf(records, header), LINES.lineOf(endOf(records, header))]).join('');

/** The same without a closing line. */
export const rebuiltUnfinished = ({ header, records }: RunFile): string =>
  chainedLines(linesOf(records, header)).join('');

const settingOf = (header: RunHeader, k: number, name: string): number =>
  ((header.series[k]?.settings ?? {}) as Record<string, { value: number }>)[name]?.value ?? Number.NaN;

/** Everything a series makes of votes, made of these: an invention that follows from itself. */
export function withVotes(
  record: CertificateRecord,
  header: RunHeader,
  k: number,
  selected: number,
  counts: readonly number[],
): CertificateRecord {
  const own = record.series[k];
  const evidence = own?.evidence as VoteEvidence | SplitzEvidence;
  const [sigma, alpha] = [settingOf(header, k, 'sigma'), settingOf(header, k, 'alpha')];
  const votes = { counts: [...counts], nonFinite: 0 };
  const bound = VOTE_BOUNDS['clopper-pearson'];
  const found = latentRadius(votes, selected, { sigma, alpha, bound, tau: evidence.tau });
  const made = {
    ...{ ...evidence, ...votes, selected },
    ...{ pA: found.pA, pB: found.pB, latentRadius: found.radius },
  };
  const prediction = found.abstained ? null : selected;
  if (!('displacement' in evidence))
    return withVerdict(
      record,
      { prediction, radius: prediction === null ? 0 : roundedDown(found.radius), evidence: made },
      k,
    );
  if (prediction === null) {
    const none = { displacement: null, localLipschitz: null, forwardErrorNearby: null };
    return withVerdict(record, { prediction, radius: 0, evidence: { ...made, ...none } }, k);
  }
  const [eta, nearby] = [evidence.forwardError ?? 1e-9, evidence.forwardErrorNearby ?? 1e-9];
  return withVerdict(
    record,
    { prediction, ...leftHalf(found.radius - eta - nearby, evidence.localLipschitz ?? 1, made, nearby) },
    k,
  );
}

/** Radius and D that fit a usable latent radius and a quotient. */
function leftHalf(usable: number, quotient: number, evidence: object, nearby: number) {
  const displacement = usable * 0.9994;
  const radius = displacement / quotient;
  const localLipschitz = (displacement / radius) * (1 + 2 ** -52);
  return { radius, evidence: { ...evidence, displacement, localLipschitz, forwardErrorNearby: nearby } };
}

/** A left half said to stretch by `share` of what it was said to: the radius grows with it. */
export function withStretch(record: CertificateRecord, share: number): CertificateRecord {
  const evidence = record.series[0]?.evidence as SplitzEvidence;
  const { latentRadius: all, forwardError, forwardErrorNearby, localLipschitz } = evidence;
  const nearby = forwardErrorNearby ?? 0;
  return withVerdict(
    record,
    leftHalf(all - (forwardError ?? 0) - nearby, (localLipschitz ?? 1) * share, evidence, nearby),
  );
}
