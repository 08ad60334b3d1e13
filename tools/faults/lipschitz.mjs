// Faults in the bounds of the left half (src/lipschitz, src/operators) and in the radius at the cut, as in faults.mjs.
const TERMS = 'test/lipschitz/proof-terms.test.ts';
const UNDERFLOW = 'test/lipschitz/underflow.test.ts';
const CENTRE = 'test/lipschitz/known-centre.test.ts';
const PROVED = 'test/lipschitz/proved-norms.test.ts';
const NORMS = 'test/lipschitz/spectral-norm.test.ts';
const VECTORS = 'test/lipschitz/vector-map.test.ts';
const LOCAL = 'test/operators/local-maps.test.ts';
const WEIGHTS = 'test/operators/computed-weights.test.ts';

const PATCHES = 'test/operators/convolution-map.test.ts';

const patches = 'src/operators/algebra/patch-kernel/assembly.ts';
const displacement = 'src/lipschitz/displacement.ts';
const spectral = 'src/lipschitz/spectral-norm.ts';
const banded = 'src/lipschitz/banded-gram.ts';

/** Those that once passed all tests. */
const SURVIVORS = [
  {
    name: 'delta: not divided over the proofs of an image',
    file: 'src/lipschitz/segment-norms.ts',
    from: 'delta / (probabilisticUses * (PROOFS + SHARED_PROOFS))',
    to: 'delta / (0 * (PROOFS + SHARED_PROOFS) + probabilisticUses)',
    tests: PROVED,
  },
  {
    name: 'delta: a map that takes several norms is counted once',
    file: 'src/lipschitz/segment-norms.ts',
    from: 'count(input, dims, nonlinearity.norms)',
    to: 'count(input, dims, Math.min(1, nonlinearity.norms))',
    tests: PROVED,
  },
  {
    name: 'reuse: a norm bound serves although more columns move',
    file: 'src/lipschitz/proved-norms.ts',
    from: 'within(rows, one.rows) && within(columns, one.columns)',
    to: 'within(rows, one.rows)',
    tests: PROVED,
  },
  {
    name: 'reuse: a norm bound serves although more rows move',
    file: 'src/lipschitz/proved-norms.ts',
    from: 'within(rows, one.rows) && within(columns, one.columns)',
    to: 'within(columns, one.columns)',
    tests: PROVED,
  },
  {
    name: 'reuse: any deterministic bound serves for a smaller ball',
    file: 'src/lipschitz/proved-norms.ts',
    from: 'within(rows, one.rows) && within(columns, one.columns)',
    to: 'normOf(matrix).deterministic || (within(rows, one.rows) && within(columns, one.columns))',
    tests: PROVED,
  },
  {
    name: 'shared norm: without the largest row scale',
    file: 'src/lipschitz/proved-norms.ts',
    from: 'productUp(productUp(whole, largestScale(rows)), largestScale(columns))',
    to: 'productUp(whole, largestScale(columns))',
    tests: PROVED,
  },
  {
    name: 'shared norm: without the largest column scale',
    file: 'src/lipschitz/proved-norms.ts',
    from: 'productUp(productUp(whole, largestScale(rows)), largestScale(columns))',
    to: 'productUp(whole, largestScale(rows))',
    tests: PROVED,
  },
  {
    name: 'still: coordinates that move by less than 1e-6',
    file: displacement,
    from: 'return movement.box.map((b) => (b === 0 ? 0 : 1));',
    to: 'return movement.box.map((b) => (b < 1e-6 ? 0 : 1));',
    tests: UNDERFLOW,
  },
  {
    name: 'centre error: none for a secant',
    file: 'src/operators/nonlinear/elementwise.ts',
    from: 'activation.secant(z[i]!, T[i]!, error, i)',
    to: 'activation.secant(z[i]!, T[i]!, 0, i)',
    tests: CENTRE,
  },
  {
    name: 'centre error: none for a displacement',
    file: 'src/operators/nonlinear/elementwise.ts',
    from: 'activation.displacement(z[i]!, T[i]!, error, i)',
    to: 'activation.displacement(z[i]!, T[i]!, 0, i)',
    tests: CENTRE,
  },
  {
    name: 'centre error: none for what is constant',
    file: 'src/operators/nonlinear/elementwise.ts',
    from: 'activation.isConstant(z[i]!, T[i]!, error, i)',
    to: 'activation.isConstant(z[i]!, T[i]!, 0, i)',
    tests: CENTRE,
  },
  {
    name: 'centre error: none for a local map',
    file: 'src/operators/nonlinear/local-map.ts',
    from: 'map.on({ centre, error, T, rho: () => weighted(null) })',
    to: 'map.on({ centre, error: 0 * error, T, rho: () => weighted(null) })',
    tests: CENTRE,
  },
  {
    name: 'centre error: left out in Softmax',
    file: 'src/operators/softmax.ts',
    from: 'moves.map((t) => t + error)',
    to: 'moves.map((t) => t + 0 * error)',
    tests: CENTRE,
  },
  {
    name: "normalisation: v's own error",
    file: 'src/operators/nonlinear/unit-scale.ts',
    from: 'scale * (1 - 4 * relative) - error',
    to: 'scale * (1 - 4 * relative)',
    tests: TERMS,
  },
  {
    name: 'reach: without the error of the matrix',
    file: displacement,
    from: 'productUp(matrix.error, normUp(box))',
    to: '0 * productUp(matrix.error, normUp(box))',
    tests: TERMS,
  },
  {
    name: 'reach: without the rounding of its sum',
    file: displacement,
    from: 'noLess(inflate(total[i]!, form.terms.length + 4))',
    to: 'noLess(total[i]!)',
    tests: TERMS,
  },
  {
    name: 'displacement: without the rounding of its sum',
    file: displacement,
    from: 'return noLess(inflate(rho, form.terms.length + 4));',
    to: 'return noLess(rho);',
    tests: TERMS,
  },
  {
    name: 'Gram matrix: without the rounding of forming it',
    file: banded,
    from: 'const added = formationError(this.#matrix, w, s);',
    to: 'const added = Math.min(Number.MIN_VALUE, formationError(this.#matrix, w, s));',
    tests: TERMS,
  },
  {
    name: 'Cholesky: without its backward error',
    file: banded,
    from: 'mu + (backward / (1 - backward)) * inflate(trace, size) + gamma(1) * mu',
    to: 'mu + 0 * (backward / (1 - backward)) * inflate(trace, size) + gamma(1) * mu',
    tests: TERMS,
  },
  {
    name: 'Chebyshev: the product is exact',
    file: spectral,
    from: 'gamma(terms) * coarse * coarse',
    to: '0 * gamma(terms) * coarse * coarse',
    tests: TERMS,
  },
  {
    name: 'forward error: without the rounding of a step',
    file: 'src/operators/nonlinear/nonlinearity.ts',
    from: 'inflate(inherited + own, 6)',
    to: 'inflate(inherited + 0 * own, 6)',
    tests: TERMS,
  },
  {
    name: 'forward error: the error of a bias ends at the next layer',
    file: 'src/lipschitz/affine-form.ts',
    from: 'productUp(norm + matrix.error, inner.biasError)',
    to: '0 * productUp(norm + matrix.error, inner.biasError)',
    tests: TERMS,
  },
  {
    name: 'AveragePool: its weights are exact',
    file: 'src/operators/pooling.ts',
    from: 'withError(2 * UNIT_ROUNDOFF * matrix.absoluteNorm())',
    to: 'withError(0 * UNIT_ROUNDOFF * matrix.absoluteNorm())',
    tests: WEIGHTS,
  },
  {
    name: 'Resize: its weights are exact',
    file: 'src/operators/resize.ts',
    from: 'withError(perWeight * Math.sqrt(spread))',
    to: 'withError(0 * perWeight * Math.sqrt(spread))',
    tests: WEIGHTS,
  },
  {
    name: 'radius at the cut: its last two roundings are not taken off',
    file: 'src/smoothing/votes/latent-radius.ts',
    from: 'const down = radius * (1 - 2 ** -51);',
    to: 'const down = radius;',
    tests: 'test/smoothing/latent-radius.test.ts',
  },
];

