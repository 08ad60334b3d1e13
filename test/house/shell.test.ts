import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importsOf, importsOfSource } from './imports.ts';

const textOf = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../src/${file}`, import.meta.url)), 'utf8');

/** What a file does that only the shell may do. The word counts in text, too: a probe script is text. */
function shellWork(file: string, text: string): string[] {
  const imports = importsOf(file, text).some((name) => name === 'yargs' || name.startsWith('yargs/'));
  const prints = /\bprocess\.(?:stdout|stderr)\b/.test(text);
  return [...(imports ? [`${file} imports yargs`] : []), ...(prints ? [`${file} prints`] : [])];
}

describe('the rooms below the command line', () => {
  const files = [...importsOfSource().keys()].filter((file) => !file.startsWith('cli/'));

  it('neither import yargs nor write to standard output or error', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(files.flatMap((file) => shellWork(file, textOf(file)))).toEqual([]);
  });

  it('would be caught doing so', () => {
    expect(shellWork('runs/x.ts', "import type { Argv } from 'yargs';")).toEqual(['runs/x.ts imports yargs']);
    expect(shellWork('runs/x.ts', "import { Parser } from 'yargs/helpers';")).toEqual([
      'runs/x.ts imports yargs',
    ]);
    expect(shellWork('runs/x.ts', "process.stderr.write('note');")).toEqual(['runs/x.ts prints']);
    expect(shellWork('runs/x.ts', "process.stdout.write('note');")).toEqual(['runs/x.ts prints']);
  });

  it('are not loaded by help and usage errors where they are heavy', () => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const statement of textOf(file).matchAll(
        /(?:^|\n)(?:import|export) (?!type\b)[^;'=]*?'(\.[^']+)'/g,
      )) {
        const [target] = importsOf(file, `import '${statement[1]}'`);
        if (target?.endsWith('.ts')) visit(target);
      }
    };
    visit('cli/main.ts');
    const heavy = ['cli/commands/', 'methods/', 'onnx/model/', 'operators/', 'report/', 'statistics/'];
    // The names of the methods alone, which help lists.
    const light = ['methods/summaries.ts'];
    expect(
      [...seen].filter((file) => !light.includes(file) && heavy.some((room) => file.startsWith(room))),
    ).toEqual([]);
    expect(seen).toContain('cli/declarations/certify.ts');
  });
});
