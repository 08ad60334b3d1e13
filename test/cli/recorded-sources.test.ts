/** The output and the label file a run was given stand in its header, without places of the machine, and are found again. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import { newFolder, readResults, splitz } from './command-line.ts';
import { glyphProto, writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const OUTPUT = 'y';
const LABELS = join(folder, 'mine.csv');
const QUICK = ['--data', 'glyphs', '--sigma', '0.08', '--n', '50', '--n0', '5', '--quiet', '--no-baseline'];

beforeAll(async () => {
  // Two outputs, so that nothing works without knowing which.
  const outputs = [
    tensorInfo(OUTPUT, DataType.FLOAT, ['N', 10]),
    tensorInfo('f', DataType.FLOAT, ['N', 192]),
  ];
  writeModel(folder, 'net.onnx', glyphProto({ outputs }));
  writeFileSync(LABELS, `label\n${'3\n'.repeat(10_000)}`);
  const { code } = await splitz(
    folder,
    ...['certify', 'net.onnx', ...QUICK, '--max', '2', '--out', 'run.jsonl'],
    ...['--output', OUTPUT, '--labels', LABELS],
  );
  expect(code).toBe(0);
});
afterAll(remove);

test('the header has both with their origin, and the name of the file alone', () => {
  const { header, records } = readResults(join(folder, 'run.jsonl'));
  expect(header.intake.output).toEqual({ value: OUTPUT, origin: 'flag' });
  expect(header.intake.labels).toEqual({ value: 'mine.csv', origin: 'flag' });
  expect(records.map(({ label }) => label)).toEqual([3, 3]);
});

test('verify finds the labels beside the run, says so when they are gone, and takes another output for a mistake', async () => {
  const verify = (...flags: string[]) =>
    splitz(folder, 'verify', 'run.jsonl', 'net.onnx', '--data', 'glyphs', ...flags);
  const found = await verify();
  expect([found.code, found.stderr]).toEqual([0, '']);
  const other = await verify('--output', 'other');
  expect(other.code).toBe(4);
  expect(other.stderr).toContain(`the run certified the output '${OUTPUT}', not 'other'`);
  renameSync(LABELS, join(folder, 'away.csv'));
  const gone = await verify();
  expect(gone.code).toBe(4);
  expect(gone.stderr).toMatch(/'mine\.csv' is needed[\s\S]*Add --labels FOLDER\/mine\.csv/);
  const report = await splitz(folder, 'report', 'run.jsonl', '--markdown', '--out', '-');
  expect(report.stdout).toMatch(/\| labels \| mine\.csv \| flag/);
  expect(report.stdout).toMatch(/One affine segment lies before the cut/);
  // The digest counts, not the name: the run goes on with the same labels under another.
  const resumed = await splitz(
    folder,
    ...['certify', 'net.onnx', ...QUICK, '--max', '3', '--out', 'run.jsonl'],
    ...['--output', OUTPUT, '--labels', 'away.csv'],
  );
  expect(resumed.code).toBe(0);
  expect(readResults(join(folder, 'run.jsonl')).records).toHaveLength(3);
});
