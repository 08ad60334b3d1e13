import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { METHODS } from '../../src/methods/index.ts';
import { type CertificateRecord, plannedIndices, type RunHeader } from '../../src/records/record.ts';
import { resultSchema } from '../../src/records/result-lines.ts';
import {
  endOf,
  exampleHeader,
  exampleRecord,
  LINES,
  linesOf,
  outcomesOf,
  setting,
  smoothingSeries,
  splitzSeries,
  withEvidence,
  withVerdict,
} from './run.ts';

const publishedSchema: unknown = JSON.parse(
  readFileSync(new URL('../fixtures/result.schema.json', import.meta.url), 'utf8'),
);

/** A validator of its own for the keywords used, written from the standard: unknown keywords fail the test. */
function valid(schema: unknown, value: unknown): boolean {
  return Object.entries(schema as Record<string, unknown>).every(([keyword, argument]) => {
    switch (keyword) {
      case '$schema':
      case '$id':
      case 'title':
      case 'description':
        return true;
      case 'anyOf':
        return (argument as unknown[]).some((option) => valid(option, value));
      case 'const':
        return value === argument;
      case 'enum':
        return (argument as unknown[]).includes(value);
      case 'type':
        if (argument === 'null') return value === null;
        if (argument === 'array') return Array.isArray(value);
        if (argument === 'object')
          return typeof value === 'object' && value !== null && !Array.isArray(value);
        if (argument === 'integer') return Number.isInteger(value);
        return typeof value === argument;
      case 'minimum':
        return typeof value !== 'number' || value >= (argument as number);
      case 'maximum':
        return typeof value !== 'number' || value <= (argument as number);
      case 'pattern':
        return typeof value !== 'string' || new RegExp(argument as string, 'u').test(value);
      case 'items':
        return !Array.isArray(value) || value.every((item) => valid(argument, item));
      case 'required':
        return (
          typeof value !== 'object' || value === null || (argument as string[]).every((key) => key in value)
        );
      case 'properties':
        return Object.entries(argument as object).every(
          ([key, field]) =>
            typeof value !== 'object' ||
            value === null ||
            !(key in value) ||
            valid(field, Reflect.get(value, key)),
        );
      case 'additionalProperties': {
        const known = (schema as { properties: object }).properties;
        return typeof value !== 'object' || value === null || Object.keys(value).every((key) => key in known);
      }
      default:
        throw new Error(`schema keyword ${keyword} is not known to this validator`);
    }
  });
}

