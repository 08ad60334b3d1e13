/**
 * Deterministic upper bound on the norm of a convolution without masks, from its kernel alone: no product with an image, no probe.
 *
 * Let T be the convolution on all of the plane. The one of a network is T between an embedding (the image among zeros) and a
 * restriction (the outputs there are), neither of which lengthens a vector: ||C|| <= ||T||, whatever the padding. For stride s the
 * image is dealt to s_y s_x planes by the remainders of its coordinates, which changes no norm. Tap t reads at s p + d t - pad =
 * s (p + e_t) + rho_t, so T multiplies by the symbol S(theta)[o, (c, rho)] = sum of K[o, c, t] e^(i e_t . theta) over the t with
 * rho_t = rho, and ||T|| = sup ||S(theta)||_2 (Parseval).
 *
 * From a grid to all theta. For a unit vector v, p(theta) = ||S(theta) v||^2 is a real trigonometric polynomial of degree at most m in
 * either coordinate, m = max e - min e there. One of degree m and largest absolute value M, taken at theta_0, is at least M cos(m h)
 * within h <= pi / m of there: by the inequality of Bernstein and Szegő, p'^2 + m^2 p^2 <= m^2 M^2, so the phase of p = M cos(phi) changes
 * at most m times as fast as theta. Some point of N equally spaced ones is within pi / N. Applied to either coordinate in turn:
 *
 *   ||T||^2 <= max over the grid of ||S||^2 / (cos(pi m_y / N_y) cos(pi m_x / N_x)),     N > 2 m.
 *
 * S(-theta) is the conjugate of S(theta): half of the grid is enough.
 *
 * At a point of the grid. The Hermitian matrix S* S is [[Re, -Im], [Im, Re]] in real numbers, with the same eigenvalues. If the
 * Cholesky factorisation of mu I - (S* S as computed) runs to its end, mu plus the backward error of `banded-gram.ts` bounds them. One mu
 * serves all points; it is raised by a thousandth wherever the factorisation fails.
 *
 * Rounding. A computed entry of S is off by (gamma + 2^-48) times the sum of its weights' sizes in either part: 2^-48 is the error of
 * a sine or cosine of 2 pi m / N. With W the sum of the squares of those sums, S is off by sqrt(2 W) times that in norm,
 * forming S* S by 2 gamma W, the factorisation by gamma/(1 - gamma) tr (`normFrom`).
 *
 * Scales around the convolution. diag(a) C diag(b) grows with every |a_i| and |b_j|: the largest of each channel are taken into the
 * kernel. Where the matrix in front shows one cell mu times, its norm is that of distinct cells times sqrt(mu) at most.
 */
import { exponentOf, gamma, inflate, TINY, timesPowerUp } from '../ground/rounding-error.ts';
import type { ConvolutionMap } from '../operators/algebra/convolution-map.ts';
import type { Kernel, KernelShape } from '../operators/algebra/kernel.ts';
import { remembered } from '../operators/algebra/remembered.ts';
import type { Sweep } from '../operators/algebra/sweep.ts';

/** Multiplications that a bound may take: half a second. */
export const MOST_WORK = 6e8;
/** Points along an axis, at most. */
const FINEST = 256;
/** Factor that a grid may cost; a coarser one says little. */
const MOST_LOST = 1.02;
/** Factor by which mu is raised. */
const STEP = 1 + 2 ** -10;
/** Weights below this part of the largest count as error. */
const NEGLIGIBLE = 2 ** -200;
/** Error of a sine or cosine of 2 pi m / N, m < N: two roundings of the angle, and a unit in the last place. */
const TRIGONOMETRIC = 2 ** -48;

/** Where the taps of one axis read: s (p + shift) + remainder. */
function readsOf({ kernel, stride, dilation, padBegin }: Sweep): readonly { shift: number; rest: number }[] {
  return Array.from({ length: kernel }, (_, tap) => {
    const at = tap * dilation - padBegin;
    const shift = Math.floor(at / stride);
    return { shift, rest: at - shift * stride };
  });
}

/** m: the largest difference of shifts. */
function degreeOf(sweep: Sweep): number {
  const shifts = readsOf(sweep).map(({ shift }) => shift);
  return Math.max(...shifts) - Math.min(...shifts);
}

/** Points per axis, and what bounding between them costs. */
interface Grid {
  readonly y: number;
  readonly x: number;
  /** 1 / (cos cos), rounded up: a factor on the square of the norm. */
  readonly lost: number;
}

