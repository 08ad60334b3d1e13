/**
 * A CycloneDX 1.6 ML-BOM fragment: the model as a component of type machine-learning-model whose model card carries the certified
 * accuracies with their confidence intervals; the data are a component of their own. To be merged into a bill of materials.
 */

import { percentDown } from '../ground/decimal.ts';
import { labelOf } from '../methods/index.ts';
import { valuesOf } from '../methods/method.ts';
import { denoiserInWords } from '../records/denoiser-words.ts';
import { normOf } from '../records/norm.ts';
import type { RunHeader } from '../records/record.ts';
import { summarise } from '../statistics/summary.ts';
import type { AttestedRun } from './run-digest.ts';
import { statementOf } from './statement.ts';

/** The parts of CycloneDX 1.6 used here; the official schema checks them in a test. */
export interface MlBom {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.6';
  readonly version: 1;
  readonly metadata: {
    readonly timestamp: string;
    readonly tools: { readonly components: readonly Component[] };
    readonly properties: readonly Property[];
  };
  readonly components: readonly Component[];
}

interface Property {
  readonly name: string;
  readonly value: string;
}

interface Component {
  readonly type: 'application' | 'machine-learning-model' | 'data' | 'file';
  readonly 'bom-ref'?: string;
  readonly name: string;
  readonly version?: string;
  readonly hashes?: readonly { readonly alg: 'SHA-256'; readonly content: string }[];
  readonly modelCard?: ModelCard;
  readonly components?: readonly Component[];
  readonly properties?: readonly Property[];
}

interface ModelCard {
  readonly modelParameters: { readonly datasets: readonly { readonly ref: string }[] };
  readonly quantitativeAnalysis: { readonly performanceMetrics: readonly Metric[] };
  readonly considerations: { readonly technicalLimitations: readonly string[] };
}

interface Metric {
  readonly type: string;
  readonly value: string;
  readonly slice: string;
  readonly confidenceInterval: { readonly lowerBound: string; readonly upperBound: string };
}

const DATA_REF = 'data';

export function mlBom(path: string, run: AttestedRun): MlBom {
  const { header, sha256 } = run;
  const { model, data, tool } = header;
  const [main, ...external] = model.files;
  const { series } = statementOf(path, run).predicate;
  const limitations = [...new Set(series.map(({ meaning }) => meaning))];
  const hashes = (content: string) => [{ alg: 'SHA-256' as const, content }];
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: header.started,
      tools: { components: [{ type: 'application', name: tool.name, version: tool.version }] },
      properties: [
        { name: 'splitz-onnx:resultFileSha256', value: sha256 },
        { name: 'splitz-onnx:resultDigest', value: run.digest },
        { name: 'splitz-onnx:finished', value: String(run.finished) },
      ],
    },
    components: [
      {
        type: 'machine-learning-model',
        'bom-ref': 'model',
        name: model.name,
        ...(main === undefined ? {} : { hashes: hashes(main.sha256) }),
        ...(external.length === 0
          ? {}
          : {
              components: external.map((file) => ({
                type: 'file' as const,
                name: file.name,
                hashes: hashes(file.sha256),
              })),
            }),
        modelCard: {
          modelParameters: { datasets: [{ ref: DATA_REF }] },
          quantitativeAnalysis: { performanceMetrics: metricsOf(run) },
          considerations: { technicalLimitations: limitations },
        },
        properties: settingProperties(header),
      },
      ...denoiserOf(header),
      {
        type: 'data',
        'bom-ref': DATA_REF,
        name: data.name,
        properties: [
          { name: 'splitz-onnx:manifestSha256', value: data.digest },
          { name: 'splitz-onnx:images', value: String(data.length) },
        ],
      },
    ],
  };
}

/** The denoiser the model stands behind, where there is one. */
const denoiserOf = ({ model: { denoiser } }: RunHeader): Component[] =>
  denoiser === undefined
    ? []
    : [
        {
          type: 'machine-learning-model',
          'bom-ref': 'denoiser',
          name: denoiser.name,
          hashes: denoiser.files.slice(0, 1).map(({ sha256 }) => ({ alg: 'SHA-256', content: sha256 })),
          properties: [{ name: 'splitz-onnx:denoiser', value: denoiserInWords(denoiser) }],
        },
      ];

/** Shares and interval ends as decimals, each end rounded outwards by the summary it comes from. */
function metricsOf({ header, outcomes }: AttestedRun): Metric[] {
  const { series, measure, images } = summarise(header, outcomes);
  return header.series.flatMap((one, k) => {
    const kind = one.guarantee === 'certificate' ? measure : `${measure} (${one.guarantee})`;
    const label = labelOf(one);
    return (series[k]?.shares ?? []).map(({ radius, certified, lower, upper }) => ({
      type: `${kind} at ${normOf(one)} radius ${radius}, ${label}`,
      value: images === 0 ? '0' : fraction(certified / images),
      slice: `${images} of the ${header.data.length} images of ${header.data.name}`,
      confidenceInterval: { lowerBound: fraction(lower), upperBound: String(Math.min(1, upper)) },
    }));
  });
}

/** A share as a decimal, rounded down. */
const fraction = (share: number): string => String(Number(percentDown(share, 4)) / 100);

/** The seed, and of every series the method with its settings. */
const settingProperties = ({ series, seed }: RunHeader): Property[] => [
  { name: 'splitz-onnx:seed', value: String(seed.value) },
  ...series.flatMap(({ method, settings }, k) => [
    { name: `splitz-onnx:series.${k}.method`, value: method },
    ...Object.entries(valuesOf<object>(settings)).map(([name, value]) => ({
      name: `splitz-onnx:series.${k}.${name}`,
      value: typeof value === 'object' ? JSON.stringify(value) : String(value),
    })),
  ]),
];
