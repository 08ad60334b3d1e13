/** `verify` with model and data: which certificates' bounds are confirmed, how, and what that is worth. */
import { performance } from 'node:perf_hooks';
import { firstReadable } from '../../../datasets/readable-images.ts';
import { ModelRefused, UsageError } from '../../../ground/errors.ts';
import { shuffled } from '../../../ground/shuffled.ts';
import type { LeftHalfBound } from '../../../lipschitz/input-radius.ts';
import { splitModel } from '../../../onnx/split.ts';
import { worthOf } from '../../../statistics/sample-worth.ts';
import type { Context } from '../../context.ts';
import type { Claim, Confirmation, ConfirmationRequest, Series, Subject, WithOrigins } from '../../method.ts';
import { checkLeftHalf, requireHidden } from '../left-half-check.ts';
import { openBound } from '../proofs/open-bound.ts';
import type { Proofs } from '../proofs/proofs.ts';
import type { SplitzEvidence, SplitzFacts, SplitzSettings } from '../schema.ts';
import type { BoundConfirmation, Proof } from './confirm-bounds.ts';

/** Seconds spent when the number of records is not given. */
const SECONDS = 60;

/** As `Proofs.confirm`. */
type Confirm = (...args: Parameters<Proofs['confirm']>) => Promise<BoundConfirmation>;

interface Confirmed {
  /** The first claim that does not hold, and why; null when none was found. */
  readonly fault: Confirmation['fault'];
  /** Claims with a radius. */
  readonly certified: number;
  /** Those of them that were checked, in the order of the file. */
  readonly sample: readonly Claim[];
  readonly proof: Proof;
  /** Of the sample, those whose norms were all proved another way. */
  readonly independent: number;
  /** What chose the sample and the probes. */
  readonly seed: number;
}

/** Claims with a radius whose D is 0: their left half cannot have moved at all. */
const motionless = (claims: readonly Claim[]): Claim[] =>
  claims.filter(
    ({ certificate: { radius, evidence } }) => radius > 0 && (evidence as SplitzEvidence).displacement === 0,
  );

/** What no file can show of records whose left half is said not to move. */
export function motionDoubt(claims: readonly Claim[]): string | null {
  const still = motionless(claims);
  return still.length === 0
    ? null
    : `that the left half is constant within the radius of ${still.length} records (image ${still[0]?.index}${still.length > 1 ? ' and others' : ''}), as a D of 0 says: model and data show it`;
}

/** What is looked at of a series: how its left half was cut off and bounded. */
export interface CutSeries extends Pick<Series<SplitzSettings, SplitzFacts>, 'guarantee'> {
  readonly settings: Pick<WithOrigins<SplitzSettings>, 'split' | 'lipschitz' | 'sigma'>;
}

/**
 * Confirms the bounds, as many as asked for, or as fit.
 * @throws UsageError when bounds of an estimate are asked for
 */
export async function confirmSplitz(
  claims: readonly Claim[],
  { settings, guarantee }: CutSeries,
  subject: Subject,
  { bounds, seed, runSeed }: ConfirmationRequest,
  context: Context,
): Promise<Confirmation> {
  const nothing = { fault: null, checked: [], unchecked: [] };
  const { left, prover } = await openBound(
    subject.classifier,
    settings.split.value,
    settings.lipschitz.value,
    runSeed,
    context,
  );
  const deployed = await deployedFault(left, settings, subject);
  const [first] = claims;
  if (deployed !== null && first !== undefined) return { ...nothing, fault: { claim: first, why: deployed } };
  if (guarantee !== 'certificate') {
    if (bounds === null || bounds === 0)
      return { ...nothing, unchecked: ['the radii: they rest on an estimate, which proves nothing'] };
    throw new UsageError({
      what: '--bounds cannot confirm an estimate',
      why: 'the left half was measured by power iteration, which proves nothing',
      remedy: 'Certify with --lipschitz linear.',
    });
  }
  const confirmed = await confirmedBounds(
    left,
    (settings, image, claim) => prover.confirm([settings, image, claim], context),
    settings.sigma.value,
    claims,
    bounds,
    seed,
    (index) => subject.data.image(index),
  );
  const done = described(confirmed);
  const open = leftOpen(confirmed);
  return {
    fault: confirmed.fault,
    checked: done === null ? [] : [done],
    unchecked: open === null ? [] : [open],
  };
}

