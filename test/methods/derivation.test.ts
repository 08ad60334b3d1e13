import { describe, expect, test } from 'vitest';
import type { VoteBoundName } from '../../src/ground/vote-bound-names.ts';
import { type Derivation, derivationOf } from '../../src/methods/derivation.ts';
import { outcomeOf } from '../../src/methods/result-files.ts';
import type { SplitzEvidence } from '../../src/methods/splitz/schema.ts';
import { usableLatentRadius } from '../../src/methods/splitz/usable-radius.ts';
import type { CertificateRecord, RunHeader, SeriesCertificate } from '../../src/records/record.ts';
import { clopperPearsonLower } from '../../src/smoothing/votes/clopper-pearson.ts';
import { drawsOf } from '../../src/smoothing/votes/vote-counts.ts';
import { setting, withEvidence, withVerdict } from '../records/run.ts';
import { honestHeader, honestRecord } from '../verification/honest.ts';

/** SPLITZ' certificate of a record, by its own name for the evidence. */
const ownOf = ({ series: [own] }: CertificateRecord): SeriesCertificate & { evidence: SplitzEvidence } => {
  if (own === undefined) throw new Error('a run has a series');
  return { ...own, evidence: own.evidence as SplitzEvidence };
};

const images = (bound: VoteBoundName) => {
  const header = honestHeader(bound);
  return Array.from({ length: 60 }, (_, k) => {
    const record = honestRecord(k, header);
    return { record, own: ownOf(record), derivation: derivationOf(header, record), header };
  });
};
const fail = (): never => {
  throw new Error('none is certified');
};
const titles = ({ steps }: Derivation) => steps.map(({ title }) => title).join('; ');
/** The number behind `mark` in a step's numbers. */
const numberBehind = ({ steps }: Derivation, mark: string): number => {
  const text = steps.map(({ numbers }) => numbers).join('\n');
  return Number(/^-?[0-9.e-]+/u.exec(text.slice(text.indexOf(mark) + mark.length))?.[0]);
};