/** Underflow, overflow and what is not a number. */
const SCALES = [
  {
    name: 'underflow: normUp squares as it stands',
    file: 'src/ground/rounding-error.ts',
    from: 'if (sum > LEAST_SQUARES && sum < MOST_SQUARES) return',
    to: 'if (sum < MOST_SQUARES) return',
    tests: UNDERFLOW,
  },
  {
    name: 'underflow: |A| b is the sum as it stands',
    file: 'src/operators/algebra/sparse-matrix.ts',
    from: 'inflate(sum > SAFE_SUM ? sum : sumUp(this, b, start, end), terms)',
    to: 'inflate(sum + 0 * sumUp(this, b, start, end) * SAFE_SUM, terms)',
    tests: UNDERFLOW,
  },
  {
    name: 'underflow: a product of matrices loses nothing',
    file: 'src/operators/algebra/sparse-products.ts',
    from: 'productUp(normA, normB) + TINY;',
    to: 'productUp(normA, normB) + 0 * TINY;',
    tests: UNDERFLOW,
  },
  {
    name: 'underflow: the matrix of a norm is left at its scale',
    file: spectral,
    from: 'const exponent = exponentOf(most);',
    to: 'const exponent = 0 * exponentOf(most);',
    tests: UNDERFLOW,
  },
  {
    name: 'underflow: small scales are squared as they are',
    file: spectral,
    from: 'const [rows, columns] = [raised(givenRows), raised(givenColumns)];',
    to: 'const [rows, columns] = [raised(null) ?? givenRows, givenColumns];',
    tests: UNDERFLOW,
  },
  {
    name: 'underflow: what is left out of a matrix is not counted',
    file: 'src/operators/compile/carried-range.ts',
    from: 'inflate(error + limit * Math.sqrt(left), 4)',
    to: 'inflate(error + 0 * limit * Math.sqrt(left), 4)',
    tests: UNDERFLOW,
  },
  {
    name: 'underflow: any weights are carried',
    file: 'src/operators/compile/carried-range.ts',
    from: 'if (most < SMALLEST_CARRIED) throw refused(where,',
    to: 'if (most < 0) throw refused(where,',
    tests: UNDERFLOW,
  },
  {
    name: 'underflow: displacements fall as far as they like',
    file: displacement,
    from: 'moved > 0 ? Math.max(moved, TINY) : moved',
    to: 'moved + 0 * TINY',
    tests: UNDERFLOW,
  },
  {
    name: 'underflow: values lose nothing on the way',
    file: 'src/lipschitz/evaluate-left-half.ts',
    from: 'matrix.absoluteNorm() * norm + TINY;',
    to: 'matrix.absoluteNorm() * norm;',
    tests: UNDERFLOW,
  },
  {
    name: 'underflow: the residual proof squares entries as they are',
    file: 'src/methods/splitz/confirm/residual-norm.ts',
    from: '  const exponent = exponentOf(largest);\n',
    to: '  const exponent = 0 * exponentOf(largest);\n',
    tests: UNDERFLOW,
  },
  {
    name: 'residual proof: rows begin one column too late, in the factor as in the residual',
    file: 'src/methods/splitz/confirm/residual-norm.ts',
    from: 'start[i] = Math.min(start[i] ?? 0, first);',
    to: 'start[i] = Math.min(start[i] ?? 0, first + 1);',
    tests: 'test/verification/residual-norm.test.ts',
  },
  {
    name: 'NaN: a movement that is not a number is none',
    file: displacement,
    from: 'return Number.isFinite(moved) ? moved : Number.POSITIVE_INFINITY;',
    to: 'return Number.isFinite(moved) ? moved : 0;',
    tests: UNDERFLOW,
  },
];

