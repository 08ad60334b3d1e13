/**
 * Forgeries that follow from themselves, chain and all: what the file alone cannot show, `verify` with model, data and draws
 * does, with the probability that it states.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/methods/context.ts';
import type { VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import type { SplitzEvidence } from '../../src/methods/splitz/schema.ts';
import type { CertificateRecord, RunHeader } from '../../src/records/record.ts';
import { openContext } from '../../src/runs/context.ts';
import { replaySample } from '../../src/runs/replay-sample.ts';
import { type Verification, verify } from '../../src/runs/verify.ts';
import { missing, worthOf } from '../../src/statistics/sample-worth.ts';
import { newFolder, parseResults, splitz } from '../cli/command-line.ts';
import { glyphParts, glyphProto, writeModel } from '../cli/glyph-network.ts';
import { node } from '../onnx/tiny-model.ts';
import { setting, withEvidence, withSelection, withVerdict } from '../records/run.ts';
import { type RunFile, rebuilt, withStretch, withVotes } from './forge.ts';

const { folder, remove } = newFolder();
const path = (name: string) => join(folder, name);
let run: RunFile;
let context: Context;
const N = 200;

beforeAll(async () => {
  // With a node that nothing reads, so that preflight has something to say.
  const nodes = [...(glyphParts.nodes ?? []), node('Relu', ['h'], 'dead', { name: 'Relu_4' })];
  writeModel(folder, 'net.onnx', glyphProto({ nodes }));
  const { code, stderr } = await splitz(
    folder,
    ...['certify', 'net.onnx', '--data', 'glyphs', '--sigma', '0.06', '--n', String(N), '--n0', '20'],
    ...['--start', '3', '--skip', '2', '--max', '10', '--seed', '7', '--quiet', '--out', 'run.jsonl'],
  );
  expect([code, stderr]).toEqual([0, '']);
  run = parseResults(readFileSync(path('run.jsonl'), 'utf8').replace(/,"chain":"[0-9a-f]{64}"/gu, ''));
  context = openContext({ workers: 1 });
});
afterAll(async () => {
  await context.resources.close();
  remove();
});

async function verified(file: RunFile, given: object = { bounds: 20, replay: 20 }): Promise<Verification> {
  writeFileSync(path('forged.jsonl'), rebuilt(file));
  const sources = { run: path('forged.jsonl'), model: path('net.onnx'), data: 'glyphs' };
  return verify({ ...sources, ...given }, context);
}
const withRecord = (at: number, change: (record: CertificateRecord) => CertificateRecord): RunFile => ({
  ...run,
  records: run.records.map((record, k) => (k === at ? change(record) : record)),
});

/** Edits of a certified record, which follow from themselves: the file alone shows none of them. */
const EDITS: Readonly<Record<string, (record: CertificateRecord, header: RunHeader) => CertificateRecord>> = {
  'all votes for the class': (r, h) =>
    withVotes(r, h, 0, selected(r), shifted(r, 0, Number.POSITIVE_INFINITY)),
  'ten votes more for the class': (r, h) => withVotes(r, h, 0, selected(r), shifted(r, 0, 10)),
  'one vote more for the class': (r, h) => withVotes(r, h, 0, selected(r), shifted(r, 0, 1)),
  'the next class in place of the one certified': (r, h) => {
    const next = (selected(r) + 1) % 10;
    const { counts } = votesOf(r);
    return withVotes(r, h, 0, next, exchanged(counts, selected(r), next));
  },
  'two losing classes exchanged': (r, h) => {
    const [a = 0, b = 0] = votesOf(r)
      .counts.map((_, c) => c)
      .filter((c) => c !== selected(r));
    const { counts } = votesOf(r);
    return withVotes(
      r,
      h,
      0,
      selected(r),
      counts[a] === counts[b] ? shifted(r, 0, 1) : exchanged(counts, a, b),
    );
  },
  'an abstention in place of a radius': (r, h) => withVotes(r, h, 0, selected(r), even()),
  'a left half that stretches by 90 %': (r) => withStretch(r, 0.9),
  'a left half that stretches by 50 %': (r) => withStretch(r, 0.5),
  'a left half that stretches by 99.99 %': (r) => withStretch(r, 0.9999),
  'a left half that stretches by 101 %': (r) => withStretch(r, 1.01),
  'a radius of a million and a D of 0': (r) =>
    withVerdict(r, { radius: 1e6, evidence: { ...splitzOf(r), displacement: 0, localLipschitz: 0 } }),
  'half the error of f_L': (r) => withEvidence(r, { forwardError: (splitzOf(r).forwardError ?? 0) / 2 }),
  'less error of f_L nearby': (r) => {
    const { forwardError: there, forwardErrorNearby: nearby } = splitzOf(r);
    return withEvidence(r, { forwardErrorNearby: ((there ?? 0) + (nearby ?? 0)) / 2 });
  },
  'votes of the comparison for another class': (r, h) => withVotes(r, h, 1, 3, one(3)),
  'one vote of the comparison more': (r, h) => withVotes(r, h, 1, selected(r, 1), shifted(r, 1, 1)),
  'an abstention of the comparison': (r, h) => withVotes(r, h, 1, selected(r, 1), even()),
  'another answer of the network': (r) => ({ ...r, answer: ((r.answer ?? 0) + 1) % 10 }),
  'no answer of the network': (r) => ({ ...r, answer: null }),
  'other pixels': (r) => ({ ...r, sha256: '0'.repeat(64) }),
  'another label': (r) => ({ ...r, label: ((r.label ?? 0) + 1) % 10 }),
  'the name of a file': (r) => ({ ...r, name: 'cat.png' }),
  'the record of another image': (r) => ({ ...r, series: other(r).series }),
};
/** Found whatever is drawn: every record is looked at. */
const ALWAYS = ['another answer of the network', 'no answer of the network', 'other pixels', 'another label'];

