/**
 * Labels in a file of their own: an NPY array of integers, text with one class index per line, or a CSV of labels and
 * perhaps file names, with a header or without. Class indices are integers from 0.
 */
import { UsageError } from '../ground/errors.ts';
import { type CsvRow, parseCsv } from './csv.ts';
import { looksLikeNpy, parseNpy } from './npy.ts';
import { readUnpacked } from './source-file.ts';

export interface LabelFile {
  readonly labels: Int32Array;
  /** The file each label belongs to, when the labels go by file name and not by position. */
  readonly files: readonly string[] | null;
  readonly bytes: Uint8Array;
}

const LABEL_COLUMNS = ['label', 'labels', 'class', 'target', 'y'];
const FILE_COLUMNS = ['file', 'filename', 'file_name', 'image', 'path'];

/** @throws UsageError when the file cannot be read, has no label column, or an entry is not a class index */
export function readLabelFile(path: string): LabelFile {
  const bytes = readUnpacked(path);
  if (looksLikeNpy(bytes)) return { labels: readNpyLabels(bytes, path), files: null, bytes };
  const rows = parseCsv(Buffer.from(bytes).toString('utf8'), path);
  const header = headerOf(rows, path);
  const entries = header.present ? rows.slice(1) : rows;
  const field = (row: CsvRow | undefined, column: number): string => row?.fields[column] ?? '';
  const labels = Int32Array.from(entries, (row) => {
    const text = field(row, header.label);
    return classIndex(
      /^\d+$/.test(text) ? Number(text) : Number.NaN,
      `"${text}"`,
      `${path}, line ${row.line}`,
    );
  });
  const fileColumn = header.file;
  return {
    labels,
    files: fileColumn === null ? null : entries.map((row) => field(row, fileColumn)),
    bytes,
  };
}

/**
 * The labels of an NPY file.
 * @throws UsageError for damaged bytes, an array that is not one column of integers, or a negative label
 */
export function readNpyLabels(bytes: Uint8Array, where: string): Int32Array {
  const array = parseNpy(bytes, where);
  const oneColumn = array.shape.length === 1 || (array.shape.length === 2 && array.shape[1] === 1);
  if (!oneColumn || !/^u?int/.test(array.type)) {
    throw new UsageError({
      what: 'labels must be a one-dimensional array of integers',
      where,
      why: `it is ${array.type} of shape (${array.shape.join(', ')})`,
      remedy: 'Save class indices: labels.astype("int64"); from one-hot rows, labels.argmax(1).',
    });
  }
  return Int32Array.from({ length: array.size }, (_, i) =>
    classIndex(array.at(i), String(array.at(i)), `${where}, entry ${i}`),
  );
}

function classIndex(value: number, shown: string, where: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= 0x7fffffff) return value;
  throw new UsageError({
    what: `the label ${shown} is not a class index`,
    where,
    why: 'labels are the integers 0, 1, 2, … that number the outputs of the model',
    remedy: 'Write class indices; omit the labels altogether where some are unknown.',
  });
}

/** Which column holds what. Without a header: one column is the label, of two the first is the file. */
function headerOf(
  rows: readonly CsvRow[],
  path: string,
): { present: boolean; label: number; file: number | null } {
  const first = rows[0]?.fields.map((field) => field.toLowerCase());
  if (first === undefined) {
    throw new UsageError({
      what: 'the label file is empty',
      where: path,
      remedy: 'Write one class index per line, or file,label.',
    });
  }
  const label = first.findIndex((name) => LABEL_COLUMNS.includes(name));
  const file = first.findIndex((name) => FILE_COLUMNS.includes(name));
  if (label >= 0) return { present: true, label, file: file < 0 ? null : file };
  if (first.length === 1 && file < 0) return { present: false, label: 0, file: null };
  if (first.length === 2 && file < 0) return { present: false, label: 1, file: 0 };
  throw new UsageError({
    what: 'the label file has no column of labels',
    where: `${path}, line ${rows[0]?.line}`,
    why: `its columns are ${first.join(', ')}; looked for ${LABEL_COLUMNS.join(', ')}`,
    remedy: 'Begin it with a header such as "file,label", or give one class index per line.',
  });
}