/** Further terms, one of each kind. */
const TERM_BY_TERM = [
  {
    name: 'forms: the sum of two takes the second bias for exact',
    file: 'src/lipschitz/affine-form.ts',
    from: 'withBias({ ...a, terms }, b.bias, b.biasError)',
    to: 'withBias({ ...a, terms }, b.bias, 0 * b.biasError)',
    tests: TERMS,
  },
  {
    name: 'forms: adding a bias rounds nothing',
    file: 'src/lipschitz/affine-form.ts',
    from: 'inflate(form.biasError + error + rounding, 4)',
    to: 'inflate(form.biasError + error + 0 * rounding, 4)',
    tests: TERMS,
  },
  {
    name: 'forms: a matrix known up to its error multiplies a bias exactly',
    file: 'src/lipschitz/affine-form.ts',
    from: 'productUp(gamma(matrix.longestRow() + 1) * norm + matrix.error, magnitude)',
    to: 'productUp(gamma(matrix.longestRow() + 1) * norm, magnitude)',
    tests: TERMS,
  },
  {
    name: 'constants: what was computed from others is exact',
    file: 'src/lipschitz/compile-left-half.ts',
    from: 'bias: state.constant.values, biasError: state.error }',
    to: 'bias: state.constant.values, biasError: 0 * state.error }',
    tests: TERMS,
  },
  {
    name: 'constants: a nonlinearity forgets the error of a constant',
    file: 'src/lipschitz/compile-left-half.ts',
    from: 'error: input.biasError });',
    to: 'error: 0 * input.biasError });',
    tests: TERMS,
  },
  {
    name: 'sorting: any two sortings of the network are the same step',
    file: 'src/operators/max-min.ts',
    from: "shared: JSON.stringify(['sort', ...node.inputs.map((value) => value?.name ?? '').sort()]),",
    to: "shared: JSON.stringify(['sort', node.inputs.length]),",
    tests: VECTORS,
  },
  {
    name: 'Chebyshev: an error grows as if it were made a step later',
    file: 'src/lipschitz/chebyshev-bound.ts',
    from: 'Math.sinh((steps - i) * theta)',
    to: 'Math.sinh((steps - i - 1) * theta)',
    tests: TERMS,
  },
  {
    name: 'Chebyshev: the probe has any value however near 0',
    file: 'src/lipschitz/chebyshev-bound.ts',
    from: 'const PROBE_LUMP = 2 ** -46;',
    to: 'const PROBE_LUMP = 0;',
    tests: NORMS,
  },
  {
    name: 'Gram matrix: row scales are not squared',
    file: 'src/lipschitz/banded-gram.ts',
    from: 'const weight = w === null ? 1 : w[row]! * w[row]!;',
    to: 'const weight = w === null ? 1 : w[row]!;',
    tests: NORMS,
  },
  {
    name: 'Gram matrix: column scales in the order of the file',
    file: 'src/lipschitz/banded-gram.ts',
    from: 'at[order[c]!] = s[c]!;',
    to: 'at[c] = s[c]!;',
    tests: NORMS,
  },
  {
    name: 'Gershgorin: off-diagonal entries count for one of their rows',
    file: 'src/lipschitz/banded-gram.ts',
    from: 'if (j < i) sums[j] = sums[j]! + magnitude;',
    to: '',
    tests: NORMS,
  },
  {
    name: 'norm: one probe decides for all images',
    file: 'src/lipschitz/spectral-norm.ts',
    from: 'if (rows === null && columns === null && proof !== null) unscaled = whole;',
    to: 'if (rows === null && columns === null) unscaled = whole;',
    tests: TERMS,
  },
  {
    name: 'convolution: a cell shown twice counts once in the Gram matrix',
    file: 'src/operators/algebra/convolution-map.ts',
    from: 'weights[row] = weights[row]! + scale * scale;',
    to: 'weights[row] = scale * scale;',
    tests: 'test/operators/convolution-map.test.ts',
  },
  {
    name: 'convolution: columns are scaled on the way in only',
    file: 'src/operators/algebra/convolution-map.ts',
    from: 'if (columns !== null) for (let i = 0; i < y.length; i++) y[i] = y[i]! * columns[i]!;',
    to: '',
    tests: 'test/operators/convolution-map.test.ts',
  },
  {
    name: 'piecewise: a displacement of a centre that is known exactly',
    file: 'src/operators/nonlinear/activation.ts',
    from: 'const uncertainty = 2 * steepest(i) * (e + kinkError);',
    to: 'const uncertainty = 2 * steepest(i) * (0 * e + kinkError);',
    tests: CENTRE,
  },
  {
    name: 'smooth: the longest chord is the steepest',
    file: 'src/operators/nonlinear/activation.ts',
    from: 'secant = travelled > 0 ? Math.max(secant, moved / end) : slope;',
    to: 'secant = travelled > 0 ? moved / end : slope;',
    tests: 'test/operators/activation.test.ts',
  },
  {
    name: 'Softmax: the largest of the other movements is the second largest of all',
    file: 'src/operators/softmax.ts',
    from: '(own === order[0] ? order[1] : order[0]) ?? 0',
    to: 'order[1] ?? 0',
    tests: LOCAL,
  },
  {
    name: 'LogSoftmax: 1 - p at the largest p',
    file: 'src/operators/softmax.ts',
    from: 'factors: low.map((p) => (1 - p + 2 ** -52) * UP),',
    to: 'factors: high.map((p) => (1 - p + 2 ** -52) * UP),',
    tests: LOCAL,
  },
  {
    name: 'normalisation: the scale does not shrink on the ball',
    file: 'src/operators/nonlinear/unit-scale.ts',
    from: '(a - d) / UP - a * 2 ** -48',
    to: '(a - 0 * d) / UP - a * 2 ** -48',
    tests: LOCAL,
  },
  {
    name: 'matrix product: the centre of B is known exactly, in a box',
    file: 'src/operators/nonlinear/bilinear.ts',
    from: 'const sizes = b.map((v) => (Math.abs(v) + error) * UP);',
    to: 'const sizes = b.map((v) => Math.abs(v) * UP);',
    tests: LOCAL,
  },
  {
    name: 'quotient: the divisor is known exactly',
    file: 'src/operators/nonlinear/products.ts',
    from: 'const nearest = (Math.abs(b) - e) / UP;',
    to: 'const nearest = (Math.abs(b) - 0 * e) / UP;',
    tests: LOCAL,
  },
  {
    name: 'BatchNormalization: its factors are exact',
    file: 'src/operators/batch-normalization.ts',
    from: 'withError(gamma(4) * largest + TINY)',
    to: 'withError(0 * gamma(4) * largest + TINY)',
    tests: WEIGHTS,
  },
  {
    name: 'BatchNormalization: its bias is exact',
    file: 'src/operators/batch-normalization.ts',
    from: 'inflate(gamma(6) * magnitude * Math.sqrt(size) + TINY, 8)',
    to: 'inflate(0 * gamma(6) * magnitude * Math.sqrt(size) + TINY, 8)',
    tests: WEIGHTS,
  },
  {
    name: 'Einsum: products of weights are exact',
    file: 'src/operators/einsum.ts',
    from: '2 * gamma(terms + operands.length) * weighted(true).absoluteNorm() + TINY',
    to: '0 * gamma(terms + operands.length) * weighted(true).absoluteNorm() + TINY',
    tests: WEIGHTS,
  },
  {
    name: 'row norms: of the stored matrix',
    file: 'src/operators/algebra/sparse-matrix.ts',
    from: 'inflate(normUp(value.subarray(k, end)) + error, 1)',
    to: 'inflate(normUp(value.subarray(k, end)) + 0 * error, 1)',
    tests: TERMS,
  },
  {
    name: 'HardSigmoid: its kinks are where they are computed',
    file: 'src/operators/hard-sigmoids.ts',
    from: 'kinkError: 4 * UNIT_ROUNDOFF * Math.max(...kinks.map(Math.abs)),',
    to: 'kinkError: 0 * UNIT_ROUNDOFF * Math.max(...kinks.map(Math.abs)),',
    tests: TERMS,
  },
  {
    name: 'forward error: overlapping windows pass on an error once',
    file: 'src/operators/nonlinear/window-maxima.ts',
    from: 'const lipschitz = inflate(Math.sqrt(overlap), 1);',
    to: 'const lipschitz = 1;',
    tests: TERMS,
  },
  {
    name: 'forward error: a bias is added without rounding',
    file: 'src/lipschitz/evaluate-left-half.ts',
    from: 'let total = form.biasError + gamma(form.terms.length + 1) * bias;',
    to: 'let total = form.biasError + 0 * gamma(form.terms.length + 1) * bias;',
    tests: TERMS,
  },
  {
    name: 'maximum: a window moves as its last cell does',
    file: 'src/operators/nonlinear/window-maxima.ts',
    from: 'out[i] = Math.max(out[i]!, cells[column[k]!]!);',
    to: 'out[i] = least === 0 ? cells[column[k]!]! : Math.max(out[i]!, cells[column[k]!]!);',
    tests: VECTORS,
  },
  {
    name: 'products: a computed factor of 1 is the identity',
    file: 'src/operators/algebra/sparse-matrix.ts',
    from: '      this.error === 0 &&\n',
    to: '',
    tests: WEIGHTS,
  },
];