const votesOf = ({ series }: CertificateRecord, k = 0) => series[k]?.evidence as VoteEvidence;
const splitzOf = (record: CertificateRecord) => votesOf(record) as SplitzEvidence;
const selected = (record: CertificateRecord, k = 0): number => votesOf(record, k).selected ?? 0;
const exchanged = (counts: readonly number[], a: number, b: number) =>
  counts.with(a, counts[b] ?? 0).with(b, counts[a] ?? 0);
const one = (winner: number) => Array.from({ length: 10 }, (_, c) => (c === winner ? N : 0));
const even = () => Array.from({ length: 10 }, () => N / 10);
const other = ({ index }: CertificateRecord): CertificateRecord => {
  const found = run.records.find((one) => one.index !== index && (one.series[0]?.radius ?? 0) > 0);
  if (found === undefined) throw new Error('two records are certified');
  return found;
};
/** Up to `most` votes of other classes given to the class; taken from it where it has all. */
function shifted(record: CertificateRecord, k: number, most: number): number[] {
  const counts = [...votesOf(record, k).counts];
  const winner = selected(record, k);
  let left = Math.min(most, N);
  for (const [c, votes] of counts.entries()) {
    if (c === winner) continue;
    const moved = Math.min(left, votes);
    counts[c] = votes - moved;
    counts[winner] = (counts[winner] ?? 0) + moved;
    left -= moved;
  }
  const loser = (winner + 1) % 10;
  return (counts[winner] ?? 0) === N && (votesOf(record, k).counts[winner] ?? 0) === N
    ? counts.with(winner, N - 1).with(loser, 1)
    : counts;
}

const certifiedAt = (): number[] =>
  run.records.flatMap(({ series: [own] }, k) => ((own?.radius ?? 0) > 0 ? [k] : []));

