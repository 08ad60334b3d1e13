/** How many failures a claim "at most a share alpha" allows. */
import { binomialUpperTail } from '../../src/smoothing/votes/binomial-tail.ts';

/** The most failures among `runs` of a claim that fails with probability at most alpha, but for one time in a million. */
export function mostFailures(runs: number, alpha: number): number {
  let failures = Math.round(runs * alpha);
  while (binomialUpperTail(failures + 1, runs, alpha) > 1e-6) failures++;
  return failures;
}
