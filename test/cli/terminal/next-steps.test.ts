/** When a run gets advice, and which. */
import { describe, expect, it } from 'vitest';
import { again } from '../../../src/cli/again.ts';
import { nextSteps } from '../../../src/cli/terminal/next-steps.ts';
import type { OptionOrigin } from '../../../src/methods/sourced.ts';
import type { CertificateRecord, RunHeader } from '../../../src/records/record.ts';
import { summarise } from '../../../src/statistics/summary.ts';
import { exampleHeader, exampleRecord, outcomesOf, smoothingSeries, withVerdict } from '../../records/run.ts';

const flags = {
  model: "it's/net.onnx",
  data: 'mnist:my data',
  max: 12,
  sigma: 0.5,
  origins: new Map<string, OptionOrigin>([
    ['data', 'flag'],
    ['max', 'flag'],
    ['sigma', 'flag'],
  ]),
};

const header = exampleHeader();

/** A run of twelve images, changed one by one. */
const stepsAfter = (
  change: (record: CertificateRecord, k: number) => CertificateRecord,
  its: RunHeader = header,
) => {
  const records = Array.from({ length: 12 }, (_, k) => change(exampleRecord(k, its), k));
  return nextSteps(its, summarise(its, outcomesOf(records, its)), again(flags));
};

const abstain = (record: CertificateRecord, k: number): CertificateRecord =>
  withVerdict(record, { prediction: null, radius: 0 }, k);
const certify = (record: CertificateRecord, k: number, radius: number): CertificateRecord =>
  withVerdict(record, { prediction: record.label ?? 0, radius }, k);

describe('advice after a run', () => {
  it('is none where most images are certified and nothing beats the split', () => {
    expect(stepsAfter((record) => certify(certify(record, 0, 0.4), 1, 0.4))).toEqual([]);
  });

  it('is what the split is compared with, where that is clearly ahead', () => {
    const twin = exampleHeader({ series: [header.series[0]!, smoothingSeries()] });
    const steps = stepsAfter((record) => certify(abstain(record, 0), 1, 0.5), twin);
    expect(steps[0]?.command).toBe(
      "splitz-onnx certify 'it'\\''s/net.onnx' --data 'mnist:my data' --max 12 --method smoothing --sigma 0.5 --out net.smoothing-0.5.jsonl",
    );
  });

  it('is not drawn from few images: chance may put either ahead', () => {
    const steps = stepsAfter((record, k) => certify(certify(record, 0, 0.4), 1, k < 3 ? 0.5 : 0.4));
    expect(steps).toEqual([]);
  });

  const silentSteps = (its: RunHeader = header) =>
    stepsAfter((record) => abstain(abstain(record, 0), 1), its).map(({ command }) => command);
  const kinds = (commands: readonly string[]) => commands.map((command) => command.split(' ')[1]);

  it('is less noise, a plan, a denoiser and training, where most abstain', () => {
    const commands = silentSteps();
    expect(kinds(commands)).toEqual(['certify', 'plan', 'certify', 'train']);
    expect(commands[0]).toContain('--method smoothing --sigma 0.25 ');
    expect(commands[2]).toMatch(
      / --denoiser \S*models\/denoiser-digits28\.onnx --sigma 0\.5 --out net\.denoised-0\.5\.jsonl$/u,
    );
  });

  it('is to train a denoiser, where none is shipped for such images', () => {
    const commands = silentSteps({ ...header, data: { ...header.data, shape: [3, 48, 48] } });
    expect(kinds(commands)).toEqual(['certify', 'plan', 'train', 'train']);
    expect(commands[2]).toContain(' --denoiser unet-small --sigma 0.5 --out net-denoiser-0.5.onnx');
  });

  /** Commands after a denoised run with the network without it alongside. */
  const denoisedSteps = (change: (record: CertificateRecord) => CertificateRecord): string[] => {
    const denoiser = {
      ...{ name: 'd.onnx', files: [{ name: 'd.onnx', sha256: '0'.repeat(64) }], producer: '', at: null },
      ...{ trained: null, scaling: null, diffusion: null },
    };
    const series = [true, false].map((denoised) => ({ ...smoothingSeries(), denoised }));
    const its = { ...exampleHeader({ series }), model: { ...header.model, denoiser } };
    const records = Array.from({ length: 12 }, (_, k) => change(exampleRecord(k, its)));
    const given = {
      ...flags,
      denoiser: 'd.onnx',
      origins: new Map([...flags.origins, ['denoiser', 'flag' as const]]),
    };
    return nextSteps(its, summarise(its, outcomesOf(records, its)), again(given)).map(
      ({ command }) => command,
    );
  };

  it('is to leave the denoiser out, where the network certifies clearly more without it', () => {
    expect(denoisedSteps((record) => certify(certify(record, 0, 0.3), 1, 0.6))).toEqual([
      "splitz-onnx certify 'it'\\''s/net.onnx' --data 'mnist:my data' --max 12 --method smoothing --sigma 0.5 --out net.undenoised.jsonl",
    ]);
    expect(denoisedSteps((record) => certify(certify(record, 0, 0.6), 1, 0.3))).toEqual([]);
  });

  it('is to train the denoiser for this network, where there was one', () => {
    const commands = denoisedSteps((record) => abstain(abstain(record, 0), 1));
    expect(commands[0]).toContain('--denoiser d.onnx');
    expect(commands[2]).toBe(
      "splitz-onnx train 'it'\\''s/net.onnx' --data 'mnist:my data' --denoiser d.onnx --loss stability --sigma 0.5 --out net-denoiser-0.5.onnx",
    );
    expect(commands[3]).not.toContain('--denoiser');
  });

  it('begins with the pixels where a finding doubts them', () => {
    const doubted = exampleHeader({
      findings: [{ id: 'SPLITZ031', severity: 'warning', where: 'input', what: 'another preparation' }],
    });
    const [first] = stepsAfter((record) => abstain(abstain(record, 0), 1), doubted);
    expect(first?.command).toBe("splitz-onnx inspect 'it'\\''s/net.onnx' --data 'mnist:my data'");
  });
});
