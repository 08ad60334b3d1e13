/** Limits and signals of the surroundings, named as what they are. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFolder, readResults, splitz, start } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
afterAll(remove);
beforeAll(() => {
  writeModel(folder, 'net.onnx');
});
const CERTIFY = [
  'certify',
  'net.onnx',
  '--data',
  'glyphs',
  '--split',
  'input',
  '--sigma',
  '0.1',
  '--seed',
  '7',
];

const limited = process.platform === 'linux' ? '' : ' (skipped: ulimit -v is of Linux)';

describe.skipIf(limited !== '')(`address-space-limit${limited}`, () => {
  const under = (kilobytes: number, ...args: readonly string[]) =>
    start(folder, [...CERTIFY, ...args], {}, ['bash', '-c', `ulimit -v ${kilobytes}; exec "$@"`, 'bash'])
      .ended;

  it('a worker without addresses for its noise says what limits them, and what to do', async () => {
    const { code, stderr } = await under(
      16_000_000,
      '--max',
      '1',
      '--n',
      '100',
      '--workers',
      '2',
      '--out',
      'a.jsonl',
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /15\.3 GiB of addresses \(ulimit -v\), and WebAssembly reserves about 10\.0 GiB for each of its memories/u,
    );
    expect(stderr).toContain('ulimit -v unlimited');
    expect(stderr).not.toContain('--batch');
    expect(existsSync(join(folder, 'a.jsonl'))).toBe(false);
  });

  it('with enough of them it runs', async () => {
    const { code } = await under(
      64_000_000,
      '--max',
      '1',
      '--n',
      '100',
      '--workers',
      '1',
      '--out',
      'b.jsonl',
    );
    expect(code).toBe(0);
  });
});

const signals = process.platform === 'win32' ? ' (skipped: there is no SIGHUP)' : '';

it.skipIf(signals !== '')(
  `a terminal that closes (SIGHUP) ends a run as Ctrl-C does: resumable${signals}`,
  async () => {
    const args = [...CERTIFY, '--n', '10000', '--max', '200', '--workers', '1', '--out', 'hup.jsonl'];
    const { child, ended } = start(folder, args);
    child.stderr?.on('data', (text: string) => {
      if (/^[1-9]\d*\/200 images/mu.test(text)) child.kill('SIGHUP');
    });
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([130, expect.stringContaining('interrupted')]);
    expect(existsSync(join(folder, 'hup.jsonl.lock'))).toBe(false);
    const { records } = readResults(join(folder, 'hup.jsonl'));
    expect(records.length).toBeGreaterThan(0);
    expect((await splitz(folder, 'verify', 'hup.jsonl', '--unfinished')).code).toBe(0);
  },
);