/** Whether ONNX Runtime's left half is here, too, within the noise of the one certified; or why not. */
async function deployedFault(
  left: LeftHalfBound,
  { split, sigma }: CutSeries['settings'],
  { classifier, data }: Subject,
): Promise<string | null> {
  const { model } = classifier;
  const cut = classifier.cuts.cuts.find(({ name }) => name === split.value);
  if (cut === undefined) throw new RangeError(`no cut ${split.value}`);
  const images = (await firstReadable(data, 2)).map(({ pixels }) => pixels);
  try {
    const difference = await checkLeftHalf(left, splitModel(model, cut).left, images, model.path);
    requireHidden(difference, sigma.value, model.path);
    return null;
  } catch (error) {
    if (!(error instanceof ModelRefused)) throw error;
    return `${error.report.what}: ${error.report.why ?? ''}`;
  }
}

/**
 * @param confirm of that left half
 * @param sigma of the noise at the cut
 * @param count how many records, proved another way; null for all that fit into a minute, as `certify` proves them where
 *   that is quick and has no probability of failing, else only tried at points. Those with D = 0 are always among them.
 */
export async function confirmedBounds(
  left: LeftHalfBound,
  confirm: Confirm,
  sigma: number,
  claims: readonly Claim[],
  count: number | null,
  seed: number,
  image: (index: number) => Promise<Float32Array>,
): Promise<Confirmed> {
  // Another draw of a probabilistic norm may come out larger than the one that the radius was fitted to.
  const quick = left.failureProbability === 0 && !left.costly;
  const proof: Proof = count !== null ? 'another' : quick ? 'as certify' : 'points only';
  const certified = claims.filter(({ certificate }) => certificate.radius > 0);
  const order = shuffled(certified, seed, ({ index }) => index);
  const first = new Set(motionless(certified));
  const until = performance.now() + 1000 * SECONDS;
  const sample: Claim[] = [];
  let independent = 0;
  for (const claim of [...first, ...order.filter((one) => !first.has(one))]) {
    const due = count === null ? performance.now() < until : sample.length < count;
    if (!due && !first.has(claim)) break;
    const { radius, evidence } = claim.certificate;
    const confirmation = await confirm({ sigma, seed, proof }, await image(claim.index), {
      radius,
      evidence: evidence as SplitzEvidence,
    });
    sample.push(claim);
    if (confirmation.independent) independent++;
    if (confirmation.fault === null) continue;
    return { fault: { claim, why: confirmation.fault }, ...outcome() };
  }
  return { fault: null, ...outcome() };

  function outcome(): Omit<Confirmed, 'fault'> {
    const inOrder = sample.toSorted((a, b) => a.line - b.line);
    return { certified: certified.length, sample: inOrder, proof, independent, seed };
  }
}

/** What was done, in words; null where there was nothing to do. */
export function described({ certified, sample, proof, independent, seed }: Confirmed): string | null {
  if (certified === 0) return 'the bounds of the left half: no record has a radius';
  if (sample.length === 0) return null;
  const which =
    sample.length === certified
      ? `all ${certified} records with a radius`
      : `${sample.length} of the ${certified} records with a radius, drawn by the seed ${seed} (images ${listed(sample)})`;
  return proof === 'points only'
    ? `η and τ of ${which}, and that no point tried in their balls refutes D(radius)`
    : `η, τ and D(radius) of ${which}, ${
        proof === 'another'
          ? `${independent} of them by another proof of the norms`
          : 'as certify proves them'
      }, and that no point tried in their balls refutes it`;
}

const LISTED = 20;

const listed = (sample: readonly Claim[]): string =>
  sample
    .slice(0, LISTED)
    .map(({ index }) => index)
    .join(', ') + (sample.length > LISTED ? ', …' : '');

/** What was left open, in words; null where nothing was. */
export function leftOpen({ certified, sample, proof }: Confirmed): string | null {
  if (certified === 0) return null;
  if (sample.length > 0 && proof === 'points only')
    return 'D(radius) itself: one proof takes seconds, or has a probability of failing; --bounds N proves N records again';
  const rest = certified - sample.length;
  if (rest === 0) return null;
  const worth = sample.length === 0 ? '' : `; ${worthOf(certified, sample.length)}`;
  return `the bounds of the left half in ${rest} records with a radius: --bounds N proves those of N records again${worth}`;
}
