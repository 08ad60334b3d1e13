import { describe, expect, it } from 'vitest';
import type { SmoothingCertificate } from '../../src/records/record.ts';
import { replayDifferences } from '../../src/verification/replay.ts';
import { honestHeader, honestRecord } from './honest.ts';

const { baseline: certificate } = honestRecord(1, honestHeader());
if (certificate === null) throw new Error('the run has plain smoothing alongside');

/** Another value of the same kind. */
const other = (value: unknown): unknown =>
  typeof value === 'number'
    ? value + 1
    : typeof value === 'boolean'
      ? !value
      : Array.isArray(value)
        ? [...value, 1]
        : `not ${value}`;

describe('a certificate drawn again', () => {
  it('equals itself, whatever time it took', () => {
    expect(replayDifferences(certificate, { ...certificate, seconds: certificate.seconds + 1 })).toEqual([]);
  });

  it.each(Object.keys(certificate).filter((field) => field !== 'seconds'))('is compared in %s', (field) => {
    const changed = { ...certificate, [field]: other(certificate[field as keyof SmoothingCertificate]) };
    expect(replayDifferences(certificate, changed)).toEqual([expect.stringMatching(`^${field}: `)]);
  });

  it('is compared in fields that one of the two does not have', () => {
    const { tau: _, ...without } = certificate;
    expect(replayDifferences(certificate, without as SmoothingCertificate)).toEqual([
      expect.stringMatching('^tau: .* undefined drawn again'),
    ]);
  });
});
