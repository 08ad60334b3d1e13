/**
 * What a certification method is to the rest of the product. A method is one folder next to this file and one line in
 * `index.ts`; nothing else knows its name. Runs, result files, `verify`, `explain`, `report`, `compare`, `replay` and `attack`
 * iterate over series and ask their methods.
 */
import type { Dataset } from '../datasets/dataset.ts';
import { object, type Schema } from '../ground/json-schema.ts';
import type { Cut } from '../onnx/cuts.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import type { Guarantee, RunHeader, SeriesCertificate, SeriesHeader, Sourced } from '../records/record.ts';
import type { SeriesFormat } from '../records/series-format.ts';
import type { Stage } from '../smoothing/noise/philox.ts';
import { drawsOf, type VoteCounts } from '../smoothing/votes/vote-counts.ts';
import type { Context } from './context.ts';

/** What is certified: the network as it is run, and the images. */
export interface Subject {
  readonly classifier: PreparedClassifier;
  readonly data: Dataset;
}

/** Settings by name with their origin; undefined where not given. */
export interface Asked {
  readonly [setting: string]: Sourced<unknown> | undefined;
}

/** A method by name, and what is asked of it. */
export interface SeriesRequest {
  readonly method: string;
  readonly asked: Asked;
}

/** Every value with its origin. */
export type WithOrigins<S> = { readonly [K in keyof S]: Sourced<S[K]> };

/** The values alone. */
export const valuesOf = <S extends object>(settings: WithOrigins<S>): S =>
  Object.fromEntries(
    Object.entries(settings as Readonly<Record<string, Sourced<unknown>>>).map(([key, { value }]) => [
      key,
      value,
    ]),
  ) as S;

export type Resolved<S extends object> =
  | {
      readonly settings: WithOrigins<S>;
      /** Images that a setting was chosen on. */
      readonly heldOut?: readonly number[];
    }
  /** What was asked for is really another method. */
  | { readonly instead: SeriesRequest; readonly heldOut?: readonly number[] };

/** One series of a run, as its method sees it. */
export interface Series<S extends object, F extends object> extends Omit<SeriesHeader, 'settings' | 'facts'> {
  readonly settings: WithOrigins<S>;
  readonly facts: F;
}

/** An image of the data set. */
export interface Image {
  readonly index: number;
  /** [C,H,W] in [0,1]. */
  readonly pixels: Float32Array;
  /** Noise that it shares with images beside it; absent where it has its own, of number `index`. */
  readonly noise?: {
    /** In the noise's counter. */
    readonly number: number;
    /** Images that share it, at most. */
    readonly images: number;
  };
}

/** An image's certificate. The radius is a lower bound, in input units. */
export interface Certificate<E extends object> extends SeriesCertificate {
  readonly evidence: E;
}

/** What the certified classifier answers at a point. */
export interface Answer {
  /** Null when the classifier does not decide. */
  readonly prediction: number | null;
  /** Votes of the largest count. */
  readonly votes: number;
  /** Class with the second largest count; null when it is not a class. */
  readonly runnerUp: number | null;
  readonly runnerUpVotes: number;
  readonly draws: number;
}

/** A question about the answer at a point. A class that does not win is answered with probability at most alpha. */
export interface Question {
  /** What the draws are for: no two purposes share noise. */
  readonly stage: Stage;
  /** Number of the question about this image: each has draws of its own. */
  readonly number: number;
  readonly draws: number;
  readonly alpha: number;
  readonly seed: bigint;
}

/** A method opened on a subject. */
export interface Certifier<E extends object> {
  readonly guarantee: Guarantee;
  readonly facts: object;
  readonly checks: object;
  /**
   * Certificates in the order of the images. Several images may be in work at once, and certificates do not depend on how many.
   * @throws the signal's reason when aborted
   */
  certify(images: AsyncIterable<Image>, context: Context): AsyncIterable<Certificate<E>>;
  /** Answers at any point; `index` is part of the noise's counter. */
  answer(image: Image, question: Question, context: Context): Promise<Answer>;
  close(): Promise<void>;
}

/** The noise of one series of a run: no two series share any. */
export interface SeriesNoise {
  readonly seed: bigint;
  /** Number of the series in its run. */
  readonly series: number;
}

