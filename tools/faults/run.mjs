// Puts one deliberate fault at a time into a copy of the project and runs the tests that should notice. Prints, per
// fault, the test that caught it; exits 1 when one was missed.
//   node tools/faults/run.mjs [WORD IN THE NAME] [--from K]
// K numbers the faults from 0, to go on after a run that was stopped. Tests that do not end in five minutes have noticed.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FAULTS } from './faults.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { from: { type: 'string', default: '0' } },
});
const [word = ''] = positionals;
const LIMIT_MS = 300_000;
const copy = mkdtempSync(join(tmpdir(), 'splitz-faults-'));
const project = join(copy, 'project');
const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  .filter(Boolean);
for (const file of files) cpSync(join(root, file), join(project, file));
const built = join(copy, 'dist');
cpSync(join(root, 'dist'), built, { recursive: true });
cpSync(built, join(project, 'dist'), { recursive: true });
symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
symlinkSync(join(root, '..', 'shared'), join(copy, 'shared'));

function failures(report) {
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  return testResults.flatMap(({ status, name, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    // What is prepared for the tests of a file may fail before any of them runs.
    return failed.length > 0 || status !== 'failed' ? failed : [{ fullName: `${basename(name)} as a whole` }];
  });
}

let missed = 0;
for (const { name, file, from, to, tests, rebuild } of FAULTS.slice(Number(values.from)).filter((fault) =>
  fault.name.includes(word),
)) {
  const path = join(project, file);
  const original = readFileSync(path, 'utf8');
  if (!original.includes(from)) throw new Error(`${name}: ${file} no longer contains '${from}'`);
  writeFileSync(path, original.replace(from, to));
  if (rebuild) execFileSync(process.execPath, ['tools/build.mjs'], { cwd: project, stdio: 'ignore' });
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const { signal } = spawnSync(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      ...tests.split(' '),
      '--reporter=json',
      `--outputFile=${report}`,
    ],
    // Signal 9: a worker in an endless loop hears no other, and ends with its parent.
    { cwd: project, stdio: 'ignore', timeout: LIMIT_MS, killSignal: 'SIGKILL' },
  );
  const failed = signal === null ? failures(report) : [{ fullName: 'the tests did not end' }];
  if (failed.length === 0) missed++;
  console.log(
    `${failed.length === 0 ? 'MISSED' : 'caught'}  ${name}\n        ${failed.length} tests; first: ${failed[0]?.fullName ?? '-'}`,
  );
  writeFileSync(path, original);
  if (rebuild) cpSync(built, join(project, 'dist'), { recursive: true });
}
rmSync(copy, { recursive: true });
process.exitCode = missed === 0 ? 0 : 1;
