import { describe, expect, test } from 'vitest';
import { cohenTsv } from '../../src/records/cohen-tsv.ts';
import { exampleRecord, outcomesOf, withVerdict } from './run.ts';

describe("Cohen's table", () => {
  test('has the field names, tabs, -1 and 0.0 for an abstention, and rounds radii down', () => {
    const certified = withVerdict(exampleRecord(0), { radius: 1.556_981_996, seconds: 3725.5 });
    expect(cohenTsv('certificate', outcomesOf([certified, exampleRecord(6)]))).toBe(
      'idx\tlabel\tpredict\tradius\tcorrect\ttime\n' +
        '0\t0\t0\t1.556981\t1\t1:02:05.500000\n' +
        '60\t0\t-1\t0.0\t0\t0:00:00.250000\n',
    );
  });

  test('images without a label have label -1 and are not correct', () => {
    const [, row] = cohenTsv('certificate', outcomesOf([{ ...exampleRecord(0), label: null }])).split('\n');
    expect(row).toBe('0\t-1\t0\t0.100000\t0\t0:00:00.250000');
  });

  test('an estimate says in every row that it is not a bound', () => {
    const [columns, row] = cohenTsv('estimate, not a bound', outcomesOf([exampleRecord(0)])).split('\n');
    expect(columns).toBe('idx\tlabel\tpredict\tradius\tcorrect\ttime\tnote');
    expect(row?.split('\t').at(-1)).toBe('estimate, not a bound');
  });
});