/** Products with convolutions that are never written out. */
const PATCH_KERNEL = [
  {
    name: 'patches: every other pair of taps is left out of a channel',
    file: patches,
    from: 'sumOf(f64x2.add(b0, b1))',
    to: 'sumOf(b0)',
    rebuild: true,
    tests: PATCHES,
  },
  {
    name: 'patches: the scales of a block of channels are its first one',
    file: patches,
    from: 'load<f64>(scales, 16)',
    to: 'load<f64>(scales)',
    rebuild: true,
    tests: PATCHES,
  },
  {
    name: 'patches: the last channel of a block does not come back',
    file: patches,
    from: 'f64x2.mul(v128.load(d), zd)',
    to: 'f64x2.splat(0)',
    rebuild: true,
    tests: PATCHES,
  },
  {
    name: 'patches: what fills up a block is a channel',
    file: patches,
    from: 'enter(live, scales, count, zeros, 0)',
    to: 'enter(live, scales, count, 0, 1)',
    rebuild: true,
    tests: PATCHES,
  },
  {
    name: 'patches: a channel that is masked in part counts in full',
    file: patches,
    from: 'enter(live, scales, count++, o * n * 8, value)',
    to: 'enter(live, scales, count++, o * n * 8, 1)',
    rebuild: true,
    tests: PATCHES,
  },
  {
    name: 'patches: of a later group the first group answers',
    file: 'src/operators/algebra/patch-products.ts',
    from: '[rowsAt + first * n * 8,',
    to: '[rowsAt,',
    tests: PATCHES,
  },
];

