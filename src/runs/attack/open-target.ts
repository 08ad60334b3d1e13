/** What an attack queries: the certified classifier, or the network alone. */
import { certifiedJudge, type Judge, plainJudge } from '../../attack/confirmation.ts';
import { UsageError } from '../../ground/errors.ts';
import type { Context } from '../../methods/context.ts';
import type { Certifier, Image, Question } from '../../methods/method.ts';
import { requireCount } from '../../methods/sourced.ts';
import { encodeModel } from '../../onnx/model/codec.ts';
import { checkAlpha } from '../../smoothing/votes/clopper-pearson.ts';
import { certifyImage } from '../certify-image.ts';
import type { AttackTarget, CertifiedTarget } from './target.ts';

/** Fresh draws at a candidate, and the level of the test on them; 1 and 0 where nothing is drawn. */
export type Confirmation = Pick<Question, 'draws' | 'alpha'>;

export interface ConfirmationRequest {
  /** By default as many as an answer of the method rests on, at most 10000. */
  readonly confirm?: number | undefined;
  /** By default the method's own. */
  readonly confirmAlpha?: number | undefined;
}

const MOST_DRAWS = 10_000;

/** @throws UsageError for draws that can confirm nothing */
export function confirmationOf({ certified }: AttackTarget, request: ConfirmationRequest): Confirmation {
  const poll = certified?.method.poll(certified.settings);
  if (poll === undefined || poll.alpha === 0) return { draws: 1, alpha: 0 };
  const draws = request.confirm ?? Math.min(poll.draws, MOST_DRAWS);
  const alpha = request.confirmAlpha ?? poll.alpha;
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

/** One image's claim: what is answered, and within which radius it is certified. */
export interface AttackClaim {
  /** Null where the classifier abstained. */
  readonly prediction: number | null;
  readonly radius: number;
  readonly failureProbability: number;
  /** The certificate as made or as read; evidence for a contradiction. */
  readonly certificate: object | null;
}

export interface OpenedTarget {
  judge(confirmation: Confirmation, seed: bigint): Judge;
  claim(image: Image, context: Context): Promise<AttackClaim>;
  close(): Promise<void>;
}

/** @throws ModelRefused when a proof fails, ToolError when the provider is absent */
export async function openTarget(target: AttackTarget, context: Context): Promise<OpenedTarget> {
  const { certified } = target;
  if (certified === null) return openNetwork(target, context);
  const certifier = await openCertifier(target, certified, certified.seed, context);
  return {
    judge: (confirmation, seed) => certifiedJudge(certifier, { ...confirmation, seed }, context),
    claim: (image, within) => claimOf(certified, certifier, image, within),
    close: () => certifier.close(),
  };
}

/** The method of the certificates, opened as `certify` opens it. */
export async function openCertifier(
  { subject, indices }: AttackTarget,
  { method, settings }: CertifiedTarget,
  seed: number,
  context: Context,
): Promise<Certifier<object>> {
  const probes = [await subject.data.image(indices[0] ?? 0)];
  return method.open(subject, settings, { seed: BigInt(seed), series: 0 }, probes, context);
}

async function claimOf(
  { records }: CertifiedTarget,
  certifier: Certifier<object>,
  image: Image,
  context: Context,
): Promise<AttackClaim> {
  const record = records?.get(image.index);
  const [own] = record?.series ?? [];
  if (records !== null && own === undefined) throw new Error(`no record of image ${image.index}`);
  const certificate = own ?? (await certifyImage(certifier, image, context));
  const { prediction, radius, failureProbability } = certificate;
  return { prediction, radius, failureProbability, certificate: record ?? certificate };
}

async function openNetwork({ subject }: AttackTarget, { resources }: Context): Promise<OpenedTarget> {
  const { model, inputDims, classes, batchable } = subject.classifier;
  const network = await resources.load({
    ...{ model: encodeModel(model.proto), latentDims: inputDims.slice(1), classes, batchable },
    largestBatch: 1,
  });
  const judge = plainJudge(network);
  return {
    judge: () => judge,
    claim: async ({ index, pixels }, { signal }) => {
      const { prediction } = await judge.ask(pixels, index, 0, signal);
      return { prediction, radius: 0, failureProbability: 0, certificate: null };
    },
    close: () => network.close(),
  };
}
