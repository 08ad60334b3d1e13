import { expect, it } from 'vitest';
import { METHODS } from '../../src/methods/index.ts';
import { METHOD_NAMES, METHOD_SUMMARIES } from '../../src/methods/summaries.ts';

it('help names every method that comes with the program, the default first, in the words of the method', () => {
  expect(METHODS.map(({ name }) => name)).toEqual(METHOD_NAMES);
  expect(METHODS.map(({ summary }) => summary)).toEqual(Object.values(METHOD_SUMMARIES));
});
