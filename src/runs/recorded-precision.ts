/** Draws of a run are made again in the arithmetic that it was made in. */
import { UsageError } from '../ground/errors.ts';
import type { RunHeader } from '../records/record.ts';
import type { Arithmetic, Precision } from '../smoothing/arithmetic.ts';

/** What a header, or what was taken from one, says of it. */
interface Recorded {
  readonly precision?: RunHeader['precision'] | undefined;
}

export const recordedPrecision = ({ precision }: Recorded): Precision => precision?.value ?? 'fp32';

/** @throws UsageError where the workers compute in another arithmetic: they would sample another classifier */
export function requireRecordedPrecision(
  header: Recorded,
  { precision }: Pick<Arithmetic, 'precision'>,
): void {
  const recorded = recordedPrecision(header);
  if (recorded === precision) return;
  throw new UsageError({
    what: `the run was made in ${recorded}, and draws would be made in ${precision}`,
    why: 'that is another classifier, about which the run says nothing',
    remedy: `Compute in ${recorded} (--precision ${recorded}).`,
  });
}
