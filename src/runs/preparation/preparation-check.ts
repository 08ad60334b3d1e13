/**
 * Whether the network sees its pixels as it was trained to, judged by the labels it finds on a few dozen images without
 * noise: where another usual preparation finds clearly more of them, that is reported; so is a network that guesses
 * whatever the preparation. Nothing is applied. Images, candidates and levels are fixed, so that the same model and data
 * always give the same finding.
 */
import type { Dataset } from '../../datasets/dataset.ts';
import { readableImages } from '../../datasets/readable-images.ts';
import { takesBgr } from '../../onnx/intake/pixel-layout.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../onnx/model/codec.ts';
import { sizeOf } from '../../onnx/model/graph.ts';
import { atChance, otherPreparation } from '../../onnx/preflight/checks/preparation.ts';
import { tiesIn } from '../../onnx/preflight/checks/tied-scores.ts';
import { type Finding, findingOf } from '../../onnx/preflight/finding.ts';
import { argmax } from '../../onnx/runtime/check-rows.ts';
import { runRows, type Session, withSession } from '../../onnx/runtime/session.ts';
import { binomialUpperTail } from '../../smoothing/votes/binomial-tail.ts';
import { mcNemar } from '../../statistics/comparison.ts';
import type { AccuracyAlone } from '../../statistics/network-alone.ts';
import type { IntakeSettings } from '../intake-settings.ts';
import { checkScale } from './scale-check.ts';
import { asPrepared, isSame, optionsFor, type Preparation, usualPreparations } from './usual-preparations.ts';

/** Enough to tell 90 % from 50 %, few enough to take no time; fewer of large images, whose networks take longer. */
const IMAGES = { usual: 64, large: 32 } as const;
const LARGE = 2 ** 15;
/** Candidates that are tried on all images: those that find most of the first quarter. */
const FINALISTS = 3;
/** With fewer labelled images nothing is said. */
const FEWEST = 32;
/** Of saying something about a network and a preparation that are as they should be, over all candidates. */
const FALSE_ALARM = 1e-3;

export interface PreparationCheck {
  /** Null without labels. */
  readonly alone: AccuracyAlone | null;
  /** About the preparation. */
  readonly finding: Finding | null;
  /** About the scores, as prepared. */
  readonly ties: Finding | null;
}

/**
 * @param classifier with its preprocessing inside
 * @param tell hears of work that may take longer than a second
 * @throws UsageError when an image cannot be read
 */
export async function checkPreparation(
  { model, source }: PreparedClassifier,
  data: Dataset,
  intake: IntakeSettings,
  tell: (text: string) => void = () => {},
): Promise<PreparationCheck> {
  const most = Math.min(sizeOf(data.shape) < LARGE ? IMAGES.usual : IMAGES.large, data.length);
  const indices = Array.from({ length: most }, (_, k) => Math.floor((k * data.length) / most));
  const readable = await readableImages(data, indices);
  const images = readable.map(({ pixels }) => pixels);
  const count = images.length;
  if (count === 0) return { alone: null, finding: null, ties: null };
  return withSession(encodeModel(model.proto), model.path, async (session) => {
    const { labels, shape } = data;
    const scores = await scoresOf(session, images, shape);
    const ties = tiesIn(scores, data.name);
    const answers = async (pixels: readonly Float32Array[]): Promise<number[]> =>
      (pixels === images ? scores : await scoresOf(session, pixels, shape)).map(topClass);
    if (labels === null) {
      const finding = await checkScale(answers, images, intake.scale.value, data.name);
      return { alone: null, finding, ties };
    }
    const wanted = readable.map(({ index }) => labels[index] ?? -1);
    const rightOf = async (pixels: readonly Float32Array[]): Promise<boolean[]> =>
      (await answers(pixels)).map((answer, k) => answer === wanted[k]);
    const asGiven = await rightOf(images);
    const alone = { right: asGiven.filter(Boolean).length, images: count };
    if (count < FEWEST) return { alone, finding: null, ties };
    const given = preparationGiven(intake, shape[0]);
    const others = usualPreparations(shape[0], given.columnsFirst !== null).filter(
      (one) => !isSame(one, given),
    );
    // No candidate can find enough more.
    if (mcNemar(0, count - alone.right) > FALSE_ALARM / others.length) return { alone, finding: null, ties };
    tell(
      `the network alone finds ${alone.right} of ${count} labels; trying other preparations of the pixels`,
    );
    const preparedAs = (preparation: Preparation, some: readonly Float32Array[]): Float32Array[] =>
      some.map((image) => asPrepared(image, shape, given, preparation));
    const first: Tried[] = [];
    for (const preparation of others)
      first.push({ preparation, right: await rightOf(preparedAs(preparation, images.slice(0, count / 4))) });
    const tried: Tried[] = [];
    for (const { preparation } of first.sort(byFound).slice(0, FINALISTS))
      tried.push({ preparation, right: await rightOf(preparedAs(preparation, images)) });
    const evidence = {
      ...{ asGiven, tried, candidates: others.length, wanted, data: data.name },
      composed: source.metadata.has('splitz.denoiser'),
    };
    return { alone, finding: judged(evidence), ties };
  });
}

