import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { chained, withoutChain } from '../../src/records/chain.ts';
import type { CertificateRecord, RunHeader, SeriesHeader } from '../../src/records/record.ts';
import { claimsOf, verifyFile } from '../../src/verification/verify-file.ts';
import {
  chainedLines,
  endOf,
  LINES,
  linesOf,
  withEvidence,
  withSelection,
  withVerdict,
} from '../records/run.ts';
import { honestHeader, honestLines, honestRecord, rechained } from './honest.ts';

const folder = mkdtempSync(join(tmpdir(), 'splitz-verify-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'run.jsonl');

async function verified(lines: readonly string[], acceptUnfinished = false) {
  writeFileSync(path, lines.join(''));
  return verifyFile(path, acceptUnfinished);
}

const RECORDS = 40;
const honest = honestLines(RECORDS);
const runnerUp = honestLines(RECORDS, honestHeader('runner-up'));
const anytime = honestLines(RECORDS, honestHeader('anytime'));
const decided = honestLines(RECORDS, honestHeader('clopper-pearson', 10_000, 'radius >= 0.25'));
const tolerant = honestLines(RECORDS, honestHeader('clopper-pearson', 10_000, 'tolerance 5%'));

describe('an honest file', () => {
  test.each([
    ['clopper-pearson', honest],
    ['runner-up', runnerUp],
    ['anytime, whose draws end where they did', anytime],
    ['anytime with n = 1,000,000', honestLines(RECORDS, honestHeader('anytime', 1_000_000))],
    ['draws that end once a radius is decided', decided],
    ['draws that end within a tolerance', tolerant],
    [
      'such draws of up to a million',
      honestLines(RECORDS, honestHeader('clopper-pearson', 1_000_000, 'tolerance 1%')),
    ],
    ['one with n = 100', honestLines(RECORDS, honestHeader('clopper-pearson', 100))],
    ['one with n = 1,000,000', honestLines(RECORDS, honestHeader('runner-up', 1_000_000))],
    ['one without images', honestLines(0)],
  ])('holds: %s', async (_, lines) => {
    const { fault, records, finished, digest } = await verified(lines);
    expect(fault).toBeNull();
    expect(records).toHaveLength(lines.length - 2);
    expect(finished).toBe(true);
    expect(lines.at(-1)).toContain(`"digest":"${digest}"`);
  });

  test('of another version is said to be that, before its fields are judged', async () => {
    const [head = '', ...rest] = honest;
    const { fault } = await verified([head.replace('result/2', 'result/1'), ...rest]);
    expect(fault?.why).toEqual([
      'its format is splitz-onnx/result/1, this version reads splitz-onnx/result/2',
    ]);
  });

  test('is told series by series: where each certificate is, and what it says', async () => {
    const { records } = await verified(honest);
    const header = honestHeader();
    for (const k of [0, 1]) {
      const claims = claimsOf(records, k);
      expect(claims).toHaveLength(RECORDS);
      expect(claims[5]).toEqual({ line: 7, index: 5, certificate: honestRecord(5, header).series[k] });
    }
    expect(claimsOf(records, 2)).toEqual([]);
  });

  test('does not hold without its chain: no line may lack it', async () => {
    const bare = linesOf(
      Array.from({ length: 3 }, (_, k) => honestRecord(k, honestHeader())),
      honestHeader(),
    );
    expect((await verified(bare, true)).fault).toMatchObject({ line: 1, why: ['it has no chain value'] });
    for (const k of [1, 3]) {
      const lines = honest.with(k, `${withoutChain((honest[k] ?? '').trimEnd()).content}\n`);
      expect((await verified(lines)).fault).toMatchObject({ line: k + 1, why: ['it has no chain value'] });
    }
  });

  test('of an unfinished run holds only when that is accepted', async () => {
    const lines = honest.slice(0, 5);
    expect((await verified(lines)).fault).toMatchObject({ line: 6, record: 'the closing line' });
    expect((await verified(lines, true)).fault).toBeNull();
  });

  test('holds where the rounding error has no bound, which leaves no radius', async () => {
    const header = honestHeader();
    const record = honestRecord(0, header);
    expect(record.series[0]?.prediction).not.toBeNull();
    const none = { displacement: 0, localLipschitz: null, forwardError: null, forwardErrorNearby: null };
    const without = withEvidence(withVerdict(record, { radius: 0 }), none);
    const { fault, records } = await verified(chainedLines(linesOf([without], header)), true);
    expect(fault).toBeNull();
    expect(records).toHaveLength(1);
  });

  test('abstentions and certificates of both methods are among them', () => {
    const header = honestHeader();
    const records = Array.from({ length: RECORDS }, (_, k) => honestRecord(k, header));
    const numberOf = (what: (record: CertificateRecord, k: number) => boolean, k: number): number =>
      records.filter((record) => what(record, k)).length;
    for (const k of [0, 1]) {
      expect(numberOf(({ series }) => series[k]?.prediction === null, k)).toBeGreaterThan(4);
      expect(numberOf(({ series }) => series[k]?.prediction !== null, k)).toBeGreaterThan(4);
      expect(numberOf(({ label, series }) => series[k]?.prediction !== label, k)).toBeGreaterThan(4);
    }
  });
});

type Fields = Record<string, unknown>;
/** A verdict to be edited, and its evidence. */
type Edit = (verdict: Fields, evidence: Fields) => unknown;

/** A record's line with one series' verdict edited. */
function edited(line: string, k: number, change: Edit): string {
  const record = JSON.parse(line) as { series: (Fields & { evidence: Fields })[] };
  const verdict = record.series[k];
  if (verdict === undefined) throw new Error('the run has no such series');
  change(verdict, verdict.evidence);
  return `${JSON.stringify(record)}\n`;
}

describe('an edit whose chain was built again is caught by recomputing', () => {
  const by =
    (name: string, factor: number): Edit =>
    (verdict, evidence) => {
      const c = name in verdict ? verdict : evidence;
      c[name] = (c[name] as number) * factor;
    };
  const raise = (c: Fields, name: string, value: number) => {
    c[name] = value;
  };
  const votes = (c: Fields, moved: number) => {
    const counts = c['counts'] as number[];
    const top = c['selected'] as number;
    counts[top] = (counts[top] ?? 0) - moved;
    const other = (top + 1) % 10;
    counts[other] = (counts[other] ?? 0) + moved;
  };
  const edits: [string, Edit][] = [
    ['a vote less', (_, e) => votes(e, 1)],
    [
      'p_A up by a millionth of what is left to 1',
      (_, e) => {
        const p = e['pA'] as number;
        e['pA'] = p + (1 - p) * 2e-6;
      },
    ],
    ['p_A down a little', by('pA', 1 - 1e-5)],
    ['R_u up by 1e-8', by('latentRadius', 1 + 1e-8)],
    ['R_u down by 1e-8', by('latentRadius', 1 - 1e-8)],
    ['a radius up by 1e-12', by('radius', 1 + 1e-12)],
    [
      'another prediction',
      (c) => {
        c['prediction'] = ((c['prediction'] as number) + 1) % 10;
      },
    ],
    [
      'a prediction that is not a class of the model',
      (c, e) => {
        c['prediction'] = 10;
        e['selected'] = 10;
      },
    ],
    [
      'another selected class',
      (_, e) => {
        e['selected'] = ((e['selected'] as number) + 1) % 10;
      },
    ],
    [
      'an abstention made of a certificate',
      (c, e) => {
        Object.assign(c, { prediction: null, radius: 0 });
        Object.assign(e, { latentRadius: 0 });
        if ('displacement' in e)
          Object.assign(e, { displacement: null, localLipschitz: null, forwardErrorNearby: null });
      },
    ],
    [
      'a draw more than the run has',
      (_, e) => {
        e['nonFinite'] = (e['nonFinite'] as number) + 1;
      },
    ],
    [
      'counts of another number of classes',
      (_, e) => {
        e['counts'] = [...(e['counts'] as number[]), 0];
      },
    ],
    ['a smaller failure probability', by('failureProbability', 0.5)],
    ['a smaller error of the noise', by('tau', 0.5)],
    ['a larger error of the noise', (_, e) => raise(e, 'tau', 0.01)],
    ['another grid', by('grid', 2)],
  ];
  const ofCut: [string, Edit][] = [
    ['a radius down by 1e-12', by('radius', 1 - 1e-12)],
    [
      'radius and displacement up by 0.1 %',
      (c, e) => {
        by('radius', 1.001)(c, e);
        by('displacement', 1.001)(c, e);
      },
    ],
    ['another local Lipschitz constant', by('localLipschitz', 0.99)],
    ['a larger rounding error', (_, e) => raise(e, 'forwardError', 0.01)],
    ['a larger rounding error nearby', (_, e) => raise(e, 'forwardErrorNearby', 0.01)],
  ];
  const ofInput: [string, Edit][] = [['a radius down by 1e-8', by('radius', 1 - 1e-8)]];
  /** The line of the first image that is certified by both. */
  const at = honest.findIndex((line) => {
    const { series } = JSON.parse(line) as Partial<CertificateRecord>;
    return series?.every(({ radius }) => radius > 0.1) ?? false;
  });

  for (const [k, more] of [ofCut, ofInput].entries()) {
    test.each([...edits, ...more])(`of series ${k}: %s`, async (_, change) => {
      const lines = honest.map((line, i) => (i === at ? edited(line, k, change) : line));
      const { fault } = await verified(rechained(lines));
      expect(fault).toMatchObject({ line: at + 1, record: `image ${at - 1}` });
      expect(fault?.why).toHaveLength(1);
      const [why] = fault?.why ?? [];
      if (k === 0) expect(why).not.toContain('series');
      else expect(why).toMatch(/^plain smoothing \(series 1\): /u);
    });
  }

  const ofImage: [string, (record: Fields) => unknown, RegExp][] = [
    ['a label that is not a class', (r) => raise(r, 'label', 10), /label 10 is not one of 10 classes/],
    ['an answer that is not a class', (r) => raise(r, 'answer', 10), /answer 10 is not one of 10 classes/],
    [
      'no label, though the data are labelled',
      (r) => {
        r['label'] = null;
      },
      /label is null, but the data are labelled/,
    ],
    ['a machine that the run does not have', (r) => raise(r, 'environment', 1), /environment: is 1/],
    [
      'a verdict missing',
      (r) => {
        r['series'] = (r['series'] as unknown[]).slice(1);
      },
      /1 verdicts, but the run has 2 series/,
    ],
  ];
  test.each(ofImage)('of a record: %s', async (_, change, says) => {
    const record = JSON.parse(honest[at] ?? '') as Fields;
    change(record);
    const { fault } = await verified(rechained(honest.with(at, `${JSON.stringify(record)}\n`)));
    expect(fault?.line).toBe(at + 1);
    expect(fault?.why.join()).toMatch(says);
  });

  test.each([
    ['the pixels', { sha256: 'c'.repeat(64) }, /digest is [0-9a-f]{64}, but/],
    ['the name', { name: 'other.png' }, /digest is [0-9a-f]{64}, but/],
    ['the answer of the network alone', { answer: null }, /right is 40, but/],
  ])('of what the closing line alone vouches for: %s of an image', async (_, change, says) => {
    const record = JSON.parse(honest[at] ?? '') as Fields;
    const lines = honest.with(at, `${JSON.stringify({ ...record, ...change })}\n`);
    const { fault } = await verified(rechained(lines));
    expect(fault).toMatchObject({ record: 'the closing line' });
    expect(fault?.why.join()).toMatch(says);
  });

  const add = (c: Fields, name: string, more: number) => raise(c, name, (c[name] as number) + more);
  const ofAnytime: [string, Edit][] = [
    ['a vote less', (_, e) => votes(e, 1)],
    ['p_A up by a millionth of what is left to 1', (_, e) => add(e, 'pA', (1 - (e['pA'] as number)) * 2e-6)],
    ['p_A down a little', by('pA', 1 - 1e-5)],
    ['a draw for no class that was not made', (_, e) => add(e, 'nonFinite', 1)],
    [
      'more draws than the run allows',
      (_, e) => {
        const drawn = (e['counts'] as number[]).reduce((sum, count) => sum + count, 0);
        raise(e, 'nonFinite', 10_001 - drawn);
      },
    ],
  ];
  test.each(ofAnytime)('of a record of the anytime bound: %s', async (_, change) => {
    const lines = anytime.map((line, i) => (i === at ? edited(line, 0, change) : line));
    expect((await verified(rechained(lines))).fault).toMatchObject({ line: at + 1 });
  });

  test('of the bound of a run that ended early: only anytime allows it, and its p_A is not taken for another bound', async () => {
    for (const value of ['clopper-pearson', 'runner-up']) {
      const lines = anytime.map((line) => line.replaceAll('"value":"anytime"', `"value":"${value}"`));
      expect((await verified(rechained(lines))).fault?.why.join()).toMatch(
        /come to \d+ draws, the run's n is 10000/u,
      );
    }
    const whole = honest.map((line) => line.replaceAll('"value":"clopper-pearson"', '"value":"anytime"'));
    expect((await verified(rechained(whole))).fault?.why.join()).toContain('above the bound');
  });

  const settings: [string, number, unknown][] = [
    ['sigma', 0, 0.51],
    ['alpha', 0, 0.002],
    ['delta', 0, 1e-5],
    ['bound', 0, 'runner-up'],
    ['n', 0, 9_999],
    ['n0', 0, 99],
    ['lipschitz', 0, 'mask'],
    ['sigma', 1, 0.44],
    ['alpha', 1, 0.002],
    ['n', 1, 10_001],
  ];
  test.each(settings)('of the header: %s of series %i', async (name, k, value) => {
    const header = honestHeader();
    const series = header.series.map((one, i) =>
      i === k ? { ...one, settings: { ...one.settings, [name]: { value, origin: 'flag' } } } : one,
    );
    const lines = rechained([LINES.lineOf({ ...header, series }), ...honest.slice(1)]);
    expect((await verified(lines)).fault).not.toBeNull();
  });

  test.each([
    ['start', { start: { value: 1, origin: 'flag' } }],
    ['skip', { skip: { value: 2, origin: 'flag' } }],
    ['an image held out', { heldOut: [3] }],
    ['a shard', { shard: { index: 0, of: 2 } }],
  ] as const)('of the header: %s', async (_, change) => {
    const header = withSelection(honestHeader(), change);
    const { fault } = await verified(rechained([LINES.lineOf(header), ...honest.slice(1)]));
    expect(fault?.why.join()).toMatch(/was due/);
  });

  test('of what is compared with what: a series gone from the header', async () => {
    const header = honestHeader();
    const lines = [LINES.lineOf({ ...header, series: header.series.slice(0, 1) }), ...honest.slice(1)];
    expect((await verified(rechained(lines))).fault).toMatchObject({ line: 2 });
  });

  test('of the closing line: each of its figures', async () => {
    const last = honest.at(-1) ?? '';
    for (const [from, to, says] of [
      [/"records":40/u, '"records":41', /closes 41 records/],
      [/"abstained":(\d+)/u, '"abstained":99', /^abstained is 99/],
      [/"certified":\[(\d+)/u, '"certified":[39', /^certified\[0\] is 39/],
      [/"averageRadius":0\.(\d)/u, '"averageRadius":0.9', /^averageRadius is 0\.9/],
      [/("abstained".*)"abstained":(\d+)/u, '$1"abstained":99', /^plain smoothing \(series 1\): abstained/],
      ['certified accuracy', 'certified fraction', /measure is certified fraction/],
      [/"right":\d+/u, '"right":39', /right is 39, but by the records' answers it is 40/],
      [/"right":\d+/u, '"right":null', /right is null/],
      ['"method":"smoothing"', '"method":"splitz"', /its method is splitz, the run's smoothing/],
    ] as const) {
      const changed = last.replace(from, to);
      expect(changed).not.toBe(last);
      const { fault } = await verified(rechained([...honest.slice(0, -1), changed]));
      expect(fault).toMatchObject({ record: 'the closing line' });
      expect(fault?.why.join()).toMatch(says);
    }
  });

  test('of the closing line: its digest alone', async () => {
    const last = honest.at(-1) ?? '';
    const changed = last.replace(/"digest":"[0-9a-f]{64}"/u, `"digest":"${'d'.repeat(64)}"`);
    const { fault, digest } = await verified(rechained([...honest.slice(0, -1), changed]));
    expect(fault).toMatchObject({
      record: 'the closing line',
      why: [`digest is ${'d'.repeat(64)}, but the result digest of the records before it is ${digest}`],
    });
  });

  test('of the closing line: a series left out of it, a count per radius', async () => {
    const header = honestHeader();
    const records = Array.from({ length: RECORDS }, (_, k) => honestRecord(k, header));
    const end = endOf(records, header);
    for (const [series, says] of [
      [end.series.slice(0, 1), /figures for 1 series, the run has 2/],
      [
        end.series.map((one) => ({ ...one, certified: [...one.certified, 0] })),
        /does not have one count per radius/,
      ],
    ] as const) {
      const lines = [...honest.slice(0, -1), LINES.lineOf({ ...end, series })];
      expect((await verified(rechained(lines))).fault?.why.join()).toMatch(says);
    }
  });
});

describe('a header that contradicts itself', () => {
  const judged = async (header: RunHeader) =>
    (await verified(rechained([LINES.lineOf(header), ...honest.slice(1)]))).fault;
  const header = honestHeader();
  /** The header with changes to one series. */
  const withSeries = (k: number, changes: Partial<SeriesHeader>): RunHeader => ({
    ...header,
    series: header.series.map((one, i) => (i === k ? { ...one, ...changes } : one)),
  });
  const set = <T>(value: T) => ({ value, origin: 'flag' as const });
  const [own, beside] = header.series;
  if (own === undefined || beside === undefined) throw new Error('the run has two series');

  test.each([
    ['no machine', { ...header, environments: [] }, /environments: is empty/],
    [
      'a machine without workers',
      { ...header, environments: header.environments.map((one) => ({ ...one, workers: 0 })) },
      /environments\[0\] has 0 workers/,
    ],
    ['no class', { ...header, model: { ...header.model, classes: 0 } }, /model\.classes is 0/],
    ['no step', withSelection(header, { skip: set(0) }), /skip is 0/],
    ['a start behind the data', withSelection(header, { start: set(1000) }), /start is 1000 of 1000/],
    ['an image held out that is not there', withSelection(header, { heldOut: [1000] }), /heldOut/],
    ['a part of no parts', withSelection(header, { shard: { index: 0, of: 0 } }), /part 0 of 0/],
    [
      'an estimate called a certificate',
      withSeries(0, { settings: { ...own.settings, lipschitz: set('power') } }),
      /guarantee is "certificate", but the left half was bounded by power/,
    ],
    [
      'a certificate called an estimate',
      withSeries(1, { guarantee: 'estimate, not a bound' }),
      /plain smoothing \(series 1\): guarantee is/,
    ],
    ['no left half', withSeries(0, { facts: { ...own.facts, nodesLeft: 0 } }), /there is no left half/],
    ['no draws', withSeries(1, { settings: { ...beside.settings, n: set(0) } }), /n is 0/],
    ['alpha 1', withSeries(0, { settings: { ...own.settings, alpha: set(1) } }), /alpha is 1/],
    ['no noise', withSeries(1, { settings: { ...beside.settings, sigma: set(0) } }), /sigma is 0/],
    ['no row per run', withSeries(1, { checks: { ...beside.checks, batch: 0 } }), /checks\.batch is 0/],
    [
      'another noise than the one that is rounded to a grid',
      withSeries(0, { facts: { ...own.facts, noise: 'philox4x32-10/continuous' } }),
      /noise is philox4x32-10\/continuous/,
    ],
  ] as const)('is refused: %s', async (_, changed, says) => {
    const fault = await judged(changed);
    expect(fault).toMatchObject({ line: 1, record: "the run's first line" });
    expect(fault?.why.join()).toMatch(says);
  });

  test('of a method that is not known is refused by name', async () => {
    const lines = honest.with(0, (honest[0] ?? '').replace('"method":"smoothing"', '"method":"oracle"'));
    const { fault } = await verified(rechained(lines));
    expect(fault?.why.join()).toContain("'oracle' is not a method of this version");
  });
});

describe('what the header says of the left half that ONNX Runtime computes', () => {
  const judged = async (leftHalfNorm: number, leftHalfSigmas: number) => {
    const header = honestHeader();
    const series = header.series.map((one) =>
      one.method === 'splitz' ? { ...one, checks: { ...one.checks, leftHalfNorm, leftHalfSigmas } } : one,
    );
    const lines = [LINES.lineOf({ ...header, series }), ...honest.slice(1)];
    return (await verified(rechained(lines))).fault?.why.join() ?? null;
  };
  // sigma is 0.5.
  test.each([
    ['a difference that the noise hides', [0.005, 0.01 * (1 + 2 ** -52)], /above 0\.01/],
    ['the same, a little smaller', [0.004, 0.008 * (1 + 2 ** -52)], null],
    ['none', [0, 0], null],
    ['one in sigmas that is not the one in l2', [0.004, 0.004], /leftHalfSigmas is 0\.004, but leftHalfNorm/],
    ['a difference as large as the noise', [0.5, 1 + 2 ** -52], /not what was certified/],
  ] as const)('%s', async (_, [norm, sigmas], says) => {
    const why = await judged(norm, sigmas);
    if (says === null) expect(why).toBeNull();
    else expect(why).toMatch(says);
  });
});

describe('any single edit of the bytes is caught', () => {
  const small = honestLines(4).join('');

  test('a byte replaced, removed or inserted, anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(small.length - 1),
        fc.constantFrom('replace', 'remove', 'insert'),
        fc.integer({ min: 32, max: 126 }),
        async (position, how, code) => {
          const put = how === 'remove' ? '' : String.fromCharCode(code);
          const spoilt =
            small.slice(0, position) + put + small.slice(how === 'insert' ? position : position + 1);
          fc.pre(spoilt !== small);
          expect((await verified([spoilt])).fault).not.toBeNull();
        },
      ),
      { numRuns: 600, seed: 7 },
    );
  });

  test('a line edited with its own chain value made anew: the next line does not fit', async () => {
    const lines = honestLines(4);
    for (let k = 0; k + 1 < lines.length; k++) {
      const before = k === 0 ? null : withoutChain((lines[k - 1] ?? '').trimEnd()).chain;
      // What nothing but the chain vouches for.
      const spoilt = withoutChain((lines[k] ?? '').trimEnd())
        .content.replace('T12:00', 'T13:00')
        .replace('"seconds":0.25', '"seconds":0.5');
      expect(lines[k]).not.toContain(spoilt.slice(0, -1));
      const { fault } = await verified(lines.with(k, chained(before, `${spoilt}\n`).line));
      expect(fault?.line).toBe(k + 2);
    }
  });

  test('lines removed, repeated, swapped or cut off at the end', async () => {
    const lines = honestLines(8);
    for (let a = 0; a < lines.length; a++) {
      const one = lines[a] ?? '';
      const without = lines.filter((_, k) => k !== a);
      expect((await verified(without)).fault, `without line ${a + 1}`).not.toBeNull();
      expect((await verified(lines.toSpliced(a, 0, one))).fault, `line ${a + 1} twice`).not.toBeNull();
      expect((await verified(lines.slice(0, a))).fault, `only ${a} lines`).not.toBeNull();
      for (let b = a + 1; b < lines.length; b++) {
        const swapped = lines.with(a, lines[b] ?? '').with(b, one);
        expect((await verified(swapped)).fault, `lines ${a + 1} and ${b + 1} swapped`).not.toBeNull();
      }
    }
    expect((await verified([...lines, '\n'])).fault).toMatchObject({ line: 11 });
    expect(readFileSync(path, 'utf8').endsWith('\n\n')).toBe(true);
  });
});
