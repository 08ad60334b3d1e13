/** Nothing that comes from a file becomes markup, a command, a column or a formula in any format. */
import fc from 'fast-check';
import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import type { RunHeader } from '../../src/records/record.ts';
import { escapeHtml, escapeLatex, escapeMarkdown, escapeTsv } from '../../src/report/escape.ts';
import { htmlReport } from '../../src/report/html/page.ts';
import { latexReport } from '../../src/report/latex-report.ts';
import { markdownReport } from '../../src/report/markdown-report.ts';
import { figuresOf } from '../../src/report/report.ts';
import { standaloneSvg } from '../../src/report/standalone-svg.ts';
import { tsvReport } from '../../src/report/tsv-report.ts';
import { exampleHeader, setting, smoothingSeries, splitzSeries } from '../records/run.ts';
import { records, reportOf, runOf } from './runs.ts';

/** Text of every kind, with what has a meaning in one of the formats far more often than chance would have it. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.constantFrom(
        ...[
          '<script>alert(1)</script>',
          '"><img src=x onerror=alert(1)>',
          "'",
          '"',
          '&lt;',
          '</style>',
          ']]>',
        ],
        ...['\\input{/etc/passwd}', '$x$', '%', '_', '^', '{', '}', '~', '#', '\\\\', '&', '\\end{table}'],
        ...[
          '|',
          '\n',
          '\r',
          '\t',
          '`',
          '**',
          '[a](javascript:alert(1))',
          '![',
          '<!--',
          '://',
          'www.',
          '@',
          '---',
        ],
        ...['=1+1', '+1', '-1', '@SUM(A1)', '\u202e', '\u2028', '\u0000', '\u200b', '\ud800', 'p_A', 'R_u'],
      ),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((parts) => parts.join(''));

/** The same as a name that a header takes: it leads nowhere. */
const nameOf = (text: string): string => {
  const name = text.replaceAll(/[/\\]/g, '∕').replaceAll('\0', '0');
  return /^\.{0,2}$|^[A-Za-z]:/u.test(name) ? `_${name}` : name;
};

/** A header whose every free text is `text`. */
function headerSaying(text: string): RunHeader {
  const header = exampleHeader();
  return {
    ...header,
    started: text,
    model: {
      ...header.model,
      name: nameOf(text),
      producer: text,
      files: [{ name: nameOf(text), sha256: 'a'.repeat(64) }],
      opsets: [{ domain: text, version: 17 }],
      modified: [text],
    },
    data: { ...header.data, name: text },
    series: [
      {
        ...splitzSeries({ split: setting(text) }),
        facts: { ...splitzSeries().facts, tensor: text, noise: text },
      },
      smoothingSeries(),
    ],
    environments: header.environments.map((one) => ({
      ...one,
      ...{ provider: text, cpu: text, platform: text },
    })),
    findings: [{ id: text, severity: 'note', where: text, what: text }],
  };
}

const saying = (text: string) => {
  const header = headerSaying(text);
  const images = records(9, header).map((record) => ({ ...record, name: text }));
  return reportOf(runOf(images, header, text));
};

/** Elements in document order with their attributes' names: the shape of a page, whatever its texts. */
function shapeOf(page: string): string[] {
  const { document } = parseHTML(page);
  return [...document.querySelectorAll('*')].map((element) => {
    const attributes = [...element.attributes].map(({ name }: { name: string }) => name);
    return `${element.localName} ${attributes.join(' ')}`;
  });
}

describe('names in result files', () => {
  test('leave the elements and attributes of the page as they are', () => {
    const harmless = shapeOf(htmlReport(saying('plain')));
    fc.assert(
      fc.property(hostile, (text) => {
        const shape = shapeOf(htmlReport(saying(text)));
        // p_A is set with an index wherever our own texts mention names, and names may be broken: no other difference.
        const without = (elements: string[]) =>
          elements.filter((e) => e !== 'i ' && e !== 'sub ' && e !== 'wbr ');
        expect(without(shape)).toEqual(without(harmless));
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  test('can be read on the page as they are, invisible characters written out', () => {
    const text = '<b>"a" & \'b\'<br>\u202e';
    const { document } = parseHTML(htmlReport(saying(text)));
    expect(document.querySelector('h1')?.textContent).toContain('<b>"a" & \'b\'<br>\\u202e');
  });

  test('add no row and no column to Markdown tables, and no HTML or link', () => {
    const harmless = markdownReport(saying('plain'));
    const bars = (line: string) => line.replace(/\\\\|\\\|/g, '').split('|').length;
    const shape = (text: string) => text.split('\n').map(bars);
    fc.assert(
      fc.property(hostile, (text) => {
        const written = markdownReport(saying(text));
        expect(shape(written)).toEqual(shape(harmless));
        const bare = written.replace(/<https:[^>\s]+>/g, '').replace(/\\\\/g, '');
        expect(bare).not.toMatch(/(?<!\\)<|(?<!\\)\]\(|javascript(?=:)[^\n]*(?<!\\)\)/);
      }),
      { numRuns: 40, seed: 2 },
    );
  });

  test('run no LaTeX command, open no group, start no comment', () => {
    const ours =
      /\\(?:textbackslash|textasciicircum|textasciitilde|textless|textgreater|textbar|textquotedbl|textasciigrave|textquotesingle)\{\}|\\[{}$&%#_]|\{[-[\]]\}/g;
    fc.assert(
      fc.property(hostile, (text) => {
        expect(escapeLatex(text).replace(ours, '')).not.toMatch(/[\\{}$&%#_^~<>|"`'[\]\n\r-]/);
      }),
      { numRuns: 500, seed: 3 },
    );
    const written = latexReport(saying('\\end{table}% & \n\\input{x}'));
    expect(written.match(/\\end\{table\}/g)).toHaveLength(1);
    expect(written).not.toMatch(/\\input/);
    expect(written.split('\n')).toHaveLength(latexReport(saying('plain')).split('\n').length);
  });

  test('stay one field of the TSV, and are not a formula', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(escapeTsv(text)).not.toMatch(/[\t\n\r]|^[=+\-@]/);
        const rows = tsvReport(saying(text)).trimEnd().split('\n');
        expect(new Set(rows.map((row) => row.split('\t').length))).toEqual(new Set([12]));
      }),
      { numRuns: 40, seed: 4 },
    );
  });

  test('leave the elements of an SVG file as they are', () => {
    const shape = (text: string) =>
      figuresOf(reportOf(runOf(records(9), exampleHeader(), text), runOf(records(9), exampleHeader(), 'b')))
        .map(standaloneSvg)
        .map((svg) => shapeOf(svg));
    const harmless = shape('plain');
    fc.assert(
      fc.property(hostile, (text) => {
        expect(shape(text)).toEqual(harmless);
      }),
      { numRuns: 20, seed: 5 },
    );
  });

  test('keep no control or direction character anywhere', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        for (const escaped of [escapeHtml(text), escapeMarkdown(text), escapeLatex(text), escapeTsv(text)])
          expect(escaped).not.toMatch(/[\p{Cc}\p{Cs}\u200b\u2028\u202a-\u202e\u2066-\u2069]/u);
      }),
      { numRuns: 500, seed: 6 },
    );
  });
});
