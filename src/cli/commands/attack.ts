/** `attack`: an empirical upper bound beside every certified radius. */
import { basename } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { type AttackFile, openAttackFile } from '../../attack/attack-file.ts';
import {
  ATTACK_FORMAT,
  type AttackHeader,
  type AttackRecord,
  METHODS,
  type TriedRecord,
} from '../../attack/attack-record.ts';
import { boundaryWalk } from '../../attack/boundary-walk.ts';
import { bracket, refutation, type Tried } from '../../attack/bracket.ts';
import { type Judge, plainJudge, smoothedJudge } from '../../attack/confirmation.ts';
import { CertificateContradicted, type SecondLook, writeEvidence } from '../../attack/contradiction.ts';
import { withNoisyScores } from '../../attack/noisy-scores.ts';
import { type OpenedGradientAttack, openGradientAttack } from '../../attack/open-gradient-attack.ts';
import type { PixelRange } from '../../attack/perturbation.ts';
import { gradientSearch, type Search } from '../../attack/search.ts';
import { openSmoothedClassifier, type SmoothedClassifier } from '../../certificate/smoothed-classifier.ts';
import { ModelRefused, ToolError, UsageError } from '../../errors.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { checkAlpha } from '../../smoothing/clopper-pearson.ts';
import { createSampler, type Sampler } from '../../smoothing/sampler.ts';
import { type AttackPlan, type Claim, planAttack } from '../attack-plan.ts';
import { briefHelp } from '../brief-help.ts';
import { describeEnvironment } from '../environment.ts';
import { interruptible } from '../interrupt.ts';
import { dataOptions, outputOptions, preprocessingOptions, smoothingOptions } from '../options.ts';
import { requireCount } from '../sourced.ts';
import { startAttackProgress } from '../terminal/attack-progress.ts';
import { renderAttack, summariseAttack } from '../terminal/attack-summary.ts';
import { screenOf } from '../terminal/style.ts';
import { packageVersion } from '../version.ts';

const builder = <T>(y: Argv<T>) =>
  outputOptions(
    smoothingOptions(
      dataOptions(
        preprocessingOptions(
          y
            .positional('source', {
              type: 'string',
              demandOption: true,
              describe: 'a result file (RUN.jsonl), or an ONNX model to certify and attack',
            })
            .positional('model', {
              type: 'string',
              describe: 'the model of the result file [beside it]',
            })
            .option('image', { type: 'number', describe: 'index of the one image to attack' })
            .option('start', { type: 'number', default: 0, describe: 'index of the first image' })
            .option('max', { type: 'number', describe: 'attack at most so many images' })
            .option('method', {
              choices: ['auto', ...METHODS] as const,
              default: 'auto' as const,
              describe: 'auto: by gradients where the model has them',
            })
            .option('steps', { type: 'number', default: 40, describe: 'steps of each search' })
            .option('restarts', { type: 'number', default: 3, describe: 'starts per image (gradient)' })
            .option('draws', { type: 'number', default: 16, describe: 'noise draws per step' })
            .option('confirm', {
              type: 'number',
              describe: 'fresh draws that confirm a success [n, at most 10000]',
            })
            .option('confirm-alpha', {
              type: 'number',
              describe: 'probability of a wrong confirmation [alpha]',
            })
            .option('clip', { type: 'boolean', default: false, describe: 'keep pixels in [0,1]' })
            .option('undefended', {
              type: 'boolean',
              default: false,
              describe: 'attack the model itself, without noise',
            })
            .option('out', {
              type: 'string',
              nargs: 1,
              describe: 'attack file [SOURCE.attack.jsonl]; resumed if it is there',
            }),
        ),
      ),
    ),
  )
    .option('output', { type: 'string', hidden: true })
    .option('force-eval', { type: 'boolean', hidden: true, default: false })
    .option('n0', { type: 'number', hidden: true })
    .option('bound', { choices: ['clopper-pearson', 'runner-up'] as const, hidden: true })
    .example('$0 attack run.jsonl --max 10', 'ten certificates of a run')
    .example('$0 attack net.onnx --data mnist:DIR --undefended', 'the network alone');

type Flags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { source: string };

export const attack: CommandModule<object, Flags> = {
  command: 'attack <source> [model]',
  describe: 'smallest perturbation found, beside every certified radius',
  builder: briefHelp(builder, [
    'image',
    'max',
    'method',
    'steps',
    'draws',
    'clip',
    'undefended',
    'data',
    'out',
    'json',
  ]),
  handler: (flags) =>
    interruptible('Run the same command again: it continues after the last whole line.', (signal) =>
      run(flags, signal),
    ),
};

