import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { METHODS } from '../../src/methods/index.ts';
import { METHOD_NAMES, METHOD_SUMMARIES } from '../../src/methods/summaries.ts';
import { importsOfSource } from './imports.ts';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

it('help names every method that comes with the program, the default first, in the words of the method', () => {
  expect(METHODS.map(({ name }) => name)).toEqual(METHOD_NAMES);
  expect(METHODS.map(({ summary }) => summary)).toEqual(Object.values(METHOD_SUMMARIES));
});

it('nothing outside methods/ knows a method by its name', () => {
  // One of the recipes of training is called smoothing, too.
  const recipes = ['training/recipes.ts', 'runs/training-settings.ts', 'cli/commands/train.ts'];
  const quoted = new RegExp(`['"\`](?:${METHOD_NAMES.join('|')})['"\`]`, 'u');
  const knowing = [...importsOfSource().keys()]
    .filter((file) => !file.startsWith('methods/') && !recipes.includes(file))
    .filter((file) => quoted.test(readFileSync(`${SRC}/${file}`, 'utf8')));
  expect(knowing).toEqual([]);
  expect(quoted.test("method === 'splitz'")).toBe(true);
});
