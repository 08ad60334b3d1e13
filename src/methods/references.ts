/** Publications that methods and reports cite alike. */
import type { Reference } from './method.ts';

export const COHEN: Reference = {
  text: 'J. Cohen, E. Rosenfeld, J. Z. Kolter. Certified Adversarial Robustness via Randomized Smoothing. ICML 2019.',
  url: 'https://arxiv.org/abs/1902.02918',
};
