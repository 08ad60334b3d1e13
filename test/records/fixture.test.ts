import { describe, expect, it } from 'vitest';
import { FORMATS, methodOf } from '../../src/methods/index.ts';
import { honestHeader, honestLines, honestRecord } from '../verification/honest.ts';
import { exampleHeader, exampleRecord, LINES } from './run.ts';

describe('the example run', () => {
  it('keeps the schema', () => {
    const header = exampleHeader();
    expect(LINES.headerViolation(JSON.parse(LINES.lineOf(header)))).toBeNull();
    for (let k = 0; k < 12; k++)
      expect(
        LINES.recordViolation(JSON.parse(LINES.recordLine(exampleRecord(k), header)), header),
      ).toBeNull();
  });
  it.each(['clopper-pearson', 'runner-up', 'anytime'] as const)('holds with the bound %s', (bound) => {
    const header = honestHeader(bound);
    for (let k = 0; k < 30; k++) {
      const record = honestRecord(k, header);
      for (const [s, series] of header.series.entries()) {
        const certificate = record.series[s];
        if (certificate === undefined) throw new Error('one per series');
        expect(methodOf(series).headerFault(series as never, header)).toBeNull();
        expect(methodOf(series).fault(certificate, series as never, header)).toBeNull();
      }
    }
    expect(honestLines(3, header)).toHaveLength(5);
    expect(FORMATS('nobody')).toBeNull();
  });
});