/** Input planes of a group once strides are dealt out. */
const planesOf = ({ perGroup, y, x }: KernelShape): number => perGroup * y.stride * x.stride;

/** The finest grid that MOST_WORK pays for; null where it would be too coarse. */
function gridOf(shape: KernelShape): Grid | null {
  const { groups, outChannels, perGroup, y, x } = shape;
  const [degreeY, degreeX] = [degreeOf(y), degreeOf(x)];
  const outs = outChannels / groups;
  const [least, most] = [Math.min(outs, planesOf(shape)), Math.max(outs, planesOf(shape))];
  const each = 2 * outs * perGroup * y.kernel * x.kernel + 2 * most * least ** 2 + (2 * least) ** 3 / 3;
  for (let points = FINEST; points >= 4; points /= 2) {
    const [ny, nx] = [degreeY === 0 ? 1 : points, degreeX === 0 ? 1 : points];
    if (groups * (Math.floor(ny / 2) + 1) * nx * each > MOST_WORK) continue;
    if (2 * Math.max(degreeY, degreeX) >= points) return null;
    const cosines = Math.cos((Math.PI * degreeY) / ny) * Math.cos((Math.PI * degreeX) / nx);
    const lost = (1 / cosines) * (1 + 2 ** -40);
    return lost <= MOST_LOST ** 2 ? { y: ny, x: nx, lost } : null;
  }
  return null;
}

/** The kernel with the largest scales of its channels in it, times a power of two that brings its largest weight near 1. */
interface Scaled {
  readonly weights: Float64Array;
  readonly exponent: number;
  /** Upper bound on the norm of what was left out. */
  readonly leftOut: number;
  /** How often a cell is shown, at most. */
  readonly repeats: number;
}

function scaled({ kernel, after, before }: ConvolutionMap): Scaled {
  const { groups, perGroup, outChannels, y, x } = kernel;
  const outer = new Float64Array(outChannels).fill(after === null ? 1 : 0);
  if (after !== null) {
    const plane = y.output * x.output;
    const squares = new Float64Array(after.cols);
    after.column.forEach((cell, k) => {
      squares[cell] = squares[cell]! + after.value[k]! ** 2;
    });
    squares.forEach((square, cell) => {
      const channel = Math.floor(cell / plane) % outChannels;
      outer[channel] = Math.max(outer[channel]!, inflate(Math.sqrt(square), after.rows));
    });
  }
  const channels = groups * perGroup;
  const inner = new Float64Array(channels).fill(before === null ? 1 : 0);
  if (before !== null) {
    const plane = y.input * x.input;
    for (let cell = 0; cell < before.rows; cell++) {
      const channel = Math.floor(cell / plane) % channels;
      for (let k = before.rowStart[cell]!; k < before.rowStart[cell + 1]!; k++)
        inner[channel] = Math.max(inner[channel]!, Math.abs(before.value[k]!));
    }
  }
  const taps = y.kernel * x.kernel;
  const perOut = outChannels / groups;
  const weights = kernel.weights.map((weight, at) => {
    const out = Math.floor(at / (perGroup * taps));
    const into = Math.floor(out / perOut) * perGroup + (Math.floor(at / taps) % perGroup);
    return outer[out]! * weight * inner[into]!;
  });
  const largest = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  const exponent = largest > 0 ? exponentOf(largest) : 0;
  let leftOut = 0;
  const brought = weights.map((weight) => {
    const w = weight * 2 ** -exponent;
    // Written so that NaN stays.
    if (w === 0 || !(Math.abs(w) < NEGLIGIBLE)) return w;
    leftOut += NEGLIGIBLE;
    return 0;
  });
  const repeats = before === null ? 1 : Math.max(1, before.longestColumn());
  return { weights: brought, exponent, leftOut, repeats };
}

/** Whether the norm has a bound by its symbol. */
export const hasSymbolNorm = (shape: KernelShape): boolean => gridOf(shape) !== null;

