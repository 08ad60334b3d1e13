/**
 * Looks at reports as readers do: opens each in headless Chromium on a phone, a laptop and on paper, light and dark,
 * writes the screenshots, and fails on a console message, an axe finding, a page wider than its screen, a size of 2 MB or
 * more, or more than a second from navigation to load.
 *
 *   node tools/report/look.mjs --out FOLDER [--any-speed] REPORT.html ...
 *
 * Needs a Chromium: the one CHROMIUM names, or `chromium` on the path (apt-get install chromium).
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { findChromium } from './find-chromium.mjs';

const LARGEST = 2e6;
const SLOWEST = 1000;
const ROWS_JUDGED = 30;
const SCREENS = [
  { name: 'phone', width: 390, height: 844, colorScheme: 'light' },
  { name: 'phone-dark', width: 390, height: 844, colorScheme: 'dark' },
  { name: 'laptop', width: 1366, height: 800, colorScheme: 'light' },
  { name: 'laptop-dark', width: 1366, height: 800, colorScheme: 'dark' },
];

const { values, positionals } = parseArgs({
  options: { out: { type: 'string', default: '.' }, 'any-speed': { type: 'boolean', default: false } },
  allowPositionals: true,
});
const executablePath = findChromium();
if (executablePath === null) {
  console.error('no Chromium: install one (apt-get install chromium) or name it in CHROMIUM');
  process.exit(2);
}
mkdirSync(values.out, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const problems = [];
for (const file of positionals) {
  const stem = basename(file, '.html');
  const complain = (text) => problems.push(`${stem}: ${text}`);
  const { size } = statSync(file);
  if (size >= LARGEST) complain(`${size} bytes`);
  for (const { name, width, height, colorScheme } of SCREENS) {
    const context = await browser.newContext({
      viewport: { width, height },
      deviceScaleFactor: name.startsWith('phone') ? 2 : 1,
      colorScheme,
      // axe is put into the page by the tool, past the report's own policy.
      bypassCSP: true,
    });
    const page = await context.newPage();
    page.on('console', (message) => complain(`${name}: console: ${message.text()}`));
    page.on('pageerror', (error) => complain(`${name}: error: ${error.message}`));
    page.on('request', (request) => {
      if (/^https?:/.test(request.url())) complain(`${name}: asks for ${request.url()}`);
    });
    await page.goto(pathToFileURL(resolve(file)).href, { waitUntil: 'load' });
    const loaded = await page.evaluate(
      () => performance.timing.loadEventEnd - performance.timing.navigationStart,
    );
    if (loaded > SLOWEST && !values['any-speed']) complain(`${name}: ${loaded} ms to load`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) complain(`${name}: ${wide} pixels wide on a screen of ${width}`);
    await page.screenshot({ path: join(values.out, `${stem}.${name}.png`), fullPage: true });
    // Folded tables are judged too; of a long one some rows, the others being like them.
    await page.evaluate((most) => {
      for (const details of document.querySelectorAll('details')) details.open = true;
      for (const body of document.querySelectorAll('tbody')) {
        for (const row of [...body.rows].slice(most)) row.remove();
      }
    }, ROWS_JUDGED);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run());
    for (const { id, help, nodes } of violations)
      complain(`${name}: axe ${id}: ${help} (${nodes.length}; ${nodes[0].html.slice(0, 160)})`);
    console.log(`${stem} ${name}: ${size} bytes, ${loaded} ms to load, ${violations.length} axe findings`);
    await context.close();
  }
  const page = await browser.newPage({ colorScheme: 'dark' });
  await page.goto(pathToFileURL(resolve(file)).href);
  writeFileSync(join(values.out, `${stem}.pdf`), await page.pdf({ format: 'A4', preferCSSPageSize: true }));
  await page.close();
}
await browser.close();
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
