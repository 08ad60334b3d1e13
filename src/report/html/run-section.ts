/** Everything about one run, in HTML. */
import { gzipSync } from 'fflate';
import { roundDown, roundUp } from '../../ground/decimal.ts';
import { abstentions, leadingVotes } from '../abstentions.ts';
import type { AuditedRun } from '../audited-run.ts';
import { extremes } from '../extremes.ts';
import type { Figure, Table } from '../figure.ts';
import { html, type Markup } from '../markup.ts';
import type { RunSection } from '../report.ts';
import { settingsTable, sourceTable } from '../settings-table.ts';
import { derivationList } from './derivation.ts';
import { figureOf, formula, said, tableOf } from './parts.ts';

/** Rows of the table of images; the raw results hold the rest. */
const MOST_ROWS = 1000;

/** The sections of a run. With several runs they are one level down, below the run's name. */
export function runSection(section: RunSection, place: { readonly k: number; readonly of: number }): Markup {
  const { run } = section;
  const several = place.of > 1;
  const id = (name: string): string => (several ? `run-${place.k + 1}-${name}` : name);
  const headings: Headings = several
    ? {
        part: (name, title, body) => html`<section><h3 id="${id(name)}">${title}</h3>${body}</section>`,
        sub: (title) => html`<h4>${title}</h4>`,
      }
    : {
        part: (name, title, body) => html`<section><h2 id="${id(name)}">${title}</h2>${body}</section>`,
        sub: (title) => html`<h3>${title}</h3>`,
      };
  const { part } = headings;
  const empty = run.images.length === 0;
  return html`${several ? html`<h2 id="run-${place.k + 1}">${run.name}</h2>` : null}${
    empty && several ? said('No image was certified in this run: there is nothing to draw.') : null
  }${
    section.histogram === null
      ? empty
        ? null
        : part('radii', 'Certified radii', said('No image has a certified radius.'))
      : part('radii', section.histogram.title, figureOf(section.histogram))
  }${stretching(section, headings)}${pictures(section, headings)}${worked(section, headings)}${without(run, headings)}${findings(run, headings)}${
    run.kind === 'result'
      ? part(
          'settings',
          'Settings and sources',
          html`${tableOf(settingsTable(run.header), 'wide')}${tableOf(sourceTable(run.header), 'wide')}`,
        )
      : null
  }${raw(run, headings)}`;
}

/** Headings of a run: a level down where there are several. */
interface Headings {
  readonly part: (name: string, title: string, body: Markup) => Markup;
  readonly sub: (title: string) => Markup;
}

/** The left half: norms of its segments, local bounds, and what they make of the latent radius. */
function stretching(
  { run, segments, sources, lipschitz, curves, unused, latent }: RunSection,
  { part, sub }: Headings,
): Markup | null {
  if (run.kind === 'log') return null;
  if (lipschitz === null) {
    return part(
      'left-half',
      'Left half',
      html`<p>The cut is the input: nothing lies before it, the local Lipschitz bound is 1 and ${formula('R_u')} is the radius.</p>${
        segments === null ? null : shownOr(segments, NORMS, sub)
      }`,
    );
  }
  return part(
    'left-half',
    'How far the left half stretches',
    html`${
      segments !== null
        ? shownOr(segments, NORMS, sub)
        : typeof sources.segments === 'string'
          ? html`<p class="soft">Norms of the segments are omitted: ${sources.segments}.</p>`
          : null
    }${shownOr(lipschitz, LOCAL, sub)}${
      curves === null && typeof sources.curves === 'string'
        ? html`<p class="soft">D(r) of single images is omitted: ${sources.curves}.</p>`
        : null
    }${[curves, unused, latent].map((figure) =>
      figure === null ? null : html`${sub(figure.title)}${figureOf(figure)}`,
    )}`,
  );
}

const NORMS = 'Norm of each affine segment';
const LOCAL = 'Local Lipschitz bound over the images';

/** A figure below its title, or below `title` what there is to say in its place. */
const shownOr = (figure: Figure | string, title: string, sub: Headings['sub']): Markup =>
  typeof figure === 'string'
    ? html`${sub(title)}${said(figure)}`
    : html`${sub(figure.title)}${figureOf(figure)}`;

