/** Attacks images one by one: claim, search, and where a certificate is contradicted a second look with fresh noise. */
import { basename } from 'node:path';
import {
  ATTACK_FORMAT,
  type AttackHeader,
  type AttackRecord,
  type TriedRecord,
} from '../../attack/attack-record.ts';
import { type Bracket, bracket, refutation, type Tried } from '../../attack/bracket.ts';
import type { Judge } from '../../attack/confirmation.ts';
import type { SecondLook } from '../../attack/contradiction.ts';
import type { Reach } from '../../attack/perturbation.ts';
import { UsageError } from '../../ground/errors.ts';
import type { Context } from '../../methods/context.ts';
import type { Image } from '../../methods/method.ts';
import { requireCount } from '../../methods/sourced.ts';
import { normField } from '../../records/norm.ts';
import { drawnSeed } from '../../smoothing/noise/drawn-seed.ts';
import { certifyImage } from '../certify-image.ts';
import { describeEnvironment } from '../environment.ts';
import type { DenoiserInUse } from '../open-denoiser.ts';
import { requireRecordedPrecision } from '../recorded-precision.ts';
import { packageVersion } from '../version.ts';
import {
  type AttackClaim,
  type Confirmation,
  type ConfirmationRequest,
  confirmationOf,
  type OpenedTarget,
  openCertifier,
  openTarget,
} from './open-target.ts';
import { type OpenedSearch, openSearch, type SearchRequest } from './search.ts';
import { type AttackTarget, normOfTarget } from './target.ts';

export interface AttackRequest extends SearchRequest, ConfirmationRequest {
  /** Whether pixels are kept in [0,1]. */
  readonly clip: boolean;
  readonly seedOrigin: AttackHeader['settings']['seedOrigin'];
}

/** A success inside a certified radius, with everything needed to reproduce it. */
export interface Contradiction {
  readonly second: SecondLook;
  /** The certificate as in its result file. */
  readonly certificate: object | null;
  readonly image: Float32Array;
  readonly refuting: Tried;
}

export interface AttackedImage {
  readonly record: AttackRecord;
  /** Null where the certificate holds, or there is none. */
  readonly contradiction: Contradiction | null;
}

export interface OpenedAttack {
  /** The first line of an attack file. */
  readonly header: AttackHeader;
  /** @throws UsageError for an image that cannot be clipped, the signal's reason when aborted */
  images(indices: readonly number[]): AsyncGenerator<AttackedImage>;
  close(): Promise<void>;
}

/** Throws UsageError for invalid counts, before anything is opened. */
export function checkAttack({ steps, restarts, draws, seed }: Omit<AttackRequest, 'seedOrigin'>): void {
  requireCount('--steps', steps, 1);
  requireCount('--restarts', restarts, 1);
  requireCount('--draws', draws, 1);
  requireCount('--seed', seed, 0);
  if (restarts > 1000 || draws * steps > 2 ** 21)
    throw new UsageError({
      what: `--restarts ${restarts}, --draws ${draws}, --steps ${steps}: more than one noise stream holds`,
      remedy: 'Use at most 1000 restarts, and 2 million draws over the steps of a start.',
    });
}

/** @throws UsageError, ModelRefused, ToolError as `openTarget` and `openSearch` do */
export async function openAttack(
  target: AttackTarget,
  request: AttackRequest,
  context: Context,
): Promise<OpenedAttack> {
  checkAttack(request);
  const confirmation = confirmationOf(target, request);
  const reach: Reach = { range: request.clip ? [0, 1] : null, norm: normOfTarget(target) };
  if (target.certified?.records) requireRecordedPrecision(target.certified, context.resources);
  const opened = await openTarget(target, context);
  let search: OpenedSearch;
  try {
    search = await openSearch(target, request, reach, context);
  } catch (error) {
    await opened.close();
    throw error;
  }
  const judge = opened.judge(confirmation, BigInt(request.seed));
  const work: Work = { target, opened, search, judge, reach };
  return {
    header: headerOf(target, request, search, confirmation, context),
    async *images(indices) {
      for (const index of indices) {
        yield await attackImage(work, index, context);
        context.signal.throwIfAborted();
      }
    },
    async close() {
      await search.close();
      await opened.close();
    },
  };
}

interface Work {
  readonly target: AttackTarget;
  readonly opened: OpenedTarget;
  readonly search: OpenedSearch;
  readonly judge: Judge;
  readonly reach: Reach;
}

