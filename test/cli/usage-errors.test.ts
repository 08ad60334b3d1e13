/** What is written wrong on the command line is named, and what may have been meant; nothing takes another meaning in silence. */
import { afterAll, describe, expect, it } from 'vitest';
import { newFolder, splitz, start } from './command-line.ts';

const { folder, remove } = newFolder();
afterAll(remove);

describe('the program alone', () => {
  it('prints the list of commands and ends with 0', async () => {
    const { code, stdout, stderr } = await splitz(folder);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Commands:\n {2}splitz-onnx certify <model>/mu);
  });
});

describe('a usage error', () => {
  it.each([
    [['certfy', 'net.onnx'], 'there is no command certfy', 'Did you mean certify?'],
    [['config', 'shw'], 'there is no command config shw', 'Did you mean config show?'],
    [['certify', 'net.onnx', '--sgima', '1'], 'certify has no option --sgima', 'Did you mean --sigma?'],
    [['certify', 'net.onnx', '--sgima=1'], 'certify has no option --sgima', 'Did you mean --sigma?'],
    [['certify', 'net.onnx', '-sigma', '1'], 'certify has no option -sigma', 'Did you mean --sigma?'],
    [
      ['certify', 'net.onnx', '--no-basline'],
      'certify has no option --no-basline',
      'Did you mean --no-baseline?',
    ],
    [
      ['certify', 'net.onnx', '--base-line-sigma', '1'],
      'certify has no option --base-line-sigma',
      '--baseline-sigma?',
    ],
    [['verify', 'run.jsonl', '-z'], 'verify has no option -z', 'See splitz-onnx verify --help --all.'],
    [['inspect', 'a.onnx', 'b.onnx'], 'inspect has one argument too many: b.onnx', 'Omit it.'],
    [['certify', 'net.onnx', '--method', 'splits'], "--method cannot be 'splits'", 'Did you mean splitz?'],
    [['completion', 'zhs'], "shell cannot be 'zhs'", 'Did you mean zsh?'],
    [['completion'], 'the shell is missing', 'See splitz-onnx completion --help.'],
    [['certify'], 'the model file is missing', 'See splitz-onnx certify --help.'],
    [['verify'], 'the result file is missing', 'See splitz-onnx verify --help.'],
  ] as const)('%j', async (args, what, remedy) => {
    const { code, stdout, stderr } = await splitz(folder, ...args);
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr.startsWith(`error: ${what}\n`), stderr).toBe(true);
    expect(stderr).toContain(remedy);
  });

  it('is in English, whatever the language of the session', async () => {
    const { code, stderr } = await start(folder, ['certify'], { LC_ALL: 'de_DE.UTF-8' }).ended;
    expect([code, stderr]).toEqual([4, expect.stringContaining('the model file is missing')]);
  });
});

describe('a number', () => {
  it.each([
    [['certify', 'net.onnx', '--n', '10,000'], '--n 10,000'],
    [['certify', 'net.onnx', '--n=10_000'], '--n 10_000'],
    [['certify', 'net.onnx', '--sigma', '0,5'], '--sigma 0,5'],
    [['certify', 'net.onnx', '--n', '5', '--n', 'many'], '--n many'],
    [['predict', 'net.onnx', '--index', '1', '2,3'], '--index 2,3'],
    [['config', 'show', '--sigma', '0,5'], '--sigma 0,5'],
  ] as const)('that is not one is refused as it was written: %j', async (args, written) => {
    const { code, stderr } = await splitz(folder, ...args);
    expect(code).toBe(4);
    expect(stderr).toContain(`error: ${written} is not a number\n`);
    expect(stderr).toContain('as in 10000, 1e4 or 0.5.');
  });

  it('may have an exponent', async () => {
    const { code, stdout } = await splitz(folder, 'config', 'show', '--n', '1e5', '--json');
    expect(code).toBe(0);
    expect(JSON.stringify(JSON.parse(stdout))).toContain('100000');
  });
});

describe('an option without its value', () => {
  it.each([
    ['certify', 'net.onnx', '--n'],
    ['certify', 'net.onnx', '--n', '--max', '1'],
    ['certify', 'net.onnx', '--data'],
    ['certify', 'net.onnx', '--method', '--max', '1'],
    ['certify', 'net.onnx', '--against'],
    ['train', '--architecture'],
  ])('is not its default: %s %s %s %s', async (...args) => {
    const { code, stderr } = await splitz(folder, ...args.filter((arg) => arg !== undefined));
    expect([code, stderr]).toEqual([4, expect.stringMatching(/^error: --\S+ has no value\n/u)]);
  });
});
