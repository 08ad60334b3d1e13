import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type CertificateRecord,
  lineOf,
  outcomeOf,
  plannedIndices,
  recordViolation,
  resultSchema,
} from '../../src/records/record.ts';
import { exampleHeader, exampleRecord } from './run.ts';

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
  test('the schema is the one agreed on (tools/golden/result-schema.mjs writes it anew)', () => {
    expect(publishedSchema).toEqual(JSON.parse(JSON.stringify(resultSchema)));
  });

  test('lines written are valid under the published schema, judged by an independent validator', () => {
    for (const line of [exampleHeader(), ...Array.from({ length: 12 }, (_, k) => exampleRecord(k))]) {
      expect(valid(publishedSchema, JSON.parse(lineOf(line)))).toBe(true);
    }
  });

  test('the published schema and our own check reject the same mutilations of every field', () => {
    const record = exampleRecord(0);
    for (const key of Object.keys(record)) {
      const { [key as keyof CertificateRecord]: _, ...missing } = record;
      for (const broken of [missing, { ...record, [key]: { odd: true } }, { ...record, [`${key}X`]: 1 }]) {
        expect(valid(publishedSchema, broken), key).toBe(false);
        expect(recordViolation(broken), key).not.toBeNull();
      }
    }
  });

  test('an unbounded rounding error is null, with a radius of 0, and valid under the published schema', () => {
    const unbounded = {
      ...exampleRecord(0),
      radius: 0,
      displacement: 0,
      localLipschitz: null,
      forwardError: null,
      forwardErrorNearby: null,
    };
    expect(valid(publishedSchema, JSON.parse(lineOf(unbounded)))).toBe(true);
  });

  test('numbers come back as the same float64 and keys stand in one order whatever order they came in', () => {
    const record = { ...exampleRecord(3), radius: 0.1 + 0.2, pA: 1 - 2 ** -53 };
    expect(JSON.parse(lineOf(record))).toEqual(record);
    const shuffled = Object.fromEntries(Object.entries(record).reverse()) as unknown as CertificateRecord;
    expect(lineOf(shuffled)).toBe(lineOf(record));
    expect(lineOf(record)).toMatch(
      /^\{"kind":"certificate","index":30,"label":0,"prediction":0,"radius":0\.30000000000000004,/u,
    );
  });

  test('a line that would lie is not written: NaN, votes that do not add up, an abstention with a radius', () => {
    const record = exampleRecord(0);
    expect(() => lineOf({ ...record, radius: Number.NaN })).toThrow('radius: is not a finite number');
    expect(() => lineOf({ ...record, nonFinite: 2 })).toThrow(
      'counts: 10001 votes with nonFinite, but n is 10000',
    );
    expect(() => lineOf({ ...record, forwardError: null })).toThrow(
      'radius: is not 0 although forwardError is null',
    );
    expect(() => lineOf({ ...record, forwardError: Number.POSITIVE_INFINITY })).toThrow('forwardError: ');
    expect(() => lineOf({ ...record, abstained: true })).toThrow(
      'prediction: is null exactly when abstaining',
    );
    expect(() => lineOf({ ...record, abstained: true, prediction: null })).toThrow('radius: is not 0');
    expect(() => lineOf({ ...record, baseline: { ...exampleRecord(0), radius: -1 } })).toThrow('baseline');
  });

  test('images are visited from start by skip, without those the split was chosen on', () => {
    const header = exampleHeader();
    const { data, settings, split } = header;
    const planned = (heldOut: number[], length: number) => [
      ...plannedIndices({
        ...header,
        data: { ...data, length },
        settings: { ...settings, start: { value: 3, origin: 'flag' }, skip: { value: 4, origin: 'flag' } },
        split: { ...split, heldOut },
      }),
    ];
    expect(planned([], 20)).toEqual([3, 7, 11, 15, 19]);
    expect(planned([7, 8], 19)).toEqual([3, 11, 15]);
  });

  test('an outcome keeps the verdicts and drops the evidence', () => {
    const outcome = outcomeOf(exampleRecord(1));
    expect(outcome).not.toHaveProperty('counts');
    expect(outcome.baseline).not.toHaveProperty('counts');
    expect(outcome).toMatchObject({ index: 10, label: 0, prediction: 0, correct: true });
  });
});
