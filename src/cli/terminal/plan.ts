/** A plan on the screen: the grid, the trade-off of its best points drawn, time and memory, and what each lever costs. */

import { wrap } from '../../ground/text-width.ts';
import { visible } from '../../ground/visible.ts';
import type { PilotEstimate } from '../../methods/method.ts';
import type { Plan } from '../../runs/plan/document.ts';
import { roundRadii } from '../../statistics/accuracy.ts';
import { aloneInWords } from '../../statistics/network-alone.ts';
import { type Curve, renderCurves } from './curve.ts';
import { clock } from './progress.ts';
import type { Screen } from './style.ts';
import { renderTable } from './table.ts';

export function renderPlan(plan: Plan, screen: Screen): string {
  if (!plan.certifies) return [gridTable(plan, screen), nothing(plan, screen)].join('\n');
  return [
    gridTable(plan, screen),
    tradeOff(plan, screen),
    forecastLines(plan),
    leverTable(plan, screen),
    notes(plan, screen),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** Why nothing is recommended, and what to do instead. */
function nothing({ pilot, alone, grid }: Plan, { columns, style }: Screen): string {
  const least = Math.min(...grid.map(({ inputSigma }) => inputSigma));
  const why =
    alone === null
      ? 'the network decides no image under any noise tried'
      : `${aloneInWords(alone)}, and under any noise tried it decides none of the ${pilot.images} pilot images rightly`;
  const text = `None of these settings certifies anything: ${why}. Check the pixels first (splitz-onnx inspect MODEL --data DATA); try less noise (--levels ${[least / 4, least / 2].map((level) => Number(level.toPrecision(2))).join(',')}); else the network has to be trained with noise (splitz-onnx train).`;
  return `${style.yellow(wrap(text, columns))}\n`;
}

const label = ({ cut, sigma }: PilotEstimate): string => `${visible(cut)} σ=${sigma}`;

/** Rows: cuts; columns: noise at the input; cells: expected average radius. */
function gridTable({ grid, best, n, labelled }: Plan, { style }: Screen): string {
  const levels = [...new Set(grid.map(({ inputSigma }) => inputSigma))];
  const cuts = [...new Set(grid.map(({ cut }) => cut))];
  const rows = cuts.map((cut) => {
    const own = grid.filter((point) => point.cut === cut);
    return [
      visible(cut),
      (own[0]?.lipschitz ?? 1).toPrecision(3),
      ...levels.map((level) => {
        const point = own.find(({ inputSigma }) => inputSigma === level);
        if (point === undefined) return '';
        const text = `${point.averageRadius.toFixed(3)} ${Math.round(100 * point.certified)}%`;
        const isBest = point.cut === best.cut && point.sigma === best.sigma;
        return isBest ? style.green(`▸${text}`) : text;
      }),
    ];
  });
  const title = `expected average radius and ${labelled ? 'certified accuracy' : 'certified fraction'} at n = ${n}`;
  const columns = [
    { header: 'cut' },
    { header: 'L ≤', align: 'right' as const },
    ...levels.map((level) => ({ header: `σ/L ${level}`, align: 'right' as const })),
  ];
  return `${style.bold(title)}; noise at a cut is L times that of its column\n${renderTable(columns, rows, style)}`;
}

/** Share certified over the radius: the best point, and the best at the input (or the next best, if that is the same). */
function tradeOff({ best, bestAtInput, grid, norm }: Plan, screen: Screen): string {
  const others = grid
    .filter((point) => point !== best && (point.cut !== best.cut || point.sigma !== best.sigma))
    .sort((a, b) => b.averageRadius - a.averageRadius);
  const second = bestAtInput === null || bestAtInput.cut === best.cut ? others[0] : bestAtInput;
  const largest = Math.max(0, ...best.credited, ...(second?.credited ?? []));
  const curve = (point: PilotEstimate): Curve => ({
    name: label(point),
    at: (radius) => point.credited.filter((r) => r > 0 && r >= radius).length / point.credited.length,
  });
  const axis = { largest, ticks: roundRadii(largest), title: `expected radius (${norm})` };
  return renderCurves(second === undefined ? [curve(best)] : [curve(best), curve(second)], axis, screen, 9);
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

function forecastLines({ forecast, best }: Plan): string {
  const { images, seconds, halfWidth, drawsPerSecond, boundSecondsPerImage, memoryBytes } = forecast;
  const range = `${clock(Math.max(0, seconds - halfWidth))}–${clock(seconds + halfWidth)}`;
  return [
    `best   --split ${visible(best.cut)} --sigma ${best.sigma}`,
    `time   ${clock(seconds)} for ${images.toLocaleString('en-US')} images (${range} by the spread of the pilot images), if the machine stays as it is`,
    `speed  ${Math.round(drawsPerSecond).toLocaleString('en-US')} draws/s; left half ${(1000 * boundSecondsPerImage).toFixed(1)} ms per image; ${megabytes(memoryBytes)} of memory at most so far`,
    '',
  ].join('\n');
}

function leverTable({ levers }: Plan, { style }: Screen): string {
  return renderTable(
    [
      { header: 'lever' },
      { header: 'time', align: 'right' },
      { header: 'expected average radius', align: 'right' },
    ],
    levers.map(({ name, seconds, averageRadius }) => [
      name,
      clock(seconds),
      averageRadius === null ? 'the same' : averageRadius.toFixed(3),
    ]),
    style,
  );
}

function notes({ pilot, usefulN, best, bestAtInput }: Plan, { columns }: Screen): string {
  const text = [
    `Chosen on ${pilot.images} images (${pilot.from}) with ${pilot.draws} draws each: estimates, not certificates. Smallest useful n: ${usefulN}, where 95 % of what a million draws would buy is reached.`,
    ...(bestAtInput?.cut === best.cut ? ['No cut beats plain smoothing here.'] : []),
  ];
  return text.map((line) => `${wrap(line, columns)}\n`).join('');
}
