// Deliberate faults in Lipschitz-aware smoothing and in the bounds on means that it rests on. The shape is that of faults.mjs.
const TESTS = 'test/methods/lipschitz-smoothing';
const CLOSED = `${TESTS}/closed-form.test.ts`;
const CERTIFICATES = `${TESTS}/certificates.test.ts`;
const HALF_SPACE = `${TESTS}/half-space.test.ts`;
const MEANS = 'test/smoothing/means.test.ts';
const SCORES = 'test/smoothing/scores.test.ts';

export const SCORE_FAULTS = [
  {
    name: 'scores: the window of the closed form is twice as wide',
    file: 'src/methods/lipschitz-smoothing/closed-form.ts',
    from: 'function beyond(r: number, lambda: number): Term {\n  const a = 1 / (2 * lambda);',
    to: 'function beyond(r: number, lambda: number): Term {\n  const a = 1 / lambda;',
    tests: `${CLOSED} ${HALF_SPACE}`,
  },
  {
    name: 'scores: the radius of two classes is not halved',
    file: 'src/methods/lipschitz-smoothing/closed-form.ts',
    from: 'return ((own + others) / 2) * DOWN;',
    to: 'return (own + others) * DOWN;',
    tests: `${CLOSED} ${TESTS}/attack.test.ts`,
  },
  {
    name: 'scores: the published approximation is reported as the radius',
    file: 'src/methods/lipschitz-smoothing/certificate.ts',
    from: 'latentRadius: certified,',
    to: 'latentRadius: sigma * publishedRadius(bounds, lambda),',
    tests: CERTIFICATES,
  },
  {
    name: 'scores: softmax is taken for an eighth as steep as it is',
    file: 'src/smoothing/scores/score-map.ts',
    from: "map === 'softmax' ? 1 / 4 :",
    to: "map === 'softmax' ? 1 / 8 :",
    tests: SCORES,
  },
  {
    name: 'scores: the constant of the first class alone',
    file: 'src/methods/lipschitz-smoothing/scored-network.ts',
    from: 'for (let j = 0; j < classes; j++) for (const one',
    to: 'for (let j = 0; j < 1; j++) for (const one',
    tests: `${TESTS}/attack.test.ts ${CERTIFICATES}`,
  },
  {
    name: 'scores: what float32 adds is not taken off',
    file: 'src/methods/lipschitz-smoothing/certificate.ts',
    from: 'const lost = tau + rounding + deviation + THREE;',
    to: 'const lost = tau + rounding + THREE;',
    tests: CERTIFICATES,
  },
  {
    name: 'scores: no difference found is none at all',
    file: 'src/methods/lipschitz-smoothing/comparison.ts',
    from: '(difference - Math.expm1(Math.log(alpha) / compared))',
    to: '(difference - 0 * Math.expm1(Math.log(alpha) / compared))',
    tests: CERTIFICATES,
  },
  {
    name: 'scores: rounding to the grid is not taken off',
    file: 'src/methods/lipschitz-smoothing/rounding.ts',
    from: 'return inflate(lipschitz * normUp(each), 16);',
    to: 'return 0 * inflate(lipschitz * normUp(each), 16);',
    tests: CERTIFICATES,
  },
  {
    name: 'scores: the whole of alpha for the comparison and for the means',
    file: 'src/methods/lipschitz-smoothing/certificate.ts',
    from: '(alpha - comparison) / ',
    to: 'alpha / ',
    tests: CERTIFICATES,
  },
  {
    name: 'scores: fresh draws are those of the selection',
    file: 'src/methods/lipschitz-smoothing/noisy-scores.ts',
    from: '...drawsAt(place, sigma, [estimation, 0, n]),',
    to: '...drawsAt(place, sigma, [selection, 0, n]),',
    tests: CERTIFICATES,
  },
  {
    name: 'scores: draws that are not finite count for the class',
    file: 'src/smoothing/scores/score-statistic.ts',
    from: 'ownAndOthers(scores, top) : [0, 1];',
    to: 'ownAndOthers(scores, top) : [1, 0];',
    tests: SCORES,
  },
  {
    name: 'means: betting takes the best stake in hindsight',
    file: 'src/smoothing/means/betting.ts',
    from: 'return wealth > Math.log(PARTS / alpha)',
    to: 'return most > Math.log(1 / alpha)',
    tests: MEANS,
  },
  {
    name: 'means: the empirical Bernstein bound without its last term',
    file: 'src/smoothing/means/bernstein.ts',
    from: ' + (7 * level) / (3 * (n - 1));',
    to: ';',
    tests: MEANS,
  },
  {
    name: 'verify: p_A of scores may be the bound at twice its level',
    file: 'src/methods/lipschitz-smoothing/check/check-certificate.ts',
    from: "const level = (scores === 'votes' ? alpha : alpha / 2)",
    to: "const level = (scores === 'votes' ? alpha : alpha)",
    tests: CERTIFICATES,
  },
  {
    name: 'verify: R_u of scores is not held against p_A from above',
    file: 'src/methods/lipschitz-smoothing/check/check-certificate.ts',
    from: 'if (latentRadius > exact * (1 + 1e-11)',
    to: 'if (latentRadius > 2 * exact * (1 + 1e-11)',
    tests: CERTIFICATES,
  },
];
