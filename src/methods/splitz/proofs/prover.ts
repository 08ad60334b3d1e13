/** Where a left half's proofs are computed: here where they are quick, in a thread where they would hold up the event loop. */
import type { LeftHalfBound } from '../../../lipschitz/input-radius.ts';
import type { Cut } from '../../../onnx/cuts.ts';
import type { PreparedClassifier } from '../../../onnx/intake/prepare-classifier.ts';
import { splitModel } from '../../../onnx/split.ts';
import { type Context, note } from '../../context.ts';
import { type Asking, ProofThread } from './proof-thread.ts';
import { type ProofName, type Proofs, proofsOf } from './proofs.ts';

export type Prover = {
  readonly [K in ProofName]: (args: Parameters<Proofs[K]>, asking: Asking) => Promise<ReturnType<Proofs[K]>>;
};

/** A proof that takes longer, in multiplications, is not computed on the main thread: a second or so. */
const QUICK = 5e8;
/** Seconds beyond which a proof is announced. */
const SLOW_SECONDS = 2;

const provers = new WeakMap<LeftHalfBound, Prover>();

/** @param left the bound of `classifier`'s left half at `cut` */
export function proverOf(left: LeftHalfBound, classifier: PreparedClassifier, cut: Cut): Prover {
  const known = provers.get(left);
  if (known !== undefined) return known;
  const prover = left.work <= QUICK ? here(left) : inThread(left, classifier, cut);
  provers.set(left, prover);
  return prover;
}

function here(left: LeftHalfBound): Prover {
  const proofs = proofsOf(left);
  return {
    globalLipschitz: async (args, { signal }) => {
      signal.throwIfAborted();
      return proofs.globalLipschitz(...args);
    },
    inputRadius: async (args, { signal }) => {
      signal.throwIfAborted();
      return proofs.inputRadius(...args);
    },
    ballAt: async (args, { signal }) => {
      signal.throwIfAborted();
      return proofs.ballAt(...args);
    },
    confirm: async (args, { signal }) => {
      signal.throwIfAborted();
      return proofs.confirm(...args);
    },
  };
}

function inThread(left: LeftHalfBound, { model, inputDims }: PreparedClassifier, cut: Cut): Prover {
  const thread = new ProofThread(() => {
    const half = splitModel(model, cut).left;
    if (half === null) throw new Error('nothing is left of the input');
    return { model: half, inputDims, lipschitz: left.bound, delta: left.delta, work: left.work };
  });
  return {
    globalLipschitz: (args, asking) => thread.ask('globalLipschitz', args, asking),
    inputRadius: (args, asking) => thread.ask('inputRadius', args, asking),
    ballAt: (args, asking) => thread.ask('ballAt', args, asking),
    confirm: (args, asking) => thread.ask('confirm', args, asking),
  };
}

const announced = new WeakSet<LeftHalfBound>();

/** Tells, once, that the bounds at a cut will be slow, and what would be quicker. */
export function announceSlow(left: LeftHalfBound, cut: Cut, context: Pick<Context, 'tell'>): void {
  const { seconds } = left;
  if (seconds < SLOW_SECONDS || announced.has(left)) return;
  announced.add(left);
  const quicker = [
    'cut earlier',
    ...(left.onAllOfSpace && left.bound !== 'global'
      ? ['write --lipschitz global (one bound for all images)']
      : []),
    'write --split input (plain smoothing, no bound)',
  ];
  note(
    context,
    `slow   bounding the left half at '${cut.name}' takes about ${Number(seconds.toPrecision(1))} s of processor time${
      left.bound === 'global' ? '' : ' per certified image'
    }; if that is too long, ${quicker.slice(0, -1).join(', ')} or ${quicker.at(-1)}`,
  );
}
