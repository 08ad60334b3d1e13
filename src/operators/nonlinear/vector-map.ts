/**
 * Nonlinear maps of whole vectors that come with their own Lipschitz constant: sorting within groups, and windows that
 * take a maximum, a minimum or a norm. Each moves a coordinate by no more than the movements of its cells allow.
 */
import { gamma, inflate, normUp, productUp, TINY } from '../../ground/rounding-error.ts';
import { buildMatrix, type SparseMatrix } from '../algebra/sparse-matrix.ts';
import { boxed, type LinearParts, type MovingInput, type Nonlinearity } from './nonlinearity.ts';
import { largestOf, pickedCells } from './picked-cells.ts';

export interface VectorMap {
  /** Length of the result. */
  readonly size: number;
  /** f(z), each entry within `relativeError` of its exact value, relative to it. */
  value(z: Float64Array): Float64Array;
  readonly relativeError: number;
  /** Upper bound on the l2 Lipschitz constant of f on all of space. */
  readonly lipschitz: number;
  /** Upper bounds on the movement of each entry of f(z), given upper bounds on those of the entries of z. */
  box(T: Float64Array): Float64Array;
  /** Omitted by a map without a linear part. */
  readonly linear?: LinearParts;
}

/** The map as a nonlinearity. */
export function wholeVectors(map: VectorMap): Nonlinearity {
  const { size, lipschitz, relativeError } = map;
  const globalRho = (rho: number): number => inflate(productUp(lipschitz, rho), 4);
  return {
    kind: 'vector',
    size,
    lipschitz,
    norms: 1,
    weightsRows: false,
    looksAtInput: !Number.isFinite(lipschitz),
    ...(map.linear === undefined ? {} : { linear: map.linear }),
    value: (z) => map.value(z),
    globalRho,
    movement: ({ T, weighted }: MovingInput, slopes) => boxed(globalRho(weighted(null)), map.box(T), slopes),
    inheritedError: (_, { error }) => (error === 0 ? 0 : productUp(lipschitz, error)),
    rounding: (_, value, _moved, valueMoved) =>
      relativeError === 0 ? 0 : relativeError * (normUp(value) + valueMoved) + TINY,
  };
}

/**
 * Sorts groups of cells, the largest first; cells i, count + i, 2 count + i ... form group i. Sorting is 1-Lipschitz in
 * l2 (the rearrangement inequality: of all pairings of two vectors the sorted one is closest), and each order statistic
 * moves by at most the largest movement in its group. Groups of two are MinMax or GroupSort (Anil et al. 2019).
 *
 * @param count number of groups
 * @param group cells per group
 */
export function sortedGroups(count: number, group: number): VectorMap {
  return {
    size: count * group,
    relativeError: 0,
    lipschitz: 1,
    linear: pickedCells(
      count * group * group,
      () => membership(count, group),
      (z) => ranked(z, count, group),
    ),
    value(z) {
      if (group === 2) return largerFirst(z, count);
      const out = new Float64Array(count * group);
      const cells = new Float64Array(group);
      for (let i = 0; i < count; i++) {
        for (let k = 0; k < group; k++) cells[k] = z[k * count + i]!;
        cells.sort();
        for (let k = 0; k < group; k++) out[k * count + i] = cells[group - 1 - k]!;
      }
      return out;
    },
    box(T) {
      const out = new Float64Array(count * group);
      for (let i = 0; i < count; i++) {
        let most = 0;
        for (let k = 0; k < group; k++) most = Math.max(most, T[k * count + i]!);
        for (let k = 0; k < group; k++) out[k * count + i] = most;
      }
      return out;
    },
  };
}

/** Groups of two, sorted. */
function largerFirst(z: Float64Array, count: number): Float64Array {
  const out = new Float64Array(2 * count);
  for (let i = 0; i < count; i++) {
    out[i] = Math.max(z[i]!, z[count + i]!);
    out[count + i] = Math.min(z[i]!, z[count + i]!);
  }
  return out;
}

/** The cells of the group of each order statistic: all of them. */
const membership = (count: number, group: number): SparseMatrix =>
  buildMatrix(count * group, count * group, count * group * group, (row, add) => {
    for (let k = 0; k < group; k++) add(k * count + (row % count), 1);
  });

/** The cell that each order statistic is. */
function ranked(z: Float64Array, count: number, group: number): Int32Array {
  const own = new Int32Array(count * group);
  for (let i = 0; i < count; i++) {
    const cells = Array.from({ length: group }, (_, k) => k * count + i).sort((a, b) => z[b]! - z[a]!);
    for (const [k, cell] of cells.entries()) own[k * count + i] = cell;
  }
  return own;
}

/** What a window computes from its cells. */
export type WindowValue = 'max' | 'min' | 'l1' | 'l2';

/** The l2 norm, scaled so that no square overflows or vanishes. */
function norm(cells: readonly number[]): number {
  const largest = cells.reduce((most, c) => Math.max(most, Math.abs(c)), 0);
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  return largest * Math.sqrt(cells.reduce((sum, c) => sum + (c / largest) ** 2, 0));
}

const ofCells: Readonly<Record<WindowValue, (cells: readonly number[]) => number>> = {
  max: (cells) => cells.reduce((most, c) => Math.max(most, c), Number.NEGATIVE_INFINITY),
  min: (cells) => cells.reduce((least, c) => Math.min(least, c), Number.POSITIVE_INFINITY),
  l1: (cells) => cells.reduce((sum, c) => sum + Math.abs(c), 0),
  l2: norm,
};

/**
 * One value per window. A maximum, a minimum and an l2 norm move by at most the l2 norm of their cells' movements, so a
 * cell that m windows share makes the whole sqrt(m)-Lipschitz; an l1 norm of n cells costs sqrt(n) more.
 *
 * @param windows a CSR pattern with the cells of each window; values are ignored
 */
export function windowed(windows: SparseMatrix, of: WindowValue): VectorMap {
  const { rows, rowStart, column } = windows;
  const largest = windows.longestRow();
  const overlap = windows.longestColumn();
  const each = (z: Float64Array, rule: (cells: readonly number[]) => number): Float64Array => {
    const out = new Float64Array(rows);
    for (let i = 0; i < rows; i++) {
      const cells: number[] = [];
      for (let k = rowStart[i]!; k < rowStart[i + 1]!; k++) cells.push(z[column[k]!]!);
      out[i] = rule(cells);
    }
    return out;
  };
  const isNorm = of === 'l1' || of === 'l2';
  return {
    size: rows,
    relativeError: isNorm ? gamma(largest + 8) : 0,
    lipschitz: inflate(Math.sqrt(overlap * (of === 'l1' ? largest : 1)), 4),
    ...(isNorm
      ? {}
      : { linear: pickedCells(column.length, () => windows, largestOf(windows, of === 'max' ? 1 : -1)) }),
    value: (z) => each(z, ofCells[of]),
    box: (T) =>
      isNorm
        ? each(T, ofCells[of]).map((moved) => inflate(moved, largest + 8))
        : each(T, (cells) => cells.reduce((most, c) => Math.max(most, c), 0)),
  };
}
