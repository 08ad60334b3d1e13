/** A small run to write, read and summarise: header and records as `certify` makes them, from a seed. */
import { FORMATS } from '../../src/methods/index.ts';
import type { WithOrigins } from '../../src/methods/method.ts';
import type { SmoothingSettings } from '../../src/methods/smoothing/open.ts';
import type { VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import type { SplitzEvidence, SplitzSettings } from '../../src/methods/splitz/schema.ts';
import { chained } from '../../src/records/chain.ts';
import {
  type CertificateRecord,
  type Outcome,
  outcomeOf,
  RESULT_FORMAT,
  type RunEnd,
  type RunHeader,
  type SeriesCertificate,
  type SeriesHeader,
} from '../../src/records/record.ts';
import { resultDigest } from '../../src/records/result-digest.ts';
import { resultLines } from '../../src/records/result-lines.ts';
import { NOISE_ID } from '../../src/smoothing/noise/rounded-noise.ts';
import { runEnd } from '../../src/statistics/run-end.ts';

export const setting = <T>(value: T, origin: 'flag' | 'default' = 'default') => ({ value, origin });

/** What judges and writes the lines of the methods of the product. */
export const LINES = resultLines(FORMATS);

/** SPLITZ at 'conv1.relu'. */
export const splitzSeries = (changes: Partial<WithOrigins<SplitzSettings>> = {}): SeriesHeader => ({
  method: 'splitz',
  guarantee: 'certificate',
  settings: {
    split: setting('conv1.relu'),
    sigma: setting(0.5, 'flag'),
    n0: setting(100),
    n: setting(10_000),
    alpha: setting(0.001),
    bound: setting('clopper-pearson'),
    delta: setting(1e-6),
    lipschitz: setting('secant'),
    ...changes,
  },
  facts: {
    index: 2,
    tensor: '/relu/Relu_output_0',
    latentShape: [20, 24, 24],
    nodesLeft: 2,
    nodesRight: 9,
    noise: NOISE_ID,
  },
  checks: {
    leftHalf: 1.2e-6,
    leftHalfNorm: 0,
    leftHalfSigmas: 0,
    globalLipschitz: 1.5,
    composition: 3e-7,
    provider: null,
    batch: 64,
  },
});

/** Plain smoothing at the input. */
export const smoothingSeries = (changes: Partial<WithOrigins<SmoothingSettings>> = {}): SeriesHeader => ({
  method: 'smoothing',
  guarantee: 'certificate',
  settings: {
    sigma: setting(0.5),
    n0: setting(100),
    n: setting(10_000),
    alpha: setting(0.001),
    bound: setting('clopper-pearson'),
    ...changes,
  },
  facts: { noise: NOISE_ID },
  checks: { composition: 3e-7, provider: null, batch: 64 },
});

/** A run of SPLITZ with plain smoothing beside it, unless `changes` say otherwise. */
export const exampleHeader = (changes: Partial<RunHeader> = {}): RunHeader => ({
  kind: 'run',
  schema: RESULT_FORMAT,
  tool: { name: 'splitz-onnx', version: '0.1.0' },
  started: '2026-11-20T12:00:00.000Z',
  model: {
    name: 'glyphs.onnx',
    files: [{ name: 'glyphs.onnx', sha256: 'a'.repeat(64) }],
    producer: 'pytorch 2.9.0',
    irVersion: 8,
    opsets: [{ domain: '', version: 17 }],
    classes: 10,
  },
  data: {
    ...{ name: 'glyphs', subset: 'test', digest: 'b'.repeat(64), length: 1000 },
    ...{ shape: [1, 28, 28], labelled: true },
  },
  intake: {
    mean: setting(null),
    std: setting(null),
    scale: setting(1),
    layout: setting('nchw'),
    channelOrder: setting('rgb'),
    output: setting(null),
    labels: setting(null),
  },
  selection: {
    start: setting(0),
    skip: setting(10),
    max: setting<number | null>(20),
    heldOut: [],
    shard: null,
  },
  seed: setting(0),
  dependence: 'independent',
  series: [splitzSeries(), smoothingSeries()],
  environments: [
    {
      ...{ provider: 'cpu', onnxruntime: '1.30.0', node: 'v20.20.2', platform: 'linux-x64' },
      ...{ cpu: 'Example CPU', workers: 2 },
    },
  ],
  findings: [],
  ...changes,
});

/** The same with `changes` to the selection of images. */
export const withSelection = (header: RunHeader, changes: Partial<RunHeader['selection']>): RunHeader => ({
  ...header,
  selection: { ...header.selection, ...changes },
});

/** A digest of a picture that does not exist. */
export const pictureDigest = (index: number): string => index.toString(16).padStart(64, '0');

/** The k-th record of the run: a fixed scatter of radii, every seventh abstaining, every eleventh wrong. */
export function exampleRecord(k: number, header: RunHeader = exampleHeader()): CertificateRecord {
  const index = header.selection.start.value + k * header.selection.skip.value;
  const label = index % 10;
  const abstained = k % 7 === 6;
  const prediction = abstained ? null : k % 11 === 10 ? (label + 1) % 10 : label;
  const counts = Array.from({ length: 10 }, (_, c) => (c === (prediction ?? label) ? 9_900 : 11));
  const radiusOf = (scale: number): number => (abstained ? 0 : scale * (0.1 + ((k * 0.618_034) % 1)));
  const votes = (radius: number): VoteEvidence => ({
    ...{ selected: prediction ?? label, counts, nonFinite: 1, grid: 2 ** -10, tau: 2e-9 },
    ...{ pA: abstained ? 0.4 : 0.986_1, pB: null, latentRadius: abstained ? 0 : radius * 1.25 },
  });
  const verdict = (scale: number, p: number, evidence: object): SeriesCertificate => ({
    ...{ prediction, radius: radiusOf(scale), failureProbability: p, evidence, seconds: 0.25 },
  });
  const own = radiusOf(1);
  const cut: SplitzEvidence = {
    ...votes(own),
    displacement: abstained ? null : own * 1.25,
    localLipschitz: abstained ? null : 1.25,
    forwardError: 1e-12,
    forwardErrorNearby: own === 0 ? null : 2e-12,
  };
  return {
    kind: 'certificate',
    ...{ index, name: null, sha256: pictureDigest(index), label, answer: label, environment: 0 },
    series: header.series.map(({ method }) =>
      method === 'splitz' ? verdict(1, 0.001_001, cut) : verdict(0.8, 0.001, votes(radiusOf(0.8))),
    ),
  };
}

/** `record` with changes to one series' verdict. */
export const withVerdict = (
  record: CertificateRecord,
  changes: Partial<SeriesCertificate>,
  k = 0,
): CertificateRecord => ({
  ...record,
  series: record.series.map((one, i) => (i === k ? { ...one, ...changes } : one)),
});

/** `record` with changes to one series' evidence. */
export const withEvidence = (record: CertificateRecord, changes: object, k = 0): CertificateRecord =>
  withVerdict(record, { evidence: { ...record.series[k]?.evidence, ...changes } }, k);

/** The record turned into an abstention of every series. */
export const abstaining = (record: CertificateRecord): CertificateRecord => ({
  ...record,
  series: record.series.map((one) => ({
    ...one,
    ...{ prediction: null, radius: 0 },
    evidence: {
      ...one.evidence,
      ...{ latentRadius: 0, pA: 0.4 },
      ...('displacement' in one.evidence
        ? { displacement: null, localLipschitz: null, forwardErrorNearby: null }
        : {}),
    },
  })),
});

export const outcomesOf = (
  records: readonly CertificateRecord[],
  header: RunHeader = exampleHeader(),
): Outcome[] => records.map((record) => outcomeOf(record, header, FORMATS));

/** The closing line of a finished run. */
export function endOf(records: readonly CertificateRecord[], header: RunHeader = exampleHeader()): RunEnd {
  const digest = resultDigest(header, LINES);
  for (const record of records) digest.add(record);
  return runEnd(header, outcomesOf(records, header), digest.value());
}

/** The run as lines without chain, newlines included. */
export const linesOf = (
  records: readonly CertificateRecord[],
  header: RunHeader = exampleHeader(),
): string[] => [LINES.lineOf(header), ...records.map((record) => LINES.recordLine(record, header))];

/** Lines as `lineOf` writes them, with their chain fields. */
export function chainedLines(lines: readonly string[]): string[] {
  let chain: string | null = null;
  return lines.map((line) => {
    const next: { readonly line: string; readonly chain: string } = chained(chain, line);
    chain = next.chain;
    return next.line;
  });
}