interface Tried {
  readonly preparation: Preparation;
  /** Per image. */
  readonly right: readonly boolean[];
}

interface Evidence {
  readonly asGiven: readonly boolean[];
  /** The candidates tried on all images. */
  readonly tried: readonly Tried[];
  /** How many there were at first. */
  readonly candidates: number;
  readonly wanted: readonly number[];
  readonly data: string;
  /** Whether the file is a network behind a denoiser, written by `compose`. */
  readonly composed?: boolean;
}

const countOf = (right: readonly boolean[]): number => right.filter(Boolean).length;
const byFound = (a: Tried, b: Tried): number => countOf(b.right) - countOf(a.right);

/** The finding that the evidence is enough for. */
export function judged({
  asGiven,
  tried,
  candidates,
  wanted,
  data,
  composed = false,
}: Evidence): Finding | null {
  const network = composed ? 'without noise the network behind its denoiser' : 'the network alone';
  const images = wanted.length;
  const level = FALSE_ALARM / (candidates + 1);
  const percent = (right: readonly boolean[]): string => `${Math.round((100 * countOf(right)) / images)} %`;
  const best = tried.reduce<Tried | null>(
    (most, one) => (countOf(one.right) > countOf(most?.right ?? []) ? one : most),
    null,
  );
  if (best !== null && countOf(best.right) > countOf(asGiven)) {
    const gained = best.right.filter((right, k) => right && asGiven[k] !== true).length;
    const lost = asGiven.filter((right, k) => right && best.right[k] !== true).length;
    if (mcNemar(gained, lost) <= level) {
      const options = optionsFor(best.preparation);
      return findingOf(otherPreparation, {
        where: 'input',
        what: `on ${images} images of ${data} ${network} finds ${percent(best.right)} of the labels with ${options}, and ${percent(asGiven)} as given`,
        remedy: `Check with the vendor how pixels are prepared; if they are prepared so, use ${options}. Nothing is changed automatically.`,
      });
    }
  }
  // The best that one answer for every image could do.
  const most = Math.max(...wanted.map((label) => wanted.filter((other) => other === label).length));
  const found = Math.max(countOf(asGiven), ...tried.map(({ right }) => countOf(right)));
  if (most === images || binomialUpperTail(found, images, most / images) <= level) return null;
  return findingOf(atChance, {
    where: 'input',
    what: `on ${images} images of ${data} ${network} finds ${countOf(asGiven)} of the labels, and ${found} at most in ${candidates} other preparations of the pixels: no more than guessing does`,
    ...(composed ? BEHIND_DENOISER : {}),
  });
}

/** A denoiser may take a clean image for a noisy one, and wash it out. */
const BEHIND_DENOISER = {
  severity: 'note',
  why: 'the denoiser expects noise, and what is certified is the answer under noise; how the network answers alone cannot be seen in this file',
  remedy:
    'Judge it by the answers under noise (`predict`, `certify`). If they are no better, certify the two files it was composed of (metadata splitz.network, splitz.denoiser) with --denoiser: that states the network alone.',
} as const;

async function scoresOf(
  session: Session,
  images: readonly Float32Array[],
  shape: readonly number[],
): Promise<Float32Array[]> {
  const found: Float32Array[] = [];
  for (const image of images) found.push((await runRows(session, [image], shape)).data);
  return found;
}

/** The class of the largest score; -1 where a score is not a number. */
const topClass = (scores: Float32Array): number => (scores.every(Number.isFinite) ? argmax(scores) : -1);

function preparationGiven(
  { scale, mean, std, channelOrder, layout }: IntakeSettings,
  channels: number,
): Preparation {
  const perChannel = (values: readonly number[] | null, otherwise: number): readonly number[] => {
    const all = values ?? [otherwise];
    return all.length === channels ? all : new Array<number>(channels).fill(all[0] ?? otherwise);
  };
  return {
    scale: scale.value,
    mean: perChannel(mean.value, 0),
    std: perChannel(std.value, 1),
    channelOrder: takesBgr(channelOrder.value) ? 'bgr' : 'rgb',
    columnsFirst: layout.value.startsWith('flat') ? layout.value === 'flat-transposed' : null,
  };
}
