/** `benchmark`: every series of several runs side by side, whatever method it is of. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SplitzError } from '../../src/ground/errors.ts';
import { registerMethod } from '../../src/methods/index.ts';
import type { RunHeader } from '../../src/records/record.ts';
import type { ResultRun } from '../../src/report/audited-run.ts';
import { loggedRun } from '../../src/report/audited-run.ts';
import { type BenchmarkEntry, benchmarkOf } from '../../src/report/benchmark/benchmark.ts';
import { benchmarkCsv, benchmarkDocument } from '../../src/report/benchmark/document.ts';
import { notesOf, warningsOf } from '../../src/report/benchmark/notes.ts';
import { benchmarkHtml, benchmarkMarkdown } from '../../src/report/benchmark/page.ts';
import { benchmarkTables } from '../../src/report/benchmark/tables.ts';
import { exampleHeader, outcomesOf, setting, smoothingSeries, withEvidence } from '../records/run.ts';
import { bareMethod, bareRun, records, runOf, taxicab, taxicabRun } from './runs.ts';

const forget: (() => void)[] = [];
beforeEach(() => {
  forget.push(registerMethod(bareMethod), registerMethod(taxicab));
});
afterEach(() => {
  for (const method of forget.splice(0)) method();
});

const entryOf = (runs: readonly ResultRun[], name: string): BenchmarkEntry => {
  const found = benchmarkOf(runs)
    .groups.flatMap(({ entries }) => entries)
    .find((entry) => entry.name.includes(name));
  if (found === undefined) throw new Error(`no entry ${name}`);
  return found;
};

const messageOf = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    const { what, why = '', remedy = '' } = (error as SplitzError).report;
    return `${what} | ${why} | ${remedy}`;
  }
  return 'nothing was thrown';
};

describe('a benchmark', () => {
  test('has an entry for every series of every run, whatever its method', () => {
    const { groups } = benchmarkOf([runOf(records(20)), bareRun(20)]);
    const [l2] = groups;
    expect(groups.length).toBe(1);
    expect(l2?.entries.map(({ name, kind }) => [name, kind])).toEqual([
      ['run: SPLITZ σ=0.5', 'per image'],
      ['run: plain smoothing σ=0.5', 'per image'],
      ['bare: a bare method', 'certain'],
    ]);
  });

  test('states what the records come to: 16 of 20 right at radius 0, 10 at 0.5, as counted by hand', () => {
    // exampleRecord: k = 6, 13 abstain, k = 10 is wrong; the radius is 0.1 + the fraction of 0.618034 k.
    const radii = [0, 0.5];
    const byHand = radii.map(
      (at) =>
        Array.from({ length: 20 }, (_, k) => k).filter(
          (k) => k % 7 !== 6 && k % 11 !== 10 && 0.1 + ((k * 0.618_034) % 1) >= at,
        ).length,
    );
    const [own] = benchmarkOf([runOf(records(20))], { radii }).groups[0]?.entries ?? [];
    expect(own?.shares.map(({ certified }) => certified)).toEqual(byHand);
    expect(own).toMatchObject({
      images: 20,
      abstained: 2,
      right: 20,
      failureProbability: 0.001_001,
      alpha: 0.001,
      n: 10_000,
    });
    expect(own).toMatchObject({ seconds: 0.25, samples: 10_000, unanimous: 0 });
  });

  test('has the distribution of p_A by its quantiles, and how many images all draws agree on', () => {
    const { pA, unanimous, samples } = entryOf([taxicabRun(21)], 'taxicab');
    expect(pA).toEqual({ images: 21, quantiles: [0.02, 0.05, 0.1, 0.15, 0.18] });
    expect([unanimous, samples]).toEqual([5, (5 * 40 + 16 * 50) / 21]);
  });

  test('leaves p_A, draws and n empty for a method that draws nothing', () => {
    expect(entryOf([bareRun(20)], 'bare')).toMatchObject({
      ...{ pA: null, samples: null, unanimous: null, n: null, alpha: null, kind: 'certain' },
    });
  });

  test('gives the bytes of a certificate, not of the whole line', () => {
    const run = bareRun(3);
    const each = run.records.map(({ series: [own] }) => JSON.stringify(own).length);
    expect(entryOf([run], 'bare').bytes).toBeCloseTo(each.reduce((a, b) => a + b) / 3, 9);
  });

  test('never puts radii of two norms on one axis, and marks that they differ', () => {
    const benchmark = benchmarkOf([runOf(records(20)), taxicabRun(20)]);
    expect(benchmark.groups.map(({ norm, entries }) => [norm, entries.length])).toEqual([
      ['l2', 2],
      ['l1', 1],
    ]);
    const captions = benchmarkTables(benchmark).map(({ caption }) => caption);
    expect(captions.filter((caption) => caption.includes('at radius (l2)'))).toHaveLength(1);
    expect(captions.filter((caption) => caption.includes('at radius (l1)'))).toHaveLength(1);
    expect(benchmark.groups[1]?.entries[0]?.name).toBe('taxi: taxicab of 50 (l1)');
    expect(benchmark.differing).toEqual(['norm', 'n', 'alpha']);
    const page = benchmarkHtml(benchmark, 'splitz-onnx 0.1.0');
    expect(page).toContain('certified l1 radius');
    expect(page).toContain('certified l2 radius');
  });

  test.each<[string, Partial<RunHeader>, string]>([
    ['n', { series: [smoothingSeries({ n: setting(1000) }), smoothingSeries()] }, 'n'],
    ['the network', { model: { ...exampleHeader().model, name: 'other.onnx' } }, 'model'],
    [
      'the machine',
      { environments: exampleHeader().environments.map((one) => ({ ...one, cpu: 'Another CPU' })) },
      'machine',
    ],
  ])('marks runs that differ in %s', (_, changes, field) => {
    const header = exampleHeader(changes);
    const other = runOf(records(20, header), header, 'other');
    const benchmark = benchmarkOf([runOf(records(20)), other]);
    expect(benchmark.differing).toContain(field);
    expect(benchmarkOf([runOf(records(20)), runOf(records(20))]).differing).toEqual([]);
    const marked = benchmarkTables(benchmark)
      .flatMap(({ columns }) => columns)
      .filter((column) => column.header.endsWith(' *'));
    expect(marked).toHaveLength(1);
    expect(notesOf(benchmark).join(' ')).toContain('(*)');
  });

  test('calls an estimate an estimate, before anything else', () => {
    const header = exampleHeader({
      series: [{ ...smoothingSeries(), guarantee: 'estimate, not a bound' }],
    });
    const benchmark = benchmarkOf([runOf(records(20, header), header)]);
    expect(warningsOf(benchmark)[0]).toContain('ESTIMATE, NOT A BOUND: the radii of plain smoothing');
    expect(benchmark.groups[0]?.entries[0]?.kind).toBe('estimate, not a bound');
  });
});

describe('runs over different images', () => {
  const fewer = () => runOf(records(15), exampleHeader(), 'fewer');
  const otherData = (labels: boolean) => {
    const header = exampleHeader({ data: { ...exampleHeader().data, digest: 'c'.repeat(64) } });
    const images = records(20, header).map((record) =>
      labels ? { ...record, label: 3 } : { ...record, sha256: 'd'.repeat(64) },
    );
    return runOf(images, header, 'elsewhere');
  };

  test.each<[string, () => ResultRun, string]>([
    ['other images of the same data', fewer, '5 images are only in the first, 0 only in the second'],
    ['other labels', () => otherData(true), '0 have other pixels and 20 have other labels'],
    ['other pixels', () => otherData(false), '20 have other pixels and 0 have other labels'],
  ])('are refused, with the reason: %s', (_, other, why) => {
    const message = messageOf(() => benchmarkOf([runOf(records(20)), other()]));
    expect(message).toContain(why);
    expect(message).toContain('--different-images');
  });

  test('are allowed when asked for, and every format says so', () => {
    const benchmark = benchmarkOf([runOf(records(20)), fewer()], { differentImages: true });
    expect(benchmark.otherImages).toHaveLength(1);
    expect(warningsOf(benchmark).join()).toContain('NOT THE SAME IMAGES');
    expect(benchmarkMarkdown(benchmark)).toContain('NOT THE SAME IMAGES');
    expect(benchmarkHtml(benchmark, 'splitz-onnx 0.1.0')).toContain('NOT THE SAME IMAGES');
    expect(JSON.stringify(benchmarkDocument(benchmark))).toContain('5 images are only in the first');
    expect(benchmarkCsv(benchmark).split('\r\n')[1]).toMatch(/,false,20,/u);
  });

  test('a log of somebody else is refused by name', () => {
    const log = loggedRun({ name: 'log', file: 'log.tsv', bytes: new Uint8Array() }, outcomesOf(records(3)));
    expect(messageOf(() => benchmarkOf([log]))).toContain('a log cannot be put beside other runs');
  });
});

describe('its formats', () => {
  test('CSV has a row per method and radius, with every field quoted where it must be', () => {
    const header = exampleHeader({ model: { ...exampleHeader().model, name: 'a,"b".onnx' } });
    const rows = benchmarkCsv(benchmarkOf([runOf(records(20, header), header)], { radii: [0, 0.5] }))
      .trimEnd()
      .split('\r\n');
    expect(rows).toHaveLength(1 + 2 * 2);
    expect(rows[1]).toContain('"a,""b"".onnx (aaaaaaaa)"');
  });

  test('the average radius is a footnote with its n, after the curve', () => {
    const text = benchmarkMarkdown(benchmarkOf([runOf(records(20))]));
    expect(text.indexOf('at radius')).toBeLessThan(text.indexOf('Footnote: average certified radius'));
    expect(text).toMatch(/20 images, n \\= 10000/u);
  });

  test('a name from a file is not markup', () => {
    const run = runOf(records(3), exampleHeader(), '<script>');
    const other = runOf(records(3), exampleHeader(), 'plain');
    expect(benchmarkHtml(benchmarkOf([run, other]), 'tool')).not.toContain('<script');
  });

  test('an unfinished run and one without images are said to be so', () => {
    const empty = { ...runOf([]), finished: false };
    const benchmark = benchmarkOf([empty]);
    expect(warningsOf(benchmark)).toEqual(['Not finished: SPLITZ σ=0.5, plain smoothing σ=0.5.']);
    expect(benchmark.groups[0]?.entries[0]).toMatchObject({ kind: null, pA: null, seconds: null });
    expect(notesOf(benchmark)).toEqual([]);
  });

  test('evidence of votes that all agree counts as such', () => {
    const images = records(2).map((record) => withEvidence(record, { counts: [10_000], nonFinite: 0 }));
    expect(entryOf([runOf(images)], 'SPLITZ').unanimous).toBe(2);
  });
});
