import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take long, the longest first. They start first, so that no process is left with one at the end. */
const SLOW = [
  'cli/verify-forged',
  'cli/interrupted-bounds',
  'training/step',
  'lipschitz/large-left-half',
  'training/network',
  'cli/certify',
  'cli/plan-choice',
  'cli/stdout-full',
  'cli/plan',
  'verification/forgeries',
  'cli/attack',
  'cli/hostile-models',
  'cli/train',
  'cli/bad-input',
  'cli/audit',
  'methods/end-to-end-exports',
  'onnx/shared-models',
  'training/regularizers',
  'smoothing/noise-error',
  'cli/ansi-model',
  'cli/report',
  'cli/known-seed',
  'cli/kill',
  'cli/tensorflow',
  'lipschitz/displacement',
  'training/export',
  'inspection/inspection',
  'methods/smoothed-classifier',
  'operators/activation',
  'lipschitz/input-radius',
  'smoothing/sampler',
  'smoothing/sampler-pool',
  'operators/convolution-map',
  'training/architectures',
  'operators/onnx-runtime',
  'fuzz/fuzz',
  'lipschitz/underflow',
  'lipschitz/spectral-norm',
  'statistics/comparison',
  'report/escape',
  'operators/training',
  'smoothing/rounded-noise-statistics',
  'training/tracing',
  'operators/local-maps',
  'lipschitz/known-centre',
  'lipschitz/forward-error-on-ball',
  'onnx/batch-axis',
  'smoothing/half-space',
  'operators/conformance',
  'smoothing/probe',
  'onnx/preflight/deceit',
  'methods/wrong-by-construction',
  'verification/verify-file',
  'records/result-file',
  'ground/rounding-error',
  'smoothing/uniform-half-space',
  'inspection/boundability',
].map((name) => `test/${name}.test.ts`);

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const k = SLOW.findIndex((file) => moduleId.endsWith(`/${file}`));
      return k < 0 ? SLOW.length : k;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

/** Files that run the built program, replace modules, or take long: each in a process of its own. */
const ALONE = ['test/cli/**', 'test/docs/**', 'test/package/**', ...SLOW];

export default defineConfig(({ mode }) => ({
  test: {
    // Inference and bounds are CPU work: more files at once than cores only makes each of them slower.
    maxWorkers: 2,
    pool: 'forks',
    sequence: { sequencer: SlowFirst },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...ALONE],
          // Loading the sources anew for each of these files would take longer than most of them.
          isolate: false,
        },
      },
      // `--mode unit` leaves these out.
      ...(mode === 'unit'
        ? []
        : [{ extends: true as const, test: { name: 'alone', include: ALONE.map(testsIn) } }]),
    ],
  },
}));

function testsIn(place: string): string {
  return place.endsWith('/**') ? `${place}/*.test.ts` : place;
}