async function run(flags: Flags, signal: AbortSignal): Promise<void> {
  checkCounts(flags);
  const note = (text: string): void => {
    if (!flags.quiet) process.stderr.write(`${text}\n`);
  };
  const plan = await planAttack(flags, signal, note);
  const { opened, cut, smoothing } = plan;
  note(`model  ${basename(opened.classifier.source.path)}`);
  note(`data   ${opened.data.describe()}`);
  note(
    smoothing === null
      ? 'attack the classifier itself, without noise'
      : `attack the classifier smoothed at '${cut.name}' with sigma ${smoothing.sigma}`,
  );
  const confirmation = confirmationOf(plan, flags);
  const target = await openTarget(plan, flags);
  try {
    await withSearch(plan, flags, note, async (search) => {
      const judge = target.judge(confirmation, BigInt(flags.seed ?? 0));
      const header = headerOf(plan, flags, search, confirmation);
      const path = flags.out ?? `${flags.source.replace(/\.(jsonl|onnx)$/i, '')}.attack.jsonl`;
      const file = await openAttackFile(path, header);
      try {
        note(`out    ${path}${file.resumed > 0 ? `, resumed after ${file.resumed} images` : ''}`);
        await attackAll({ plan, flags, search, judge, target, header, file, path, signal });
        report(header, file.records, flags, path);
      } finally {
        await file.close();
      }
    });
  } finally {
    await target.close();
  }
}

function checkCounts(flags: Flags): void {
  requireCount('--start', flags.start, 0);
  requireCount('--workers', flags.workers, 1);
  requireCount('--batch', flags.batch, 1);
  requireCount('--steps', flags.steps, 1);
  requireCount('--restarts', flags.restarts, 1);
  requireCount('--draws', flags.draws, 1);
  if (flags.max !== undefined) requireCount('--max', flags.max, 1);
  if (flags.image !== undefined) requireCount('--image', flags.image, 0);
  if (flags.seed !== undefined) requireCount('--seed', flags.seed, 0);
  if (flags.restarts > 1000 || flags.draws * flags.steps > 2 ** 21)
    throw new UsageError({
      what: `--restarts ${flags.restarts}, --draws ${flags.draws}, --steps ${flags.steps}: more than one noise stream holds`,
      remedy: 'At most 1000 restarts, and 2 million draws over the steps of a start.',
    });
}

interface Confirmation {
  readonly draws: number;
  readonly alpha: number;
}

/** Draws and level of a confirmation; one evaluation where there is no noise. */
function confirmationOf({ smoothing }: AttackPlan, flags: Flags): Confirmation {
  if (smoothing === null) return { draws: 1, alpha: 0 };
  const draws = flags.confirm ?? Math.min(smoothing.n, 10_000);
  const alpha = flags.confirmAlpha ?? smoothing.alpha;
  requireCount('--confirm', draws, 1);
  checkAlpha(alpha);
  // All draws for one class give 2^(1 - draws) as p-value.
  const least = Math.ceil(1 + Math.log2(1 / alpha));
  if (draws < least)
    throw new UsageError({
      what: `--confirm ${draws} can confirm nothing at level ${alpha}`,
      remedy: `Give --confirm ${least} or more; 1000 is usual.`,
    });
  return { draws, alpha };
}

/** What answers: the smoothed classifier, or the classifier itself. */
interface OpenedTarget {
  judge(confirmation: Confirmation, seed: bigint): Judge;
  claim(index: number, image: Float32Array, signal: AbortSignal): Promise<Claim>;
  /** Null without noise. */
  readonly smoothed: SmoothedClassifier | null;
  close(): Promise<void>;
}

async function openTarget(plan: AttackPlan, flags: Flags): Promise<OpenedTarget> {
  const { opened, cut, left, smoothing } = plan;
  const { classifier, data } = opened;
  const resources = { provider: flags.provider, workers: flags.workers, batch: flags.batch };
  if (smoothing !== null) {
    const probes = [await data.image(plan.indices[0] ?? 0)];
    const smoothed = await openSmoothedClassifier(classifier, cut, left, resources, probes, 'certified');
    return {
      smoothed,
      judge: ({ draws, alpha }, seed) =>
        smoothedJudge(smoothed, { sigma: smoothing.sigma, seed, draws, alpha }),
      claim: (index, image, signal) => plan.claim(index, image, smoothed, signal),
      close: () => smoothed.close(),
    };
  }
  const plain: Sampler = await createSampler({
    ...{ model: encodeModel(classifier.model.proto), latentDims: classifier.inputDims.slice(1) },
    ...{ classes: classifier.classes, batchable: classifier.batchable, ...resources, workers: 1, batch: 1 },
  });
  const judge = plainJudge(plain);
  return {
    smoothed: null,
    judge: () => judge,
    claim: async (index, image, signal) => {
      const { prediction } = await judge.ask(image, index, 0, signal);
      return { prediction, radius: 0, certificate: null };
    },
    close: () => plain.close(),
  };
}

