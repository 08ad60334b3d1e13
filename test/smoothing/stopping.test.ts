/** Rules that end draws early: what they promise, and that p_A holds wherever they end, whatever they look for. */
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { decision } from '../../src/smoothing/stopping/decision.ts';
import { hybridLower, partsOf } from '../../src/smoothing/stopping/hybrid.ts';
import type { Purpose, StoppingRule } from '../../src/smoothing/stopping/rule.ts';
import { tolerance } from '../../src/smoothing/stopping/tolerance.ts';
import { radiusAsked, readUntil, untilOf, untilText } from '../../src/smoothing/stopping/until.ts';
import { votingOf } from '../../src/smoothing/stopping/voting.ts';
import { anytimeLower } from '../../src/smoothing/votes/betting.ts';
import { binomialPoint, binomialUpperTail } from '../../src/smoothing/votes/binomial-tail.ts';
import { clopperPearsonLower } from '../../src/smoothing/votes/clopper-pearson.ts';
import { VOTE_BOUNDS } from '../../src/smoothing/votes/index.ts';
import { radiusAtProbability } from '../../src/smoothing/votes/latent-radius.ts';
import { normalCdf } from '../../src/smoothing/votes/normal-quantile.ts';
import golden from '../fixtures/confidence.json' with { type: 'json' };
import { randomSource } from '../operators/random.ts';

const ALPHA = 0.1;
const SIGMA = 0.5;
/** Radius that the rule `radius >= 0.5` decides; its p is Φ(1). */
const RADIUS = 0.5;

const purposeOf = (n: number, alpha = ALPHA): Purpose => ({
  ...{ n, alpha, target: RADIUS },
  radiusAt: (p) => radiusAtProbability(p, SIGMA),
});

const votes = (k: number, n: number) => ({ counts: [k, n - k], nonFinite: 0 });

const RULES = {
  'radius >= 0.5': decision,
  'tolerance 5%': tolerance(5),
  'tolerance 50%': tolerance(50),
} satisfies Record<string, StoppingRule>;
const NAMES = Object.keys(RULES) as (keyof typeof RULES)[];

const votingBy = (until: string, n: number) => votingOf({ n, bound: 'clopper-pearson', until });

/** Where the rule ends draws that come out as `take` says, and the bound there; what is asked twice is computed once. */
function endings(until: string, n: number, alpha = ALPHA) {
  const voting = votingBy(until, n);
  const purpose = purposeOf(n, alpha);
  const next = new Map<number, number>();
  const bounds = new Map<number, number>();
  const kept = (known: Map<number, number>, k: number, draws: number, make: () => number): number => {
    const key = draws * (n + 1) + k;
    const value = known.get(key) ?? make();
    known.set(key, value);
    return value;
  };
  return {
    next: (k: number, draws: number) => kept(next, k, draws, () => voting.next(votes(k, draws), 0, purpose)),
    bound: (k: number, draws: number) =>
      kept(bounds, k, draws, () => voting.probabilities(votes(k, draws), 0, alpha).pA),
  };
}

describe('--until', () => {
  it.each([
    ['n', 'n'],
    ['radius >= 0.5', 'radius >= 0.5'],
    [' Radius>=.5e0', null],
    ['radius>=0.50', 'radius >= 0.5'],
    ['radius >= 1e-3', 'radius >= 0.001'],
    ['tolerance 5%', 'tolerance 5%'],
    ['tolerance 2.5 %', 'tolerance 2.5%'],
  ])('"%s" is read and written as %s', (text, written) => {
    const read = readUntil(text);
    expect(read && untilText(read)).toBe(written);
    if (written !== null) expect(readUntil(written)).toEqual(read);
  });

  it.each([
    '',
    'radius',
    'radius >= 0',
    'radius >= -1',
    'radius > 0.5',
    'radius >= 1e999',
    'tolerance 0%',
    'tolerance 100%',
    'tolerance 5',
    '5%',
    'N',
  ])('"%s" is refused, with what may be written instead', (text) => {
    expect(() => untilOf(text)).toThrow(UsageError);
    expect(() => untilOf(text)).toThrow(`--until '${text}' cannot be read`);
  });

  it('names the radius to be decided, where one is', () => {
    expect([undefined, 'n', 'tolerance 5%', 'radius >= 0.25'].map(radiusAsked)).toEqual([
      null,
      null,
      null,
      0.25,
    ]);
  });

  it('n leaves every bound as it is', () => {
    for (const bound of ['clopper-pearson', 'runner-up', 'anytime'] as const) {
      const voting = votingOf({ n: 1000, bound });
      const seen = votes(700, 1000);
      expect(voting.probabilities(seen, 0, ALPHA)).toEqual(VOTE_BOUNDS[bound].probabilities(seen, 0, ALPHA));
      for (const k of [0, 60, 128])
        expect(voting.next(votes(k, 128), 0, purposeOf(1000))).toBe(
          VOTE_BOUNDS[bound].next(votes(k, 128), 0, 1000, ALPHA),
        );
    }
  });
});

