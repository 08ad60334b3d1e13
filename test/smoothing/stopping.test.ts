/** Rules that end draws early: what they promise, and that p_A holds wherever they end, whatever they look for. */
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { decision } from '../../src/smoothing/stopping/decision.ts';
import { mostVotes } from '../../src/smoothing/stopping/outlook.ts';
import type { Purpose, StoppingRule } from '../../src/smoothing/stopping/rule.ts';
import { levelAt, lowerAt, type Spending } from '../../src/smoothing/stopping/spending.ts';
import { tolerance } from '../../src/smoothing/stopping/tolerance.ts';
import { radiusAsked, readUntil, untilOf, untilText } from '../../src/smoothing/stopping/until.ts';
import { votingOf } from '../../src/smoothing/stopping/voting.ts';
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
    ['radius >= 1e21', 'radius >= 1e+21'],
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

/** Draws at every look of a rule, written out again: at least 15 % more each time, in steps of 64, up to 3/4 of n, and all n. */
function looksOf({ looks: { first } }: Spending, n: number): number[] {
  const looks: number[] = [];
  for (let look = first; look <= 0.75 * n; look = 64 * Math.ceil((look * 1.15) / 64)) looks.push(look);
  return [...looks, n];
}

const spendingOf = (first: number, early: number): Spending => ({
  looks: { first, apart: 1.15, step: 64, last: 3 / 4 },
  early,
});

describe('p_A of draws that may end early', () => {
  it.each(golden.spentLower)(
    'is just below the exact value: %j',
    ({ k, draws, n, alpha, first, early, value }) => {
      const bound = lowerAt({ votes: k, draws }, n, alpha, spendingOf(first, early));
      expect(bound).toBeLessThanOrEqual(value);
      expect(value - bound).toBeLessThanOrEqual(1e-9);
    },
  );

  it.each(NAMES)('spends no more than alpha on all looks of "%s", and next to nothing less', (name) => {
    const { spending } = RULES[name];
    for (const alpha of [0.1, 0.001, 1e-6, 0.3333])
      for (const n of [1, 128, 129, 512, 1000, 10_000, 100_000, 1_234_567]) {
        const levels = looksOf(spending, n).map((draws) => levelAt(draws, n, alpha, spending));
        const spent = levels.reduce((sum, level) => sum + level, 0);
        expect(spent, `n ${n}, alpha ${alpha}`).toBeLessThanOrEqual(alpha);
        expect(spent, `n ${n}, alpha ${alpha}`).toBeGreaterThan(alpha * (1 - 1e-11));
      }
  });

  it.each(NAMES)('is not to be had where "%s" does not look', (name) => {
    const { spending } = RULES[name];
    for (const draws of [0, 1, 127, 129, 999, 1001])
      expect(() => lowerAt({ votes: draws, draws }, 1000, ALPHA, spending)).toThrow(RangeError);
  });

  it('costs at most a fifth of a percent of an unanimous radius where all draws are made within a tolerance', () => {
    const radius = (p: number) => radiusAtProbability(p, 1);
    const n = 100_000;
    const spent = radius(lowerAt({ votes: n, draws: n }, n, 0.001, tolerance(5).spending));
    const loss = 1 - spent / radius(clopperPearsonLower(n, n, 0.001));
    expect(loss).toBeGreaterThan(0);
    expect(loss).toBeLessThan(0.002);
  });
});