const rangeOf = ({ clip }: Flags): PixelRange => (clip ? [0, 1] : null);

/** The search by gradients where the model has them, else without; both closed behind `use`. */
async function withSearch<T>(
  { opened, cut, smoothing }: AttackPlan,
  flags: Flags,
  note: (text: string) => void,
  use: (search: Search) => Promise<T>,
): Promise<T> {
  const { classifier, data } = opened;
  const draws = smoothing === null ? 0 : flags.draws;
  const sigma = smoothing?.sigma ?? 0;
  const seed = BigInt(flags.seed ?? 0);
  const range = rangeOf(flags);
  if (flags.method !== 'gradient-free') {
    const gradients = await openGradients(flags, note, () =>
      openGradientAttack(classifier, cut, {
        ...{ rows: flags.restarts, draws, sigma, seed, range, threads: flags.workers },
      }),
    );
    if (gradients !== null) {
      try {
        return await use(gradientSearch(gradients, flags.steps));
      } finally {
        await gradients.close();
      }
    }
  }
  const count = Math.min(STRANGERS, data.length);
  const others = await Promise.all(Array.from({ length: count }, (_, index) => data.image(index)));
  return withNoisyScores(classifier, cut, { draws, sigma, seed }, (scores) =>
    use(boundaryWalk(scores, { steps: flags.steps, seed, range, others })),
  );
}

/** Images of the data set that a search without gradients may start from. */
const STRANGERS = 24;

/** Null where `--method auto` finds a model without gradients. */
async function openGradients(
  { method }: Flags,
  note: (text: string) => void,
  open: () => Promise<OpenedGradientAttack>,
): Promise<OpenedGradientAttack | null> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof ModelRefused || error instanceof ToolError)) throw error;
    const what = error.report.what.replace(/^train refuses/, 'no gradient:');
    if (method === 'auto') {
      note(`note   ${what}; searching without gradients`);
      return null;
    }
    throw new ModelRefused({
      ...error.report,
      what: `the model cannot be attacked by gradients (${what})`,
      remedy: 'Use --method gradient-free.',
      cause: error,
    });
  }
}

function headerOf(
  { opened, smoothed }: AttackPlan,
  flags: Flags,
  { method }: Search,
  confirmation: Confirmation,
): AttackHeader {
  const { classifier, data } = opened;
  const [scored] = classifier.model.graph.outputs;
  if (scored === undefined) throw new Error('a classifier has an output');
  const resources = { provider: flags.provider, workers: flags.workers, batch: flags.batch };
  const { onnxruntime, node, platform, cpu, provider } = describeEnvironment(resources);
  return {
    kind: 'attack-run',
    schema: ATTACK_FORMAT,
    tool: { name: 'splitz-onnx', version: packageVersion() },
    started: new Date().toISOString(),
    model: {
      name: basename(classifier.source.path),
      files: classifier.source.files.map(({ name, sha256 }) => ({ name, sha256 })),
      output: scored.name,
    },
    data: { name: data.name, subset: flags.subset, digest: data.digest },
    smoothed,
    settings: {
      method,
      steps: flags.steps,
      restarts: method === 'gradient' ? flags.restarts : 1,
      draws: smoothed === null ? 0 : flags.draws,
      confirm: confirmation.draws,
      alpha: confirmation.alpha,
      seed: flags.seed ?? 0,
      clipped: flags.clip,
    },
    environment: { onnxruntime, node, platform, cpu, provider },
  };
}

interface Work {
  readonly plan: AttackPlan;
  readonly flags: Flags;
  readonly search: Search;
  readonly judge: Judge;
  readonly target: OpenedTarget;
  readonly header: AttackHeader;
  readonly file: AttackFile;
  readonly path: string;
  readonly signal: AbortSignal;
}

