import { gunzipSync } from 'node:zlib';
import { parseHTML } from 'linkedom';
import { afterEach, describe, expect, test } from 'vitest';
import { registerMethod } from '../../src/methods/index.ts';
import type { SplitzEvidence } from '../../src/methods/splitz/schema.ts';
import { usableLatentRadius } from '../../src/methods/splitz/usable-radius.ts';
import type { CertificateRecord, Sourced } from '../../src/records/record.ts';
import { abstentions } from '../../src/report/abstentions.ts';
import { fairnessOf, loggedRun, namedSeries, resultRun } from '../../src/report/audited-run.ts';
import { curvePoints } from '../../src/report/curve-points.ts';
import { escapeMarkdown } from '../../src/report/escape.ts';
import { extremes } from '../../src/report/extremes.ts';
import { curveImages, displacementCurves } from '../../src/report/figures/displacement-curves.ts';
import { unusedLatentRadius } from '../../src/report/figures/unused-latent-radius.ts';
import { htmlReport } from '../../src/report/html/page.ts';
import { imageTable } from '../../src/report/image-table.ts';
import { latexReport } from '../../src/report/latex-report.ts';
import { markdownReport } from '../../src/report/markdown-report.ts';
import { buildReport, figuresOf } from '../../src/report/report.ts';
import { settingsTables } from '../../src/report/settings-table.ts';
import { pngOf, standaloneSvg } from '../../src/report/standalone-svg.ts';
import { describeRun, networkAlone } from '../../src/report/statements.ts';
import { thumbnail } from '../../src/report/thumbnail.ts';
import { tsvReport } from '../../src/report/tsv-report.ts';
import { workedExample } from '../../src/report/worked-example.ts';
import { scoreOf } from '../../src/statistics/accuracy.ts';
import {
  abstaining,
  endOf,
  exampleHeader,
  exampleRecord,
  outcomesOf,
  setting,
  smoothingSeries,
  splitzSeries,
  withEvidence,
  withSelection,
  withVerdict,
} from '../records/run.ts';
import { bareMethod, bareRun, NOTHING_AT_HAND, records, reportOf, runOf, textOf } from './runs.ts';

describe('the curve', () => {
  test('is the share of images with at least that radius, at every point of it', () => {
    const score = scoreOf(outcomesOf(records(60)));
    for (const { radius, certified } of curvePoints(score))
      expect(certified).toBe(score.radii.filter((r) => r >= radius).length);
    expect(curvePoints(score).at(-1)?.radius).toBe(score.radii.at(-1));
  });

  test('with steps omitted, is never above the truth', () => {
    const header = exampleHeader();
    const many = records(2000, { ...header, data: { ...header.data, length: 100_000 } });
    const score = scoreOf(outcomesOf(many, header));
    const points = curvePoints(score);
    expect(points.length).toBeLessThan(250);
    points.slice(1).forEach(({ certified, radius }, k) => {
      const before = points[k]?.radius ?? 0;
      // Drawn with the value of its right end: every radius in between has at least as many images.
      for (const r of score.radii.filter((each) => each > before && each <= radius))
        expect(score.radii.filter((each) => each >= r).length).toBeGreaterThanOrEqual(certified);
    });
    expect(points.at(-1)?.radius).toBe(score.radii.at(-1));
  });

  test('has a band that holds the share', () => {
    const score = scoreOf(outcomesOf(records(60)));
    for (const { certified, lower, upper } of curvePoints(score)) {
      expect(lower).toBeLessThanOrEqual(certified / 60);
      expect(upper).toBeGreaterThanOrEqual(certified / 60);
    }
  });
});

describe('the comparison with plain smoothing', () => {
  const besideAt = (sigma: number) =>
    exampleHeader({ series: [splitzSeries(), smoothingSeries({ sigma: setting(sigma, 'flag') })] });

  test('calls noise matched when it is the noise at the cut over the median local bound', () => {
    // σ/L = 0.5 / 1.25
    const fair = fairnessOf(runOf(records(20)).series[0]);
    expect(fair?.text).toContain('σ/L = 0.4 ');
    const at = (sigma: number) =>
      namedSeries([runOf(records(20, besideAt(sigma)), besideAt(sigma))]).map(({ name }) => name);
    expect(at(0.4)).toEqual(['SPLITZ σ=0.5', 'plain smoothing σ=0.4 (matched noise)']);
    expect(at(0.419)).toEqual(['SPLITZ σ=0.5', 'plain smoothing σ=0.419 (matched noise)']);
    expect(at(0.5)).toEqual(['SPLITZ σ=0.5', 'plain smoothing σ=0.5']);
  });

  test('takes a run of plain smoothing in a file of its own as well', () => {
    const plain = exampleHeader({ series: [smoothingSeries({ sigma: setting(0.4, 'flag') })] });
    const names = namedSeries([runOf(records(20)), runOf(records(20, plain), plain, 'plain')]).map(
      ({ name }) => name,
    );
    expect(names).toEqual([
      'run: SPLITZ σ=0.5',
      'run: plain smoothing σ=0.5',
      'plain: plain smoothing σ=0.4 (matched noise)',
    ]);
  });

  test('says what to run where nothing was run alongside, and what to bear in mind where it was', () => {
    const alone = exampleHeader({ series: [splitzSeries()] });
    expect(describeRun(runOf(records(20, alone), alone)).join()).toContain('--split input --sigma 0.4');
    expect(describeRun(runOf(records(20))).join()).toContain('may not have been trained for noise');
  });
});

