import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { commandLine } from '../../src/cli/command-line.ts';
import { optionSources } from '../../src/cli/config/sources.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface Command {
  readonly usage: string;
  readonly description: string;
}

type Help = (...args: string[]) => Promise<string>;

interface Tool {
  helpFrom(line: typeof commandLine, sources: typeof optionSources): Help;
  commands(help: Help): Promise<Command[]>;
  commandTable(commands: readonly Command[]): string;
  commandPage(commands: readonly Command[], help: Help): Promise<string>;
  withCommandTable(readme: string, table: string): string;
}

const tool = (await import(at('tools/command-reference.mjs'))) as Tool;
const help = tool.helpFrom(commandLine, optionSources);
const commands = await tool.commands(help);
const names = commands.map(({ usage }) => usage.replace(/ [<[].*$/, ''));

/** Rows of a laptop's terminal. */
const SCREEN = 40;

describe('--help', () => {
  it('names every command, each on one line', async () => {
    expect(names).toContain('certify');
    expect(names.length).toBeGreaterThan(14);
    expect((await help()).split('\n').length).toBeLessThanOrEqual(SCREEN);
  });

  it.each(names)('of %s fits a screen and shows an example', async (name) => {
    const text = await help(...name.split(' '));
    expect(text.split('\n').length).toBeLessThanOrEqual(SCREEN);
    expect(text).toMatch(/^Examples:\n {2}.*splitz-onnx /m);
  });

  it('with --all shows the options it leaves out', async () => {
    expect(await help('certify')).not.toContain('--workers');
    expect(await help('certify', '--all')).toContain('--workers');
  });
});

describe('the reference (run npm run build, then node tools/command-reference.mjs)', () => {
  it('in docs/commands.md is what the help texts say', async () => {
    expect(readFileSync(at('docs/commands.md'), 'utf8')).toBe(await tool.commandPage(commands, help));
  });

  it('in README.md is what the help texts say', () => {
    const readme = readFileSync(at('README.md'), 'utf8');
    expect(readme).toBe(tool.withCommandTable(readme, tool.commandTable(commands)));
  });
});
