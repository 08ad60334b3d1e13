import { describe, expect, it } from 'vitest';
import type { SeriesCertificate } from '../../src/records/record.ts';
import { certificateDifferences, imageDifferences } from '../../src/verification/replay.ts';
import { honestHeader, honestRecord } from './honest.ts';

const record = honestRecord(1, honestHeader());
const [certificate] = record.series;
if (certificate === undefined) throw new Error('a run has a series');

/** Another value of the same kind. */
const other = (value: unknown): unknown =>
  typeof value === 'number' ? value + 1 : Array.isArray(value) ? [...value, 1] : `not ${value}`;

const changed = <T extends object>(from: T, field: string): T => ({
  ...from,
  [field]: other((from as Record<string, unknown>)[field]),
});

describe('a certificate computed again', () => {
  const verdict = Object.keys(certificate).filter((field) => field !== 'seconds' && field !== 'evidence');

  it('equals itself, whatever time it took', () => {
    const again = { ...certificate, seconds: certificate.seconds + 1 };
    expect(certificateDifferences(certificate, again)).toEqual([]);
  });

  it.each(verdict)('is compared in %s', (field) => {
    expect(certificateDifferences(certificate, changed(certificate, field))).toEqual([
      expect.stringMatching(`^${field}: `),
    ]);
  });

  it.each(Object.keys(certificate.evidence))('is compared in %s of its evidence', (field) => {
    const again = { ...certificate, evidence: changed(certificate.evidence, field) };
    expect(certificateDifferences(certificate, again)).toEqual([
      expect.stringMatching(`^evidence\\.${field}: `),
    ]);
  });

  it('is compared in fields that one of the two does not have', () => {
    const { tau: _, ...evidence } = certificate.evidence as Record<string, unknown>;
    const without: SeriesCertificate = { ...certificate, evidence };
    expect(certificateDifferences(certificate, without)).toEqual([
      expect.stringMatching('^evidence\\.tau: .* undefined computed again'),
    ]);
    expect(certificateDifferences(without, certificate)).toEqual([
      expect.stringMatching('^evidence\\.tau: undefined recorded, '),
    ]);
  });
});

describe('an image looked at again', () => {
  it('is compared in its pixels and in what the network alone answers', () => {
    expect(imageDifferences(record, record)).toEqual([]);
    expect(imageDifferences(record, { ...record, sha256: 'f'.repeat(64) })).toEqual([
      `sha256: "${record.sha256}" recorded, "${'f'.repeat(64)}" computed again`,
    ]);
    expect(imageDifferences(record, { ...record, answer: null })).toEqual([
      `answer: ${record.answer} recorded, null computed again`,
    ]);
  });
});