describe('verify-forged and forge: edits of a certified record, chain and closing line built again', () => {
  it('the honest run holds, votes and all', async () => {
    const all = await verified(run, { bounds: 20, replay: 'all' });
    expect(all.problem).toBeNull();
    expect(all.scope).toBe('whole');
    expect(all.replayed).toEqual({ records: 10, of: 10 });
    expect(certifiedAt().length).toBeGreaterThan(4);
  });

  it.each(Object.keys(EDITS))('%s falls where the record is drawn', async (name) => {
    const edit = EDITS[name];
    if (edit === undefined) throw new Error('an edit');
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...certifiedAt()), async (at) => {
        const file = withRecord(at, (record) => edit(record, run.header));
        const { index } = run.records[at] ?? {};
        expect(rebuilt(file)).not.toBe(rebuilt(run));
        const { problem } = await verified(file);
        expect(problem?.report.what).toBe(`the result file does not hold: image ${index}`);
      }),
      { numRuns: 2, seed: 17 },
    );
  });

  it('the file alone shows none of them: they follow from themselves', async () => {
    const [at = 0] = certifiedAt();
    for (const [name, edit] of Object.entries(EDITS)) {
      writeFileSync(path('alone.jsonl'), rebuilt(withRecord(at, (record) => edit(record, run.header))));
      const { problem } = await verify({ run: path('alone.jsonl') }, context);
      expect([name, problem?.report.why]).toEqual([name, undefined]);
    }
  });

  it('a draw finds it exactly when it draws it, and says how likely that is', async () => {
    const [at = 0] = certifiedAt().slice(2);
    const file = withRecord(at, (record) => withVotes(record, run.header, 1, 3, one(3)));
    const { index } = file.records[at] ?? { index: -1 };
    const outcomes = new Set<boolean>();
    for (let seed = 0; seed < 8; seed++) {
      const sample = replaySample(file.records, 3, seed);
      const drawn = sample.records.some((record) => record.index === index);
      const { problem, unchecked } = await verified(file, { bounds: 0, replay: 3, seed });
      expect(problem !== null).toBe(drawn);
      if (drawn) expect(problem?.report.why).toContain(`drawn by the seed ${seed}`);
      else expect(unchecked.join('\n')).toContain(worthOf(sample.of, 3));
      outcomes.add(drawn);
    }
    expect(outcomes.size).toBe(2);
  });

  it('what is always looked at needs no draw', async () => {
    const [at = 0] = certifiedAt();
    for (const name of ALWAYS) {
      const file = withRecord(at, (record) => EDITS[name]?.(record, run.header) ?? record);
      expect([name, (await verified(file, {})).problem]).not.toEqual([name, null]);
    }
  });
});

it('a draw misses false records as often as it states: 400 seeds, a tenth of 40 false', () => {
  const [record] = run.records;
  if (record === undefined) throw new Error('a record');
  const series = record.series.map((verdict) => ({ ...verdict, prediction: 0, radius: 1 }));
  const records = Array.from({ length: 50 }, (_, index) => ({
    ...record,
    ...{ index, series: index < 40 ? series : series.map((verdict) => ({ ...verdict, radius: 0 })) },
  }));
  const seeds = 400;
  let missed = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const drawn = replaySample(records, 5, seed).records.map(({ index }) => index);
    expect(drawn).toHaveLength(5);
    expect(Math.max(...drawn)).toBeLessThan(40);
    if (drawn.every((index) => index >= 4)) missed++;
  }
  const expected = missing(40, 4, 5);
  // Five deviations of a binomial share.
  const deviation = Math.sqrt((expected * (1 - expected)) / seeds);
  expect(Math.abs(missed / seeds - expected)).toBeLessThan(5 * deviation);
});

