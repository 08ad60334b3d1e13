/** Every setting of a run with its origin, and where model, data and numbers came from, as tables. */

import type { JsonSchema } from '../ground/json-schema.ts';
import { labelOf, methodOf } from '../methods/index.ts';
import { denoiserInWords } from '../records/denoiser-words.ts';
import { precisionInWords } from '../records/precision-words.ts';
import { type RunHeader, run, type SeriesHeader, type Sourced } from '../records/record.ts';
import type { ResultRun } from './audited-run.ts';
import type { Table } from './figure.ts';

const left = (headers: readonly string[]): Table['columns'] =>
  headers.map((header) => ({ header, align: 'left' }));

const SETTING_COLUMNS = left(['setting', 'value', 'origin', 'meaning']);
const FACT_COLUMNS = left(['what', 'value', 'meaning']);

/** Settings of the run, then for each series its settings and what they come to, then sources. */
export const settingsTables = (audited: ResultRun): Table[] => [
  runSettings(audited.header),
  ...audited.header.series.flatMap((series) => [seriesSettings(series), seriesFacts(series)]),
  sources(audited),
];

function runSettings({ selection, intake, seed }: RunHeader): Table {
  const fields = run.json.properties ?? {};
  const group = (name: 'selection' | 'intake', settings: object): string[][] =>
    Object.entries(settings)
      .filter(([, setting]) => isSourced(setting))
      .map(([key, setting]) => settingRow(key, setting, valueSchema(fields[name]?.properties?.[key])));
  return {
    caption: 'Settings of the run, each with where its value came from',
    columns: SETTING_COLUMNS,
    rows: [
      ...group('selection', selection),
      settingRow('seed', seed, valueSchema(fields['seed'])),
      ...group('intake', intake),
    ],
  };
}

function seriesSettings(series: SeriesHeader): Table {
  const fields = methodOf(series).settings.json.properties ?? {};
  return {
    caption: `Settings of ${labelOf(series)}`,
    columns: SETTING_COLUMNS,
    // Every setting of a file was judged to be a value with its origin.
    rows: Object.entries(series.settings as Readonly<Record<string, Sourced<unknown>>>).map(
      ([name, setting]) => settingRow(name, setting, fields[name]),
    ),
  };
}

/** What the settings of a series come to on this model, and what was measured when it was opened. */
function seriesFacts(series: SeriesHeader): Table {
  const { facts, checks } = methodOf(series);
  const rows = (values: object, schema: JsonSchema): string[][] =>
    Object.entries(values).map(([name, value]) => [
      name,
      textOf(value),
      meaningOf(schema.properties?.[name]),
    ]);
  return {
    caption: `${labelOf(series)} on this model, and what was measured before the first certificate`,
    columns: FACT_COLUMNS,
    rows: [
      [
        'guarantee',
        series.guarantee,
        series.guarantee === 'certificate' ? 'What its radii are.' : 'None of its radii is a certificate.',
      ],
      ...rows(series.facts, facts.json),
      ...rows(series.checks, checks.json),
    ],
  };
}

function sources({ header, digest, finished }: ResultRun): Table {
  const { tool, started, model, data, selection, dependence, shareNoise, precision, environments } = header;
  const { heldOut, unreadable = [], shard } = selection;
  return {
    caption: 'Sources and environment',
    columns: left(['what', 'value']),
    rows: [
      ['model', `${model.name}${model.producer === '' ? '' : `, made by ${model.producer}`}`],
      ...model.files.map(({ name, sha256 }) => [`sha256 of ${name}`, sha256]),
      [
        'ONNX',
        `IR ${model.irVersion}, opset ${model.opsets.map(({ domain, version }) => `${domain === '' ? '' : `${domain} `}${version}`).join(', ')}`,
      ],
      ...(model.modified ?? []).map((change) => ['modified before it was certified', change]),
      ...(model.denoiser === undefined
        ? []
        : [
            ['denoiser', denoiserInWords(model.denoiser)],
            ...model.denoiser.files.map(({ name, sha256 }) => [`sha256 of ${name}`, sha256]),
          ]),
      [
        'data',
        `${data.name}, ${data.length} images of ${data.shape.join('×')}, ${data.labelled ? 'labelled' : 'without labels'}`,
      ],
      ['digest of the data', data.digest],
      ...(heldOut.length === 0
        ? []
        : [['held out', `${heldOut.length} images that settings were chosen on; none of them is certified`]]),
      ...(unreadable.length === 0
        ? []
        : [['left out', `images that could not be read: ${unreadable.join(', ')}`]]),
      ...(shard === null ? [] : [['part', `number ${shard.index} of ${shard.of}, counted from 0`]]),
      [
        'noise of different images',
        shareNoise === undefined ? dependence : `shared by ${shareNoise.value} images each`,
      ],
      ...(precision === undefined ? [] : [['precision', precisionInWords(precision.value)]]),
      ['made by', `${tool.name} ${tool.version}, started ${started}`],
      ...environments.map(({ onnxruntime, provider, workers, node, platform, cpu }) => [
        'computed by',
        `ONNX Runtime ${onnxruntime}, ${provider}, ${workers} workers; Node ${node} on ${platform}, ${cpu}`,
      ]),
      [finished ? 'result digest' : 'result digest so far', digest],
    ],
  };
}

const isSourced = (value: unknown): value is Sourced<unknown> =>
  typeof value === 'object' && value !== null && 'origin' in value;

const settingRow = (
  name: string,
  { value, origin }: Sourced<unknown>,
  schema: JsonSchema | undefined,
): string[] => [name, textOf(value), origin, meaningOf(schema)];

/** The schema of a setting's value. */
const valueSchema = (setting: JsonSchema | undefined): JsonSchema | undefined =>
  setting?.properties?.['value'];

/** A nullable value is described inside its union. */
const meaningOf = (schema: JsonSchema | undefined): string =>
  schema?.description ??
  schema?.anyOf?.find(({ description }) => description !== undefined)?.description ??
  '';

/** A value as the result file has it; numbers are not rounded. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
