/** An inspection as Markdown, for an issue, a pull request or a report. */

import { roundUp } from '../../ground/decimal.ts';
import { onOneLine, visible } from '../../ground/visible.ts';
import type { CutBoundability } from '../../inspection/boundability.ts';
import type { Inspection } from '../../inspection/inspection.ts';
import { LOCAL_RADIUS } from '../../inspection/local-bounds.ts';
import { isOrthogonalEncoder } from '../../lipschitz/orthogonal-encoder.ts';

export function inspectionMarkdown({ name, model, refusal, findings, cuts, local }: Inspection): string {
  const verdict = refusal === null ? 'can be certified' : `**refused**: ${cell(refusal.report.what)}`;
  const lines = [
    `# ${cell(name)}`,
    '',
    `Verdict: ${verdict}`,
    '',
    ...(model === null
      ? []
      : [...model.files.map((f) => `- \`${code(f.name)}\` ${f.bytes} bytes, sha256 \`${f.sha256}\``), '']),
    '## Findings',
    '',
    ...(findings.length === 0
      ? ['None.']
      : table(
          ['id', 'severity', 'where', 'what', 'why it matters', 'what to do'],
          findings.map((f) => [f.id, f.severity, f.where, f.what, f.why, f.remedy]),
        )),
  ];
  if (cuts.length > 0) {
    lines.push(
      ...['', '## Cuts', ''],
      ...table(
        ['#', 'cut', 'latent', 'nodes left/right', 'bound of the left half'],
        cuts.map((one) => [
          String(one.cut.index),
          one.cut.name,
          one.cut.dims.slice(1).join('×'),
          `${one.cut.nodesLeft}/${one.cut.nodesRight}`,
          boundInWords(one),
        ]),
      ),
    );
  }
  if (local.length > 0) {
    lines.push(
      ...['', `## Around the first image of the data: D(r)/r at r = ${LOCAL_RADIUS} (upper bound)`, ''],
      ...table(
        ['cut', '--lipschitz secant', '--lipschitz linear'],
        local.map(({ cut, secant, linear }) => [cut.name, localInWords(secant), localInWords(linear)]),
      ),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** A bound around one image, in words. */
export const localInWords = (bound: number | null): string => {
  if (bound === null) return 'no time';
  return Number.isFinite(bound) ? roundUp(bound, 3) : 'none';
};

/** What is known about a left half's bound, in words. */
export function boundInWords({ cut, why, checked, latentLipschitz, localOnly }: CutBoundability): string {
  if (why !== null) return `none: ${why}`;
  if (!checked) return 'not tried in the time given (no operator in its way)';
  if (localOnly) return 'yes, on a ball around each image (none holds on all of space)';
  if (latentLipschitz === null) return 'yes (not measured in the time given)';
  if (cut.nodesLeft > 0 && isOrthogonalEncoder(latentLipschitz))
    return 'yes, an orthogonal encoder: 1-Lipschitz within 1e-6';
  return `yes, at most ${roundUp(latentLipschitz, 3)}-Lipschitz`;
}

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string[] =>
  [header, header.map(() => '---'), ...rows.map((row) => row.map(cell))].map(
    (row) => `| ${row.join(' | ')} |`,
  );

/** Names in a model file are data: no markup, no table syntax, no line breaks. */
const cell = (text: string): string => onOneLine(text).replace(/[\\`*_{}[\]<>|#!]/g, '\\$&');

const code = (text: string): string => visible(text).replaceAll('`', '?');