describe('p_A of draws that may end early', () => {
  it.each(golden.hybridLower)('is just below the exact value: %j', ({ k, draws, n, alpha, share, value }) => {
    const bound = hybridLower({ votes: k, draws }, n, alpha, share);
    expect(bound).toBeLessThanOrEqual(value);
    expect(value - bound).toBeLessThanOrEqual(1e-9);
  });

  it('spends no more than alpha, as it splits it', () => {
    for (const alpha of [0.1, 0.001, 1e-6, 0.3333])
      for (const share of [0.1, 0.5]) {
        const { sequence, atEnd } = partsOf(alpha, share);
        expect(sequence).toBe(alpha * share);
        expect(sequence + atEnd).toBeLessThanOrEqual(alpha);
        expect(sequence + atEnd).toBeGreaterThan(alpha * (1 - 1e-12));
      }
  });

  it('costs a tenth of a percent of an unanimous radius where all draws are made', () => {
    const radius = (p: number) => radiusAtProbability(p, 1);
    const n = 100_000;
    const split = radius(hybridLower({ votes: n, draws: n }, n, 0.001, 0.1));
    const loss = 1 - split / radius(clopperPearsonLower(n, n, 0.001));
    expect(loss).toBeGreaterThan(0);
    expect(loss).toBeLessThan(0.0011);
  });
});

describe.each(NAMES)('draws until "%s"', (until) => {
  it('end at looks that were fixed beforehand, or after all n', () => {
    const looks = new Set<number>();
    for (let look = 128; look < 5000; look = 64 * Math.ceil((look * 1.15) / 64)) looks.add(look);
    looks.add(5000);
    const { next } = endings(until, 5000);
    for (const share of [0, 0.4, 0.5, 0.55, 0.83, 0.85, 0.99, 1]) {
      let draws = 0;
      for (let more = next(0, 0); more > 0; more = next(Math.round(share * draws), draws)) {
        draws += more;
        expect(looks.has(draws), `${draws} draws`).toBe(true);
      }
    }
  });

  const RUNS = 10_000;
  const N = 1200;
  /** More misses than this are made by a sound rule once in a million times. */
  function mostMisses(): number {
    let misses = Math.round(RUNS * ALPHA);
    while (binomialUpperTail(misses + 1, RUNS, ALPHA) > 1e-6) misses++;
    return misses;
  }

  it.each([0.5, 0.8, normalCdf(RADIUS / SIGMA), 0.99])(
    `give a p_A that exceeds the truth %d in at most a share ${ALPHA} of ${RUNS} runs (false alarm 1e-6)`,
    (p) => {
      const { next, bound } = endings(until, N);
      const random = randomSource(Math.round(p * 1e6));
      let missed = 0;
      for (let run = 0; run < RUNS; run++) {
        let [k, draws] = [0, 0];
        for (let more = next(0, 0); more > 0; more = next(k, draws)) {
          for (let i = 0; i < more; i++) if (random.uniform(0, 1) < p) k++;
          draws += more;
        }
        if (bound(k, draws) > p) missed++;
      }
      expect(missed).toBeLessThanOrEqual(mostMisses());
    },
  );

  /** Probability that the bound exceeds p where the rule ends, exactly: over all counts at all looks. */
  function missProbability(p: number, n: number, boundOf: (k: number, draws: number) => number): number {
    const { next } = endings(until, n);
    let alive = new Map([[0, 1]]);
    let [draws, missed] = [0, 0];
    while (alive.size > 0) {
      const going = new Map<number, number>();
      let step = 0;
      for (const [k, mass] of alive) {
        const more = next(k, draws);
        if (more === 0) missed += boundOf(k, draws) > p ? mass : 0;
        else {
          step = more;
          for (let i = 0; i <= more; i++)
            going.set(k + i, (going.get(k + i) ?? 0) + mass * binomialPoint(i, more, p));
        }
      }
      alive = going;
      draws += step;
    }
    return missed;
  }

  it('miss with probability at most alpha, summed over all ways to end', () => {
    const { bound } = endings(until, 400);
    for (const p of [0.5, 0.7, normalCdf(RADIUS / SIGMA), 0.95, 0.99])
      expect(missProbability(p, 400, bound), `p ${p}`).toBeLessThanOrEqual(ALPHA);
  });
});

