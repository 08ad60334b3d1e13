/**
 * The certification methods that come with the program, by name, for help and usage errors, which load none of them. Everything
 * else about a method is in its folder.
 */
export const METHOD_SUMMARIES = {
  splitz: 'a Lipschitz bound before a cut, noise at it',
  smoothing: 'noise on the image',
  deterministic: 'no noise, a Lipschitz margin',
} as const;

/** The first is the default. */
export const METHOD_NAMES = Object.keys(METHOD_SUMMARIES) as readonly (keyof typeof METHOD_SUMMARIES)[];

/** The method that certifies a network which was trained for a margin. */
export const MARGIN_METHOD: keyof typeof METHOD_SUMMARIES = 'deterministic';