function pictures({ run, sources }: RunSection, { part, sub }: Headings): Markup | null {
  const groups = extremes(run);
  if (groups.length === 0) return null;
  const shown = sources.pictures;
  const named = (label: number | null): string =>
    label === null ? '–' : (sources.classNames?.[label] ?? String(label));
  return part(
    'images',
    groups.every(({ images: [first] }) => first?.abstained === true)
      ? 'Images that abstain'
      : 'Images with the largest and the smallest radius',
    html`${typeof shown === 'string' ? html`<p class="soft">These are not drawn: ${shown}.</p>` : null}${groups.map(
      ({ title, images }) =>
        html`${sub(title)}<ul class="pictures">${images.map((image) => {
          const picture = typeof shown === 'string' ? undefined : shown.get(image.index);
          const wrong = !image.abstained && image.correct === false;
          return html`<li>${
            picture === undefined ? null : html`<img src="${picture}" alt="image ${image.index}">`
          }<strong>${image.abstained ? 'abstained' : `r ≥ ${roundDown(image.radius, 3)}`}</strong><br>${
            image.abstained
              ? html`label ${named(image.label)}`
              : wrong
                ? html`<span class="bad">wrong: ${named(image.prediction)}, not ${named(image.label)}</span>`
                : html`class ${named(image.prediction)}`
          }<br><span class="soft">no. ${image.index}</span></li>`;
        })}</ul>`,
    )}`,
  );
}

/** One certificate from its votes to its radius, as `explain` prints it. */
function worked({ run, example }: RunSection, { part }: Headings): Markup | null {
  if (example === null) return null;
  const { title, chosen, record, derivation } = example;
  return part(
    'worked',
    title,
    html`<p>${chosen} The same in the terminal, for any image: <code>splitz-onnx explain ${run.file} --image ${record.index}</code></p>${derivationList(derivation)}`,
  );
}

const EXAMPLES = 5;

/** Abstentions and why; certified mistakes. */
function without(run: AuditedRun, { part }: Headings): Markup | null {
  if (run.images.length === 0) return null;
  const wrong = run.images
    .filter(({ abstained, correct }) => !abstained && correct === false)
    .sort((a, b) => b.radius - a.radius || a.index - b.index);
  const abstained = run.images.filter((image) => image.abstained).length;
  const reasons = run.kind === 'result' ? abstentions(run.images) : [];
  return part(
    'abstentions',
    'Abstentions and mistakes',
    html`<p>${
      abstained === 0
        ? 'No image abstains.'
        : `${abstained} of ${run.images.length} images abstain: no class could be shown to have more than half of the votes.`
    }</p>${reasons.map(
      ({ reason, remedy, images }) =>
        html`<p><strong>${images.length} ${images.length === 1 ? 'image' : 'images'}:</strong> ${formula(`${reason}. What may help: ${remedy}`)}</p>${tableOf(
          {
            caption: `${Math.min(EXAMPLES, images.length)} of them, with the votes of the leading classes`,
            columns: [
              { header: 'image', align: 'right' },
              { header: 'label', align: 'right' },
              { header: 'selected', align: 'right' },
              { header: 'p_A', align: 'right' },
              { header: 'votes (class: draws)', align: 'left' },
              { header: 'not finite', align: 'right' },
            ],
            rows: images
              .slice(0, EXAMPLES)
              .map((c) => [
                String(c.index),
                String(c.label ?? '–'),
                String(c.selected ?? '–'),
                roundDown(c.pA, 4),
                leadingVotes(c.counts),
                String(c.nonFinite),
              ]),
          },
        )}`,
    )}${mistakes(wrong, run)}`,
  );
}