async function attackAll(work: Work): Promise<void> {
  const { plan, file, flags } = work;
  const done = new Map(file.records.map((record) => [record.index, record]));
  const progress = startAttackProgress(process.stderr, plan.indices.length, flags.quiet);
  try {
    for (const index of plan.indices) {
      const known = done.get(index);
      const record = known ?? (await attackImage(work, index));
      if (known === undefined) {
        work.signal.throwIfAborted();
        await file.append(record);
      }
      progress.image(record);
      if (record.contradiction && known === undefined) progress.alarm(alarmOf(work, record));
    }
  } finally {
    progress.finish();
  }
}

const alarmOf = ({ path }: Work, { index, attacked, radius }: AttackRecord): string =>
  `CONTRADICTION: image ${index} changes its answer at ${attacked?.distance}, inside its certified radius ${radius}; evidence in ${evidenceFolder(path, index)}`;

const evidenceFolder = (path: string, index: number): string =>
  `${path.replace(/\.jsonl$/i, '')}.contradiction-${index}`;

async function attackImage(work: Work, index: number): Promise<AttackRecord> {
  const { plan, flags, search, judge, target, signal } = work;
  const { data } = plan.opened;
  const started = performance.now();
  const image = await data.image(index);
  const range = rangeOf(flags);
  if (range !== null && image.some((pixel) => pixel < range[0] || pixel > range[1]))
    throw new UsageError({
      what: `image ${index} has pixels outside [0,1]`,
      where: data.describe(),
      remedy: 'Attack it without --clip.',
    });
  const claim = await target.claim(index, image, signal);
  const common = { kind: 'attack', index, label: data.labels?.[index] ?? null } as const;
  const seconds = (): number => (performance.now() - started) / 1000;
  const { prediction, radius } = claim;
  if (prediction === null)
    return {
      ...{ ...common, prediction, radius, inside: null, attacked: null },
      ...{ questions: 0, questionsInside: 0, contradiction: false, seconds: seconds() },
    };
  const found = await bracket({ image, index, from: prediction }, radius, search, judge, range, signal);
  const refuting = refutation(found, prediction, radius);
  const record: AttackRecord = {
    ...{ ...common, prediction, radius },
    inside: found.inside && triedRecord(found.inside),
    attacked: found.attacked && triedRecord(found.attacked),
    questions: found.questions,
    questionsInside: found.questionsInside,
    contradiction: refuting !== null,
    seconds: seconds(),
  };
  if (refuting !== null) await keepEvidence(work, record, claim, image, refuting, found.questions);
  return record;
}

const triedRecord = ({ distance, question, answer }: Tried): TriedRecord => ({
  distance,
  ...answer,
  question,
});

/** Looks twice, with fresh noise, and writes down everything needed to repeat it. */
async function keepEvidence(
  { plan, judge, target, header, path, signal }: Work,
  record: AttackRecord,
  { certificate }: Claim,
  image: Float32Array,
  refuting: Tried,
  question: number,
): Promise<void> {
  const { smoothed } = target;
  const { smoothing, opened } = plan;
  if (smoothed === null || smoothing === null) throw new Error('only a certificate can be contradicted');
  const answer = await judge.ask(refuting.input, record.index, question, signal);
  // Another seed: the noise of neither the certificate nor the attack.
  const seed = smoothing.seed + 1n + BigInt(header.settings.seed);
  const again = await smoothed.certify(image, record.index, null, { ...smoothing, seed }, signal);
  const second: SecondLook = {
    answer: { ...answer, question },
    certificate: { seed: Number(seed), prediction: again.prediction, radius: again.radius },
  };
  await writeEvidence(evidenceFolder(path, record.index), {
    ...{ header, record, second, certificate, image, refuting },
    shape: opened.data.shape,
    command: ['splitz-onnx', ...process.argv.slice(2)].join(' '),
  });
}

/** The table on stdout; a contradiction ends the command with exit code 1. */
function report(header: AttackHeader, records: readonly AttackRecord[], flags: Flags, path: string): void {
  const summary = summariseAttack(header, records);
  if (flags.json) process.stdout.write(`${JSON.stringify({ attack: header, summary, records })}\n`);
  else process.stdout.write(renderAttack(header, records, screenOf(process.stdout, process.env)));
  if (summary.contradictions === 0) return;
  const images = records.filter(({ contradiction }) => contradiction).map(({ index }) => index);
  throw new CertificateContradicted(
    `${images.length} of ${summary.certificates} certificates are contradicted: image${images.length === 1 ? '' : 's'} ${images.slice(0, 10).join(', ')}${images.length > 10 ? ', …' : ''}`,
    images
      .slice(0, 3)
      .map((index) => evidenceFolder(path, index))
      .join(', '),
    `chance alone gives ${summary.expectedByChance.toPrecision(2)} at most in this run`,
  );
}
