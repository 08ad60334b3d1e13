import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { chained, withoutChain } from '../../src/records/chain.ts';
import { lineOf } from '../../src/records/record.ts';
import { verifyFile } from '../../src/verification/verify-file.ts';
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

describe('an honest file', () => {
  test.each([
    ['clopper-pearson', honest],
    ['runner-up', runnerUp],
    ['anytime, whose draws end where they did', anytime],
    ['anytime with n = 1,000,000', honestLines(RECORDS, honestHeader('anytime', 1_000_000))],
    ['one with n = 100', honestLines(RECORDS, honestHeader('clopper-pearson', 100))],
    ['one with n = 1,000,000', honestLines(RECORDS, honestHeader('runner-up', 1_000_000))],
    ['one without images', honestLines(0)],
  ])('holds: %s', async (_, lines) => {
    const { fault, records, chained, finished } = await verified(lines);
    expect(fault).toBeNull();
    expect({ records, chained, finished }).toEqual({
      records: lines.length - 2,
      chained: true,
      finished: true,
    });
  });

  test('of the first version holds without its chain, and says so', async () => {
    const header = honestHeader();
    const lines = [lineOf(header), ...Array.from({ length: 3 }, (_, k) => lineOf(honestRecord(k, header)))];
    expect(await verified(lines)).toMatchObject({ fault: null, records: 3, chained: false, finished: false });
  });

  test('of an unfinished run holds only when that is accepted', async () => {
    const lines = honest.slice(0, 5);
    expect((await verified(lines)).fault).toMatchObject({ line: 6, record: 'the closing line' });
    expect((await verified(lines, true)).fault).toBeNull();
  });

  test('holds where the rounding error has no bound, which leaves no radius', async () => {
    const header = honestHeader();
    const record = honestRecord(0, header);
    expect(record.abstained).toBe(false);
    const without = {
      ...record,
      radius: 0,
      displacement: 0,
      localLipschitz: null,
      forwardError: null,
      forwardErrorNearby: null,
    };
    expect(await verified([lineOf(header), lineOf(without)], true)).toMatchObject({
      fault: null,
      records: 1,
    });
  });

  test('abstentions and certificates of both methods are among them', () => {
    const text = honest.join('');
    for (const part of ['"abstained":true', '"abstained":false', '"correct":false'])
      expect(text.split(part).length).toBeGreaterThan(5);
  });
});

/** A record's line with one field of it, or of its baseline, replaced. */
function edited(line: string, inBaseline: boolean, change: (c: Record<string, unknown>) => unknown): string {
  const record = JSON.parse(line) as Record<string, unknown>;
  change(inBaseline ? (record['baseline'] as Record<string, unknown>) : record);
  return `${JSON.stringify(record)}\n`;
}

