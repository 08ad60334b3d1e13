/** The result file as a journal: one record per planned image, in the run's order, closed by what they come to. */
import type { JournalFormat, RecordOrder } from './journal-format.ts';
import {
  type CertificateRecord,
  endViolation,
  headerViolation,
  lineOf,
  plannedIndices,
  RESULT_FORMAT,
  type RunEnd,
  type RunHeader,
  recordViolation,
} from './record.ts';
import { differences } from './run-identity.ts';

export const RESULT_JOURNAL: JournalFormat<RunHeader, CertificateRecord, RunEnd> = {
  headerKind: 'run',
  schema: RESULT_FORMAT,
  words: { file: 'result file', content: 'run' },
  headerViolation,
  recordViolation,
  closingViolation: endViolation,
  lineOf,
  differences,
  order: plannedOrder,
};

/** Takes the images of `plannedIndices(header)`, one after the other. */
export function plannedOrder(header: RunHeader): RecordOrder {
  const planned = plannedIndices(header);
  let due = planned.next().value ?? null;
  return {
    fault: (index) => (index === due ? null : `image ${index} where ${due ?? 'no further image'} was due`),
    pass: () => {
      due = planned.next().value ?? null;
    },
  };
}
