/** What `certify` and `plan` say when little or nothing can be certified: in order, with commands that work as printed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFolder, splitz } from './command-line.ts';

const LENET = fileURLToPath(new URL('../../models/glyphs-lenet.onnx', import.meta.url));

let work: ReturnType<typeof newFolder>;
beforeAll(() => {
  work = newFolder();
});
afterAll(() => work.remove());

const commandsOf = (stdout: string): string[] =>
  stdout
    .split('\n')
    .filter((line) => line.startsWith('   splitz-onnx '))
    .map((line) => line.trim());

/** Certifies a few images under so much noise at the input. */
const certifyUnder = (sigma: string, ...more: string[]) =>
  splitz(
    work.folder,
    ...[
      'certify',
      LENET,
      '--data',
      'glyphs',
      '--split',
      'input',
      '--sigma',
      sigma,
      '--n',
      '200',
      '--max',
      '6',
    ],
    ...more,
  );

const run = (command: string) => splitz(work.folder, ...command.split(' ').slice(1));

describe('certify under more noise than the network bears', () => {
  it('says what to do, in order, and every command printed runs as it is', async () => {
    const { code, stdout } = await certifyUnder('4');
    expect(code).toBe(0);
    const commands = commandsOf(stdout);
    expect(commands.map((command) => command.split(' ')[1])).toEqual(['certify', 'plan', 'certify', 'train']);
    const [certify = '', plan = '', denoised = '', train = ''] = commands;
    expect(certify).toContain('--data glyphs --max 6 --n 200 --method smoothing --sigma 2 --out ');
    const again = await run(certify);
    expect(again.code).toBe(0);
    expect(again.stderr).toContain('sigma 2 (flag)');
    const behind = await run(denoised);
    expect(behind.code, behind.stderr).toBe(0);
    expect(behind.stderr).toContain('with   denoiser-digits28.onnx in front of the network');
    // The others take longer than a test may: with less to do, they run too.
    expect((await run(`${plan} --cuts input --images 2 --draws 10 --levels 0.1 --n 100 --max 1`)).code).toBe(
      0,
    );
    expect((await run(`${train} --epochs 1 --max 64 --batch 32`)).code).toBe(0);
    expect(existsSync(join(work.folder, 'glyphs-lenet-noise-4.onnx'))).toBe(true);
  });

  it('says nothing after a run that needs no advice', async () => {
    const { stdout } = await certifyUnder('0.1', '--out', 'fine.jsonl');
    expect(commandsOf(stdout)).toEqual([]);
  });
});

describe('plan where no setting certifies anything', () => {
  it('recommends none, says why, and writes no config file', async () => {
    const { code, stdout, stderr } = await splitz(
      work.folder,
      ...['plan', LENET, '--data', 'glyphs', '--images', '4', '--draws', '20', '--n', '100', '--max', '2'],
      ...['--cuts', 'input', '--levels', '6,8', '--out', 'plan.yaml'],
    );
    expect(stdout.replace(/\s+/gu, ' ')).toMatch(
      /None of these settings certifies anything: the network alone, without noise, is right on .* it decides none of the 4 pilot images rightly\./u,
    );
    expect(stdout).not.toContain('best   ');
    expect(code).toBe(4);
    expect(stderr).toContain('plan.yaml was not written');
    expect(existsSync(join(work.folder, 'plan.yaml'))).toBe(false);
  });
});
