/** Everything about one run, in HTML, part by part. */
import { gzipSync } from 'fflate';
import { roundDown } from '../../ground/decimal.ts';
import { classInWords } from '../../records/names.ts';
import { type AuditedRun, isMistake } from '../audited-run.ts';
import { extremes } from '../extremes.ts';
import type { Figure } from '../figure.ts';
import { imageTable } from '../image-table.ts';
import { html, type Markup } from '../markup.ts';
import { captioned, exampleInWords } from '../perturbed-example.ts';
import type { RunSection } from '../report.ts';
import { settingsTables } from '../settings-table.ts';
import { withoutCertificate } from './abstentions.ts';
import { derivationList } from './derivation.ts';
import { figureOf, said, tableOf } from './parts.ts';

/** Rows of the table of images; the raw results hold the rest. */
const MOST_ROWS = 1000;

/** A part of what there is to say of a run. */
export interface Part {
  /** Unique within the run. */
  readonly id: string;
  /** In the contents. */
  readonly link: string;
  readonly title: string;
  readonly body: Markup;
}

type Heading = (title: string) => Markup;

/** The parts of a run in reading order. @param sub heading within a part */
export function runParts(section: RunSection, sub: Heading): Part[] {
  const { run } = section;
  return [
    perturbed(section),
    radii(section),
    stretching(section, sub),
    pictures(section, sub),
    worked(section),
    run.series[0].images.length === 0
      ? null
      : {
          ...{ id: 'abstentions', link: 'Abstentions', title: 'Abstentions and mistakes' },
          body: withoutCertificate(run),
        },
    findings(run),
    run.kind === 'result'
      ? {
          ...{ id: 'settings', link: 'Settings', title: 'Settings and sources' },
          body: html`${settingsTables(run).map((table) => tableOf(table, 'wide'))}`,
        }
      : null,
    raw(run),
  ].filter((part) => part !== null);
}

/** What the median radius looks like. */
function perturbed({ run, sources }: RunSection): Part | null {
  const example = sources.perturbed ?? null;
  if (example === null || run.kind === 'log') return null;
  const { model } = run.header;
  return {
    ...{ id: 'example', link: 'Example', title: 'What the median radius looks like' },
    body: html`<p>${exampleInWords(example, model)}</p><ul class="pictures moved">${captioned(
      example,
      model,
    ).map(
      ({ picture, title, text }) =>
        html`<li><img src="${picture}" alt="image ${example.index}, ${title}"><strong>${title}</strong><br><span class="soft">${text}</span></li>`,
    )}</ul>`,
  };
}

function radii({ run, histogram }: RunSection): Part | null {
  const named = { id: 'radii', link: 'Radii' };
  if (histogram !== null) return { ...named, title: histogram.title, body: figureOf(histogram) };
  return run.series[0].images.length === 0
    ? null
    : { ...named, title: 'Certified radii', body: said('No image has a certified radius.') };
}

/** The left half: norms of its segments, local bounds, and what they make of the latent radius. Null where there is none. */
function stretching(
  { segments, sources, lipschitz, curves, unused, latent }: RunSection,
  sub: Heading,
): Part | null {
  const named = { id: 'left-half', link: 'Left half' };
  if (lipschitz === null)
    return segments === null
      ? null
      : { ...named, title: 'How far the network stretches', body: shownOr(segments, NORMS, sub) };
  return {
    ...{ ...named, title: 'How far the left half stretches' },
    body: html`${
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
  };
}

const NORMS = 'Norm of each affine segment';
const LOCAL = 'Local Lipschitz bound over the images';

/** A figure below its title, or below `title` what there is to say in its place. */
const shownOr = (figure: Figure | string, title: string, sub: Heading): Markup =>
  typeof figure === 'string'
    ? html`${sub(title)}${said(figure)}`
    : html`${sub(figure.title)}${figureOf(figure)}`;

function pictures({ run, sources }: RunSection, sub: Heading): Part | null {
  const groups = extremes(run);
  if (groups.length === 0) return null;
  const shown = sources.pictures;
  const named = (label: number | null): string =>
    classInWords(run.kind === 'result' ? run.header.model : {}, label);
  return {
    ...{ id: 'images', link: 'Images' },
    title: groups.every(({ images: [first] }) => first?.prediction === null)
      ? 'Images that abstain'
      : 'Images with the largest and the smallest radius',
    body: html`${typeof shown === 'string' ? html`<p class="soft">These are not drawn: ${shown}.</p>` : null}${groups.map(
      ({ title, images }) =>
        html`${sub(title)}<ul class="pictures">${images.map((image) => {
          const picture = typeof shown === 'string' ? undefined : shown.get(image.index);
          const { index, label, prediction } = image;
          return html`<li>${
            picture === undefined ? null : html`<img src="${picture}" alt="image ${index}">`
          }<strong>${prediction === null ? 'abstained' : `r ≥ ${roundDown(image.radius, 3)}`}</strong><br>${
            prediction === null
              ? html`label ${named(label)}`
              : isMistake(image)
                ? html`<span class="bad">wrong: ${named(prediction)}, not ${named(label)}</span>`
                : html`class ${named(prediction)}`
          }<br><span class="soft">no. ${index}</span></li>`;
        })}</ul>`,
    )}`,
  };
}

/** One certificate from its evidence to its radius, as `explain` prints it. */
function worked({ run, example }: RunSection): Part | null {
  if (example === null) return null;
  const { title, chosen, index, derivation } = example;
  return {
    ...{ id: 'worked', link: 'Derivation', title },
    body: html`<p>${chosen} The same in the terminal, for any image: <code>splitz-onnx explain ${run.file} --image ${index}</code></p>${derivationList(derivation)}`,
  };
}

function findings(run: AuditedRun): Part | null {
  if (run.kind === 'log') return null;
  const found = run.header.findings;
  return {
    ...{ id: 'findings', link: 'Findings', title: 'Findings' },
    body:
      found.length === 0
        ? said('Preflight found nothing noteworthy in the model file.')
        : tableOf(
            {
              caption: 'What preflight found in the model file',
              columns: ['id', 'severity', 'where', 'what'].map((header) => ({ header, align: 'left' })),
              rows: found.map(({ id, severity, where, what }) => [id, severity, where, what]),
            },
            'wide',
          ),
  };
}

/** The result file itself, gzipped, and a table of its images. */
function raw(run: AuditedRun): Part {
  // mtime 0: the same file gives the same bytes at any time.
  const packed = Buffer.from(gzipSync(run.bytes, { level: 9, mtime: 0 })).toString('base64');
  const isPacked = run.bytes[0] === 0x1f && run.bytes[1] === 0x8b;
  const data = isPacked ? Buffer.from(run.bytes).toString('base64') : packed;
  const name = isPacked ? run.file : `${run.file}.gz`;
  const { length } = run.series[0].images;
  return {
    ...{ id: 'raw', link: 'Raw results', title: 'Raw results' },
    body: html`<p>The result file as it was read, byte for byte and gzipped. ${
      run.kind === 'result' ? html`Unpacked, <code>splitz-onnx verify</code> recomputes it.` : null
    }</p><p><a class="download" download="${name}" href="data:application/gzip;base64,${data}">Download ${name}</a></p>${
      length === 0
        ? null
        : html`<details class="long"><summary>Table of ${
            length > MOST_ROWS ? `the first ${MOST_ROWS} of ${length}` : `all ${length}`
          } images</summary>${tableOf(imageTable(run, MOST_ROWS))}</details>`
    }`,
  };
}
