import { describe, expect, it } from 'vitest';
import { selectionDoubt } from '../../src/runs/verify-doubts.ts';
import { exampleHeader, setting, withSelection } from '../records/run.ts';

const header = exampleHeader({ data: { ...exampleHeader().data, length: 10_000 } });
const chosen = (start: number, skip: number, more: object = {}) =>
  withSelection(header, { start: setting(start), skip: setting(skip), heldOut: [], shard: null, ...more });

describe('how images were chosen, which no file can justify', () => {
  it.each([
    [8, 997, 40, '40 of 10,000, every 997th from 8'],
    [0, 2, 5000, '5,000 of 10,000, every 2nd from 0'],
    [0, 1, 40, '40 of 10,000, the first'],
    [7, 1, 40, '40 of 10,000, those from 7 on'],
  ])('start %i, skip %i, %i records', (start, skip, records, words) => {
    expect(selectionDoubt(chosen(start, skip), records)).toBe(`how the images were chosen: ${words}`);
  });

  it('parts and images held out are named', () => {
    const part = chosen(0, 1, { heldOut: [3, 4], shard: { index: 1, of: 4 } });
    expect(selectionDoubt(part, 2499)).toContain('2,499 of 10,000, the first, part 2 of 4, 2 held out');
  });

  it('is nothing where all of the data are there', () => {
    expect(selectionDoubt(chosen(0, 1), 10_000)).toBeNull();
  });
});