/** Upper bound on the norm of the stored map without scales; Infinity where `hasSymbolNorm` is false. Computed once. */
export const symbolNorm = remembered((map: ConvolutionMap): number => {
  const { kernel } = map;
  const grid = gridOf(kernel);
  if (grid === null) return Number.POSITIVE_INFINITY;
  const { weights, exponent, leftOut, repeats } = scaled(map);
  // No mu would do: the search for one would not end.
  if (!weights.every(Number.isFinite)) return Number.POSITIVE_INFINITY;
  const groups = Array.from({ length: kernel.groups }, (_, group) => groupOf(kernel, weights, group));
  const [outs, planes] = [kernel.outChannels / kernel.groups, planesOf(kernel)];
  const proved = {
    mu: groups.reduce((mu, group) => raisedOver(group, grid, mu), 0),
    absolute: groups.reduce((largest, { squares }) => Math.max(largest, squares), 0),
    ...{
      least: Math.min(outs, planes),
      most: Math.max(outs, planes),
      taps: kernel.y.kernel * kernel.x.kernel,
    },
    ...{ lost: grid.lost, leftOut, repeats },
  };
  return timesPowerUp(normFrom(proved), exponent);
});

/** What a bound is made of. */
export interface ProvedSymbol {
  /** At which every factorisation ran to its end. */
  readonly mu: number;
  /** W. */
  readonly absolute: number;
  /** Sides of S. */
  readonly least: number;
  readonly most: number;
  /** Most weights in an entry of S. */
  readonly taps: number;
  /** Factor on the square of the norm between the points of the grid. */
  readonly lost: number;
  /** Norm of the weights that were left out, on the whole plane. */
  readonly leftOut: number;
  /** How often a cell is shown, at most. */
  readonly repeats: number;
}

/** The norm that follows, rounding included. */
export function normFrom({ mu, absolute, least, most, taps, lost, leftOut, repeats }: ProvedSymbol): number {
  // Of an entry: products of three factors, and their sum.
  const rounding = inflate(Math.sqrt(2 * absolute) * (gamma(taps + 8) + TRIGONOMETRIC), 8);
  const forming = 2 * gamma(2 * most + 4) * (Math.sqrt(absolute) + rounding) ** 2;
  // The trace: 2 `least` entries of at most mu, each rounded once.
  const size = 2 * least;
  const backward = (gamma(size + 2) / (1 - gamma(size + 2))) * size * mu;
  const eigenvalue = mu * (1 + 2 ** -52) + backward + forming + TINY;
  const atPoints = Math.sqrt(eigenvalue) + rounding;
  return inflate((Math.sqrt(lost) * atPoints + leftOut) * Math.sqrt(repeats), 16);
}

/** The symbol of one group of channels. */
interface Group {
  /** Rows of S, or of its transpose where S has fewer rows than columns: `most` of `least` entries. */
  readonly most: number;
  readonly least: number;
  /** S at a frequency, given cosine and sine of every tap's phase. */
  evaluate(cosine: Float64Array, sine: Float64Array, re: Float64Array, im: Float64Array): void;
  /** W: the sum over the entries of S of the squares of their weights' absolute sums, rounded up. */
  readonly squares: number;
  readonly y: ReturnType<typeof readsOf>;
  readonly x: ReturnType<typeof readsOf>;
}

function groupOf(kernel: Kernel, weights: Float64Array, group: number): Group {
  const { groups, perGroup, outChannels, y, x } = kernel;
  const [outs, planes] = [outChannels / groups, planesOf(kernel)];
  const wide = outs < planes;
  const [most, least] = wide ? [planes, outs] : [outs, planes];
  const [readsY, readsX] = [readsOf(y), readsOf(x)];
  const taps = readsY.length * readsX.length;
  const from = group * outs * perGroup * taps;
  /** Place in S of each weight of the group. */
  const place = Int32Array.from({ length: outs * perGroup * taps }, (_, at) => {
    const [out, channel, tap] = [
      Math.floor(at / (perGroup * taps)),
      Math.floor(at / taps) % perGroup,
      at % taps,
    ];
    const restY = readsY[Math.floor(tap / readsX.length)]!.rest;
    const restX = readsX[tap % readsX.length]!.rest;
    const plane = (channel * y.stride + restY) * x.stride + restX;
    return wide ? plane * least + out : out * least + plane;
  });
  const sums = new Float64Array(most * least);
  place.forEach((at, k) => {
    sums[at] = sums[at]! + Math.abs(weights[from + k]!);
  });
  return {
    ...{ most, least, y: readsY, x: readsX },
    squares: inflate(
      sums.reduce((total, sum) => total + sum * sum, 0),
      2 * taps + sums.length,
    ),
    evaluate(cosine, sine, re, im) {
      re.fill(0);
      im.fill(0);
      for (let k = 0, tap = 0; k < place.length; k++) {
        const at = place[k]!;
        const weight = weights[from + k]!;
        re[at] = re[at]! + weight * cosine[tap]!;
        im[at] = im[at]! + weight * sine[tap]!;
        if (++tap === taps) tap = 0;
      }
    },
  };
}