describe('a certificate as a derivation', () => {
  test('goes from votes to the radius, every number rounded to the safe side by 1e-6 at most', () => {
    const certified = images('clopper-pearson').filter(({ own }) => own.prediction !== null);
    expect(certified.length).toBeGreaterThan(20);
    for (const { own, derivation } of certified) {
      const { radius, evidence } = own;
      expect(derivation.steps).toHaveLength(6);
      const eta = evidence.forwardError ?? Number.NaN;
      for (const [mark, value] of [
        ['p_A ≥ ', evidence.pA],
        ['R_u ≥ ', evidence.latentRadius],
        ['R_u − η − η′ ≥ ', usableLatentRadius(evidence)],
        ['r = ', radius],
      ] as const) {
        expect(numberBehind(derivation, mark), mark).toBeLessThanOrEqual(value);
        expect(numberBehind(derivation, mark), mark).toBeGreaterThan(value - 1.1e-6);
      }
      expect(numberBehind(derivation, 'D(r) ≤ ')).toBeGreaterThanOrEqual(evidence.displacement ?? 0);
      expect(numberBehind(derivation, 'η ≤ ')).toBeGreaterThanOrEqual(eta);
      expect(numberBehind(derivation, 'η′ ≤ ')).toBeGreaterThanOrEqual(evidence.forwardErrorNearby ?? 1);
      expect(numberBehind(derivation, 'τ ≤ ')).toBeGreaterThanOrEqual(evidence.tau);
      expect(numberBehind(derivation, 'k = ')).toBe(evidence.counts[evidence.selected ?? -1]);
      expect(derivation.conclusion).toContain(`answers class ${own.prediction} for every image`);
      expect(derivation.conclusion).toContain('probability 0.001001');
    }
  });

  test('of a wrong answer says that it is wrong, and calls classes by their names', () => {
    const { record, own, header } =
      images('clopper-pearson').find(({ own }) => own.prediction !== null) ?? fail();
    const names = Array.from({ length: header.model.classes }, (_, k) => `class-${k}`);
    const named = { ...header, model: { ...header.model, classNames: names } };
    const right = derivationOf(named, { ...record, label: own.prediction });
    expect(right.mistake).toBeNull();
    expect(right.conclusion).toContain(`answers class ${own.prediction} (class-${own.prediction}) for`);
    const label = own.prediction === 3 ? 4 : 3;
    const wrong = derivationOf(named, { ...record, label });
    expect(wrong.mistake).toMatch(
      new RegExp(`^That is wrong: the label is ${label} \\(class-${label}\\)\\. `),
    );
    expect(derivationOf(named, { ...record, label: null }).mistake).toBeNull();
  });

  test('of the anytime bound says how many of the draws were made, and that p_A holds wherever they end', () => {
    const early = images('anytime').filter(({ own }) => drawsOf(own.evidence) < 10_000);
    expect(early.length).toBeGreaterThan(0);
    for (const { derivation, own } of early) {
      const text = JSON.stringify(derivation.steps);
      expect(text).toContain(`of n = ${drawsOf(own.evidence)} `);
      expect(text).toContain('Of up to 10000: drawing ended');
      expect(text).toContain('exceed 1/α at any n at all');
      expect(text).not.toContain('Clopper');
    }
  });

  test('of the runner-up form names both probabilities', () => {
    const [first] = images('runner-up').filter(({ own }) => own.prediction !== null);
    if (first === undefined) throw new Error('none certified');
    expect(first.derivation.steps[2]?.formula).toContain('p_B = inf');
    expect(numberBehind(first.derivation, 'p_B ≤ ')).toBeGreaterThanOrEqual(first.own.evidence.pB ?? 1);
  });

  test('of plain smoothing has no left half in it', () => {
    const [first] = images('clopper-pearson').filter(
      ({ record }) => (record.series[1]?.prediction ?? null) !== null,
    );
    if (first === undefined) throw new Error('none certified');
    const derivation = derivationOf(first.header, first.record, 1);
    expect(derivation.method).toBe('plain smoothing');
    expect(titles(derivation)).not.toContain('left half');
    expect(derivation.symbols.map(([symbol]) => symbol)).toEqual(['x', 'f', 'σ', 'α', 'τ', 'Φ⁻¹']);
    expect(() => derivationOf(first.header, first.record, 2)).toThrow(/no series 2/);
    expect(numberBehind(derivation, 'r = ')).toBeLessThanOrEqual(first.record.series[1]?.radius ?? 0);
  });
});

describe('an abstention as a derivation', () => {
  test('states how many votes would have been enough: one less would not', () => {
    const abstained = images('clopper-pearson').filter(({ own }) => own.prediction === null);
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
    const { evidence } = ownOf(record);
    const none = withEvidence(withVerdict(record, { prediction: null, radius: 0 }), {
      ...{ selected: null, latentRadius: 0, pA: 0, displacement: null },
      ...{ counts: evidence.counts.map(() => 0), nonFinite: drawsOf(evidence) },
    });
    const derivation = derivationOf(header, none);
    expect(derivation.steps).toHaveLength(1);
    expect(derivation.steps[0]?.meaning).toContain('No draw gave finite logits');
  });
});

test('an estimate says so wherever its radius stands', () => {
  const honest = honestHeader();
  const header: RunHeader = {
    ...honest,
    series: honest.series.map((one, k) =>
      k === 0
        ? {
            ...one,
            guarantee: 'estimate, not a bound',
            settings: { ...one.settings, lipschitz: setting('power', 'flag') },
          }
        : one,
    ),
  };
  const record = Array.from({ length: 60 }, (_, k) => honestRecord(k, header)).find(
    (one) => ownOf(one).prediction !== null,
  );
  if (record === undefined) throw new Error('none certified');
  const { conclusion, steps, guarantee } = derivationOf(header, record);
  expect(guarantee).toBe('estimate, not a bound');
  expect(conclusion).toContain('ESTIMATE, NOT A BOUND');
  expect(steps.at(-1)?.meaning).toContain('ESTIMATE, NOT A BOUND');
  expect(outcomeOf(record, header).verdicts[0]?.radius).toBe(ownOf(record).radius);
});
