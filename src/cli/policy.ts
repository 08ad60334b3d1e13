/** `--require`: judged at the end of a command, one line per requirement, exit code 1 when one is not met. */

import { DoesNotHold } from '../ground/errors.ts';
import type { Judgement } from '../statistics/policy.ts';

/**
 * Reports each judgement, then throws DoesNotHold naming the requirements that are not met.
 * @param note called with one line per requirement
 * @param figures whose they are, where that has to be said
 */
export function applyPolicy(
  judgements: readonly Judgement[],
  note: (text: string) => void,
  figures = '',
): void {
  for (const { met, requirement, found } of judgements)
    note(`policy ${met ? 'met' : 'NOT MET'}: ${requirement.text}: ${found}${figures}`);
  const failed = judgements.filter(({ met }) => !met);
  if (failed.length === 0) return;
  throw new DoesNotHold({
    what: failed.length === 1 ? 'the policy is not met' : `${failed.length} requirements are not met`,
    details: failed.map(({ requirement, found }) => `${requirement.text}, but it is: ${found}`),
    remedy: 'Use another model, or change --require; the results themselves stand.',
  });
}
