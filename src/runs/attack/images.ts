/** The loop of `attack` over images: claim, search, record, and evidence where a certificate is contradicted. */
import type { AttackFile } from '../../attack/attack-file.ts';
import type { AttackHeader, AttackRecord, TriedRecord } from '../../attack/attack-record.ts';
import { bracket, refutation, type Tried } from '../../attack/bracket.ts';
import type { Judge } from '../../attack/confirmation.ts';
import { evidenceFolder, type SecondLook, writeEvidence } from '../../attack/contradiction.ts';
import type { PixelRange } from '../../attack/perturbation.ts';
import type { Search } from '../../attack/search.ts';
import { UsageError } from '../../ground/errors.ts';
import { drawnSeed } from '../../smoothing/noise/drawn-seed.ts';
import type { AttackPlan, Claim } from './plan.ts';
import type { OpenedTarget } from './target.ts';

/** Hears of every image as it is done. */
export interface AttackProgress {
  image(record: AttackRecord): void;
  /** A contradiction. */
  alarm(text: string): void;
}

/** One run of `attack`. */
export interface Work {
  readonly plan: AttackPlan;
  readonly range: PixelRange;
  readonly progress: AttackProgress;
  readonly search: Search;
  readonly judge: Judge;
  readonly target: OpenedTarget;
  readonly header: AttackHeader;
  readonly file: AttackFile;
  readonly path: string;
  /** What repeats the attack, as a command line; part of the evidence. */
  readonly command: string;
  readonly signal: AbortSignal;
}

/** Attacks every image of the plan that the file does not hold yet, and appends one record each. */
export async function attackAll(work: Work): Promise<void> {
  const { plan, file, progress } = work;
  const done = new Map(file.records.map((record) => [record.index, record]));
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
}

const alarmOf = ({ path }: Work, { index, attacked, radius }: AttackRecord): string =>
  `CONTRADICTION: image ${index} changes its answer at ${attacked?.distance}, inside its certified radius ${radius}; evidence in ${evidenceFolder(path, index)}`;

async function attackImage(work: Work, index: number): Promise<AttackRecord> {
  const { plan, range, search, judge, target, signal } = work;
  const { data } = plan.opened;
  const started = performance.now();
  const image = await data.image(index);
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
  { plan, judge, target, header, path, command, signal }: Work,
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
  // A new seed: noise of neither the certificate nor the attack, that nobody could make a model for.
  const seed = drawnSeed();
  const again = await smoothed.certify(
    image,
    record.index,
    null,
    { ...smoothing, seed: BigInt(seed) },
    signal,
  );
  const second: SecondLook = {
    answer: { ...answer, question },
    certificate: { seed, prediction: again.prediction, radius: again.radius },
  };
  await writeEvidence(evidenceFolder(path, record.index), {
    ...{ header, record, second, certificate, image, refuting },
    shape: opened.data.shape,
    command,
  });
}
