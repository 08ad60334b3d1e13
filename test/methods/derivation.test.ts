import { describe, expect, test } from 'vitest';
import { type Derivation, derivationOf } from '../../src/methods/derivation.ts';
import { usableLatentRadius } from '../../src/methods/usable-radius.ts';
import { outcomeOf } from '../../src/records/record.ts';
import { clopperPearsonLower } from '../../src/smoothing/votes/clopper-pearson.ts';
import { type Bound, honestHeader, honestRecord } from '../verification/honest.ts';

const images = (bound: Bound) => {
  const header = honestHeader(bound);
  return Array.from({ length: 60 }, (_, k) => {
    const record = honestRecord(k, header);
    return { record, derivation: derivationOf(header, record), header };
  });
};
const titles = ({ steps }: Derivation) => steps.map(({ title }) => title).join('; ');
/** The number behind `mark` in a step's numbers. */
const numberBehind = ({ steps }: Derivation, mark: string): number => {
  const text = steps.map(({ numbers }) => numbers).join('\n');
  return Number(/^-?[0-9.e-]+/u.exec(text.slice(text.indexOf(mark) + mark.length))?.[0]);
};

describe('a certificate as a derivation', () => {
  test('goes from votes to the radius, every number rounded to the safe side by 1e-6 at most', () => {
    const certified = images('clopper-pearson').filter(({ record }) => !record.abstained);
    expect(certified.length).toBeGreaterThan(20);
    for (const { record, derivation } of certified) {
      expect(derivation.steps).toHaveLength(6);
      const eta = record.forwardError ?? Number.NaN;
      for (const [mark, value] of [
        ['p_A ≥ ', record.pA],
        ['R_u ≥ ', record.latentRadius],
        ['R_u − η − η′ ≥ ', usableLatentRadius(record)],
        ['r = ', record.radius],
      ] as const) {
        expect(numberBehind(derivation, mark), mark).toBeLessThanOrEqual(value);
        expect(numberBehind(derivation, mark), mark).toBeGreaterThan(value - 1.1e-6);
      }
      expect(numberBehind(derivation, 'D(r) ≤ ')).toBeGreaterThanOrEqual(record.displacement ?? 0);
      expect(numberBehind(derivation, 'η ≤ ')).toBeGreaterThanOrEqual(eta);
      expect(numberBehind(derivation, 'η′ ≤ ')).toBeGreaterThanOrEqual(record.forwardErrorNearby ?? 1);
      expect(numberBehind(derivation, 'τ ≤ ')).toBeGreaterThanOrEqual(record.tau);
      expect(numberBehind(derivation, 'k = ')).toBe(record.counts[record.selected ?? -1]);
      expect(derivation.conclusion).toContain(`answers class ${record.prediction} for every image`);
      expect(derivation.conclusion).toContain('probability 0.001001');
    }
  });

  test('of the anytime bound says how many of the draws were made, and that p_A holds wherever they end', () => {
    const early = images('anytime').filter(({ record }) => record.n < 10_000);
    expect(early.length).toBeGreaterThan(0);
    for (const { derivation, record } of early) {
      const text = JSON.stringify(derivation.steps);
      expect(text).toContain(`of n = ${record.n} `);
      expect(text).toContain('Of up to 10000: drawing ended');
      expect(text).toContain('exceed 1/α at any n at all');
      expect(text).not.toContain('Clopper');
    }
  });

  test('of the runner-up form names both probabilities', () => {
    const [first] = images('runner-up').filter(({ record }) => !record.abstained);
    if (first === undefined) throw new Error('none certified');
    expect(first.derivation.steps[2]?.formula).toContain('p_B = inf');
    expect(numberBehind(first.derivation, 'p_B ≤ ')).toBeGreaterThanOrEqual(first.record.pB ?? 1);
  });

  test('of plain smoothing has no left half in it', () => {
    const [first] = images('clopper-pearson').filter(({ record }) => record.baseline?.abstained === false);
    if (first === undefined) throw new Error('none certified');
    const derivation = derivationOf(first.header, first.record, 'baseline');
    expect(derivation.method).toBe('plain smoothing');
    expect(titles(derivation)).not.toContain('left half');
    expect(derivation.symbols.map(([symbol]) => symbol)).toEqual(['x', 'f', 'σ', 'α', 'τ', 'Φ⁻¹']);
    expect(numberBehind(derivation, 'r = ')).toBeLessThanOrEqual(first.record.baseline?.radius ?? 0);
  });
});

describe('an abstention as a derivation', () => {
  test('says how many votes would have done: one less would not', () => {
    const abstained = images('clopper-pearson').filter(({ record }) => record.abstained);
    expect(abstained.length).toBeGreaterThan(3);
    for (const { derivation } of abstained) {
      expect(derivation.conclusion).toContain('nothing is certified');
      const needed = numberBehind(derivation, '≤ 1/2   (');
      expect(clopperPearsonLower(needed, 10_000, 0.001)).toBeGreaterThan(0.5);
      expect(clopperPearsonLower(needed - 1, 10_000, 0.001)).toBeLessThanOrEqual(0.5);
    }
  });

  test('without a finite draw ends with the first step', () => {
    const header = honestHeader();
    const record = honestRecord(0, header);
    const none = {
      ...record,
      ...{ selected: null, prediction: null, abstained: true, radius: 0, latentRadius: 0, pA: 0 },
      ...{ counts: record.counts.map(() => 0), nonFinite: record.n, displacement: null },
    };
    const derivation = derivationOf(header, none);
    expect(derivation.steps).toHaveLength(1);
    expect(derivation.steps[0]?.meaning).toContain('No draw gave finite logits');
  });
});

test('an estimate says so wherever its radius stands', () => {
  const header = { ...honestHeader(), guarantee: 'estimate, not a bound' as const };
  const record = Array.from({ length: 60 }, (_, k) => honestRecord(k, header)).find((r) => !r.abstained);
  if (record === undefined) throw new Error('none certified');
  const estimate = { ...record, displacementBound: 'power estimate, not a bound' as const };
  const { conclusion, steps, guarantee } = derivationOf(header, estimate);
  expect(guarantee).toBe('estimate, not a bound');
  expect(conclusion).toContain('ESTIMATE, NOT A BOUND');
  expect(steps.at(-1)?.meaning).toContain('ESTIMATE, NOT A BOUND');
  expect(outcomeOf(record).radius).toBe(record.radius);
});
