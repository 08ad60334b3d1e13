/** A model file that tries to write to the terminal of whoever opens it: no command prints a control character of it. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelProto, NodeProto } from '../../src/onnx/model/proto.ts';
import { sharedFolder } from '../onnx/shared.ts';
import { node } from '../onnx/tiny-model.ts';
import { rechained } from '../verification/honest.ts';
import { newFolder, splitz, start } from './command-line.ts';
import { glyphParts, glyphProto, writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const path = (name: string) => join(folder, name);
afterAll(remove);

/** Moves the cursor, sets the title, colours, adds a line, returns to its start, turns the order round, in C0, C1 and Unicode. */
const EVIL =
  '\u001b[2J\u001b]0;pwned\u0007\u001b[31mred\nFORGED line\r\u009b31m\u202egnp\u2066\u200b\u2028FORGED';
/** Everything that would be obeyed or overlooked, the program's own line ends and tabs aside. */
const OBEYED = /(?![\n\t])[\p{Cc}\u200b-\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const C0 = /(?!\n)[\p{Cc}]/u;

/** The glyph network with every name spoilt. */
function hostile(): ModelProto {
  const parts = glyphParts.nodes ?? [];
  const dead = node('Relu', ['h'], `dead${EVIL}`, { name: `Relu_4${EVIL}` });
  const renamed = (one: NodeProto): NodeProto => ({
    ...one,
    name: `${one.name}${EVIL}`,
    output: (one.output ?? []).map((value) => (value === 'y' ? value : value + EVIL)),
    input: (one.input ?? []).map((value) => (['h', 'a', 'f'].includes(value) ? value + EVIL : value)),
  });
  const classes = Array.from({ length: 10 }, (_, k) => `class ${k}${EVIL}`);
  const proto = glyphProto(
    { nodes: [...parts, dead].map(renamed) },
    { 'splitz.class_names': JSON.stringify(classes), [`note${EVIL}`]: `C:\\Users\\${EVIL}` },
  );
  return { ...proto, producerName: `pytorch${EVIL}`, producerVersion: EVIL };
}

const QUICK = ['--data', 'glyphs', '--sigma', '0.08', '--n', '100', '--n0', '20', '--seed', '7'];

beforeAll(async () => {
  writeModel(folder, 'evil.onnx', hostile());
  expect(
    (await splitz(folder, 'certify', 'evil.onnx', ...QUICK, '--max', '2', '--out', 'run.jsonl')).code,
  ).toBe(0);
});

/** Nothing obeyed, no line that the file wrote. */
function harmless(text: string): void {
  expect(OBEYED.exec(text)?.[0].charCodeAt(0).toString(16)).toBeUndefined();
  expect(text).not.toMatch(/^FORGED/mu);
}

const COMMANDS: readonly (readonly [code: number, ...args: string[]])[] = [
  [0, 'inspect', 'evil.onnx'],
  [0, 'inspect', 'evil.onnx', '--format', 'markdown'],
  [0, 'certify', 'evil.onnx', ...QUICK, '--max', '1', '--out', 'again.jsonl'],
  [0, 'certify', 'evil.onnx', ...QUICK, '--max', '1', '--out', 'tsv.jsonl', '--format', 'tsv'],
  [0, 'predict', 'evil.onnx', ...QUICK.filter((flag) => flag !== '--n0' && flag !== '20')],
  [0, 'plan', 'evil.onnx', '--data', 'glyphs', '--n', '100', '--max', '4', '--seed', '3'],
  [0, 'split', 'evil.onnx', '--at', '1', '--out-dir', '.'],
  [0, 'verify', 'run.jsonl', 'evil.onnx', '--data', 'glyphs', '--replay', '1'],
  [0, 'replay', 'run.jsonl', 'evil.onnx', '--data', 'glyphs'],
  [0, 'explain', 'run.jsonl', '--image', '0'],
  [0, 'compare', 'run.jsonl', 'run.jsonl'],
  [
    0,
    'report',
    'run.jsonl',
    '--model',
    'evil.onnx',
    '--html',
    '--markdown',
    '--tsv',
    '--latex',
    '--svg',
    '--out',
    'r',
  ],
  [4, 'certify', 'evil.onnx', ...QUICK, '--split', `nowhere${EVIL}`, '--out', 'none.jsonl'],
  [4, 'inspect', `missing${EVIL}.onnx`],
];

describe('ansi-model: a file that writes to the terminal', () => {
  it.each(COMMANDS.map(([code, ...args]) => [args[0] ?? '', code, args] as const))(
    '%s prints none of it (exit code %i)',
    async (_, code, args) => {
      const ended = await splitz(folder, ...args);
      harmless(ended.stdout);
      harmless(ended.stderr);
      expect([ended.code, ended.stderr.includes('internal error')]).toEqual([code, false]);
    },
  );

  it('nor do the files of a report', () => {
    const written = readdirSync(folder).filter((name) => /^r\.(.*\.)?(html|md|tsv|tex|svg)$/u.test(name));
    expect(written.length).toBeGreaterThan(4);
    // Tabs separate the fields of one of them.
    for (const name of written) harmless(readFileSync(path(name), 'utf8').replaceAll('\t', ' '));
  });

  it('JSON escapes it as JSON does, and reads back as it is in the file', async () => {
    const inspected = await splitz(folder, 'inspect', 'evil.onnx', '--json');
    expect(inspected.stdout.replace(/[\u0080-\u009f]/gu, '')).not.toMatch(C0);
    expect(JSON.stringify(JSON.parse(inspected.stdout))).toContain(JSON.stringify(EVIL).slice(1, -1));
  });

  it('colours are the program’s alone', async () => {
    const { stdout } = await start(folder, ['inspect', 'evil.onnx'], { FORCE_COLOR: '1' }).ended;
    expect(stdout).toContain('\u001b[1m');
    for (const foreign of ['\u001b[31m', '\u001b[2J', '\u001b]']) expect(stdout).not.toContain(foreign);
  });

  it('a result file with such findings is told without obeying it', async () => {
    const lines = readFileSync(path('run.jsonl'), 'utf8').split(/(?<=\n)/u);
    const [first = '', ...rest] = lines;
    const findings = [{ id: 'SPLITZ001', severity: 'note', where: EVIL, what: EVIL }];
    const header = { ...JSON.parse(first), findings, chain: undefined };
    const forged = rechained([`${JSON.stringify(header)}\n`, ...rest]);
    writeFileSync(path('forged.jsonl'), forged.join(''));
    const { code, stdout, stderr } = await splitz(
      folder,
      ...['verify', 'forged.jsonl', 'evil.onnx', '--data', 'glyphs'],
    );
    expect([code, stderr]).toEqual([1, expect.stringContaining('the findings about the model do not hold')]);
    harmless(stdout + stderr);
  });
});

const shared = join(sharedFolder, 'cases', 'ansi-model');
const absent = existsSync(shared) ? '' : ' (skipped: the shared cases are not on this machine)';
it.skipIf(absent !== '')(`ansi-model: the shared case prints nothing of it${absent}`, async () => {
  const [model, data] = [join(shared, 'evil.onnx'), `npz:${join(shared, 'tiny.npz')}`];
  for (const args of [
    ['inspect', model],
    ['certify', model, '--data', data, '--max', '1', '--n', '100', '--out', 'shared.jsonl'],
    ['predict', model, '--data', data, '--n', '50'],
    ['explain', 'shared.jsonl'],
    ['verify', 'shared.jsonl', model, '--data', data, '--replay', 'all'],
    ['report', 'shared.jsonl', '--out', '-', '--markdown'],
  ]) {
    const { code, stdout, stderr } = await splitz(folder, ...args);
    expect([args[0], code]).toEqual([args[0], 0]);
    harmless(stdout + stderr);
  }
});