/** Norms of convolutions by their symbol. */
const BY_SYMBOL = [
  [
    'what lies between the points of the grid is not covered',
    'const lost = (1 / cosines) * (1 + 2 ** -40);',
    'const lost = 1;',
  ],
  ['a quarter of the grid is looked at', 'atY <= grid.y / 2', 'atY <= grid.y / 4'],
  ['a factorisation that fails proves as well', 'else return false;', 'else room[row + i] = 1;'],
  [
    'every input channel is scaled like the first',
    'outer[out]! * weight * inner[into]!',
    'outer[out]! * weight * inner[0]!',
  ],
  [
    'the scales behind the convolution are not counted',
    'outer[out]! * weight * inner[into]!',
    'weight * inner[into]!',
  ],
  ['a cell that is shown twice counts once', 'Math.max(1, before.longestColumn())', '1'],
  ['strides are not dealt out', 'channel * y.stride + restY', 'channel * y.stride'],
  ['the last group alone counts', 'raisedOver(group, grid, mu), 0)', 'raisedOver(group, grid, 0), 0)'],
  [
    'weights of a power of two come back as they are',
    'timesPowerUp(normFrom(proved), exponent)',
    'normFrom(proved)',
  ],
  ['the rounding of the symbol is not counted', 'Math.sqrt(eigenvalue) + rounding', 'Math.sqrt(eigenvalue)'],
  ['sines and cosines are exact', '(gamma(taps + 8) + TRIGONOMETRIC)', 'gamma(taps + 8)'],
  ['the sums of the symbol are exact', '(gamma(taps + 8) + TRIGONOMETRIC)', 'TRIGONOMETRIC'],
  ['S* S is formed without rounding', 'backward + forming + TINY', 'backward + TINY'],
  ['the factorisation is exact', '+ backward + forming', '+ forming'],
  ['what was left out is not counted', ' + leftOut) * ', ') * '],
  [
    'a weight that is not a number counts as none',
    '!(Math.abs(w) < NEGLIGIBLE)',
    'Math.abs(w) >= NEGLIGIBLE',
  ],
].map(([name, from, to]) => ({
  name: `symbol: ${name}`,
  file: 'src/lipschitz/convolution-symbol.ts',
  ...{ from, to },
  tests: 'test/lipschitz/convolution-symbol.test.ts',
}));

