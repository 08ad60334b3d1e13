/** Records of draws that ended early as a forger would write them: everything follows from the counts but what is forged. */
import { describe, expect, it } from 'vitest';
import { DoesNotHold } from '../../src/ground/errors.ts';
import { smoothing } from '../../src/methods/smoothing/method.ts';
import { roundedDown, roundedUp, type VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import { splitz } from '../../src/methods/splitz/method.ts';
import type { RunHeader, SeriesCertificate } from '../../src/records/record.ts';
import { clopperPearsonLower } from '../../src/smoothing/votes/clopper-pearson.ts';
import { lessTau, radiusAtProbability } from '../../src/smoothing/votes/latent-radius.ts';
import { setting } from '../records/run.ts';
import { honestHeader, honestRecord } from './honest.ts';

const ALPHA = 0.001;
const N = 10_000;
/** Of plain smoothing in `honestHeader`. */
const SIGMA = 0.43;

const headerWith = (until: string): RunHeader => honestHeader('clopper-pearson', N, until);

/** A certificate of plain smoothing from `k` of `draws` votes and a bound, all else honest. */
function certified(
  header: RunHeader,
  k: number,
  draws: number,
  bound: number,
  target?: number,
): SeriesCertificate {
  const [, honest] = honestRecord(3, header).series;
  if (honest === undefined) throw new Error('plain smoothing is alongside');
  const { target: _, ...evidence } = honest.evidence as VoteEvidence;
  const counts = evidence.counts.map((_, c) => (c === 0 ? k : c === 1 ? draws - k : 0));
  const pA = lessTau(bound, evidence.tau);
  const latentRadius = radiusAtProbability(pA, SIGMA);
  const prediction = latentRadius > 0 ? 0 : null;
  const votes = { ...evidence, selected: 0, counts, nonFinite: 0, pA, latentRadius };
  return {
    ...honest,
    ...{ prediction, radius: prediction === null ? 0 : roundedDown(latentRadius) },
    evidence: target === undefined ? votes : { ...votes, target },
  };
}

const faultOf = (header: RunHeader, certificate: SeriesCertificate): string | null => {
  const series = header.series[1];
  if (series === undefined) throw new Error('plain smoothing is alongside');
  return smoothing.fault(
    certificate as Parameters<typeof smoothing.fault>[0],
    series as Parameters<typeof smoothing.fault>[1],
    header,
  );
};

/** Looks before all N draws, of a tolerance and of a decision. */
const EARLY = { tolerance: 17, radius: 23 };
/** What a rule spends of alpha on a look before the last one, and on the last one. */
const tolerated = { early: ALPHA / 8 / EARLY.tolerance, end: (ALPHA * 7) / 8 };
const deciding = { early: ALPHA / 2 / EARLY.radius, end: ALPHA / 2 };
/** The bound at such a level, rounded as levels are. */
const boundAt = (k: number, draws: number, level: number): number =>
  clopperPearsonLower(k, draws, level * (1 - 2 ** -40));
const R = 0.25;
const T = roundedUp(R);

describe('a record that is honest', () => {
  const tolerant = headerWith('tolerance 5%');
  const decided = headerWith(`radius >= ${R}`);

  it.each([
    [
      'ended at a look, within the tolerance',
      tolerant,
      certified(tolerant, 4480, 4992, boundAt(4480, 4992, tolerated.early)),
    ],
    ['ended without majority', tolerant, certified(tolerant, 120, 512, boundAt(120, 512, tolerated.early))],
    ['of all draws', tolerant, certified(tolerant, 5200, N, boundAt(5200, N, tolerated.end))],
    ['decided: yes', decided, certified(decided, 128, 128, boundAt(128, 128, deciding.early), T)],
    ['decided: no', decided, certified(decided, 60, 128, boundAt(60, 128, deciding.early), T)],
    ['decided by all draws', decided, certified(decided, 7300, N, boundAt(7300, N, deciding.end), T)],
  ])('holds: %s', (_, header, certificate) => {
    expect(faultOf(header, certificate)).toBeNull();
  });
});

describe('a probability near 0', () => {
  const decided = headerWith(`radius >= ${R}`);

  it('holds where τ leaves almost nothing of it, and is no crash of verify where a forger left less', () => {
    const honest = certified(decided, 1, 128, boundAt(1, 128, deciding.early), T);
    expect(faultOf(decided, honest)).toBeNull();
    const { tau } = honest.evidence as VoteEvidence;
    for (const pA of [1e-17, 1e-16, 2 ** -53]) {
      const evidence = { ...honest.evidence, pA, tau: tau + 1e-3 };
      expect(() => faultOf(decided, { ...honest, evidence })).not.toThrow();
    }
  });
});

describe('is caught: p_A at a level that nobody stated', () => {
  const tolerant = headerWith('tolerance 5%');
  const decided = headerWith(`radius >= ${R}`);

  it.each([
    ['a look at all of alpha', tolerant, certified(tolerant, 4480, 4992, boundAt(4480, 4992, ALPHA))],
    [
      'a look at the part of another rule',
      tolerant,
      certified(tolerant, 4480, 4992, boundAt(4480, 4992, deciding.early)),
    ],
    ['a look at all of alpha, decided', decided, certified(decided, 128, 128, boundAt(128, 128, ALPHA), T)],
    [
      'a look at the part of all draws',
      tolerant,
      certified(tolerant, 4480, 4992, boundAt(4480, 4992, tolerated.end)),
    ],
    ['all draws at all of alpha', tolerant, certified(tolerant, 5200, N, boundAt(5200, N, ALPHA))],
    [
      'all draws at the part of another rule',
      decided,
      certified(decided, 7300, N, boundAt(7300, N, tolerated.end), T),
    ],
  ])('%s', (_, header, certificate) => {
    expect(faultOf(header, certificate)).toContain('above the bound');
  });

  it.each([
    ['the level of an early look where all draws were made', boundAt(5200, N, tolerated.early)],
    ['a bound a little lower', boundAt(5200, N, tolerated.end) - 1e-5],
  ])('%s', (_, bound) => {
    expect(faultOf(tolerant, certified(tolerant, 5200, N, bound))).toContain('below the bound');
  });
});

describe('is caught: where draws ended', () => {
  const tolerant = headerWith('tolerance 5%');
  const decided = headerWith(`radius >= ${R}`);
  const early = (header: RunHeader, k: number, draws: number, level: number, target?: number) =>
    faultOf(header, certified(header, k, draws, boundAt(k, draws, level), target));

  it.each([1, 127, 129, 500, 7039, 9999])('after %d draws, where no rule looks', (draws) => {
    for (const k of [0, Math.floor(draws * 0.9), draws]) {
      expect(early(tolerant, k, draws, tolerated.early)).toMatch(
        /where the rule "tolerance 5%" does not look/u,
      );
      expect(early(decided, k, draws, deciding.early, T)).toMatch(
        /where the rule "radius >= 0.25" does not look/u,
      );
    }
  });

  it('and is not explained as if the rule looked there', () => {
    const [, series] = decided.series;
    if (series === undefined) throw new Error('plain smoothing is alongside');
    const explained = (certificate: SeriesCertificate) =>
      smoothing.derive(
        certificate as Parameters<typeof smoothing.derive>[0],
        series as Parameters<typeof smoothing.derive>[1],
        decided,
      );
    const bound = boundAt(60, 128, deciding.early);
    expect(() => explained(certified(decided, 60, 128, bound, T))).not.toThrow();
    expect(() => explained(certified(decided, 60, 129, bound, T))).toThrow(DoesNotHold);
  });

  it('at a look whose votes settle nothing', () => {
    for (const k of [270, 460, 512])
      expect(early(tolerant, k, 512, tolerated.early), `${k} of 512`).toMatch(
        /do not settle "tolerance 5%"/u,
      );
    // Φ(0.25 / 0.43) = 0.7195.
    for (const k of [85, 92, 100])
      expect(early(decided, k, 128, deciding.early, T), `${k} of 128`).toMatch(
        /do not settle "radius >= 0.25"/u,
      );
  });

  it('without a class, before all draws', () => {
    const none = certified(tolerant, 30, 128, 0);
    const evidence = { ...none.evidence, selected: null, pA: 0 };
    expect(faultOf(tolerant, { ...none, evidence })).toMatch(/no class was selected to decide about/u);
  });

  it('under a rule that the file does not state', () => {
    const certificate = certified(tolerant, 4480, 4992, boundAt(4480, 4992, tolerated.early));
    expect(faultOf(honestHeader(), certificate)).toMatch(/come to 4992 draws, the run's n is 10000/u);
    expect(faultOf(headerWith('tolerance 1%'), certificate)).toMatch(/do not settle "tolerance 1%"/u);
    expect(faultOf(decided, certificate)).not.toBeNull();
    expect(faultOf(headerWith('tolerance 50%'), certificate)).toBeNull();
  });
});

describe('is caught: what a decision is about', () => {
  const decided = headerWith(`radius >= ${R}`);

  it.each([undefined, 0.1, 0.9])('a target of %s at the input, where the radius needs itself', (target) => {
    const certificate = certified(decided, 60, 128, boundAt(60, 128, deciding.early), target);
    expect(faultOf(decided, certificate)).toMatch(/target is/u);
  });

  it('a target where nothing is decided', () => {
    for (const header of [honestHeader(), headerWith('tolerance 5%')]) {
      const [, honest] = honestRecord(3, header).series;
      if (honest === undefined) throw new Error('plain smoothing is alongside');
      expect(faultOf(header, honest)).toBeNull();
      const evidence = { ...honest.evidence, target: 0.25 };
      expect(faultOf(header, { ...honest, evidence })).toMatch(/target is given exactly where/u);
    }
  });

  it('at a cut: a target below its rounding error, or a radius short of what R_u allows', () => {
    const [series] = decided.series;
    const reached = Array.from({ length: 40 }, (_, k) => honestRecord(k, decided).series[0]).find(
      (one) => (one?.radius ?? 0) >= R,
    );
    if (series === undefined || reached === undefined) throw new Error('some image reaches the radius');
    const fault = (certificate: SeriesCertificate): string | null =>
      splitz.fault(
        certificate as Parameters<typeof splitz.fault>[0],
        series as Parameters<typeof splitz.fault>[1],
        decided,
      );
    expect(fault(reached)).toBeNull();
    const evidence = { ...reached.evidence, target: 1e-9 };
    expect(fault({ ...reached, evidence })).toMatch(/below forwardError/u);
    const radius = R * 0.9;
    const displacement = radius * 1.15;
    const shorter = {
      ...reached.evidence,
      displacement,
      localLipschitz: (displacement / radius) * (1 + 2 ** -52),
    };
    expect(fault({ ...reached, radius, evidence: shorter })).toMatch(/although R_u reaches target/u);
  });
});

describe('is caught: a rule in the header', () => {
  const faultWith = (until: string, bound = 'clopper-pearson'): string | null => {
    const header = honestHeader();
    const [own] = header.series;
    if (own === undefined) throw new Error('a run has a series');
    const settings = { ...own.settings, until: setting(until), bound: setting(bound) };
    return splitz.headerFault({ ...own, settings } as Parameters<typeof splitz.headerFault>[0], header);
  };

  it('that certify writes is none', () => {
    for (const until of ['radius >= 0.5', 'tolerance 5%']) expect(faultWith(until)).toBeNull();
  });

  it.each(['n', '', 'tolerance 5 %', 'radius >= 0.50', 'radius >= -1', 'never'])(
    '"%s", which it does not write',
    (until) => {
      expect(faultWith(until)).toBe(`until is "${until}", not a rule as certify writes it`);
    },
  );

  it.each(['anytime', 'runner-up'])('with the bound %s', (bound) => {
    expect(faultWith('tolerance 5%', bound)).toContain(`with the bound ${bound}, which no run has`);
  });
});
