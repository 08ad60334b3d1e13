// Deliberate faults in the deterministic certificate and in what deals settings and images to the methods. The shape is that of
// faults.mjs.
const DETERMINISTIC = 'test/methods/deterministic.test.ts';
const MARGIN = 'src/methods/deterministic/certificate.ts';
const CHECK = 'src/methods/deterministic/check.ts';

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
    name: 'margin: the farthest class instead of the nearest',
    file: MARGIN,
    from: 'least = Math.min(least, norm === 0',
    to: 'least = Math.max(Number.isFinite(least) ? least : 0, norm === 0',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: only the second largest score is looked at',
    file: MARGIN,
    from: 'if (i === j) continue;',
    to: 'if (i === j || (scores[i] ?? 0) < Math.max(...scores.filter((_, k) => k !== j))) continue;',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: the norm of one row instead of the difference of two',
    file: 'src/methods/deterministic/network.ts',
    from: 'value - (b[k] ?? 0)',
    to: '0 * value + (b[k] ?? 0)',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: a fault check that forgets what rounding takes of the features',
    file: CHECK,
    from: '(displacement ?? Number.NaN) + (rounding ?? Number.NaN)',
    to: '(displacement ?? Number.NaN)',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: a fault check that compares with the nearest class alone',
    file: CHECK,
    from: '    if (i === prediction) continue;',
    to: '    if (i === prediction || i !== order[1]) continue;',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: only the first images are compared with ONNX Runtime',
    file: 'src/methods/deterministic/open.ts',
    from: '        await compared(pixels);\n',
    to: '',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: what the norms may fail with is what the settings say',
    file: 'src/methods/deterministic/open.ts',
    from: 'failureProbability: features.failureProbability',
    to: 'failureProbability: 0',
    tests: DETERMINISTIC,
  },
  {
    name: 'margin: a tie is answered',
    file: MARGIN,
    from: 'first, second) > 0 ? first : null',
    to: 'first, second) > -1 ? first : null',
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
