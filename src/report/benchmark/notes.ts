/** What to keep in mind of a benchmark, in sentences. The curve is the result: an average radius is a footnote with its n. */

import { percentUp, roundDown } from '../../ground/decimal.ts';
import type { Reference } from '../../methods/method.ts';
import type { Alike } from './alike.ts';
import type { Benchmark, BenchmarkEntry } from './benchmark.ts';
import { entriesOf } from './tables.ts';

export const SUN: Reference = {
  text: 'C. Sun, Y. Mao, M. N. Müller, M. Vechev. Average Certified Radius is a Poor Metric for Randomized Smoothing. ICML 2025.',
  url: 'https://arxiv.org/abs/2410.06895',
};

/** What proves nothing, is of other images or is not finished: to be read before the tables. */
export const warningsOf = (benchmark: Benchmark): string[] => {
  const entries = entriesOf(benchmark);
  const named = (which: (entry: BenchmarkEntry) => boolean): string[] =>
    entries.filter(which).map(({ name }) => name);
  const estimates = named(({ kind }) => kind === 'estimate, not a bound');
  const open = named(({ finished }) => !finished);
  return [
    ...(estimates.length === 0
      ? []
      : [`ESTIMATE, NOT A BOUND: the radii of ${estimates.join(', ')} prove nothing.`]),
    ...(benchmark.otherImages.length === 0
      ? []
      : [
          `NOT THE SAME IMAGES: a difference between methods may be one between images. ${benchmark.otherImages.join('; ')}.`,
        ]),
    ...(open.length === 0 ? [] : [`Not finished: ${open.join(', ')}.`]),
  ];
};

const IN_WORDS: Readonly<Record<keyof Alike, string>> = {
  model: 'the network (*): a difference may be one of training, not of certification',
  norm: 'the norm of the radii (*): they have a table for each norm, and are not comparable across them',
  n: 'n (*): more draws give larger radii to every method that draws',
  alpha: 'α (*): a certificate that may fail more often may claim more',
  machine: 'the machine (*): their seconds are not comparable',
};

/** What the tables do not say by themselves. */
export function notesOf(benchmark: Benchmark): string[] {
  const entries = entriesOf(benchmark);
  const widest = Math.max(
    0,
    ...entries.flatMap(({ images, shares }) =>
      images === 0
        ? []
        : shares.map(({ certified, lower, upper }) =>
            Math.max(upper - certified / images, certified / images - lower),
          ),
    ),
  );
  const bounded = entries.filter(({ images }) => images > 0);
  return [
    ...(benchmark.differing.length === 0
      ? []
      : [`The methods differ in ${benchmark.differing.map((field) => IN_WORDS[field]).join('; in ')}.`]),
    ...(bounded.length === 0
      ? []
      : [
          `The 95 % bands for the population reach at most ${percentUp(widest, 1)} points from these shares; JSON and CSV have each. Whether two methods really differ on the same images, \`splitz-onnx compare\` tests pair by pair.`,
        ]),
    ...averages(bounded),
  ];
}

function averages(entries: readonly BenchmarkEntry[]): string[] {
  if (entries.length === 0) return [];
  const each = entries.map(
    ({ name, norm, n, images, averageRadius: mean }) =>
      `${name} ${roundDown(mean, 4)} (${[...(norm === 'l2' ? [] : [norm]), `${images} images`, ...(n === null ? [] : [`n = ${n}`])].join(', ')})`,
  );
  return [
    `Footnote: average certified radius ${each.join('; ')}. It rewards images that are easy already, and grows with n (Sun et al. 2025): read the curve.`,
  ];
}
