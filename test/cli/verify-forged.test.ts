/** The forgeries of a shared case, made again in the present format: an honest run, edited, the chain built again. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import type { CertificateRecord } from '../../src/records/record.ts';
import { sharedFolder } from '../onnx/shared.ts';
import { withVerdict } from '../records/run.ts';
import { type RunFile, rebuilt, rebuiltUnfinished, withStretch, withVotes } from '../verification/forge.ts';
import { newFolder, parseResults, splitz } from './command-line.ts';

const shared = join(sharedFolder, 'cases', 'verify-forged');
const unpacks = ['tar', 'xz'].every((tool) => spawnSync(tool, ['--version']).status === 0);
const absent = existsSync(shared)
  ? unpacks
    ? ''
    : ' (skipped: tar or xz is not on this machine)'
  : ' (skipped: the shared cases are not on this machine)';

const { folder, remove } = newFolder();
const path = (name: string) => join(folder, name);
const DATA = ['--data', 'images:imgs'];
const INTAKE = ['--mean', '0.4914,0.4822,0.4465', '--std', '0.247,0.2435,0.2616'];
afterAll(remove);

/** Certifies the first images with a model of the case. */
async function honest(model: string, ...args: readonly string[]): Promise<RunFile> {
  const out = `${model}.jsonl`;
  const { code, stderr } = await splitz(
    folder,
    ...['certify', `${model}.onnx`, ...DATA, ...INTAKE, ...args, '--n', '100', '--n0', '20', '--max', '6'],
    ...['--seed', '0', '--quiet', '--out', out],
  );
  expect([code, stderr]).toEqual([0, '']);
  return parseResults(readFileSync(path(out), 'utf8').replace(/,"chain":"[0-9a-f]{64}"/gu, ''));
}

const audit = (model: string, text: string, ...args: readonly string[]) => {
  writeFileSync(path('forged.jsonl'), text);
  return splitz(folder, ...['verify', 'forged.jsonl', `${model}.onnx`, ...DATA, '--replay', '20', ...args]);
};

const radiusOf = ({ series: [own] }: CertificateRecord): number => own?.radius ?? 0;

describe.skipIf(absent !== '')(`verify-forged${absent}`, () => {
  let [norm, noisy]: [RunFile?, RunFile?] = [];
  beforeAll(async () => {
    for (const name of ['mynet', 'mynoisy']) {
      const { stdout } = spawnSync('xz', ['-dc', join(shared, `${name}.onnx.xz`)], { maxBuffer: 1 << 26 });
      writeFileSync(path(`${name}.onnx`), stdout);
    }
    spawnSync('tar', ['xJf', join(shared, 'imgs.tar.xz'), '-C', folder]);
    norm = await honest('mynet', '--sigma', '1.838');
    noisy = await honest('mynoisy', '--split', 'input', '--sigma', '0.12');
  });
  const runs = (): { norm: RunFile; noisy: RunFile } => {
    if (norm === undefined || noisy === undefined) throw new Error('both were certified');
    return { norm, noisy };
  };

  it('norm, noisy: the honest runs hold', async () => {
    expect((await audit('mynet', rebuilt(runs().norm), '--bounds', '20')).code).toBe(0);
    expect((await audit('mynoisy', rebuilt(runs().noisy))).code).toBe(0);
  });

  it('forged: the votes of the best record, invented for the label of every other', async () => {
    const { header, records } = runs().noisy;
    const best = records.reduce((a, b) => (radiusOf(b) > radiusOf(a) ? b : a));
    const { counts: votes } = (best.series[0]?.evidence ?? { counts: [] }) as VoteEvidence;
    const most = Math.max(...votes);
    const invented = records.map((record) => {
      const label = record.label ?? 0;
      const counts = Array.from({ length: 10 }, (_, c) =>
        c === label ? most : c === (label + 1) % 10 ? 100 - most : 0,
      );
      return record === best ? record : withVotes(record, header, 0, label, counts);
    });
    const text = rebuilt({ header, records: invented });
    writeFileSync(path('alone.jsonl'), text);
    expect((await splitz(folder, 'verify', 'alone.jsonl')).code).toBe(0);
    const { code, stderr } = await audit('mynoisy', text);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/evidence\.counts: \[[\s\S]*drawn by the seed/u),
    ]);
  });

  it('forgedD: left halves said to stretch by less', async () => {
    const { header, records } = runs().norm;
    const forged = records.map((record) => (radiusOf(record) > 0 ? withStretch(record, 0.5) : record));
    expect(forged).not.toEqual(records);
    const { code, stderr } = await audit('mynet', rebuilt({ header, records: forged }), '--bounds', '20');
    expect([code, stderr]).toEqual([1, expect.stringContaining('the result file does not hold: image')]);
  });

  it('ed2: a wrong answer said to be right', async () => {
    const { header, records } = runs().norm;
    const wrong = records.findIndex(({ label, answer }) => label !== answer);
    expect(wrong).toBeGreaterThanOrEqual(0);
    for (const field of ['label', 'answer'] as const) {
      const [from, to] = field === 'label' ? (['answer', 'label'] as const) : (['label', 'answer'] as const);
      const forged = records.map((record, k) => (k === wrong ? { ...record, [to]: record[from] } : record));
      const { code, stderr } = await audit('mynet', rebuilt({ header, records: forged }));
      expect([code, stderr]).toEqual([1, expect.stringContaining(`${field} is `)]);
    }
    const claimed = records.map((record, k) =>
      k === wrong ? withVerdict(record, { prediction: record.label }) : record,
    );
    expect((await audit('mynet', rebuilt({ header, records: claimed }))).code).toBe(1);
  });

  it('nofind: what preflight found is compared', async () => {
    const { header, records } = runs().norm;
    const other =
      header.findings.length > 0 ? [] : [{ id: 'SPLITZ001', severity: 'note' as const, where: '', what: '' }];
    const { code, stderr } = await audit(
      'mynet',
      rebuilt({ header: { ...header, findings: other }, records }),
    );
    expect([code, stderr]).toEqual([1, expect.stringContaining('the findings about the model do not hold')]);
  });

  it('cut: a run that lost its end does not hold, and is called unfinished where it is accepted', async () => {
    const { header, records } = runs().norm;
    const text = rebuiltUnfinished({ header, records: records.slice(0, 3) });
    expect((await audit('mynet', text)).code).toBe(1);
    const { code, stdout } = await audit('mynet', text, '--unfinished');
    expect([code, stdout]).toEqual([0, expect.stringContaining('the run is not finished')]);
  });
});