function mistakes(wrong: readonly AuditedRun['images'][number][], run: AuditedRun): Markup {
  if (run.series[0]?.score.measure === 'certified fraction')
    return html`<p>There are no labels, so it is unknown which predictions are wrong.</p>`;
  if (run.images.every(({ abstained }) => abstained)) return html``;
  if (wrong.length === 0) return html`<p>No certified prediction is wrong.</p>`;
  return html`<p>${wrong.length} certified ${wrong.length === 1 ? 'prediction is' : 'predictions are'} wrong; ${
    wrong.length === 1 ? 'it counts' : 'they count'
  } as not certified in every curve.</p>${tableOf({
    caption: `Wrong predictions with the largest radius (${Math.min(EXAMPLES, wrong.length)} of ${wrong.length})`,
    columns: ['image', 'label', 'prediction', 'radius'].map((header) => ({ header, align: 'right' })),
    rows: wrong
      .slice(0, EXAMPLES)
      .map((c) => [
        String(c.index),
        String(c.label ?? '–'),
        String(c.prediction ?? '–'),
        roundDown(c.radius, 4),
      ]),
  })}`;
}

function findings(run: AuditedRun, { part }: Headings): Markup | null {
  if (run.kind === 'log') return null;
  const found = run.header.findings;
  if (found === undefined)
    return part(
      'findings',
      'Findings',
      said('The result file does not record what preflight found in the model file.'),
    );
  if (found.length === 0)
    return part('findings', 'Findings', said('Preflight found nothing noteworthy in the model file.'));
  return part(
    'findings',
    'Findings',
    tableOf(
      {
        caption: 'What preflight found in the model file',
        columns: ['id', 'severity', 'where', 'what'].map((header) => ({ header, align: 'left' })),
        rows: found.map(({ id, severity, where, what }) => [id, severity, where, what]),
      },
      'wide',
    ),
  );
}

/** The result file itself, gzipped, and a table of its images. */
function raw(run: AuditedRun, { part }: Headings): Markup {
  // mtime 0: the same file gives the same bytes at any time.
  const packed = Buffer.from(gzipSync(run.bytes, { level: 9, mtime: 0 })).toString('base64');
  const isPacked = run.bytes[0] === 0x1f && run.bytes[1] === 0x8b;
  const data = isPacked ? Buffer.from(run.bytes).toString('base64') : packed;
  const name = isPacked ? run.file : `${run.file}.gz`;
  return part(
    'raw',
    'Raw results',
    html`<p>The result file as it was read, byte for byte and gzipped. ${
      run.kind === 'result' ? html`Unpacked, <code>splitz-onnx verify</code> recomputes it.` : null
    }</p><p><a class="download" download="${name}" href="data:application/gzip;base64,${data}">Download ${name}</a></p>${
      run.images.length === 0
        ? null
        : html`<details class="long"><summary>Table of ${
            run.images.length > MOST_ROWS
              ? `the first ${MOST_ROWS} of ${run.images.length}`
              : `all ${run.images.length}`
          } images</summary>${tableOf(imageTable(run))}</details>`
    }`,
  );
}

function imageTable(run: AuditedRun): Table {
  const head = ['image', 'label', 'prediction', 'radius'];
  const rows = run.images.slice(0, MOST_ROWS);
  const right = (headers: readonly string[]): Table['columns'] =>
    headers.map((header) => ({ header, align: 'right' }));
  if (run.kind === 'log' || rows.length === 0) {
    return { caption: 'Images', columns: right(head), rows: rows.map(verdictCells) };
  }
  const baseline = run.series.length > 1;
  return {
    caption: 'Images; radii, p_A and R_u rounded down, D(r)/r up',
    columns: right([...head, 'p_A', 'R_u', 'D(r)/r', ...(baseline ? ['plain radius'] : [])]),
    rows: run.images
      .slice(0, MOST_ROWS)
      .map((c) => [
        ...verdictCells(c),
        roundDown(c.pA, 5),
        roundDown(c.latentRadius, 4),
        c.localLipschitz === null ? '–' : roundUp(c.localLipschitz, 4),
        ...(baseline
          ? [c.baseline === null || c.baseline.abstained ? '–' : roundDown(c.baseline.radius, 4)]
          : []),
      ]),
  };
}

const verdictCells = (image: AuditedRun['images'][number]): string[] => [
  String(image.index),
  String(image.label ?? '–'),
  image.abstained ? 'abstains' : String(image.prediction ?? '–'),
  roundDown(image.radius, 4),
];