describe('an edit whose chain was built again is caught by recomputing', () => {
  const by = (name: string, factor: number) => (c: Record<string, unknown>) => {
    c[name] = (c[name] as number) * factor;
  };
  const raise = (c: Record<string, unknown>, name: string, value: number) => {
    c[name] = value;
  };
  const votes = (c: Record<string, unknown>, moved: number) => {
    const counts = c['counts'] as number[];
    const top = c['selected'] as number;
    counts[top] = (counts[top] ?? 0) - moved;
    const other = (top + 1) % 10;
    counts[other] = (counts[other] ?? 0) + moved;
  };
  const edits: [string, (c: Record<string, unknown>) => unknown][] = [
    ['a vote less', (c) => votes(c, 1)],
    [
      'p_A up by a millionth of what is left to 1',
      (c) => {
        const p = c['pA'] as number;
        c['pA'] = p + (1 - p) * 2e-6;
      },
    ],
    ['p_A down a little', by('pA', 1 - 1e-5)],
    ['R_u up by 1e-8', by('latentRadius', 1 + 1e-8)],
    ['R_u down by 1e-8', by('latentRadius', 1 - 1e-8)],
    ['a radius up by 1e-12', by('radius', 1 + 1e-12)],
    ['a radius down by 1e-12', by('radius', 1 - 1e-12)],
    [
      'radius and displacement up by 0.1 %',
      (c) => {
        by('radius', 1.001)(c);
        by('displacement', 1.001)(c);
      },
    ],
    ['another local Lipschitz constant', by('localLipschitz', 0.99)],
    [
      'another prediction',
      (c) => {
        c['prediction'] = ((c['prediction'] as number) + 1) % 10;
      },
    ],
    [
      'another selected class',
      (c) => {
        c['selected'] = ((c['selected'] as number) + 1) % 10;
      },
    ],
    [
      'the verdict turned',
      (c) => {
        c['correct'] = !c['correct'];
      },
    ],
    [
      'an abstention made of a certificate',
      (c) => {
        Object.assign(c, { abstained: true, prediction: null, radius: 0, correct: false });
        Object.assign(c, { latentRadius: 0, displacement: null, localLipschitz: null });
      },
    ],
    [
      'another n',
      (c) => {
        c['n'] = 10_001;
        c['nonFinite'] = (c['nonFinite'] as number) + 1;
      },
    ],
    ['another n0', by('n0', 2)],
    ['a smaller failure probability', by('alphaTotal', 0.5)],
    [
      'a larger rounding error',
      (c) => {
        c['forwardError'] = 0.01;
      },
    ],
    ['a larger rounding error nearby', (c) => raise(c, 'forwardErrorNearby', 0.01)],
    ['a smaller error of the noise', by('tau', 0.5)],
    ['a larger error of the noise', (c) => raise(c, 'tau', 0.01)],
    ['another grid', by('grid', 2)],
    [
      'another bound',
      (c) => {
        c['displacementBound'] = c['displacementBound'] === 'identity' ? 'secant' : 'mask';
      },
    ],
  ];
  /** The first image that is certified by both. */
  const at = honest.findIndex((line) => {
    const record = JSON.parse(line) as Partial<ReturnType<typeof honestRecord>>;
    return (record.radius ?? 0) > 0.1 && (record.baseline?.radius ?? 0) > 0.1;
  });

  for (const inBaseline of [false, true]) {
    test.each(edits)(`${inBaseline ? 'of the baseline' : 'of the record'}: %s`, async (_, change) => {
      const lines = honest.map((line, k) => (k === at ? edited(line, inBaseline, change) : line));
      const { fault } = await verified(rechained(lines));
      expect(fault).toMatchObject({ line: at + 1, record: `image ${at - 1}` });
      expect(fault?.why).toHaveLength(1);
    });
  }

  const add = (c: Record<string, unknown>, name: string, more: number) =>
    raise(c, name, (c[name] as number) + more);
  const ofAnytime: [string, (c: Record<string, unknown>) => unknown][] = [
    ['a vote less', (c) => votes(c, 1)],
    ['p_A up by a millionth of what is left to 1', (c) => add(c, 'pA', (1 - (c['pA'] as number)) * 2e-6)],
    ['p_A down a little', by('pA', 1 - 1e-5)],
    ['draws that were not made', (c) => add(c, 'nonFinite', 1)],
    [
      'a draw for no class that was not made',
      (c) => {
        add(c, 'nonFinite', 1);
        add(c, 'n', 1);
      },
    ],
    [
      'more draws than the run allows',
      (c) => {
        const missing = 10_001 - (c['n'] as number);
        add(c, 'nonFinite', missing);
        add(c, 'n', missing);
      },
    ],
  ];
  test.each(ofAnytime)('of a record of the anytime bound: %s', async (_, change) => {
    const lines = anytime.map((line, k) => (k === at ? edited(line, false, change) : line));
    expect((await verified(rechained(lines))).fault).toMatchObject({ line: at + 1 });
  });

  test('of the bound of a run that ended early: only anytime allows it, and its p_A is no other bound', async () => {
    for (const value of ['clopper-pearson', 'runner-up']) {
      const lines = anytime.map((line) => line.replace('"value":"anytime"', `"value":"${value}"`));
      expect((await verified(rechained(lines))).fault?.why.join()).toMatch(/n is \d+, the run's is 10000/u);
    }
    const whole = honest.map((line) => line.replace('"value":"clopper-pearson"', '"value":"anytime"'));
    expect((await verified(rechained(whole))).fault?.why.join()).toContain('above the bound');
  });

  const settings: [string, (header: Record<string, { value: unknown }>) => void][] = [
    ['sigma', (s) => Object.assign(s['sigma'] ?? {}, { value: 0.51 })],
    ['alpha', (s) => Object.assign(s['alpha'] ?? {}, { value: 0.002 })],
    ['delta', (s) => Object.assign(s['delta'] ?? {}, { value: 1e-5 })],
    ['bound', (s) => Object.assign(s['bound'] ?? {}, { value: 'runner-up' })],
    ['n', (s) => Object.assign(s['n'] ?? {}, { value: 9_999 })],
    ['n0', (s) => Object.assign(s['n0'] ?? {}, { value: 99 })],
    ['lipschitz', (s) => Object.assign(s['lipschitz'] ?? {}, { value: 'mask' })],
    ['start', (s) => Object.assign(s['start'] ?? {}, { value: 1 })],
    ['skip', (s) => Object.assign(s['skip'] ?? {}, { value: 2 })],
    ['baselineSigma', (s) => Object.assign(s['baselineSigma'] ?? {}, { value: 0.44 })],
  ];
  test.each(settings)('of the header: %s', async (_, change) => {
    const header = JSON.parse(honest[0] ?? '') as { settings: Record<string, { value: unknown }> };
    change(header.settings);
    const { fault } = await verified(rechained([`${JSON.stringify(header)}\n`, ...honest.slice(1)]));
    expect(fault).not.toBeNull();
  });

  test('of the closing line: each of its figures', async () => {
    const last = honest.at(-1) ?? '';
    for (const [from, to] of [
      [/"records":40/u, '"records":41'],
      [/"abstained":(\d+)/u, '"abstained":99'],
      [/"certified":\[(\d+)/u, '"certified":[39'],
      [/"averageRadius":0\.(\d)/u, '"averageRadius":0.9'],
      ['certified accuracy', 'certified fraction'],
      ['"sigma":0.43', '"sigma":0.44'],
      ['"name":"SPLITZ"', '"name":"plain smoothing"'],
    ] as const) {
      const changed = last.replace(from, to);
      expect(changed).not.toBe(last);
      const { fault } = await verified(rechained([...honest.slice(0, -1), changed]));
      expect(fault).toMatchObject({ record: 'the closing line' });
    }
  });
});

describe('what the header says of the left half that ONNX Runtime computes', () => {
  const judged = async (leftHalfNorm: number, leftHalfSigmas: number) => {
    const header = honestHeader();
    const checks = { ...header.checks, leftHalfNorm, leftHalfSigmas };
    const lines = [lineOf({ ...header, checks }), ...honest.slice(1)];
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

test('another noise than the one that is rounded to a grid is refused', async () => {
  const header = honestHeader();
  const environment = { ...header.environment, noise: 'philox4x32-10/continuous' };
  const { fault } = await verified(rechained([lineOf({ ...header, environment }), ...honest.slice(1)]));
  expect(fault?.why.join()).toContain('environment.noise is philox4x32-10/continuous');
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
