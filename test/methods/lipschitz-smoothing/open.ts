/** Lipschitz-aware smoothing of small networks for tests. */
import { lipschitzSmoothing } from '../../../src/methods/lipschitz-smoothing/method.ts';
import type {
  LipschitzEvidence,
  LipschitzFacts,
  LipschitzSettings,
} from '../../../src/methods/lipschitz-smoothing/schema.ts';
import type { Certificate, Certifier, Series } from '../../../src/methods/method.ts';
import { type PreparedClassifier, prepareClassifier } from '../../../src/onnx/intake/prepare-classifier.ts';
import type { RunHeader } from '../../../src/records/record.ts';
import { floatTensor, node, type Parts, tinyModel } from '../../onnx/tiny-model.ts';
import { exampleHeader, setting } from '../../records/run.ts';
import { openTestContext, subjectOf } from '../open.ts';

export const SETTINGS: LipschitzSettings = {
  ...{ split: 'input', sigma: 0.5, n0: 50, n: 1000, alpha: 0.001, delta: 0, lipschitz: 'secant' },
  ...{ scores: 'sparsemax', temperature: 1, compared: 100 },
};

export const prepared = (parts: Parts): Promise<PreparedClassifier> =>
  prepareClassifier(tinyModel(parts), undefined, null);

/** x [size] → W x + b. */
export const linear = (W: readonly (readonly number[])[], b: readonly number[]): Parts => ({
  nodes: [node('Gemm', ['x', 'V', 'd'], 'y', {})],
  initializers: [
    floatTensor(
      'V',
      [W[0]?.length ?? 0, W.length],
      (W[0] ?? []).flatMap((_, k) => W.map((row) => row[k] ?? 0)),
    ),
    floatTensor('d', [b.length], b),
  ],
  input: ['N', W[0]?.length ?? 0],
  output: ['N', W.length],
});

export interface Opened {
  readonly certifier: Certifier<LipschitzEvidence>;
  readonly context: ReturnType<typeof openTestContext>;
  certify(pixels: Float32Array, index?: number): Promise<Certificate<LipschitzEvidence>>;
  close(): Promise<void>;
}

export async function openScores(
  classifier: PreparedClassifier,
  settings: LipschitzSettings,
  { seed = 3n, workers = 1, batch = 64 }: { seed?: bigint; workers?: number; batch?: number } = {},
  probes: readonly Float32Array[] = [],
): Promise<Opened> {
  const context = openTestContext({ workers, batch });
  let certifier: Certifier<LipschitzEvidence>;
  try {
    certifier = await lipschitzSmoothing.open(
      subjectOf(classifier),
      settings,
      { seed, series: 0 },
      probes,
      context,
    );
  } catch (error) {
    await context.resources.close();
    throw error;
  }
  return {
    ...{ certifier, context },
    async certify(pixels, index = 0) {
      async function* one() {
        yield { index, pixels };
      }
      for await (const certificate of certifier.certify(one(), context)) return certificate;
      throw new Error('one image, one certificate');
    },
    close: () => context.resources.close(),
  };
}

/** The series and the header that a file would have. */
export function headed(
  { guarantee, facts, checks }: Certifier<LipschitzEvidence>,
  settings: LipschitzSettings,
  classes: number,
): { readonly series: Series<LipschitzSettings, LipschitzFacts>; readonly header: RunHeader } {
  const series = {
    ...{ method: 'lipschitz-smoothing', guarantee, facts, checks },
    settings: Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, setting(value)])),
  } as unknown as Series<LipschitzSettings, LipschitzFacts>;
  const example = exampleHeader();
  return {
    series,
    header: { ...example, model: { ...example.model, classes }, series: [series] },
  };
}
