/** p_A of the anytime bound as a forger would write it, and its limits. */
import { describe, expect, it } from 'vitest';
import type { WithOrigins } from '../../src/methods/method.ts';
import { wealthEnclosure } from '../../src/methods/smoothing/check/betting-product.ts';
import { probabilityFault } from '../../src/methods/smoothing/check/check-probabilities.ts';
import { smoothing } from '../../src/methods/smoothing/method.ts';
import type { SmoothingSettings } from '../../src/methods/smoothing/open.ts';
import type { VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import { anytimeLower } from '../../src/smoothing/votes/betting.ts';
import { honestHeader, honestRecord } from './honest.ts';

const header = honestHeader('anytime');
const [, certificate] = honestRecord(3, header).series;
const [, series] = header.series;
if (certificate === undefined || series === undefined)
  throw new Error('the run has plain smoothing alongside');
const evidence = certificate.evidence as VoteEvidence;

describe('p_A of the anytime bound', () => {
  it.each([0.500_001, 0.6, 0.9, 0.999_999])('is not above the share of votes: %d of half of them', (pA) => {
    // The wealth against a p far above the share is large, too: those bets lost on the other side.
    const halved = {
      ...evidence,
      ...{ selected: 0, counts: [500, 500], nonFinite: 0, tau: 0, pA, pB: null },
    };
    expect(wealthEnclosure(500, 1000, 0.9, 0.1, 0.001).lower).toBeGreaterThan(1);
    expect(probabilityFault(halved, series.settings as WithOrigins<SmoothingSettings>)).toContain(
      'above the bound',
    );
  });

  it('is where the wealth reaches 1 / alpha, for all small numbers of votes', () => {
    for (let votes = 1; votes <= 40; votes++)
      for (let others = 0; others <= 40; others++) {
        const p = anytimeLower(votes, votes + others, 0.001);
        const wealth = wealthEnclosure(votes, votes + others, p, 1 - p, 0.001);
        expect(wealth.lower, `${votes} of ${votes + others}: rejected`).toBeGreaterThanOrEqual(1);
        expect(wealth.upper, `${votes} of ${votes + others}: no lower than need be`).toBeLessThan(1 + 1e-9);
      }
  });
});

describe('the draws of a run that may end early', () => {
  const faultWith = (n: number): string | null => {
    const counts = evidence.counts.map(() => 0);
    const drawn = { ...evidence, counts, nonFinite: n };
    return smoothing.fault(
      { ...certificate, evidence: drawn },
      series as Parameters<typeof smoothing.fault>[1],
      header,
    );
  };

  it.each([0, 10_001])('are at least one and at most those of the run: %d are not', (n) => {
    expect(faultWith(n)).toBe(`counts and nonFinite come to ${n} draws, the run's n is 10000`);
  });
});
