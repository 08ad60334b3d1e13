/** What may have been meant is named where it is near, and nothing is where nothing is. */
import { expect, it } from 'vitest';
import { didYouMean, nearNames } from '../../src/ground/near-names.ts';

const OPTIONS = ['n', 'sigma', 'split', 'max', 'no-baseline', 'force-eval', 'share-noise', 'seed'];

it.each([
  ['sgima', 'sigma'],
  ['spilt', 'split'],
  ['mx', 'max'],
  ['Sigma', 'sigma'],
  ['force', 'force-eval'],
  ['share_noise', 'share-noise'],
  ['n', 'n'],
])('%s is near %s', (typed, meant) => {
  expect(didYouMean(typed, OPTIONS)).toBe(`Did you mean ${meant}? `);
});

it.each(['gpu', 'verbose', 'k', 'epsilon', ''])("nothing is near '%s'", (typed) => {
  expect(didYouMean(typed, OPTIONS)).toBe('');
});

it('is written as it is typed', () => {
  expect(didYouMean('sede', OPTIONS, (name) => `--${name}`)).toBe('Did you mean --seed? ');
});

it('lists the nearest first, those that contain what was typed before any other', () => {
  expect(nearNames('noise', OPTIONS, 2)[0]).toBe('share-noise');
});