const TYPES = 'src/lipschitz/constant-types.ts';
const GATES = 'src/operators/nonlinear/gated-activations.ts';

const CONSTANTS = [
  ['a constant is of no other type than floats', 'if (isFloat(type)) return made;', 'return made;'],
  ['what a type holds is not looked at', 'if (misfit !== undefined)', 'if (false as boolean)'],
  ['whatever is computed is exact', 'if (!isExact(node, action, inputs))', 'if (false as boolean)'],
  [
    'nonlinear maps of integers are exact',
    "if (action.kind !== 'affine') return false;",
    "if (action.kind !== 'affine') return true;",
  ],
  [
    'sums of any size are exact',
    '<= MOST_EXACT)) return false;',
    '<= Number.POSITIVE_INFINITY)) return false;',
  ],
  ['a cast to float32 rounds nothing', 'return roundedToFloat32(made);', 'return made;'],
  ['a shape is a float', 'return DataType.INT64;', 'return DataType.FLOAT;'],
].map(([name, from, to]) => ({
  name: `constants: ${name}`,
  file: TYPES,
  ...{ from, to },
  tests: 'test/lipschitz/constant-types.test.ts',
}));

const EXACT_GATES = [
  [
    'coefficients that hide each other are added',
    'const sum = a.exact && b.exact ? exactSum(a.value, b.value) : null;',
    'const sum: number | null = a.value + b.value;',
  ],
  [
    'a rounded product is exact',
    'exact: a.exact && b.exact && exactProduct(a.value, b.value) !== null,',
    'exact: a.exact && b.exact,',
  ],
  [
    'an offset is added with rounding',
    'const sum = scaledOffset === null ? null : exactSum(scaledOffset, number);',
    'const sum = scaledOffset === null ? null : scaledOffset + number;',
  ],
].map(([name, from, to]) => ({
  name: `gates: ${name}`,
  file: GATES,
  ...{ from, to },
  tests: 'test/operators/gated-activations.test.ts',
}));

