/** The result file as a journal: one record per planned image, in the run's order, closed by a line that sums them up. */
import type { JournalFormat, RecordOrder } from './journal-format.ts';
import {
  type CertificateRecord,
  plannedIndices,
  RESULT_FORMAT,
  type RunEnd,
  type RunHeader,
} from './record.ts';
import { resultLines } from './result-lines.ts';
import { differences } from './run-identity.ts';
import type { SeriesFormats } from './series-format.ts';

export type ResultJournal = JournalFormat<RunHeader, CertificateRecord, RunEnd>;

export function resultJournal(formats: SeriesFormats): ResultJournal {
  const lines = resultLines(formats);
  return {
    headerKind: 'run',
    schema: RESULT_FORMAT,
    words: { file: 'result file', content: 'run' },
    headerViolation: lines.headerViolation,
    recordViolation: lines.recordViolation,
    closingViolation: lines.endViolation,
    lineOf: lines.lineOf,
    recordLine: lines.recordLine,
    differences,
    order: plannedOrder,
  };
}

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
