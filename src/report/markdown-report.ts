/** The report in Markdown (GitHub's): tables and statements, no figures. For a pull request, an issue or a model card. */
import type { RunHeader } from '../records/record.ts';
import { abstentions } from './abstentions.ts';
import type { ResultRun } from './audited-run.ts';
import { comparisonTable } from './comparison-table.ts';
import { escapeMarkdown } from './escape.ts';
import { tableLines } from './markdown-table.ts';
import { plainWordsOf } from './plain-words.ts';
import { leftHalfFigures, type Report, type RunSection } from './report.ts';
import { settingsTables } from './settings-table.ts';
import {
  allowances,
  describeRun,
  estimateWarnings,
  NOT_GUARANTEED,
  networkAlone,
  references,
} from './statements.ts';
import type { WorkedExample } from './worked-example.ts';

export function markdownReport(report: Report): string {
  const { title, series, curve, sections } = report;
  const several = sections.length > 1;
  const level = several ? '###' : '##';
  const lines = [
    `# ${escapeMarkdown(title)}`,
    '',
    ...sections.flatMap(({ run }) =>
      estimateWarnings(run).flatMap((warning) => [
        `> **${escapeMarkdown(several ? `${run.name}: ${warning}` : warning)}**`,
        '',
      ]),
    ),
    ...sections.flatMap(({ run }) => {
      const sentences = plainWordsOf(run);
      const name = several ? `${run.name}: ` : '';
      return sentences.length === 0 ? [] : [escapeMarkdown(`${name}${sentences.join(' ')}`), ''];
    }),
    `## ${curve.title}`,
    '',
    ...tableLines(curve.table),
    ...tableLines(comparisonTable(series)),
    ...sections.flatMap((section) => [
      ...(several ? [`## ${escapeMarkdown(section.run.name)}`, ''] : []),
      ...runLines(section, level),
    ]),
    '## What is not guaranteed',
    '',
    ...NOT_GUARANTEED.map(([head, text]) => `- **${head}** ${escapeMarkdown(text)}`),
    '',
    '## References',
    '',
    ...references(sections.map(({ run }) => run)).map(
      ({ text, url }, k) => `${k + 1}. ${escapeMarkdown(text)} <${url}>`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function runLines(section: RunSection, level: string): string[] {
  const { run, histogram, example } = section;
  const figures = [histogram, ...leftHalfFigures(section)].flatMap((part) =>
    part === null
      ? []
      : typeof part === 'string'
        ? [escapeMarkdown(part), '']
        : [`${level}# ${part.title}`, '', ...tableLines(part.table)],
  );
  const alone = networkAlone(run);
  const part = (title: string, lines: readonly string[]): string[] => [`${level} ${title}`, '', ...lines];
  return [
    ...part(
      'Radii',
      run.series[0].images.length === 0 ? ['No image was certified in this run.', ''] : figures,
    ),
    ...(example === null ? [] : part(example.title, workedLines(example))),
    ...part(
      'Method',
      [...describeRun(run), ...allowances(run), ...(alone === null ? [] : [alone])].flatMap((text) => [
        escapeMarkdown(text),
        '',
      ]),
    ),
    ...(run.kind === 'log'
      ? []
      : [
          ...part('Abstentions', abstentionLines(run)),
          ...part('Findings', findingLines(run.header.findings)),
          ...part('Settings', settingsTables(run).flatMap(tableLines)),
        ]),
  ];
}

function workedLines({ chosen, derivation }: WorkedExample): string[] {
  const { steps, conclusion, symbols } = derivation;
  return [
    escapeMarkdown(chosen),
    '',
    ...steps.flatMap(({ title, formula, numbers, meaning }, k) => [
      `${k + 1}. **${escapeMarkdown(title)}.** ${escapeMarkdown(meaning)}`,
      `   - ${escapeMarkdown(formula)}`,
      `   - ${escapeMarkdown(numbers)}`,
    ]),
    '',
    `**${escapeMarkdown(conclusion)}**`,
    '',
    ...symbols.map(([symbol, meaning]) => `- ${escapeMarkdown(symbol)}: ${escapeMarkdown(meaning)}`),
    '',
  ];
}

function abstentionLines(run: ResultRun): string[] {
  const reasons = abstentions(run);
  if (reasons.length === 0) return ['None.', ''];
  return [
    ...reasons.map(
      ({ reason, remedy, records }) =>
        `- **${records.length}**: ${escapeMarkdown(`${reason}. What may help: ${remedy}`)}`,
    ),
    '',
  ];
}

function findingLines(found: RunHeader['findings']): string[] {
  if (found.length === 0) return ['None.', ''];
  return tableLines({
    caption: 'What preflight found in the model file',
    columns: ['id', 'severity', 'where', 'what'].map((header) => ({ header, align: 'left' })),
    rows: found.map(({ id, severity, where, what }) => [id, severity, where, what]),
  });
}
