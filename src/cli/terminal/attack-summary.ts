/** What an attack showed: image by image while they fit, and the bracket of the whole set. */
import type { AttackHeader, AttackRecord } from '../../attack/attack-record.ts';
import { roundDown, roundUp, shareDown } from '../../ground/decimal.ts';
import { onOneLine } from '../../ground/visible.ts';
import { classInWords } from '../../records/names.ts';
import { roundRadii } from '../../statistics/accuracy.ts';
import type { Screen } from './style.ts';
import { renderTable } from './table.ts';

/** Images that get a line of their own. */
const SHOWN = 20;

export interface AttackSummary {
  readonly images: number;
  /** With an answer to attack; the others abstained. */
  readonly attacked: number;
  readonly certificates: number;
  /** Whose answer a confirmed perturbation changed. */
  readonly changed: number;
  readonly contradictions: number;
  /** Upper bound on the mean number of contradictions by chance alone. */
  readonly expectedByChance: number;
  readonly medianCertified: number | null;
  readonly medianAttacked: number | null;
  /** Of attacked distance over certified radius, images with both. */
  readonly medianRatio: number | null;
  /** Shares of all images by radius: certified, and those no attack has changed within it. */
  readonly bracket: readonly { readonly radius: number; readonly certified: number; readonly held: number }[];
  /** Whether `bracket` counts images answered with their label, or all answered ones. */
  readonly labelled: boolean;
}

export function summariseAttack(header: AttackHeader, records: readonly AttackRecord[]): AttackSummary {
  const answered = records.filter(({ prediction }) => prediction !== null);
  const certified = answered.filter(({ radius }) => radius > 0);
  const distances = answered.flatMap(({ attacked }) => (attacked === null ? [] : [attacked.distance]));
  const ratios = certified.flatMap(({ radius, attacked }) =>
    attacked === null ? [] : [attacked.distance / radius],
  );
  const labelled = records.length > 0 && records.every(({ label }) => label !== null);
  const right = answered.filter(({ label, prediction }) => !labelled || label === prediction);
  const largest = Math.max(0, ...distances, ...certified.map(({ radius }) => radius));
  const wrongByChance = certified.reduce((sum, { failureProbability }) => sum + failureProbability, 0);
  const inside = records.reduce((sum, { questionsInside }) => sum + questionsInside, 0);
  return {
    images: records.length,
    attacked: answered.length,
    certificates: certified.length,
    changed: distances.length,
    contradictions: records.filter(({ contradiction }) => contradiction).length,
    expectedByChance: wrongByChance + inside * header.settings.alpha,
    medianCertified: median(certified.map(({ radius }) => radius)),
    medianAttacked: median(distances),
    medianRatio: median(ratios),
    bracket: roundRadii(largest).map((radius) => ({
      radius,
      certified: right.filter((one) => one.radius >= radius && (radius > 0 || one.radius > 0)).length,
      held: right.filter(({ attacked }) => attacked === null || attacked.distance > radius).length,
    })),
    labelled,
  };
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

/** What people call classes and images. */
export interface Names {
  readonly classNames?: readonly string[];
  /** By image index; null where images are not files of their own. */
  readonly files?: readonly string[] | undefined;
}

export function renderAttack(
  header: AttackHeader,
  records: readonly AttackRecord[],
  names: Names,
  { style }: Screen,
): string {
  const summary = summariseAttack(header, records);
  const plain = header.certified === null;
  const rows = records
    .slice(0, SHOWN)
    .map(({ index, label, prediction, radius, attacked, contradiction }) => [
      onOneLine(names.files?.[index] === undefined ? String(index) : `${index} (${names.files[index]})`),
      label === null ? '' : onOneLine(classInWords(names, label)),
      prediction === null ? 'abstains' : onOneLine(classInWords(names, prediction)),
      ...(plain ? [] : [radius > 0 ? roundDown(radius, 3) : '-']),
      attacked === null ? '-' : roundUp(attacked.distance, 3),
      attacked === null ? '' : onOneLine(classInWords(names, attacked.prediction)),
      ...(plain ? [] : [attacked === null || radius === 0 ? '' : (attacked.distance / radius).toFixed(2)]),
      contradiction ? style.red('CONTRADICTS') : '',
    ]);
  const images = renderTable(
    [
      { header: 'image', align: 'right' },
      { header: 'label' },
      { header: 'answer' },
      ...(plain ? [] : [{ header: 'certified', align: 'right' } as const]),
      { header: 'attacked', align: 'right' },
      { header: 'to' },
      ...(plain ? [] : [{ header: 'ratio', align: 'right' } as const]),
      { header: '' },
    ],
    rows,
    style,
  );
  const more = records.length > SHOWN ? `… and ${records.length - SHOWN} more in the file\n` : '';
  const share = (part: number): string => `${shareDown(part, Math.max(1, summary.images), 1)} %`;
  const curve = renderTable(
    [
      { header: 'radius', align: 'right' },
      ...(plain ? [] : [{ header: 'certified', align: 'right' } as const]),
      { header: 'not attacked', align: 'right' },
    ],
    summary.bracket.map(({ radius, certified, held }) => [
      String(radius),
      ...(plain ? [] : [share(certified)]),
      share(held),
    ]),
    style,
  );
  const norm = header.certified?.norm ?? 'l2';
  const down = (value: number | null): string => (value === null ? '-' : roundDown(value, 3));
  const up = (value: number | null): string => (value === null ? '-' : roundUp(value, 3));
  const text = [
    `${summary.changed} of ${summary.attacked} answers changed by a confirmed perturbation, median ${norm} distance ${up(summary.medianAttacked)}.`,
    ...(plain
      ? ['The network alone was attacked, without noise: no certificate is involved.']
      : [
          `Certified radius: median ${down(summary.medianCertified)}; attacked distance over certified radius: median ${up(summary.medianRatio)}.`,
          `${summary.contradictions} of ${summary.certificates} certificates contradicted; chance alone gives ${summary.expectedByChance.toPrecision(2)} at most.`,
        ]),
    ...(header.settings.clipped
      ? ['Pixels were kept in [0,1]; the certificate does not assume that.']
      : [
          'Pixels were not kept in [0,1]: the certificate does not assume that, so the attack does not either.',
        ]),
    'An attack shows only what it found; a stronger one may find smaller perturbations.',
  ];
  const measure = summary.labelled ? 'share of images answered right' : 'share of images answered';
  return `${images}${more}\n${measure}, by ${norm} radius\n${curve}\n${text.join('\n')}\n`;
}