describe('abstentions', () => {
  const header = exampleHeader();
  const none = abstaining(exampleRecord(0));
  const voting = (counts: number[], selected: number | null) =>
    withEvidence(none, { selected, counts, nonFinite: 10_000 - counts.reduce((a, b) => a + b, 0) });
  test('are told apart by their votes', () => {
    const reasons = abstentions({
      header,
      records: [
        voting([4000, 6000], 0),
        voting([5010, 4990], 0),
        voting([4000, 6000], 0),
        voting([0, 0], null),
        withVerdict(exampleRecord(0), { radius: 0 }),
      ],
    });
    expect(reasons.map(({ records: of }) => of.length)).toEqual([2, 1, 1, 1]);
    expect(reasons[0]?.reason).toMatch(/half of the votes or less/);
    expect(reasons.map(({ remedy }) => remedy).join()).toMatch(/more draws/);
  });

  test('are none where every image has a radius', () => {
    expect(abstentions({ header, records: [exampleRecord(0)] })).toEqual([]);
  });
});

test('the images shown are the largest and the smallest radii, none of them twice', () => {
  const run = runOf(records(30));
  const [largest, smallest] = extremes(run);
  const sorted = run.series[0].images
    .filter(({ radius }) => radius > 0)
    .map(({ radius }) => radius)
    .sort((a, b) => b - a);
  expect(largest?.images.map(({ radius }) => radius)).toEqual(sorted.slice(0, 8));
  expect(smallest?.images.map(({ radius }) => radius)).toEqual(sorted.slice(-8).reverse());
  const few = extremes(runOf(records(3))).slice(0, 2);
  const indices = few.flatMap(({ images }) => images.map(({ index }) => index));
  expect(new Set(indices).size).toBe(indices.length);
  expect(indices).toHaveLength(3);
});

describe('what the network alone answers', () => {
  test('stands in the table of images with the name of the file, and is called not certified', () => {
    const images = records(3).map((record, k) => ({
      ...record,
      ...{ name: `cat ${k}.png`, answer: k === 0 ? 5 : k === 1 ? null : record.label },
    }));
    const run = runOf(images);
    const { columns, rows, caption } = imageTable(run, 2);
    const at = (header: string) => columns.findIndex((column) => column.header === header);
    expect(rows.map((row) => [row[at('file')], row[at('network alone')]])).toEqual([
      ['cat 0.png', '5'],
      ['cat 1.png', '–'],
    ]);
    expect(caption).toMatch(/network alone answers is not certified/);
    expect(imageTable(runOf(records(3)), 2).columns.map(({ header }) => header)).not.toContain('file');
    const said = networkAlone(run);
    expect(said).toMatch(/right on 33\.3 % of the images \(1 of 3\); this is not certified/);
    for (const write of [htmlReport, markdownReport])
      expect(write(reportOf(run)).replaceAll('\u00a0', ' ').replaceAll('\\', '')).toContain(
        '33.3 % of the images',
      );
  });

  test('is not stated for a log, which does not hold it', () => {
    const log = loggedRun({ name: 'log', file: 'log', bytes: new Uint8Array() }, outcomesOf(records(5)));
    expect(networkAlone(log)).toBeNull();
    expect(imageTable(log, 9).columns.map(({ header }) => header)).toEqual([
      ...['image', 'label', 'prediction', 'radius'],
    ]);
  });
});

