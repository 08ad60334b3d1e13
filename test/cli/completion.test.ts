/** Completion as the shells do it: their script, sourced, asks the program. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { offers } from '../../src/cli/completion/offers.ts';
import { newFolder, splitz } from './command-line.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const { folder, remove } = newFolder();
const bin = join(folder, 'bin');
const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
beforeAll(async () => {
  mkdirSync(bin);
  // The program under its name, as npm installs it.
  const program = join(bin, 'splitz-onnx');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  chmodSync(program, 0o755);
  for (const shell of ['bash', 'zsh'])
    writeFileSync(join(folder, shell), (await splitz(folder, 'completion', shell)).stdout);
});
afterAll(remove);

const present = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

describe('what is offered', () => {
  it.each([
    [['ce'], ['certify']],
    [['--debug', 'tra'], ['train']],
    [
      ['config', ''],
      ['schema', 'show'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh'],
    ],
    [['certify', '--met'], ['--method']],
    [['certify', '--no-b'], ['--no-baseline']],
    [
      ['certify', 'net.onnx', '--method', 's'],
      ['smoothing', 'splitz'],
    ],
    [['certify', '--method=de'], ['--method=deterministic']],
    [['certify', '--method', '=', 'de'], ['deterministic']],
    [
      ['train', '--architecture', 'resnet'],
      ['resnet110', 'resnet20'],
    ],
  ])('behind %j', (words, expected) => {
    expect(offers(words)).toEqual(expected);
  });

  it('is every command at first, and every option of a command, those of --help --all too', () => {
    expect(offers([''])).toEqual(
      expect.arrayContaining(['attack', 'certify', 'completion', 'config', 'verify']),
    );
    expect(offers(['certify', '--'])).toEqual(
      expect.arrayContaining(['--sigma', '--workers', '--debug', '--all']),
    );
    expect(offers(['attack', '--'])).not.toContain('--n0');
  });

  it('is nothing where a file or a free value is due, so that the shell offers files', () => {
    expect(offers(['certify', 'mod'])).toEqual([]);
    expect(offers(['certify', 'net.onnx', '--data', ''])).toEqual([]);
  });
});

describe('bash', () => {
  /** COMPREPLY for a command line of these words, the cursor behind the last one. */
  const completed = (...words: string[]): string[] => {
    const typed = ['splitz-onnx', ...words].map((word) => `'${word}'`).join(' ');
    const script = `source ./bash; COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _splitz_onnx splitz-onnx; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    return stdout.split('\n').filter((line) => line !== '');
  };

  it.skipIf(!present('bash'))('completes commands, options and values', () => {
    expect(completed('ce')).toEqual(['certify']);
    expect(completed('certify', '--metho')).toEqual(['--method']);
    expect(completed('certify', '--method', '')).toEqual([
      'deterministic',
      'lipschitz-smoothing',
      'smoothing',
      'splitz',
      'uniform-smoothing',
    ]);
    expect(completed('certify', '--method', '=')).toEqual([
      'deterministic',
      'lipschitz-smoothing',
      'smoothing',
      'splitz',
      'uniform-smoothing',
    ]);
    expect(completed('certify', 'mod')).toEqual([]);
  });
});

describe('zsh', () => {
  const absent = present('zsh') ? '' : ' (skipped: zsh is not on this machine)';
  it.skipIf(absent !== '')(`completes commands, options and values${absent}`, () => {
    // compadd works only inside of a completion: here it prints what it is given.
    const completed = (...words: string[]): string[] => {
      const typed = ['splitz-onnx', ...words].map((word) => `'${word}'`).join(' ');
      const script = `compdef() { }; compadd() { print -l -- "\${(@P)2}"; }; _files() { print FILES; }; source ./zsh; words=(${typed}); CURRENT=${words.length + 1}; _splitz_onnx`;
      const { status, stdout, stderr } = spawnSync('zsh', ['-fc', script], {
        cwd: folder,
        env,
        encoding: 'utf8',
      });
      expect([status, stderr]).toEqual([0, '']);
      return stdout.split('\n').filter((line) => line !== '');
    };
    expect(completed('ce')).toEqual(['certify']);
    expect(completed('certify', '--metho')).toEqual(['--method']);
    expect(completed('certify', '--method', '')).toEqual([
      'deterministic',
      'lipschitz-smoothing',
      'smoothing',
      'splitz',
      'uniform-smoothing',
    ]);
    expect(completed('certify', '--method=sm')).toEqual(['--method=smoothing']);
    expect(completed('certify', 'mod')).toEqual(['FILES']);
  });
});
