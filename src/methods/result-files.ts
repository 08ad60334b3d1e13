/** Result files of the methods listed here: the functions of `records/`, given their formats. */
import type { Writable } from 'node:stream';
import { type Run, readRun as readRunOf } from '../records/read-results.ts';
import {
  type CertificateRecord,
  type Outcome,
  outcomeOf as outcomeIn,
  type RunHeader,
} from '../records/record.ts';
import { type RecordedStart, recordedStart as recordedStartOf } from '../records/recorded-start.ts';
import {
  openResultFile as openFile,
  openResultStream as openStream,
  type ResultFile,
} from '../records/result-file.ts';
import { FORMATS } from './index.ts';

/** Reads a result file whole. Throws as `readRun` of records/read-results.ts does. */
export const readRun = (path: string): Promise<Run> => readRunOf(path, FORMATS);

/** Opens a result file to write or continue a run. Throws as `openJournal` does. */
export const openResultFile = (path: string, header: RunHeader): Promise<ResultFile> =>
  openFile(path, header, FORMATS);

/** A run whose records go to a stream. */
export const openResultStream = (
  stream: Writable,
  header: RunHeader,
  format: 'jsonl' | 'tsv' = 'jsonl',
): Promise<ResultFile> => openStream(stream, header, FORMATS, format);

/** What the first line of a result file says of how the run was started; null where there is no such line. */
export const recordedStart = (path: string): Promise<RecordedStart | null> => recordedStartOf(path, FORMATS);

/** A record without its evidence. */
export const outcomeOf = (record: CertificateRecord, header: RunHeader): Outcome =>
  outcomeIn(record, header, FORMATS);
