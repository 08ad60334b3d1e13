/** The page as a browser shows it; skipped in sight where there is no Chromium. Screenshots: tools/report/look.mjs. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { htmlReport } from '../../src/report/html/page.ts';
// @ts-expect-error a tool in plain JavaScript
import { findChromium } from '../../tools/report/find-chromium.mjs';
import { abstaining, exampleHeader } from '../records/run.ts';
import { records, reportOf, runOf } from './runs.ts';

const LOOK = fileURLToPath(new URL('../../tools/report/look.mjs', import.meta.url));
const absent = findChromium() === null ? ' (skipped: there is no Chromium on this machine)' : '';

const folder = mkdtempSync(join(tmpdir(), 'splitz-report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(absent !== '')(`the page in Chromium${absent}`, () => {
  const pages = {
    empty: [runOf([])],
    one: [runOf(records(1))],
    abstaining: [runOf(records(30).map(abstaining))],
    two: [
      runOf(records(50)),
      runOf(records(40), exampleHeader(), 'a-name-without-any-place-to-break'.repeat(4)),
    ],
  };

  test('has no console message, no axe finding, no scrolling sideways, on phone and laptop, light and dark', () => {
    const files = Object.entries(pages).map(([name, runs]) => {
      const file = join(folder, `${name}.html`);
      writeFileSync(file, htmlReport(reportOf(...runs)));
      return file;
    });
    // Whether it loads within a second depends on what else the machine does: measured by the tool, not judged here.
    const { status, stderr } = spawnSync(
      process.execPath,
      [LOOK, '--out', join(folder, 'shots'), '--any-speed', ...files],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
  }, 300_000);
});