async function attackImage(work: Work, index: number, context: Context): Promise<AttackedImage> {
  const { target, opened, search, judge, reach } = work;
  const { range } = reach;
  const { data } = target.subject;
  const started = performance.now();
  const pixels = await data.image(index);
  if (range !== null && pixels.some((pixel) => pixel < range[0] || pixel > range[1]))
    throw new UsageError({
      what: `image ${index} has pixels outside [0,1]`,
      where: data.describe(),
      remedy: 'Attack it without --clip.',
    });
  const image: Image = { index, pixels };
  const claim = await opened.claim(image, context);
  const { prediction, radius } = claim;
  const found =
    prediction === null
      ? null
      : await bracket(
          { image: pixels, index, from: prediction },
          ...([radius, search, judge, reach, context.signal] as const),
        );
  context.signal.throwIfAborted();
  const refuting = found && prediction !== null ? refutation(found, prediction, radius) : null;
  const seconds = (performance.now() - started) / 1000;
  const record = recordOf(claim, index, data.labels?.[index] ?? null, found, refuting, seconds);
  if (refuting === null) return { record, contradiction: null };
  const question = record.questions;
  const answer = await judge.ask(refuting.input, index, question, context.signal);
  const second: SecondLook = {
    answer: { ...answer, question },
    certificate: await certifiedAgain(target, image, context),
  };
  return {
    record,
    contradiction: { second, certificate: claim.certificate, image: pixels, refuting },
  };
}

function recordOf(
  { prediction, radius, failureProbability }: AttackClaim,
  index: number,
  label: number | null,
  found: Bracket | null,
  refuting: Tried | null,
  seconds: number,
): AttackRecord {
  return {
    ...{ kind: 'attack', index, label, prediction, radius },
    failureProbability: radius > 0 ? failureProbability : 0,
    inside: found?.inside ? triedRecord(found.inside) : null,
    attacked: found?.attacked ? triedRecord(found.attacked) : null,
    questions: found?.questions ?? 0,
    questionsInside: found?.questionsInside ?? 0,
    ...{ contradiction: refuting !== null, seconds },
  };
}

const triedRecord = ({ distance, question, answer }: Tried): TriedRecord => ({
  distance,
  ...answer,
  question,
});

/**
 * Under a new seed, for which nobody could make a model: its noise and norm probes are neither the certificate's nor the
 * attack's.
 */
async function certifiedAgain(
  target: AttackTarget,
  image: Image,
  context: Context,
): Promise<SecondLook['certificate']> {
  const { certified } = target;
  if (certified === null) throw new Error('only a certificate can be contradicted');
  const seed = drawnSeed();
  const certifier = await openCertifier(target, certified, seed, context);
  try {
    const { prediction, radius } = await certifyImage(certifier, image, context);
    return { seed, prediction, radius };
  } finally {
    await certifier.close();
  }
}

const denoiserFile = ({ source }: DenoiserInUse): NonNullable<AttackHeader['model']['denoiser']> => ({
  name: basename(source.path),
  sha256: source.files[0]?.sha256 ?? '',
});

function headerOf(
  { subject, certified }: AttackTarget,
  request: AttackRequest,
  { kind, draws }: OpenedSearch,
  { draws: confirm, alpha }: Confirmation,
  { resources }: Context,
): AttackHeader {
  const { classifier, data, subset } = subject;
  const [scored] = classifier.model.graph.outputs;
  if (scored === undefined) throw new Error('a classifier has an output');
  const { onnxruntime, node, platform, cpu, provider } = describeEnvironment(resources);
  const { precision } = resources;
  return {
    kind: 'attack-run',
    schema: ATTACK_FORMAT,
    tool: { name: 'splitz-onnx', version: packageVersion() },
    started: new Date().toISOString(),
    model: {
      name: basename(classifier.source.path),
      files: classifier.source.files.map(({ name, sha256 }) => ({ name, sha256 })),
      output: scored.name,
      ...(subject.denoiser === null ? {} : { denoiser: denoiserFile(subject.denoiser) }),
    },
    data: { name: data.name, subset, digest: data.digest },
    certified: certified && {
      ...{ method: certified.method.name, ...normField(certified.method.norm) },
      ...{ settings: certified.settings, seed: certified.seed },
    },
    settings: {
      ...{ search: kind, steps: request.steps, restarts: kind === 'gradient' ? request.restarts : 1, draws },
      ...{ confirm, alpha, seed: request.seed, seedOrigin: request.seedOrigin, clipped: request.clip },
    },
    environment: {
      ...{ onnxruntime, node, platform, cpu, provider },
      ...(precision === 'fp32' ? {} : { precision }),
    },
  };
}