describe('draws that end wherever p_A looks best', () => {
  /** Probability that the bound exceeds p at any number of draws up to n, exactly. */
  function everMisses(p: number, n: number, boundOf: (k: number, draws: number) => number): number {
    let alive = [1];
    let missed = 0;
    for (let draws = 1; draws <= n; draws++) {
      const next = new Array<number>(draws + 1).fill(0);
      for (const [k, mass] of alive.entries()) {
        next[k] = (next[k] ?? 0) + mass * (1 - p);
        next[k + 1] = (next[k + 1] ?? 0) + mass * p;
      }
      for (let k = draws; k >= 0 && boundOf(k, draws) > p; k--) {
        missed += next[k] ?? 0;
        next[k] = 0;
      }
      alive = next;
    }
    return missed;
  }
  const N = 300;
  const HARD = [0.5, 0.8, 0.97, ...[200, 260, 295].map((k) => clopperPearsonLower(k, N, ALPHA) - 1e-9)];

  it.each([0.1, 0.5])('miss with probability at most alpha, with a share of %d for the sequence', (share) => {
    for (const p of HARD) {
      const missed = everMisses(p, N, (k, draws) => hybridLower({ votes: k, draws }, N, ALPHA, share));
      expect(missed, `p ${p}`).toBeLessThanOrEqual(ALPHA);
      expect(missed, `p ${p}`).toBeGreaterThan(ALPHA / 50);
    }
  });

  it('would miss more often if alpha were not split, or Clopper-Pearson counted at every look: the sum can tell', () => {
    const wrong: ((k: number, draws: number) => number)[] = [
      (k, draws) =>
        Math.max(anytimeLower(k, draws, ALPHA), draws < N ? 0 : clopperPearsonLower(k, draws, ALPHA)),
      (k, draws) => clopperPearsonLower(k, draws, ALPHA),
    ];
    for (const boundOf of wrong)
      expect(Math.max(...HARD.map((p) => everMisses(p, N, boundOf)))).toBeGreaterThan(ALPHA * 1.05);
  });
});

describe('a decision', () => {
  const { isSettled } = decision;
  const purpose = purposeOf(100_000, 0.001);

  it('is made early where the probability is far from what the radius needs, and not where it is near', () => {
    // Φ(1) = 0.8413.
    expect(isSettled({ votes: 128, draws: 128 }, purpose)).toBe(true);
    expect(isSettled({ votes: 64, draws: 128 }, purpose)).toBe(true);
    expect(isSettled({ votes: 108, draws: 128 }, purpose)).toBe(false);
    expect(isSettled({ votes: 8413, draws: 10_000 }, purpose)).toBe(false);
  });

  it('is "certified" exactly where p_A gives the radius, at every look', () => {
    const { next, bound } = endings('radius >= 0.5', 3000);
    for (let k = 0; k <= 320; k++) {
      const certified = radiusAtProbability(bound(k, 320), SIGMA) >= RADIUS;
      if (certified) expect(next(k, 320), `${k} of 320`).toBe(0);
    }
  });

  it('is "no" as soon as all draws could not show it, were the rest all votes for the class', () => {
    const few = { ...purposeOf(200, 0.001), target: 2 };
    // 2 / σ = 4: not even 200 of 200 show Φ(4).
    expect(isSettled({ votes: 128, draws: 128 }, few)).toBe(true);
    expect(isSettled({ votes: 128, draws: 128 }, { ...few, n: 1_000_000 })).toBe(false);
    expect(isSettled({ votes: 128, draws: 128 }, { ...few, target: Number.POSITIVE_INFINITY })).toBe(true);
  });

  it('is seldom wrong about what is well above the radius or well below it', () => {
    const { next, bound } = endings('radius >= 0.5', 10_000, 0.001);
    const random = randomSource(8);
    for (const [p, expected] of [
      [0.9, true],
      [0.78, false],
    ] as const)
      for (let run = 0; run < 300; run++) {
        let [k, draws] = [0, 0];
        for (let more = next(0, 0); more > 0; more = next(k, draws)) {
          for (let i = 0; i < more; i++) if (random.uniform(0, 1) < p) k++;
          draws += more;
        }
        expect(radiusAtProbability(bound(k, draws), SIGMA) >= RADIUS, `p ${p}, run ${run}`).toBe(expected);
      }
  });
});

describe('a tolerance', () => {
  it.each([2, 5, 20])(
    'of %d percent costs no more of the radius of all draws, were the rest like those seen',
    (percent) => {
      const n = 100_000;
      const { next, bound } = endings(`tolerance ${percent}%`, n, 0.001);
      for (const share of [0.6, 0.8, 0.95, 0.99, 0.999, 1]) {
        let draws = 0;
        const seen = () => Math.round(share * draws);
        for (let more = next(0, 0); more > 0; more = next(seen(), draws)) draws += more;
        const likeThese = Math.round((seen() / draws) * n);
        const whole = radiusAtProbability(clopperPearsonLower(likeThese, n, 0.001), SIGMA);
        expect(radiusAtProbability(bound(seen(), draws), SIGMA)).toBeGreaterThan(
          whole * (1 - percent / 100 - 1.2e-3),
        );
      }
    },
  );

  it('ends soon where there is no majority, and never for a few votes more than half', () => {
    const { next } = endings('tolerance 5%', 100_000, 0.001);
    expect(next(30, 128)).toBe(0);
    expect(next(66, 128)).toBeGreaterThan(0);
  });
});