describe('the forecast of all draws', () => {
  it('is exceeded about once in a thousand times by draws of any probability, first draws and rest', () => {
    const random = randomSource(4);
    const [draws, n, runs] = [256, 4000, 4000];
    for (const p of [0.5, 0.8, 0.95, 0.99]) {
      let exceeded = 0;
      for (let run = 0; run < runs; run++) {
        let k = 0;
        let seen = 0;
        for (let i = 0; i < n; i++) {
          if (random.uniform(0, 1) < p) k++;
          if (i === draws - 1) seen = k;
        }
        if (k > mostVotes({ votes: seen, draws }, n)) exceeded++;
      }
      // Twenty of 4000 come with probability below 1e-6 where one in a thousand is expected.
      expect(exceeded, `p ${p}`).toBeLessThanOrEqual(20);
    }
  });

  it('never exceeds what is possible, and is the votes themselves after all draws', () => {
    for (const votes of [0, 1, 64, 127, 128])
      for (const n of [128, 129, 1000]) {
        const most = mostVotes({ votes, draws: 128 }, n);
        expect(most).toBeGreaterThanOrEqual(votes);
        expect(most).toBeLessThanOrEqual(votes + n - 128);
      }
    expect(mostVotes({ votes: 77, draws: 128 }, 128)).toBe(77);
  });
});

describe.each(NAMES)('draws until "%s"', (until) => {
  it('end at looks that were fixed beforehand, or after all n', () => {
    const looks = new Set(looksOf(RULES[until].spending, 5000));
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

describe('draws that end at the look where p_A looks best', () => {
  /** Probability that the bound exceeds p at any look up to n, exactly. */
  function everMisses(
    p: number,
    n: number,
    looks: readonly number[],
    boundOf: (k: number, draws: number) => number,
  ): number {
    let alive = [1];
    let missed = 0;
    for (let draws = 1; draws <= n; draws++) {
      const next = new Array<number>(draws + 1).fill(0);
      for (const [k, mass] of alive.entries()) {
        next[k] = (next[k] ?? 0) + mass * (1 - p);
        next[k + 1] = (next[k + 1] ?? 0) + mass * p;
      }
      if (looks.includes(draws))
        for (let k = draws; k >= 0 && boundOf(k, draws) > p; k--) {
          missed += next[k] ?? 0;
          next[k] = 0;
        }
      alive = next;
    }
    return missed;
  }
  const N = 500;
  const spending = spendingOf(64, 1 / 2);
  const looks = looksOf(spending, N);
  /** Where bounds are nearly exact: at one of their own values. */
  const HARD = [0.5, 0.8, 0.97, ...[300, 440, 490].map((k) => clopperPearsonLower(k, N, ALPHA / 2) - 1e-9)];

  it.each([1 / 8, 1 / 2])(
    'miss with probability at most alpha, with a share of %d for the early looks',
    (early) => {
      for (const p of HARD) {
        const missed = everMisses(p, N, looks, (k, draws) =>
          lowerAt({ votes: k, draws }, N, ALPHA, spendingOf(64, early)),
        );
        expect(missed, `p ${p}`).toBeLessThanOrEqual(ALPHA);
        expect(missed, `p ${p}`).toBeGreaterThan(ALPHA / 10);
      }
    },
  );

  it('would miss more often if each look spent all of alpha: the sum can tell', () => {
    const wrong = (k: number, draws: number): number => clopperPearsonLower(k, draws, ALPHA);
    for (const p of HARD) expect(everMisses(p, N, looks, wrong), `p ${p}`).toBeGreaterThan(ALPHA * 1.3);
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
    expect(isSettled({ votes: 7914, draws: 9408 }, purpose)).toBe(false);
  });

  it('is "certified" exactly where p_A gives the radius, at every look', () => {
    const { next, bound } = endings('radius >= 0.5', 3000);
    for (let k = 0; k <= 320; k++) {
      const certified = radiusAtProbability(bound(k, 320), SIGMA) >= RADIUS;
      if (certified) expect(next(k, 320), `${k} of 320`).toBe(0);
    }
  });

  it('is "no" as soon as all draws would hardly show it', () => {
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
          whole * (1 - percent / 100 - 1.5e-3),
        );
      }
    },
  );

  it('ends soon where there is no majority, and never for a few votes more than half', () => {
    const { next } = endings('tolerance 5%', 100_000, 0.001);
    expect(next(120, 512)).toBe(0);
    expect(next(264, 512)).toBeGreaterThan(0);
  });
});
