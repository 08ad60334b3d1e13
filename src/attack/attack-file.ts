/**
 * The file of an attack, a journal (records/journal.ts) without a closing line: which images are attacked is not part of the
 * header, so the same file takes those of a larger --max, or of another --start, too. Images that already have a line are not
 * attacked again.
 */
import { headerDifferences } from '../records/header-differences.ts';
import { type Journal, openJournal } from '../records/journal.ts';
import type { JournalFormat, RecordOrder } from '../records/journal-format.ts';
import { recordedHeader } from '../records/recorded-header.ts';
import {
  ATTACK_FORMAT,
  type AttackHeader,
  type AttackRecord,
  attackHeaderViolation,
  attackLine,
  attackRecordViolation,
} from './attack-record.ts';

export interface AttackFile extends Omit<Journal<AttackHeader, AttackRecord, never>, 'finish'> {
  /** All lines so far, those found in the file first; grows. */
  readonly records: readonly AttackRecord[];
}

const ATTACK_JOURNAL: JournalFormat<AttackHeader, AttackRecord, never> = {
  headerKind: 'attack-run',
  schema: ATTACK_FORMAT,
  words: { file: 'attack file', content: 'attack' },
  headerViolation: attackHeaderViolation,
  recordViolation: attackRecordViolation,
  closingViolation: null,
  lineOf: attackLine,
  recordLine: attackLine,
  differences: (file, now) => headerDifferences(file, now, counts, (path) => path, ['in the file', 'now']),
  order: onceEach,
};

/** Opens `path` to write or continue the attack described by `header`. Throws as `openJournal` does. */
export async function openAttackFile(path: string, header: AttackHeader): Promise<AttackFile> {
  const records: AttackRecord[] = [];
  const journal = await openJournal(path, ATTACK_JOURNAL, header, (record) => {
    records.push(record);
  });
  return { ...journal, records };
}

/** The settings of the attack that a file already holds; null where `recordedHeader` finds no header. */
export async function recordedAttack(path: string): Promise<AttackHeader['settings'] | null> {
  return (await recordedHeader<AttackHeader>(path, attackHeaderViolation))?.settings ?? null;
}

/** Any image, once. */
function onceEach(): RecordOrder {
  const passed = new Set<number>();
  return {
    fault: (index) => (passed.has(index) ? `image ${index}, which is there twice` : null),
    pass: (index) => {
      passed.add(index);
    },
  };
}

/** What may change between the two starts of one attack: times, names, who chose the seed. Digests count. */
const FREE = new Set([
  'started',
  'model.name',
  'model.denoiser.name',
  'data.name',
  'data.subset',
  'settings.seedOrigin',
  'environment.node',
]);
const FILE_NAME = /^model\.files\.\d+\.name$/u;

const counts = (path: string): boolean => !FREE.has(path) && !FILE_NAME.test(path);
