/** `verify` with model and data: which records' bounds are confirmed, how, and what that is worth. */
import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { LeftHalfBound } from '../lipschitz/input-radius.ts';
import { Stage } from '../smoothing/noise/philox.ts';
import { gaussianProbe } from '../smoothing/noise/probe.ts';
import { boundConfirmer, type Confirmation, type Proof } from '../verification/confirm-bounds.ts';
import type { BoundClaim } from '../verification/verify-file.ts';

/** Seconds that are spent when nobody says how many records. */
const SECONDS = 60;

export interface Confirmed {
  /** The first record that does not hold, and why; null when none was found. */
  readonly fault: { readonly claim: BoundClaim; readonly why: string } | null;
  /** Records with a radius. */
  readonly certified: number;
  /** Of which these were looked at, in the order of the file. */
  readonly sample: readonly BoundClaim[];
  readonly proof: Proof;
  /** Of the sample, those whose norms were all proved another way. */
  readonly independent: number;
  /** What chose the sample and the probes. */
  readonly seed: number;
}

/** Records with a radius whose D is 0: their left half cannot have moved at all. */
export const motionless = (claims: readonly BoundClaim[]): BoundClaim[] =>
  claims.filter(({ radius, displacement }) => radius > 0 && displacement === 0);

/**
 * @param sigma of the noise at the cut
 * @param count how many records, proved another way; null for all that fit into a minute, as `certify` proves them where
 *   that is quick and has no probability of failing, else only tried at points. Those with D = 0 are always among them.
 * @param image the image of an index
 */
export async function confirmedBounds(
  left: LeftHalfBound,
  sigma: number,
  claims: readonly BoundClaim[],
  count: number | null,
  seed: number,
  image: (index: number) => Promise<Float32Array>,
): Promise<Confirmed> {
  // Another draw of a probabilistic norm may come out larger than the one that the radius was fitted to.
  const quick = left.failureProbability === 0 && !left.costly;
  const proof: Proof = count !== null ? 'another' : quick ? 'as certify' : 'points only';
  let probe = 0;
  const confirm = boundConfirmer(
    left,
    sigma,
    (size) =>
      gaussianProbe(size, { seed: BigInt(seed), stage: Stage.verification, image: 0, sample: probe++ }),
    proof,
  );
  const certified = claims.filter(({ radius }) => radius > 0);
  const order = shuffled(certified, seed);
  const first = new Set(motionless(certified));
  const until = performance.now() + 1000 * SECONDS;
  const sample: BoundClaim[] = [];
  let independent = 0;
  for (const claim of [...first, ...order.filter((one) => !first.has(one))]) {
    const due = count === null ? performance.now() < until : sample.length < count;
    if (!due && !first.has(claim)) break;
    const confirmation: Confirmation = confirm(await image(claim.index), claim);
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

/** In an order that the seed decides. */
function shuffled(claims: readonly BoundClaim[], seed: number): BoundClaim[] {
  const rank = ({ index }: BoundClaim): string =>
    createHash('sha256').update(`${seed} ${index}`).digest('hex');
  return claims
    .map((claim) => ({ claim, rank: rank(claim) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ claim }) => claim);
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

const listed = (sample: readonly BoundClaim[]): string =>
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
  const few = Math.ceil(certified / 10);
  const worth =
    sample.length === 0
      ? ''
      : `; were ${few} of the ${certified} false, such a draw would miss them all with probability ${missing(certified, few, sample.length).toFixed(2)}`;
  return `the bounds of the left half in ${rest} records with a radius: --bounds N proves those of N records again${worth}`;
}

/** P[a sample of `drawn` of `all` holds none of `few`]. */
export function missing(all: number, few: number, drawn: number): number {
  let probability = 1;
  for (let k = 0; k < drawn; k++) probability *= Math.max(0, all - few - k) / (all - k);
  return probability;
}
