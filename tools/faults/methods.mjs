// Deliberate faults in the deterministic certificate and in what deals settings and images to the methods. The shape is that of
// faults.mjs.
const DETERMINISTIC = 'test/methods/deterministic.test.ts';
const MARGIN = 'src/methods/deterministic/certificate.ts';
const CHECK = 'src/methods/deterministic/check.ts';
const FLOAT32 = 'src/methods/deterministic/float32-scores.ts';
const PAIRS = 'src/lipschitz/pairwise-radius.ts';

export const METHOD_FAULTS = [
  {
    name: 'margin: the rounding error of the scores not taken off',
    file: MARGIN,
    from: ' - ROOT_TWO * error;',
    to: ';',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: the error of one score where two are compared',
    file: MARGIN,
    from: 'Math.SQRT2 * (1 + 2 ** -50)',
    to: '1',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: the class that comes least near instead of the nearest',
    file: PAIRS,
    from: 'if (!(share <= most)) most =',
    to: 'if (most === 0 || share < most) most =',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: only the second largest score is looked at',
    file: MARGIN,
    from: 'scores.map((_, i) => (i === j ?',
    to: 'scores.map((score, i) => (i === j || score < Math.max(...scores.filter((_, k) => k !== j)) ?',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: the row of one class instead of the difference of two',
    file: 'src/methods/deterministic/network.ts',
    from: 'value - (row[k] ?? 0)',
    to: '0 * value + (row[k] ?? 0)',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: scores combined from several tensors are bounded by the first alone',
    file: 'src/methods/deterministic/network.ts',
    from: 'terms: whole.output.terms.map(',
    to: 'terms: whole.output.terms.slice(0, 1).map(',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: whoever confirms forgets how far the features move',
    file: PAIRS,
    from: 'bases === null ? unbounded(against) : reach(against, bases);\n  };',
    to: 'bases === null ? unbounded(against) : reach(against, bases.map((base) => ({ ...base, rho: 0 })));\n  };',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: one movement counts for a network of any depth',
    file: PAIRS,
    from: 'const moved = reach(against, bases);',
    to: 'const moved = reach(against, bases.map(() => ({ rho: r, box: null })));',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: norms estimated from below in place of bounds',
    file: PAIRS,
    from: ': norms.proving;',
    to: ': norms.powerEstimating(1);',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: float32 rounds like float64',
    file: FLOAT32,
    from: '(n * 2 ** -24) / (1 - n * 2 ** -24)',
    to: 'n * 2 ** -53',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: a network may round anywhere and still have a bound on its rounding',
    file: FLOAT32,
    from: '} else if (!MOVES.has(node.opType) && !PICKS.has(node.opType)) return false;',
    to: '}',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: the rounding of scores elsewhere in the ball is forgotten',
    file: CHECK,
    from: ' + Math.SQRT2 * (rounding ?? Number.NaN)',
    to: '',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: a fault check that compares with one class alone',
    file: CHECK,
    from: '    if (i === prediction) continue;',
    to: '    if (i === prediction || i !== (prediction + 1) % scores.length) continue;',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: only the first images are compared with ONNX Runtime',
    file: 'src/methods/deterministic/open.ts',
    from: '      await compared(session, network, pixels, classifier);\n',
    to: '',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: a certificate claims a failure probability that nothing in it has',
    file: 'src/methods/deterministic/open.ts',
    from: 'failureProbability: 0, seconds',
    to: 'failureProbability: 1e-6, seconds',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: a tie is answered',
    file: MARGIN,
    from: '!(usableLead(scores, error, first, k) > 0)',
    to: '!(usableLead(scores, error, first, k) > -1)',
    tests: DETERMINISTIC,
  },
  {
    name: 'settings: those of a method beside it are the first one’s too',
    file: 'src/runs/settle.ts',
    from: 'all.filter((one) => !isForOthers(one))',
    to: 'all',
    tests: 'test/runs/settle.test.ts',
  },
  {
    name: 'settings: a level of noise goes to another place of the network',
    file: 'src/runs/settle.ts',
    from: "known.includes(key) && key !== 'sigma'",
    to: 'known.includes(key)',
    tests: 'test/runs/settle.test.ts',
  },
  {
    name: 'shards: every shard certifies every image',
    file: 'src/records/record.ts',
    from: 'k % shard.of === shard.index',
    to: 'k % shard.of >= 0',
    tests: 'test/records/record.test.ts',
  },
  {
    name: 'digest: the evidence is not part of it',
    file: 'src/records/result-digest.ts',
    from: 'seconds: _s, ',
    to: 'seconds: _s, evidence: _e, ',
    tests: 'test/records/record.test.ts',
  },
];