describe('the result digest', () => {
  const named = { name: 'run', file: 'run.jsonl', bytes: new Uint8Array() };
  test('is the one of the last line, and computed for a run that has none yet', () => {
    const header = exampleHeader();
    const images = records(7);
    const end = endOf(images);
    const stated = { ...end, digest: 'd'.repeat(64) };
    expect(resultRun(named, header, images, stated).digest).toBe(stated.digest);
    const unfinished = resultRun(named, header, images, null);
    expect(unfinished.digest).toBe(end.digest);
    expect(settingsTables(unfinished).at(-1)?.rows.at(-1)).toEqual(['result digest so far', end.digest]);
    expect(htmlReport(reportOf(unfinished))).toContain(end.digest);
  });
});

describe('a run of a method that says no more than it must', () => {
  let unregister = () => {};
  afterEach(() => unregister());

  test('is reported in every format, without votes, left half or a word of other methods', () => {
    unregister = registerMethod(bareMethod);
    const run = bareRun(20);
    for (const write of Object.values(formats)) {
      const text = write(reportOf(run));
      expect(text).toContain('a bare method');
      expect(text.replace(/base64,[^"]*/g, '')).not.toMatch(/SPLITZ|plain smoothing|left half|undefined|NaN/);
    }
    const text = htmlReport(reportOf(run));
    expect(text).toContain('No certificate rests on chance.');
    expect(text).toContain('the method found no radius');
    expect(text).not.toContain('id="left-half"');
  });
});

const formats = { htmlReport, markdownReport, latexReport, tsvReport };

describe('every format', () => {
  const header = exampleHeader();
  const unlabelled = { ...header, data: { ...header.data, labelled: false } };
  const runs = {
    'no image': runOf([]),
    'one image': runOf(records(1)),
    'all abstaining': runOf(records(20).map(abstaining)),
    'no labels': runOf(
      records(20, unlabelled).map((record) => ({ ...record, label: null })),
      unlabelled,
    ),
    'an estimate': runOf(records(20), {
      ...header,
      series: [{ ...splitzSeries(), guarantee: 'estimate, not a bound' }, smoothingSeries()],
    }),
  };
  for (const [what, run] of Object.entries(runs)) {
    test(`reports a run with ${what}, the same bytes each time, without undefined or NaN`, () => {
      for (const write of Object.values(formats)) {
        const text = write(reportOf(run));
        expect(text).toBe(write(reportOf(run)));
        expect(text.replace(/base64,[^"]*/g, '')).not.toMatch(/undefined|NaN|Infinity|\[object/);
      }
    });
  }

  test('says that an estimate is not a bound', () => {
    for (const write of [htmlReport, markdownReport, latexReport])
      expect(write(reportOf(runs['an estimate']))).toMatch(/SPLITZ .{0,9}=0\.5: Estimate, not a bound/);
    expect(tsvReport(reportOf(runs['an estimate']))).toMatch(/estimate, not a bound/);
    // The meaning of the setting names the estimate that it could be.
    const ofPower = 'power is the published estimate, not a bound.';
    for (const write of [htmlReport, markdownReport, latexReport, tsvReport])
      expect(write(reportOf(runs['one image'])).replace(ofPower, '')).not.toMatch(/stimate, not a bound/);
  });

  test('speaks of a certified fraction, not of accuracy, without labels', () => {
    expect(markdownReport(reportOf(runs['no labels']))).toMatch(/Certified fraction over radius/);
    expect(latexReport(reportOf(runs['no labels']))).not.toMatch(/accuracy/i);
  });

  test('never rounds a certified accuracy or a radius up', () => {
    const table = figuresOf(reportOf(runOf(records(17))))[0]?.table;
    const score = scoreOf(outcomesOf(records(17)));
    for (const [radius, , cell] of table?.rows ?? []) {
      const share = Number(/^[\d.]+/.exec(cell ?? '')?.[0]);
      const truth = (100 * score.radii.filter((r) => r >= Number(radius)).length) / 17;
      expect(share).toBeLessThanOrEqual(truth);
      expect(share).toBeGreaterThan(truth - 0.1);
    }
  });
});

describe('the page', () => {
  const run = runOf(records(40));
  const page = htmlReport(reportOf(run));
  const { document } = parseHTML(page);

  test('runs no script and loads nothing', () => {
    expect(document.querySelectorAll('script,iframe,object,embed,link[rel=stylesheet],form')).toHaveLength(0);
    for (const element of document.querySelectorAll('*')) {
      for (const { name, value } of element.attributes) {
        expect(name).not.toMatch(/^on/);
        if (name === 'src') expect(value).toMatch(/^data:image\/png;base64,/);
      }
    }
    expect(page).not.toMatch(/@import|url\(/);
    expect(document.querySelector('meta[http-equiv]')?.getAttribute('content')).toMatch(/default-src 'none'/);
  });

  test('holds the result file byte for byte', () => {
    const link = document.querySelector('a[download]');
    const data = link?.getAttribute('href')?.replace('data:application/gzip;base64,', '') ?? '';
    expect(gunzipSync(Buffer.from(data, 'base64')).toString()).toBe(textOf(exampleHeader(), records(40)));
    expect(link?.getAttribute('download')).toBe('run.jsonl.gz');
  });

  test('has a table with every figure, a label with every picture, and every id once', () => {
    for (const figure of document.querySelectorAll('figure')) {
      const next = figure.nextElementSibling;
      expect(next?.matches('.caption') === true || next?.querySelector('table') !== null).toBe(true);
      for (const svg of figure.querySelectorAll('.wideplot svg'))
        expect(svg.getAttribute('aria-label')).toBeTruthy();
    }
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const link of document.querySelectorAll('nav a'))
      expect(ids).toContain(link.getAttribute('href')?.slice(1));
  });

  test('shows every setting with its origin', () => {
    const text = document.body.textContent ?? '';
    for (const words of [
      'Failure probability of the vote-count bound, per image.',
      'Standard deviation of the noise added at the cut.',
      'Seed of the noise',
      'How the model expects an image.',
    ])
      expect(text).toContain(words);
    const { intake, selection, seed, series } = run.header;
    const { start, skip, max } = selection;
    const shown = settingsTables(run).flatMap(({ rows }) =>
      rows.map(([name, value, origin]) => `${name} ${value} ${origin}`),
    );
    const all = [intake, { start, skip, max, seed }, ...series.map(({ settings }) => settings)];
    for (const settings of all as Readonly<Record<string, Sourced<unknown>>>[])
      for (const [name, { value, origin }] of Object.entries(settings))
        expect(shown).toContain(`${name} ${value} ${origin}`);
    expect(text).toContain('What is not guaranteed');
  });

  test('of several runs has each id once and a section for each', () => {
    const two = parseHTML(htmlReport(reportOf(run, runOf(records(30), exampleHeader(), 'other')))).document;
    const ids = [...two.querySelectorAll('[id]')].map((element) => element.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(['run-1', 'run-2']));
  });

  test('stays below 2 MB for 1,000 images with plain smoothing alongside', () => {
    const header = withSelection(exampleHeader(), { skip: setting(1), max: setting(null) });
    expect(htmlReport(reportOf(runOf(records(1000, header), header))).length).toBeLessThan(2e6);
  });

  test('draws images whose data are available', async () => {
    const picture = await thumbnail(new Float32Array(28 * 28).fill(0.5), [1, 28, 28]);
    const pictures = new Map(run.records.map(({ index }) => [index, picture]));
    const drawn = htmlReport(buildReport([run], [{ ...NOTHING_AT_HAND, pictures }], 'splitz-onnx 0.1.0'));
    expect(drawn).toContain(`src="${picture}"`);
    expect(page).toContain('These are not drawn: the data were not found');
  });

  test('calls classes by their names and images by their files wherever it names one', () => {
    const plain = exampleHeader();
    const classNames = Array.from({ length: plain.model.classes }, (_, k) => `class-${k}`);
    const header = { ...plain, model: { ...plain.model, classNames } };
    const images = records(40, header).map((record) => ({ ...record, name: `folder/${record.index}.png` }));
    const abstained = images.find(({ series: [own] }) => own?.prediction === null);
    const shown = htmlReport(reportOf(runOf(images, header)));
    expect(shown).toContain(`${abstained?.index} (folder/${abstained?.index}.png)`);
    expect(shown).toMatch(/label \d \(class-\d\)/u);
    expect(shown).toMatch(/Image \d+ \(folder\/\d+\.png\), label \d \(class-\d\): the median radius/u);
  });
});

describe('the curves of D(r)', () => {
  const run = runOf(records(40));
  const images = curveImages(run);
  const curves = new Map(
    images.map(({ image: { index, radius } }) => [
      index,
      [0.5, 1, 1.25, 1.5].map((share) => ({
        radius: share * radius,
        displacement: share > 1.3 ? Number.POSITIVE_INFINITY : share * radius * 1.25,
      })),
    ]),
  );

  test('are of the smallest, the median and the largest radius', () => {
    const radii = run.series[0].images.map(({ radius }) => radius).filter((radius) => radius > 0);
    radii.sort((a, b) => a - b);
    expect(images.map(({ image }) => image.radius)).toEqual(
      [0, Math.floor((radii.length - 1) / 2), radii.length - 1].map((k) => radii[k]),
    );
    expect(curveImages(runOf(records(2))).map(({ rank }) => rank)).toEqual(['smallest', 'largest']);
    expect(curveImages(runOf(records(1))).map(({ rank }) => rank)).toEqual(['only']);
    expect(curveImages(runOf(records(5).map(abstaining)))).toEqual([]);
  });

  test('have every bound in their table, rounded up, and none where the ball has none', () => {
    const figure = displacementCurves(run, curves);
    expect(figure?.table.rows).toHaveLength(9);
    for (const [k, row] of (figure?.table.rows ?? []).entries()) {
      const truth = curves.get(images[Math.floor(k / 3)]?.image.index ?? -1)?.[k % 3];
      expect(Number(row[2])).toBeGreaterThanOrEqual(truth?.displacement ?? Number.NaN);
      expect(Number(row[1])).toBeLessThanOrEqual(truth?.radius ?? Number.NaN);
      expect(row[5]).toBe(k % 3 === 2 ? 'no' : 'yes');
    }
    expect(figure?.draw(700)).not.toMatch(/NaN|Infinity/);
    const page = htmlReport(buildReport([run], [{ ...NOTHING_AT_HAND, curves }], 'splitz-onnx 0.1.0'));
    expect(page).toContain('id="displacement-curves"');
    expect(htmlReport(reportOf(run))).toContain('D(r) of single images is omitted');
  });
});

test('the unused part of R_u is the slack of each record, never more', () => {
  const evidenceOf = (record: CertificateRecord) => record.series[0]?.evidence as SplitzEvidence;
  const run = runOf(
    records(20).map((record) => {
      const { displacement } = evidenceOf(record);
      return withEvidence(record, { displacement: displacement && displacement * 0.99 });
    }),
  );
  const figure = unusedLatentRadius(run);
  const rows = figure?.table.rows ?? [];
  expect(rows.length).toBeGreaterThan(5);
  for (const [index, , , , slack] of rows) {
    const c = run.records.find((record) => String(record.index) === index);
    if (c === undefined) throw new Error('no such image');
    const truth = usableLatentRadius(evidenceOf(c)) - (evidenceOf(c).displacement ?? 0);
    expect(Number(slack)).toBeLessThanOrEqual(truth);
    expect(Number(slack)).toBeGreaterThan(truth - 1e-5);
  }
  expect(figure?.summary).toMatch(/1\.000 % of R_u/);
});

describe('the worked derivation', () => {
  test('is that of the median radius, with every number of explain, in HTML and Markdown', () => {
    const run = runOf(records(40));
    const example = workedExample(run);
    if (example === null) throw new Error('no example');
    const radii = run.series[0].images
      .filter(({ prediction }) => prediction !== null)
      .map(({ radius }) => radius);
    const median = run.series[0].images.find(({ index }) => index === example.index);
    const below = radii.filter((radius) => radius < (median?.radius ?? Number.NaN)).length;
    expect(Math.abs(below - (radii.length - 1) / 2)).toBeLessThanOrEqual(0.5);
    const { document } = parseHTML(htmlReport(reportOf(run)));
    const text = (document.body.textContent ?? '').replace(/\s+/g, ' ');
    const flat = (symbols: string): string => symbols.replace(/_(?=[ABLRu])/g, '').replace(/\s+/g, ' ');
    for (const { title, formula, numbers, meaning } of example.derivation.steps)
      for (const part of [title, formula, numbers, meaning]) expect(text).toContain(flat(part));
    expect(text).toContain(flat(example.derivation.conclusion));
    const markdown = markdownReport(reportOf(run));
    for (const { numbers } of example.derivation.steps) expect(markdown).toContain(escapeMarkdown(numbers));
  });

  test('is of an abstention where no image has a radius, and none for a log or an empty run', () => {
    const none = workedExample(runOf(records(5).map(abstaining)));
    expect(none?.derivation.abstained).toBe(true);
    expect(none?.index).toBe(0);
    expect(workedExample(runOf([]))).toBe(null);
    const log = loggedRun({ name: 'log', file: 'log', bytes: new Uint8Array() }, []);
    expect(workedExample(log)).toBe(null);
  });
});

test('a figure as SVG has no variable left, and becomes a PNG of twice its size', async () => {
  const [curve] = figuresOf(reportOf(runOf(records(20))));
  if (curve === undefined) throw new Error('no figure');
  const svg = standaloneSvg(curve);
  expect(svg).not.toMatch(/var\(|currentColor/);
  const png = await pngOf(svg);
  expect(png.subarray(1, 4).toString('latin1')).toBe('PNG');
  expect(png.readUInt32BE(16)).toBe(1440);
});
