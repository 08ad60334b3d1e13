/** An activation applied to every coordinate (activation.ts), as a nonlinearity. */
import { inflate, normUp, productUp, TINY } from '../../ground/rounding-error.ts';
import { identityMatrix } from '../algebra/sparse-matrix.ts';
import type { Activation, Range } from './activation.ts';
import { diagonalMatrix, storable } from './linear-entries.ts';
import { boxed, type LinearParts, type MovingInput, type Nearby, type Nonlinearity } from './nonlinearity.ts';

export interface Elementwise extends Nonlinearity {
  readonly activation: Activation;
}

export function elementwise(activation: Activation, size: number): Elementwise {
  let steepest = 0;
  for (let i = 0; i < size; i++) steepest = Math.max(steepest, activation.lipschitz(i));
  return {
    kind: 'activation',
    activation,
    size,
    lipschitz: steepest,
    norms: 1,
    weightsRows: true,
    looksAtInput: !Number.isFinite(steepest),
    linear: middleSlopes(activation, size),
    value(z) {
      const out = new Float64Array(size);
      for (let i = 0; i < size; i++) out[i] = activation.value(z[i]!, i);
      return out;
    },
    globalRho: (rho) => inflate(productUp(steepest, rho), 4),
    movement({ centre: z, error, T, weighted }: MovingInput, counted) {
      const slopes = new Float64Array(size);
      const box = new Float64Array(size);
      for (let i = 0; i < size; i++) {
        if (T[i] === 0 || activation.isConstant(z[i]!, T[i]!, error, i)) continue;
        const slope =
          counted === 'secant' ? activation.secant(z[i]!, T[i]!, error, i) : activation.lipschitz(i);
        slopes[i] = slope + TINY;
        box[i] = activation.displacement(z[i]!, T[i]!, error, i) + TINY;
      }
      // Where a secant has no bound (a jump, the edge of a domain), the displacement of the coordinates remains.
      const rho = slopes.every(Number.isFinite) ? weighted(slopes) : Number.POSITIVE_INFINITY;
      return boxed(rho, box, counted);
    },
    inheritedError(z, { error, reach }: Nearby) {
      if (error === 0) return 0;
      if (Number.isFinite(steepest)) return productUp(steepest, error);
      // No slope holds everywhere: what counts is the chords from the computed value over the error.
      let local = 0;
      for (let i = 0; i < size; i++)
        local = Math.max(local, activation.secant(z[i]!, error, reach?.[i] ?? 0, i));
      if (reach === null || Number.isFinite(local)) return productUp(local, error);
      // A jump close to some point of the ball counts with its height.
      return normUp(Float64Array.from(reach, (e, i) => activation.displacement(z[i]!, error, e, i)));
    },
    rounding(_, value, _moved, valueMoved) {
      const { relativeError, absoluteError } = activation;
      if (relativeError === 0 && absoluteError === 0) return 0;
      return relativeError * (normUp(value) + valueMoved) + absoluteError * Math.sqrt(value.length) + TINY;
    },
  };
}

const LEVEL: Range = { low: 0, high: 0 };

/** The slopes of all chords of coordinate i; those of an activation that knows no more than their size lie around 0. */
function chordsAt(activation: Activation, z: number, T: number, e: number, i: number): Range {
  if (activation.isConstant(z, T, e, i)) return LEVEL;
  if (activation.chords !== undefined) return activation.chords(z, T, e, i);
  const secant = activation.secant(z, T, e, i);
  return { low: -secant, high: secant };
}

/**
 * J = diag(c), c in the middle of the chords' slopes [low, high]: |phi(z + t) - phi(z) - c t| <= w |t| with
 * w = max(high - c, c - low), and at most what phi moves plus |c t|.
 */
function middleSlopes(activation: Activation, size: number): LinearParts {
  return {
    entries: size,
    pattern: () => identityMatrix(size),
    norms: 1,
    at({ centre, error, T }) {
      const middle = new Float64Array(size);
      for (let i = 0; i < size; i++) {
        if (T[i] === 0) continue;
        const { low, high } = chordsAt(activation, centre[i]!, T[i]!, error, i);
        middle[i] = storable((low + high) / 2);
      }
      return {
        matrix: diagonalMatrix(middle),
        remainder: (input) => remainderOf(activation, middle, input),
      };
    },
  };
}

function remainderOf(
  activation: Activation,
  middle: Float64Array,
  { centre, error, T, weighted }: MovingInput,
) {
  const widths = new Float64Array(middle.length);
  const box = new Float64Array(middle.length);
  for (let i = 0; i < middle.length; i++) {
    const [t, c] = [T[i]!, middle[i]!];
    if (t === 0) continue;
    const { low, high } = chordsAt(activation, centre[i]!, t, error, i);
    const width = Math.max(high - c, c - low);
    // On one linear piece the chords are exactly as steep as J, and nothing remains.
    if (width === 0) continue;
    widths[i] = inflate(width, 4) + TINY;
    const whole = activation.displacement(centre[i]!, t, error, i) + Math.abs(c) * t;
    box[i] = inflate(Math.min(widths[i]! * t, whole), 4) + TINY;
  }
  const bounded = widths.every(Number.isFinite);
  const rho = !bounded ? Number.POSITIVE_INFINITY : widths.some((w) => w !== 0) ? weighted(widths) : 0;
  return boxed(rho, box, 'secant');
}
