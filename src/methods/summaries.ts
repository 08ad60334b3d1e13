/**
 * The certification methods that come with the program, by name, for help and usage errors, which load none of them. Everything
 * else about a method is in its folder.
 */
import { SCORE_MAP_NAMES } from '../ground/score-map-names.ts';

export const METHOD_SUMMARIES = {
  splitz: 'a Lipschitz bound before a cut, noise at it',
  smoothing: 'noise on the image',
  deterministic: 'a Lipschitz margin',
  'uniform-smoothing': 'uniform noise, l1',
  'lipschitz-smoothing': 'noise on bounded scores',
} as const;

/** Options for settings that one method alone has, as yargs takes them. */
export const METHOD_OPTIONS = {
  lambda: { type: 'number', describe: 'uniform-smoothing: half-width of the noise on the image [0.5]' },
  scores: {
    choices: SCORE_MAP_NAMES,
    describe: 'lipschitz-smoothing: how logits become scores [chosen on held-out images]',
  },
  temperature: {
    type: 'number',
    describe: 'lipschitz-smoothing: what logits are divided by first [chosen on held-out images]',
  },
  compared: {
    type: 'number',
    describe: 'lipschitz-smoothing: draws whose scores are computed exactly as well [1000]',
  },
} as const;

/** The first is the default. */
export const METHOD_NAMES = Object.keys(METHOD_SUMMARIES) as readonly (keyof typeof METHOD_SUMMARIES)[];

/** The method that certifies a network which was trained for a margin. */
export const MARGIN_METHOD: keyof typeof METHOD_SUMMARIES = 'deterministic';