/** The least mu from `mu` on, by steps, at which mu I - S* S as computed has a Cholesky factorisation at half of the grid. */
function raisedOver(group: Group, grid: Grid, from: number): number {
  const { most, least, y, x } = group;
  const points = Math.max(grid.y, grid.x);
  const cosines = Float64Array.from({ length: points }, (_, m) => Math.cos((2 * Math.PI * m) / points));
  const sines = Float64Array.from({ length: points }, (_, m) => Math.sin((2 * Math.PI * m) / points));
  const [cosine, sine] = [new Float64Array(y.length * x.length), new Float64Array(y.length * x.length)];
  const [re, im] = [new Float64Array(most * least), new Float64Array(most * least)];
  const gram = new Float64Array(4 * least * least);
  const room = new Float64Array(4 * least * least);
  let mu = from;
  for (let atY = 0; atY <= grid.y / 2; atY++) {
    for (let atX = 0; atX < grid.x; atX++) {
      // Phases are whole multiples of 2 pi / points: no rounding of their sums.
      y.forEach((readY, ty) => {
        x.forEach((readX, tx) => {
          const turns = readY.shift * atY * (points / grid.y) + readX.shift * atX * (points / grid.x);
          const m = ((turns % points) + points) % points;
          cosine[ty * x.length + tx] = cosines[m]!;
          sine[ty * x.length + tx] = sines[m]!;
        });
      });
      group.evaluate(cosine, sine, re, im);
      formed(re, im, most, least, gram);
      for (let i = 0; i < least; i++) mu = Math.max(mu, gram[i * 2 * least + i]!);
      if (mu === 0) continue;
      mu = raised(mu, (one) => isFactorised(gram, 2 * least, one, room));
    }
  }
  return mu;
}

/**
 * The first of mu, mu STEP, mu STEP^2, ... that holds, as far as what holds does so from there on. By doubling and halving: from the
 * diagonal to the largest eigenvalue it may be thousands of steps.
 */
function raised(mu: number, holds: (mu: number) => boolean): number {
  if (holds(mu)) return mu;
  let [fails, high] = [0, 1];
  while (!holds(mu * STEP ** high)) [fails, high] = [high, 2 * high];
  while (high - fails > 1) {
    const middle = Math.floor((fails + high) / 2);
    if (holds(mu * STEP ** middle)) high = middle;
    else fails = middle;
  }
  return mu * STEP ** high;
}

/** The lower triangle of [[Re, -Im], [Im, Re]] of S* S, for S of `most` rows. */
function formed(re: Float64Array, im: Float64Array, most: number, least: number, gram: Float64Array): void {
  const size = 2 * least;
  for (let i = 0; i < least; i++) {
    for (let j = 0; j <= i; j++) {
      let [real, imaginary] = [0, 0];
      for (let row = 0; row < most; row++) {
        const [a, b] = [row * least + i, row * least + j];
        real += re[a]! * re[b]! + im[a]! * im[b]!;
        imaginary += re[a]! * im[b]! - im[a]! * re[b]!;
      }
      gram[i * size + j] = real;
      gram[(least + i) * size + least + j] = real;
      gram[(least + i) * size + j] = imaginary;
      gram[(least + j) * size + i] = -imaginary;
    }
  }
}

/** Whether mu I - gram, both by their lower triangles, has a floating-point Cholesky factorisation. */
function isFactorised(gram: Float64Array, size: number, mu: number, room: Float64Array): boolean {
  for (let i = 0; i < size; i++) {
    const row = i * size;
    for (let j = 0; j <= i; j++) {
      const other = j * size;
      let sum = (i === j ? mu : 0) - gram[row + j]!;
      for (let k = 0; k < j; k++) sum -= room[row + k]! * room[other + k]!;
      if (i !== j) room[row + j] = sum / room[other + j]!;
      // Written so that NaN fails.
      else if (sum > 0) room[row + i] = Math.sqrt(sum);
      else return false;
    }
  }
  return true;
}