const TOGETHER = [
  {
    name: 'together: the error of every image is that of the first',
    file: 'src/lipschitz/evaluate-left-half.ts',
    from: 'formError(form, found[k]!.magnitudes)',
    to: 'formError(form, found[0]!.magnitudes)',
    tests: 'test/lipschitz/evaluate-together.test.ts',
  },
  {
    name: 'together: a row begins where the last one did',
    file: 'src/operators/algebra/row-kernel/assembly.ts',
    from: 'const end = load<u32>(starts);',
    to: 'const end = load<u32>(starts);\n    k = load<u32>(starts - 4) > 0 ? load<u32>(starts - 4) - 1 : 0;',
    rebuild: true,
    tests: 'test/operators/row-products.test.ts',
  },
  {
    name: 'together: the seventh and eighth image are the fifth and sixth',
    file: 'src/operators/algebra/row-kernel/assembly.ts',
    from: 'v128.load(from, 48)',
    to: 'v128.load(from, 32)',
    rebuild: true,
    tests: 'test/operators/row-products.test.ts',
  },
];

export const LIPSCHITZ_FAULTS = [
  ...SURVIVORS,
  ...SCALES,
  ...TERM_BY_TERM,
  ...PATCH_KERNEL,
  ...BY_SYMBOL,
  ...TOGETHER,
  ...CONSTANTS,
  ...EXACT_GATES,
];
