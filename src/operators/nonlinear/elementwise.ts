/** An activation applied to every coordinate (activation.ts), as a nonlinearity. */
import { inflate, normUp, productUp, TINY } from '../../ground/rounding-error.ts';
import type { Activation } from './activation.ts';
import { boxed, type MovingInput, type Nearby, type Nonlinearity } from './nonlinearity.ts';

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
