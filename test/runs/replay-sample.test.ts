/** Which records are computed again: those somebody could gain by inventing, in an order nobody could know. */
import { expect, it } from 'vitest';
import { replaySample } from '../../src/runs/replay-sample.ts';
import { abstaining, exampleHeader, exampleRecord } from '../records/run.ts';

const header = exampleHeader();
/** Every other record abstains. */
const records = Array.from({ length: 40 }, (_, k) => {
  const record = exampleRecord(k, header);
  return k % 2 === 0 ? abstaining(record) : record;
});
const certified = records.filter(({ series }) => series.some(({ radius }) => radius > 0));

it('a sample is drawn from the records with a radius, and says from how many', () => {
  expect(certified.length).toBeGreaterThan(10);
  expect(certified.length).toBeLessThan(records.length);
  for (let seed = 0; seed < 50; seed++) {
    const sample = replaySample(records, 5, seed);
    expect(sample.of).toBe(certified.length);
    expect(sample.records).toHaveLength(5);
    for (const record of sample.records) expect(certified).toContain(record);
  }
  // Enough to draw them all: none is left, and none is added.
  expect(replaySample(records, 1000, 1).records).toEqual(certified);
});

it('every record with a radius is drawn about as often as any other', () => {
  const drawn = new Map(certified.map(({ index }) => [index, 0]));
  const seeds = 2000;
  for (let seed = 0; seed < seeds; seed++)
    for (const { index } of replaySample(records, 5, seed).records)
      drawn.set(index, (drawn.get(index) ?? 0) + 1);
  const share = 5 / certified.length;
  // Six standard deviations: a false alarm in 10^-7 seeds of this test, over all records.
  const slack = 6 * Math.sqrt(seeds * share * (1 - share));
  for (const count of drawn.values()) expect(Math.abs(count - seeds * share)).toBeLessThan(slack);
});

it('all means the abstentions, too', () => {
  expect(replaySample(records, 'all', 1).records).toEqual(records);
});
