/** A small run to write, read and summarise: header and records as `certify` makes them, from a seed. */
import { chained } from '../../src/records/chain.ts';
import type { CertificateRecord, RunHeader, SmoothingCertificate } from '../../src/records/record.ts';
import { NOISE_ID } from '../../src/smoothing/noise/rounded-noise.ts';

const setting = <T>(value: T, origin: 'flag' | 'default' = 'default') => ({ value, origin });

export function exampleHeader(changes: Partial<RunHeader['settings']> = {}): RunHeader {
  return {
    kind: 'run',
    schema: 'splitz-onnx/result/1',
    tool: { name: 'splitz-onnx', version: '0.1.0' },
    started: '2026-11-20T12:00:00.000Z',
    guarantee: 'certificate',
    model: {
      name: 'glyphs.onnx',
      files: [{ name: 'glyphs.onnx', sha256: 'a'.repeat(64) }],
      producer: 'pytorch 2.9.0',
      irVersion: 8,
      opsets: [{ domain: '', version: 17 }],
    },
    data: {
      name: 'glyphs',
      subset: 'test',
      digest: 'b'.repeat(64),
      length: 1000,
      shape: [1, 28, 28],
      labelled: true,
    },
    split: {
      cut: 'conv1.relu',
      index: 2,
      tensor: '/relu/Relu_output_0',
      latentShape: [20, 24, 24],
      nodesLeft: 2,
      nodesRight: 9,
      heldOut: [],
    },
    settings: {
      sigma: setting(0.5, 'flag'),
      baselineSigma: setting<number | null>(0.5),
      n0: setting(100),
      n: setting(10_000),
      alpha: setting(0.001),
      delta: setting(1e-6),
      bound: setting('clopper-pearson' as const),
      lipschitz: setting('secant' as const),
      seed: setting(0),
      start: setting(0),
      skip: setting(10),
      max: setting<number | null>(20),
      mean: setting<number[] | null>(null),
      std: setting<number[] | null>(null),
      scale: setting(1),
      layout: setting('nchw' as const),
      ...changes,
    },
    environment: {
      provider: 'cpu',
      onnxruntime: '1.30.0',
      node: 'v20.20.2',
      platform: 'linux-x64',
      cpu: 'Example CPU',
      workers: 2,
      batch: 64,
      noise: NOISE_ID,
    },
    checks: { leftHalf: 1.2e-6, leftHalfNorm: 0, leftHalfSigmas: 0, composition: 3e-7, provider: null },
  };
}

/** The k-th record of the run: a fixed scatter of radii, every seventh abstaining, every eleventh wrong. */
export function exampleRecord(k: number, header: RunHeader = exampleHeader()): CertificateRecord {
  const index = header.settings.start.value + k * header.settings.skip.value;
  const label = index % 10;
  const certificate = (scale: number): SmoothingCertificate => {
    const abstained = k % 7 === 6;
    const prediction = abstained ? null : k % 11 === 10 ? (label + 1) % 10 : label;
    const radius = abstained ? 0 : scale * (0.1 + ((k * 0.618_034) % 1));
    const counts = Array.from({ length: 10 }, (_, c) => (c === (prediction ?? label) ? 9_900 : 11));
    return {
      prediction,
      radius,
      abstained,
      correct: prediction === label,
      selected: prediction ?? label,
      counts,
      nonFinite: 1,
      n0: 100,
      n: 10_000,
      grid: 2 ** -10,
      tau: 2e-9,
      pA: abstained ? 0.4 : 0.986_1,
      pB: null,
      latentRadius: abstained ? 0 : radius * 1.25,
      displacementBound: 'secant',
      displacement: abstained ? null : radius * 1.25,
      localLipschitz: abstained ? null : 1.25,
      forwardError: 1e-12,
      forwardErrorNearby: radius === 0 ? null : 2e-12,
      alphaTotal: 0.001_001,
      seconds: 0.25,
    };
  };
  return {
    kind: 'certificate',
    index,
    label,
    ...certificate(1),
    baseline: { ...certificate(0.8), displacementBound: 'identity', alphaTotal: 0.001 },
  };
}

/** Lines as `lineOf` writes them, with their chain fields. */
export function chainedLines(lines: readonly string[]): string[] {
  let chain: string | null = null;
  return lines.map((line) => {
    const next: { readonly line: string; readonly chain: string } = chained(chain, line);
    chain = next.chain;
    return next.line;
  });
}
