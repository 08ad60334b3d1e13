// Faults in the bound that keeps the linear part (src/lipschitz/linear, the remainders in src/operators), as in faults.mjs.
/** The tests of one operator's linear part. */
const partsOf = (type) => `test/operators/linear-parts.test.ts -t of.${type}.leaves`;
/** Those of J at the computed centre, and of a vector that nearly vanishes. */
const CENTRE = 'test/operators/linear-parts.test.ts -t chosen.at.the.computed.centre';
const VANISHING = 'test/operators/linear-parts.test.ts -t nearly.vanishes';
const BOUND = 'test/lipschitz/linear/linear-bound.test.ts';
const BETTER = 'test/lipschitz/linear/better-bound.test.ts';
const NORMS = 'test/lipschitz/linear/composed-norms.test.ts';

const ball = 'src/lipschitz/linear/linear-ball.ts';
const better = 'src/lipschitz/linear/better-bound.ts';
const forms = 'src/lipschitz/linear/composed-forms.ts';
const elementwise = 'src/operators/nonlinear/elementwise.ts';
const activation = 'src/operators/nonlinear/activation.ts';
const softmax = 'src/operators/softmax.ts';
const unitScale = 'src/operators/nonlinear/unit-scale.ts';
const bilinear = 'src/operators/nonlinear/bilinear.ts';
const products = 'src/operators/nonlinear/products.ts';
const picked = 'src/operators/nonlinear/picked-cells.ts';