/** Edits of the first line. */
const HEADERS: Readonly<Record<string, (header: RunHeader) => RunHeader>> = {
  'findings emptied': (h) => ({ ...h, findings: [] }),
  'a finding played down': (h) => ({
    ...h,
    findings: h.findings.map((one) => ({ ...one, severity: one.severity === 'note' ? 'error' : 'note' })),
  }),
  'a finding invented': (h) => ({
    ...h,
    findings: [...h.findings, { id: 'SPLITZ001', severity: 'note', where: 'x', what: 'y' }],
  }),
  'another seed': (h) => ({ ...h, seed: { ...h.seed, value: h.seed.value + 1 } }),
  'another producer': (h) => ({ ...h, model: { ...h.model, producer: 'somebody else' } }),
  'another IR version': (h) => ({ ...h, model: { ...h.model, irVersion: 3 } }),
  'another opset': (h) => ({ ...h, model: { ...h.model, opsets: [{ domain: '', version: 9 }] } }),
  'another model': (h) => ({
    ...h,
    model: { ...h.model, files: [{ name: 'net.onnx', sha256: '0'.repeat(64) }] },
  }),
  'more classes': (h) => ({ ...h, model: { ...h.model, classes: 11 } }),
  'said to be changed': (h) => ({ ...h, model: { ...h.model, modified: ['Dropout_3'] } }),
  'other data': (h) => ({ ...h, data: { ...h.data, digest: '0'.repeat(64) } }),
  'more data': (h) => ({ ...h, data: { ...h.data, length: h.data.length + 1 } }),
  'another subset': (h) => ({ ...h, data: { ...h.data, subset: 'validation' } }),
  'another mean': (h) => ({ ...h, intake: { ...h.intake, mean: setting([0.5]) } }),
  'another scale': (h) => ({ ...h, intake: { ...h.intake, scale: setting(255) } }),
  'another first image': (h) => withSelection(h, { start: setting(5) }),
  'another step between images': (h) => withSelection(h, { skip: setting(1) }),
  'an image held out': (h) => withSelection(h, { heldOut: [7] }),
  'a part of a run': (h) => withSelection(h, { shard: { index: 1, of: 2 } }),
  'shared noise': (h) => ({ ...h, dependence: 'shared' }),
  'another arithmetic': (h) => ({ ...h, precision: setting('tf32') }),
  'less noise': (h) => withSetting(h, { sigma: setting(0.05) }),
  'another split': (h) => withSetting(h, { split: setting('input') }),
  'a smaller alpha': (h) => withSetting(h, { alpha: setting(1e-6) }),
  'more draws': (h) => withSetting(h, { n: setting(10 * N) }),
  'another bound of the left half': (h) => withSetting(h, { lipschitz: setting('global') }),
  'another latent': (h) => withPart(h, { facts: { ...h.series[0]?.facts, latentShape: [10, 10, 10] } }),
  'fewer nodes': (h) => withPart(h, { facts: { ...h.series[0]?.facts, nodesLeft: 1 } }),
  'a better Lipschitz constant': (h) =>
    withPart(h, { checks: { ...h.series[0]?.checks, globalLipschitz: 0.1 } }),
  'a better agreement': (h) => withPart(h, { checks: { ...h.series[0]?.checks, composition: 1e-12 } }),
  'an estimate': (h) => withPart(h, { guarantee: 'estimate, not a bound' }),
};
const withPart = (header: RunHeader, part: Partial<RunHeader['series'][number]>): RunHeader => ({
  ...header,
  series: header.series.map((one, k) => (k === 0 ? { ...one, ...part } : one)),
});
const withSetting = (header: RunHeader, settings: object): RunHeader =>
  withPart(header, { settings: { ...header.series[0]?.settings, ...settings } });

describe('verify-forged: edits of the first line, always', () => {
  it('has something to find: preflight found something', () => {
    expect(run.header.findings.length).toBeGreaterThan(0);
  });

  it.each(Object.keys(HEADERS))('%s', async (name) => {
    const header = HEADERS[name]?.(run.header);
    if (header === undefined) throw new Error('an edit');
    for (const seed of [1, 2]) {
      const { problem } = await verified({ ...run, header }, { bounds: 1, replay: 1, seed });
      expect(problem).not.toBeNull();
    }
  });
});