/** One step of a derivation. */
export interface DerivationStep {
  readonly title: string;
  /** In symbols of `symbols`. */
  readonly formula: string;
  /** The same in numbers, rounded to the safe side, so that every line holds on a pocket calculator. */
  readonly numbers: string;
  /** What it says, in a sentence or two. */
  readonly meaning: string;
}

export interface MethodDerivation {
  readonly steps: readonly DerivationStep[];
  /** Whose answer is certified, as in "the smoothed classifier". */
  readonly classifier: string;
  /** What the failure probability is over, as in "over the draws". */
  readonly chance: string;
  /** Symbols of the formulas and what they stand for. */
  readonly symbols: readonly (readonly [symbol: string, meaning: string])[];
}

/** A certificate in a result file, for `confirm`. */
export interface Claim {
  readonly line: number;
  readonly index: number;
  readonly certificate: SeriesCertificate;
}

/** What model and data show of the certificates of a file. */
export interface Confirmation {
  /** The first certificate that does not hold, and why; null when none was found. */
  readonly fault: { readonly claim: Claim; readonly why: string } | null;
  /** What was looked at and holds, in words. */
  readonly checked: readonly string[];
  /** What was left open, in words. */
  readonly unchecked: readonly string[];
}

/** How much to confirm, and with which draws. */
export interface ConfirmationRequest {
  /** Certificates whose bounds are proved another way; null for what fits into a minute. */
  readonly bounds: number | null;
  /** Chooses the sample and the probes. */
  readonly seed: number;
  /** The seed of the run that is confirmed. */
  readonly runSeed: bigint;
}

/** Why images have no certificate, and what to do about it. */
export interface AbstentionReason {
  readonly reason: string;
  readonly remedy: string;
}

export interface Method<S extends object = object, E extends object = object, F extends object = object>
  extends SeriesFormat {
  /** The name for people. */
  readonly title: string;
  /** For help: what it certifies, in a line. */
  readonly summary: string;
  readonly settings: Schema<S>;
  readonly facts: Schema<F>;
  readonly evidence: Schema<E>;
  /**
   * Every setting with its origin: what was asked for, then the model's metadata, then defaults. No part of it depends on the
   * seed of the run.
   * @throws UsageError, ModelRefused for what cannot be certified
   */
  resolve(asked: Asked, subject: Subject, context: Context): Promise<Resolved<S>>;
  /**
   * Opens the method: everything that has to be proved before the first certificate is.
   * @param probes a few images of the run, to compare computations on
   * @throws ModelRefused when a proof fails, ToolError when the provider is absent
   */
  open(
    subject: Subject,
    settings: S,
    noise: SeriesNoise,
    probes: readonly Float32Array[],
    context: Context,
  ): Promise<Certifier<E>>;
  /** Why a setting that is not among its own cannot be given, as a reason and a remedy; null where there is nothing to add. */
  foreign(setting: string): { readonly why: string; readonly remedy: string } | null;
  /** The first contradiction in what the header says of a series, or null. */
  headerFault(series: Series<S, F>, header: RunHeader): string | null;
  /** The first thing in a certificate that does not follow from its evidence, or null. Uses nothing that `open` uses. */
  fault(certificate: Certificate<E>, series: Series<S, F>, header: RunHeader): string | null;
  /** What no file can show, in words; null where there is nothing of the kind. */
  doubt(claims: readonly Claim[], series: Series<S, F>): string | null;
  /** What the header states of model and data that does not match them, as "tensor: 'a' in the file, 'b' now". */
  differences(series: Series<S, F>, subject: Subject): readonly string[];
  /** Checks certificates against model and data. */
  confirm(
    claims: readonly Claim[],
    series: Series<S, F>,
    subject: Subject,
    request: ConfirmationRequest,
    context: Context,
  ): Promise<Confirmation>;
  derive(certificate: Certificate<E>, series: Series<S, F>, header: RunHeader): MethodDerivation;
  /** What was certified and how: a paragraph each, without the failure probability. */
  describe(series: Series<S, F>, header: RunHeader): readonly string[];
  /** Notes at the start of a run: a line or two, each beginning with a word of six letters at most and padded to seven. */
  notes(series: Series<S, F>, seed: string | null): readonly string[];
  /** The fair comparison for a report, given the median of D(r)/r over the certified images; null where there is none to name. */
  fairness(series: Series<S, F>, medianLocalLipschitz: number | null): FairComparison | null;
  /** Why a certificate without radius has none. */
  whyNone(certificate: Certificate<E>, series: Series<S, F>): AbstentionReason;
  /** The votes behind a certificate; null where nothing is voted on. */
  votes(evidence: E): VoteCounts | null;
  /** p_A: a lower bound on the probability that noise is answered with the class certified; null where nothing is drawn. */
  probability(evidence: E): number | null;
  /** Short name of a series in tables and figures, as in "SPLITZ σ=0.5" or "denoised smoothing σ=0.5". */
  label(settings: S, denoised: boolean): string;
  /** What distinguishes a run of these settings in a file's name: the cut. */
  tag(settings: S): string;
  /**
   * The series that this one is fairly compared with; null where there is none.
   * @param beside settings asked for it
   */
  twin(
    settings: WithOrigins<S>,
    beside: Asked,
    subject: Subject,
    context: Context,
  ): Promise<SeriesRequest | null>;
  /** D(r) around an image over radii up to a little beyond `radius`; null for a method without left half. */
  curve(
    image: Image,
    radius: number,
    series: Series<S, F>,
    subject: Subject,
    seed: bigint,
  ): readonly DisplacementPoint[] | null;
  /** Where a search by gradients adds noise; null for a method without noise. */
  surrogate(
    settings: S,
    subject: Pick<Subject, 'classifier'>,
  ): { readonly cut: Cut; readonly sigma: number } | null;
  /**
   * The figures of a certificate, for tables: the same names in the same order for all evidence, each value rounded to the safe
   * side.
   */
  figures(evidence: E): readonly (readonly [name: string, value: string])[];
  /** What a report should cite. */
  readonly references: readonly Reference[];
  /** What `fault` recomputes of a certificate, in words. */
  readonly recomputed: string;
  /** What an answer rests on by default; one draw and alpha 0 where nothing is drawn. */
  poll(settings: S): Pick<Question, 'draws' | 'alpha'>;
  /** What is settled before a model is opened, for people. Throws UsageError for values that cannot certify anything. */
  preview(asked: Asked, beside: Asked, metadata: ReadonlyMap<string, string>): SettingsPreview;
  /** Tries settings on a few images, for `plan`; null for a method that has no settings worth trying. */
  readonly pilot: RunPilot | null;
}

