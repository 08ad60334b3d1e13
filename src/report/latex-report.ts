/** The certified accuracies as a LaTeX table for a paper (package booktabs), in the rows and columns the field uses. */

import { roundDown, shareDown } from '../ground/decimal.ts';
import { certifiedCount, meanRadius } from '../statistics/accuracy.ts';
import { escapeLatex } from './escape.ts';
import type { Report } from './report.ts';
import { estimateWarnings } from './statements.ts';

/** σ and ± are not letters of every font; in mathematics they are of all. */
const text = (plain: string): string => escapeLatex(plain).replaceAll('σ', '$\\sigma$');

export function latexReport({ title, tool, norm, series, radii, sections }: Report): string {
  const measure = series.some(({ series: { score } }) => score.measure === 'certified fraction')
    ? 'Certified fraction'
    : 'Certified accuracy';
  const warnings = [...new Set(sections.flatMap(({ run }) => estimateWarnings(run)))];
  const images = [...new Set(series.map(({ series: { score } }) => score.images))].join(' or ');
  const lines = [
    `% ${text(tool)}; needs \\usepackage{booktabs}. Shares and ACR are rounded down.`,
    '\\begin{table}',
    '\\centering',
    `\\caption{${text(title)}: ${measure.toLowerCase()} (\\%) at $\\ell_${norm.slice(1)}$ radius, ${images} images.${warnings.map((warning) => ` \\textbf{${text(warning)}}`).join('')}}`,
    `\\begin{tabular}{l${'r'.repeat(radii.length + 2)}}`,
    '\\toprule',
    `Method & ${['ACR', ...radii.map((r) => `$${r}$`), 'abst.'].join(' & ')} \\\\`,
    '\\midrule',
    ...series.map(({ name, series: { score } }) => {
      const none = score.images === 0;
      const shares = radii.map((radius) =>
        none ? '--' : shareDown(certifiedCount(score, radius), score.images, 1),
      );
      const acr = none ? '--' : roundDown(meanRadius(score), 3);
      return `${text(name)} & ${[acr, ...shares, score.abstained].join(' & ')} \\\\`;
    }),
    '\\bottomrule',
    '\\end{tabular}',
    '\\end{table}',
  ];
  return `${lines.join('\n')}\n`;
}