export const LINEAR_FAULTS = [
  {
    name: 'linear: what an activation leaves is half as wide',
    file: elementwise,
    from: 'const width = Math.max(high - c, c - low);',
    to: 'const width = Math.min(high - c, c - low);',
    tests: partsOf('Tanh'),
  },
  {
    name: 'linear: the box of what an activation leaves forgets J',
    file: elementwise,
    from: 'activation.displacement(centre[i]!, t, error, i) + Math.abs(c) * t;',
    to: 'activation.displacement(centre[i]!, t, error, i) + 0 * Math.abs(c) * t;',
    tests: partsOf('Clip'),
  },
  {
    name: 'linear: chords beyond a kink are as steep as the piece of the centre',
    file: activation,
    from: 'if (distance > (T + e) * (1 + 2 ** -50)) {',
    to: 'if (distance > 0.5 * (T + e)) {',
    tests: partsOf('Relu'),
  },
  {
    name: 'linear: chords of a smooth activation go one way only',
    file: activation,
    from: 'low: Math.max(-lipschitz, Math.min(up.low, down.low) - margin),',
    to: 'low: Math.max(-lipschitz, Math.min(up.low, up.low) - margin),',
    tests: partsOf('Sigmoid'),
  },
  {
    name: 'linear: chords of a smooth activation forget the error of the centre',
    file: activation,
    from: 'chordsAlong(widened, z, T, e, 1), chordsAlong(widened, z, T, e, -1)',
    to: 'chordsAlong(widened, z, T, 0 * e, 1), chordsAlong(widened, z, T, 0 * e, -1)',
    tests: partsOf('Tanh'),
  },
  {
    name: 'linear: the remainder of softmax is a quarter of the second derivative',
    file: softmax,
    from: 'const second = logarithm ? variance / 2 : (p / 2) * Math.max(apart * apart, variance);',
    to: 'const second = logarithm ? variance / 4 : (p / 4) * Math.max(apart * apart, variance);',
    tests: partsOf('Softmax'),
  },
  {
    name: 'linear: the norm of what softmax leaves is that of a single cell',
    file: softmax,
    from: 'const factor = logarithm ? Math.sqrt(length) / 2 : Math.SQRT1_2;',
    to: 'const factor = logarithm ? 1 / 2 : Math.SQRT1_2 / 4;',
    tests: partsOf('LogSoftmax'),
  },
  {
    name: 'linear: J of softmax is exact although the centre is not',
    file: softmax,
    from: 'const relative = 4 * error + 4 *',
    to: 'const relative = 0 * error + 4 *',
    tests: CENTRE,
  },
  {
    name: 'linear: a normalised vector never comes nearer to 0',
    file: unitScale,
    from: 'const whole = (d * d * Math.sqrt(most) + d ** 3 / (a * q)) / b;',
    to: 'const whole = (d * d * Math.sqrt(1 / (3 * a * a)) + 0 * q * most) / a;',
    tests: VANISHING,
  },
  {
    name: 'linear: what a normalisation leaves across is left out',
    file: unitScale,
    from: 'const whole = (d * d * Math.sqrt(most) + d ** 3 / (a * q)) / b;',
    to: 'const whole = (0.5 * d * d * Math.sqrt(most)) / b;',
    tests: partsOf('LayerNormalization'),
  },
  {
    name: 'linear: J of a normalisation is exact although the centre is not',
    file: unitScale,
    from: '((4 * moved) / nearest / nearest + rounding) * UP',
    to: '((0 * moved) / nearest / nearest + rounding) * UP',
    tests: CENTRE,
  },
  {
    name: 'linear: a product leaves half of s t',
    file: products,
    from: '[T / 2 + e + Math.abs(b - J[0]), S / 2 + e + Math.abs(a - J[1])]',
    to: '[T / 4 + e + Math.abs(b - J[0]), S / 4 + e + Math.abs(a - J[1])]',
    tests: partsOf('Mul'),
  },
  {
    name: 'linear: the factors of a product are exact',
    file: products,
    from: '[T / 2 + e + Math.abs(b - J[0]), S / 2 + e + Math.abs(a - J[1])]',
    to: '[T / 2 + Math.abs(b - J[0]), S / 2 + Math.abs(a - J[1])]',
    tests: partsOf('Mul'),
  },
  {
    name: 'linear: a matrix product leaves half of S T, by its area',
    file: bilinear,
    from: 'inflate(productUp(balanced, balanced) / 2 + factors + TINY, 6)',
    to: 'inflate(productUp(balanced, balanced) / 8 + factors + TINY, 6)',
    tests: partsOf('MatMul'),
  },
  {
    name: 'linear: what a matrix product leaves in a cell forgets one of its factors errors',
    file: bilinear,
    from: 'second[i]! + productUp(off, normS) + productUp(off, normT) + least',
    to: 'second[i]! + 0 * off + least',
    tests: partsOf('MatMul'),
  },
  {
    name: 'linear: a cell that may be overtaken is not, as long as the picked one does not move',
    file: picked,
    from: 'const together = T[j]! + T[picked]!;',
    to: 'const together = T[picked]!;',
    tests: partsOf('MaxPool'),
  },
  {
    name: 'linear: the cells of a maximum are exact',
    file: picked,
    from: 'const reach = together + 4 * error;',
    to: 'const reach = together;',
    tests: partsOf('MaxPool'),
  },
  {
    name: 'linear: what a maximum leaves is no longer than one of two cells',
    file: picked,
    from: 'squares[j] = squares[j]! + 2 * slope * slope;',
    to: 'squares[j] = squares[j]! + 0.25 * slope * slope;',
    tests: partsOf('MaxPool'),
  },
  {
    name: 'linear: only the image counts as a symbol of the reach',
    file: ball,
    from: 'return smaller(reach(whole, this.symbols), reach(form, this.bases));',
    to: 'return smaller(reach({ ...whole, terms: whole.terms.slice(0, 1) }, this.symbols), reach(form, this.bases));',
    tests: `${BOUND} -t of.the.family`,
  },
  {
    name: 'linear: what a step leaves is dropped',
    file: ball,
    from: 'this.symbols.push({ rho: noLess(rest.rho), box: rest.box });',
    to: 'this.symbols.push({ rho: noLess(rest.rho / 8), box: rest.box });',
    tests: `${BOUND} -t of.the.family`,
  },
  {
    name: 'linear: a step without a linear part moves by nothing more than what it would leave',
    file: ball,
    from: "const moved = nonlinearity.movement(split === null ? moving : boxes, 'secant');\n    const rest = split === null ? moved : split.remainder(moving);",
    to: "const moved = nonlinearity.movement(split === null ? moving : boxes, 'secant');\n    const rest = split === null ? { rho: 0, box: null } : split.remainder(moving);",
    tests: `${BOUND} -t of.the.family`,
  },
  {
    name: 'linear: of two paths from one symbol the last counts',
    file: forms,
    from: 'known === undefined ? matrix : inRange(add(written(known), written(matrix)))',
    to: 'known === undefined || matrix.rows > 0 ? matrix : inRange(add(written(known), written(matrix)))',
    tests: `${BOUND} -t for.small.r`,
  },
  {
    name: 'linear: delta is not divided over the proofs of an image',
    file: better,
    from: 'each: delta / (uses * (PROOFS + SHARED_PROOFS))',
    to: 'each: delta / uses',
    tests: NORMS,
  },
  {
    name: 'linear: what all images share is left out of delta',
    file: better,
    from: 'each: delta / (uses * (PROOFS + SHARED_PROOFS))',
    to: 'each: delta / (uses * PROOFS)',
    tests: NORMS,
  },
  {
    name: 'linear: what estimates found is taken for proved',
    file: better,
    from: 'prove: (r) => linear.on(evaluation, r, composed),',
    to: 'prove: (r) => linear.bounded(evaluation, composed === null ? null : nearby(r, DECIDING_STEPS)),',
    tests: NORMS,
  },
  {
    name: 'linear: secants have all their proofs behind those of the linear part',
    file: better,
    from: 'if (free) return larger',
    to: 'if (uses > 0) return larger',
    tests: BETTER,
  },
  {
    name: 'linear: the linear part has as many proofs as were not spent, and one more is left',
    file: better,
    from: 'provedRadius(there, latentRadius, proofs - 1, further)',
    to: 'provedRadius(there, latentRadius, proofs, further)',
    tests: BETTER,
  },
  {
    name: 'linear: a norm without proof takes half of what is known of it',
    file: 'src/lipschitz/linear/composed-norms.ts',
    from: 'const unscaled = Math.min(known, ',
    to: 'const unscaled = Math.min(known / 2, ',
    tests: NORMS,
  },
  {
    name: 'linear: norms beyond the plan spend delta that is not there',
    file: 'src/lipschitz/linear/composed-norms.ts',
    from: 'if (left === 0) return certainNorm(matrix, rows, columns);',
    to: 'if (left < 0) return certainNorm(matrix, rows, columns);',
    tests: NORMS,
  },
  {
    name: 'linear: a norm without proof forgets the columns',
    file: 'src/lipschitz/linear/composed-norms.ts',
    from: 'productUp(Math.min(frobenius, absolute), largestScale(columns))',
    to: 'productUp(Math.min(frobenius, absolute), Math.min(0.1, largestScale(columns)))',
    tests: NORMS,
  },
  {
    name: 'linear: what leaves the range on the small side is nothing',
    file: forms,
    from: 'return most === 0 || least >= SMALLEST_CARRIED ? matrix : withoutSmall(matrix, SMALLEST_CARRIED);',
    to: 'return most === 0 || least >= SMALLEST_CARRIED ? matrix : withoutSmall(matrix, SMALLEST_CARRIED).withError(0);',
    tests: NORMS,
  },
  {
    name: 'training: the linear bound forgets what an activation leaves over',
    file: 'src/training/linear-regularizer.ts',
    from: 'this.#parts = [...scaled, { linear: null, most: rest }];',
    to: 'this.#parts = scaled;',
    tests: 'test/training/regularizers.test.ts',
  },
  {
    name: 'training: the least chord slope is the one upwards',
    file: 'src/training/linear-regularizer.ts',
    from: 'const least = tf.minimum(up, down);',
    to: 'const least = tf.minimum(up, up);',
    tests: 'test/training/regularizers.test.ts',
  },
];