/** Settings by name, as far as they are known; `beside` holds those of what the method is compared with. */
export interface SettingsPreview {
  readonly settings: Readonly<Record<string, PreviewedSetting>>;
  readonly beside: Readonly<Record<string, PreviewedSetting>>;
}

/** A value and where it comes from; in words where it follows from the model. */
export interface PreviewedSetting {
  readonly value: unknown;
  readonly origin: string;
}

/** Images that settings are tried on, with their labels. */
export interface PilotImages {
  readonly images: readonly Image[];
  readonly labels: readonly (number | null)[];
}

export interface PilotRequest {
  readonly asked: Asked;
  /** Draws per image and point of the grid. */
  readonly draws: number;
  /** Cuts to try, as `--split` names them; by default the method's own choice. */
  readonly cuts?: readonly string[] | undefined;
  /** Noise to try, at the input, ascending; by default around the model's own level. */
  readonly levels?: readonly number[] | undefined;
  /** The radius at which the certified share decides; null for the average radius. */
  readonly at: number | null;
  /** Of the pilot's noise; no certificate rests on it. */
  readonly seed: bigint;
}

/** @throws UsageError when nothing can be tried; the signal's reason when aborted */
export type RunPilot = (
  request: PilotRequest,
  subject: Subject,
  images: PilotImages,
  context: Context,
) => Promise<Pilot>;

/** One point of a pilot's grid. */
export interface PilotEstimate {
  readonly cut: string;
  /** Noise at the cut, and at the input (divided by the bound). */
  readonly sigma: number;
  readonly inputSigma: number;
  /** Upper bound on the Lipschitz constant of the left half; 1 at the input. */
  readonly lipschitz: number;
  readonly averageRadius: number;
  /** Share certified (and, with labels, right). */
  readonly certified: number;
  /** Expected radius per pilot image; 0 where it would not count. */
  readonly credited: readonly number[];
}

