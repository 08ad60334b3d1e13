/** Radii in l1 and in l2 are different statements: whatever reads, compares or draws them says which, and mixes none. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { statementOf } from '../../src/attestation/statement.ts';
import { UsageError } from '../../src/ground/errors.ts';
import { derivationOf } from '../../src/methods/derivation.ts';
import { labelOf, registerMethod } from '../../src/methods/index.ts';
import { requireLoggable } from '../../src/records/cohen-tsv.ts';
import { normOfRun } from '../../src/records/norm.ts';
import { htmlReport } from '../../src/report/html/page.ts';
import { latexReport } from '../../src/report/latex-report.ts';
import { markdownReport } from '../../src/report/markdown-report.ts';
import { inPlainWords } from '../../src/report/plain-words.ts';
import { tsvReport } from '../../src/report/tsv-report.ts';
import { compareRuns } from '../../src/statistics/comparison.ts';
import { exampleHeader, LINES, outcomesOf, smoothingSeries } from '../records/run.ts';
import { records, reportOf, runOf, taxicab, taxicabRun } from './runs.ts';

let forget = (): void => {};
beforeEach(() => {
  forget = registerMethod(taxicab);
});
afterEach(() => forget());

const l2Run = () => runOf(records(10));
const l1Run = () => taxicabRun(10);

describe('a run in l1', () => {
  test('says so in its header and in the names of its series', () => {
    const { header } = l1Run();
    expect(JSON.parse(LINES.lineOf(header)).series[0].norm).toBe('l1');
    expect(normOfRun(header)).toBe('l1');
    expect(header.series.map(labelOf)).toEqual(['taxicab of 50 (l1)']);
  });

  test('says so in every report, and never speaks of l2', () => {
    const report = reportOf(l1Run());
    for (const text of [htmlReport(report), markdownReport(report), latexReport(report), tsvReport(report)]) {
      // The raw results are packed in base64, in which anything may stand.
      const read = text.replace(/base64,[\w+/=]+/gu, '');
      expect(read).toMatch(/l1|ell_1/u);
      expect(read).not.toMatch(/l2|ell_2/u);
    }
  });

  test('says so in plain words, in a derivation and in a signed statement', () => {
    const run = l1Run();
    const { header, records: images } = run;
    const [record] = images;
    if (record === undefined) throw new Error('a run has images');
    const attested = { ...run, sha256: 'e'.repeat(64), outcomes: outcomesOf(images, header) };
    for (const text of [
      inPlainWords(header, run.series[0].score, run.right).join(' '),
      derivationOf(header, record).conclusion,
      JSON.stringify(statementOf('taxi.jsonl', attested).predicate.series),
    ]) {
      expect(text).toMatch(/\bl1\b/u);
      expect(text).not.toMatch(/\bl2\b/u);
    }
  });
});

describe('a file', () => {
  const withNorm = (norm: 'l1' | undefined) => {
    const { header } = l1Run();
    return {
      ...header,
      series: header.series.map(({ norm: _, ...one }) => ({ ...one, ...(norm && { norm }) })),
    };
  };

  test('that calls l1 radii l2, or the reverse, is not read', () => {
    expect(LINES.headerViolation(withNorm('l1'))).toBeNull();
    expect(LINES.headerViolation(withNorm(undefined))).toContain('radii of taxicab are in l1, not in l2');
    const lie = exampleHeader({ series: [{ ...smoothingSeries(), norm: 'l1' }] });
    expect(LINES.headerViolation(lie)).toContain('radii of smoothing are in l2, not in l1');
  });

  test('whose series differ in the norm is not read', () => {
    const mixed = { ...l1Run().header, series: [...withNorm('l1').series, smoothingSeries()] };
    expect(LINES.headerViolation(mixed)).toContain('radii in l2 in a run whose radii are in l1');
  });
});

describe('two norms', () => {
  test('are not compared', () => {
    const sideOf = ({ header, records: images }: ReturnType<typeof runOf>) => ({
      ...{ header, series: 0, outcomes: outcomesOf(images, header) },
    });
    expect(() => compareRuns(sideOf(l2Run()), sideOf(l1Run()), ['a', 'b'])).toThrow(UsageError);
    expect(compareRuns(sideOf(l1Run()), sideOf(l1Run()), ['a', 'b']).norm).toBe('l1');
  });

  test('are not in one report', () => {
    expect(() => reportOf(l2Run(), l1Run())).toThrow('the radii of these runs are in different norms');
  });

  test('are not told apart by a log of Cohen et al., which therefore holds l2 alone', () => {
    expect(() => requireLoggable('l1')).toThrow(UsageError);
    requireLoggable('l2');
  });
});