describe('result lines', () => {
  const header = exampleHeader();
  const lineOf = (record: CertificateRecord): string => LINES.recordLine(record, header);

  test('the schema is the one agreed on (tools/golden/result-schema.mjs writes it anew)', () => {
    expect(publishedSchema).toEqual(JSON.parse(JSON.stringify(resultSchema(METHODS))));
  });

  test('lines written are valid under the published schema, judged by an independent validator', () => {
    const records = Array.from({ length: 12 }, (_, k) => exampleRecord(k));
    for (const line of [...linesOf(records), LINES.lineOf(endOf(records))])
      expect(valid(publishedSchema, JSON.parse(line))).toBe(true);
  });

  test('the published schema and our own check reject the same mutilations of every field', () => {
    const mutilated = (fields: object): [key: string, broken: object][] =>
      Object.keys(fields).flatMap((key) => {
        const { [key as never]: _, ...missing } = fields;
        const others = [missing, { ...fields, [key]: { odd: true } }, { ...fields, [`${key}X`]: 1 }];
        return others.map((broken): [string, object] => [key, broken]);
      });
    const record = exampleRecord(0);
    const [own, ...rest] = record.series;
    if (own === undefined) throw new Error('the run has a series');
    const withOwn = (verdict: object): object => ({ ...record, series: [verdict, ...rest] });
    const cases = [
      ...mutilated(record),
      ...mutilated(own)
        // Any object is evidence to the envelope: its own fields are tried below.
        .filter(([key, broken]) => key !== 'evidence' || !('evidence' in broken) || 'evidenceX' in broken)
        .map(([key, broken]): [string, object] => [key, withOwn(broken)]),
      ...mutilated(own.evidence).map(([key, evidence]): [string, object] => [
        key,
        withOwn({ ...own, evidence }),
      ]),
    ];
    for (const [key, broken] of cases) {
      expect(valid(publishedSchema, broken), key).toBe(false);
      expect(LINES.recordViolation(broken, header), key).not.toBeNull();
    }
    for (const [key, series] of mutilated(header.series[0] ?? {})) {
      const broken = { ...header, series: [series] };
      expect(valid(publishedSchema, broken), key).toBe(false);
      expect(LINES.headerViolation(broken), key).not.toBeNull();
    }
  });

  test('what is wrong is named by its place', () => {
    const record = exampleRecord(0);
    expect(LINES.recordViolation(withEvidence(record, { pA: 2 }, 1), header)).toBe(
      'series[1].evidence.pA: is above 1',
    );
    expect(LINES.recordViolation({ ...record, series: record.series.slice(1) }, header)).toBe(
      'series: 1 verdicts, but the run has 2 series',
    );
    expect(LINES.recordViolation({ ...record, environment: 1 }, header)).toBe(
      'environment: is 1, but the run has 1',
    );
    expect(LINES.headerViolation({ ...header, series: [] })).toBe('series: is empty');
    const [own] = header.series;
    expect(LINES.headerViolation({ ...header, series: [{ ...own, method: 'magic' }] })).toBe(
      "series[0].method: 'magic' is not a method of this version",
    );
  });

  test('an unbounded rounding error is null, with a radius of 0, and valid under the published schema', () => {
    const none = { displacement: 0, localLipschitz: null, forwardError: null, forwardErrorNearby: null };
    const unbounded = withVerdict(withEvidence(exampleRecord(0), none), { radius: 0 });
    expect(valid(publishedSchema, JSON.parse(lineOf(unbounded)))).toBe(true);
  });

  test('numbers come back as the same float64 and keys stand in one order whatever order they came in', () => {
    const record = withVerdict(withEvidence(exampleRecord(3), { pA: 1 - 2 ** -53 }), { radius: 0.1 + 0.2 });
    expect(JSON.parse(lineOf(record))).toEqual(record);
    const reversed = (value: object): object => Object.fromEntries(Object.entries(value).reverse());
    const shuffled = {
      ...reversed(record),
      series: record.series.map((one) => reversed({ ...one, evidence: reversed(one.evidence) })),
    } as unknown as CertificateRecord;
    expect(lineOf(shuffled)).toBe(lineOf(record));
    expect(lineOf(record)).toMatch(
      /^\{"kind":"certificate","index":30,"name":null,"sha256":"0+1e","label":0,"answer":0,"environment":0,"series":\[\{"prediction":0,"radius":0\.30000000000000004,/u,
    );
  });

  test('a line that would lie is not written: NaN, infinity, an abstention with a radius', () => {
    const record = exampleRecord(0);
    expect(() => lineOf(withVerdict(record, { radius: Number.NaN }))).toThrow(
      'series[0].radius: is not a finite number',
    );
    expect(() => lineOf(withEvidence(record, { forwardError: Number.POSITIVE_INFINITY }))).toThrow(
      'series[0].evidence.forwardError: ',
    );
    expect(() => lineOf(withVerdict(record, { prediction: null }))).toThrow('series[0].radius: is not 0');
    expect(() => lineOf(withVerdict(record, { radius: -1 }, 1))).toThrow('series[1].radius');
  });

  test('images are visited from start by skip, without those that settings were chosen on', () => {
    const planned = (heldOut: number[], length: number, shard: RunHeader['selection']['shard'] = null) => [
      ...plannedIndices({
        data: { ...header.data, length },
        selection: {
          ...header.selection,
          ...{ start: setting(3), skip: setting(4), heldOut, shard },
        },
      }),
    ];
    expect(planned([], 20)).toEqual([3, 7, 11, 15, 19]);
    expect(planned([7, 8], 19)).toEqual([3, 11, 15]);
    // Of shards every image is in exactly one.
    expect(planned([], 20, { index: 0, of: 2 })).toEqual([3, 11, 19]);
    expect(planned([], 20, { index: 1, of: 2 })).toEqual([7, 15]);
  });

  test('an outcome keeps the verdicts and drops the evidence', () => {
    const [outcome] = outcomesOf([exampleRecord(1)]);
    expect(outcome?.verdicts).toHaveLength(2);
    for (const verdict of outcome?.verdicts ?? []) expect(verdict).not.toHaveProperty('evidence');
    expect(outcome).toMatchObject({ index: 10, label: 0, answer: 0 });
    expect(outcome?.verdicts.map(({ localLipschitz }) => localLipschitz)).toEqual([1.25, null]);
  });
});

describe('the result digest', () => {
  const header = exampleHeader();
  const records = Array.from({ length: 5 }, (_, k) => exampleRecord(k));
  const digestOf = (of: readonly CertificateRecord[], first = header): string => endOf(of, first).digest;

  test('is that of what was found, not of when, where and how it was dealt out', () => {
    const [machine] = header.environments;
    if (machine === undefined) throw new Error('the run has a machine');
    const elsewhere: RunHeader = {
      ...header,
      started: '2027-01-01T00:00:00.000Z',
      tool: { ...header.tool, version: '9.9.9' },
      environments: [machine, { ...machine, cpu: 'Another CPU', workers: 64, provider: 'cuda' }],
      selection: { ...header.selection, max: setting(7), shard: { index: 0, of: 1 } },
      series: header.series.map((one) => ({ ...one, checks: { ...one.checks, composition: 0.5, batch: 1 } })),
      findings: [{ id: 'SPLITZ008', severity: 'warning', where: "'w'", what: '1 initializer' }],
    };
    const later = records.map((record) => ({
      ...withVerdict(withVerdict(record, { seconds: 9 }), { seconds: 8 }, 1),
      environment: 1,
    }));
    expect(digestOf(later, elsewhere)).toBe(digestOf(records));
  });

  test('changes with everything else', () => {
    const changed: [string, string][] = [
      ['radius', digestOf([withVerdict(exampleRecord(0), { radius: 0.2 }), ...records.slice(1)])],
      [
        'evidence of the other series',
        digestOf([withEvidence(exampleRecord(0), { tau: 3e-9 }, 1), ...records.slice(1)]),
      ],
      ['answer', digestOf([{ ...exampleRecord(0), answer: 9 }, ...records.slice(1)])],
      ['pixels', digestOf([{ ...exampleRecord(0), sha256: 'f'.repeat(64) }, ...records.slice(1)])],
      ['order', digestOf([...records].reverse())],
      ['an image less', digestOf(records.slice(0, 4))],
      ['seed', digestOf(records, { ...header, seed: setting(1) })],
      ['origin', digestOf(records, { ...header, seed: setting(0, 'flag') })],
      [
        'a setting',
        digestOf(records, { ...header, series: [splitzSeries({ n: setting(9_999) }), smoothingSeries()] }),
      ],
      ['model', digestOf(records, { ...header, model: { ...header.model, classes: 11 } })],
    ];
    const all = [digestOf(records), ...changed.map(([, digest]) => digest)];
    expect(new Set(all).size, changed.map(([name]) => name).join()).toBe(all.length);
  });
});