/** What a pilot found: estimates, not certificates. */
export interface Pilot {
  readonly grid: readonly PilotEstimate[];
  readonly best: PilotEstimate;
  /** Share that the best certifies at the radius asked for; 0 where none was. */
  readonly share: number;
  /** Null when the input was not tried. */
  readonly bestAtInput: PilotEstimate | null;
  /** Draws planned. */
  readonly n: Sourced<number>;
  /** All draws of an image where `n` are planned. */
  drawsAt(n: number): number;
  /** The settings of the best point that the pilot chose. */
  readonly chosen: Readonly<Record<string, unknown>>;
  /** The same settings with another number of draws. */
  withDraws(settings: WithOrigins<object>, n: number): WithOrigins<object>;
  /** What certificates at the best point say of it: one per image of the pilot, from the first on. */
  outlook(certificates: readonly Certificate<object>[]): Promise<PilotOutlook>;
}

export interface PilotOutlook {
  /** Expected average radius at a number of draws. */
  averageRadius(draws: number): number;
  /** Seconds per image that do not depend on the number of draws. */
  readonly boundSeconds: number;
  /** Other settings that would save time. */
  readonly levers: readonly PilotLever[];
}

/** One change of the settings: its name as a flag, seconds it saves per image at most, and what it comes to. */
export interface PilotLever {
  readonly name: string;
  readonly savedSeconds: number;
  readonly averageRadius: number;
}

/** A publication. */
export interface Reference {
  readonly text: string;
  readonly url: string;
}

/** How far a latent moves at most while its image moves by `radius`. */
export interface DisplacementPoint {
  /** Input units. */
  readonly radius: number;
  /** D(radius): an upper bound, unless the left half is only estimated; infinite where the ball has no bound. */
  readonly displacement: number;
}

/** What a series is fairly compared with. */
export interface FairComparison {
  /** In a sentence. */
  readonly text: string;
  /** What to bear in mind, or to run, given the other series of its run. */
  advice(alongside: readonly SeriesHeader[]): string;
  /** Whether a series, of this run or another, is that comparison. */
  matches(series: SeriesHeader): boolean;
}

type Required = 'name' | 'title' | 'settings' | 'evidence' | 'open' | 'fault' | 'derive';
type Optional<S extends object, E extends object, F extends object> = Omit<Method<S, E, F>, Required>;

const nothing = object('Nothing.', {});

/** A method from its required parts; the defaults of the others stand for "nothing of the kind". */
export function defineMethod<S extends object, E extends object, F extends object = object>(
  parts: Pick<Method<S, E, F>, Required> & Partial<Optional<S, E, F>>,
): Method<S, E, F> {
  const defaults: Optional<S, E, F> = {
    summary: parts.title,
    norm: 'l2',
    facts: nothing as Schema<object> as Schema<F>,
    checks: nothing,
    resolve: async (asked) => ({ settings: asked as WithOrigins<S> }),
    foreign: () => null,
    headerFault: () => null,
    doubt: () => null,
    differences: () => [],
    confirm: async (claims) => ({
      fault: null,
      checked: [],
      unchecked:
        claims.length === 0
          ? []
          : [`the evidence of ${parts.title}: the method does not check it against a model`],
    }),
    describe: () => [`${parts.title}.`],
    notes: ({ settings }, seed) => [
      `method ${parts.title}: ${[
        ...Object.entries(settings as Readonly<Record<string, Sourced<unknown>>>).map(
          ([name, { value, origin }]) => `${name} ${String(value)} (${origin})`,
        ),
        ...(seed === null ? [] : [seed]),
      ].join(', ')}`,
    ],
    fairness: () => null,
    whyNone: () => ({ reason: 'the method found no radius', remedy: 'Try another method.' }),
    votes: () => null,
    probability: () => null,
    leftHalf: () => null,
    draws(evidence) {
      const votes = parts.votes?.(evidence as E) ?? null;
      return votes === null ? null : drawsOf(votes);
    },
    label: () => parts.title,
    tag: () => parts.name,
    twin: async () => null,
    curve: () => null,
    surrogate: () => null,
    figures: () => [],
    references: [],
    recomputed: 'the radius from the evidence',
    poll: () => ({ draws: 1, alpha: 0 }),
    preview: (asked) => ({
      settings: Object.fromEntries(
        Object.entries(asked).filter((entry): entry is [string, Sourced<unknown>] => entry[1] !== undefined),
      ),
      beside: {},
    }),
    pilot: null,
  };
  return { ...defaults, ...parts };
}
