/**
 * The in-toto Statement (v1) about a result file. Subjects are the files of the model, the data and the result file itself;
 * the predicate states by which methods and settings the model was certified on the data, and the results. It states nothing that
 * the result file does not: anyone with that file and the key can check all of it.
 */
import { basename } from 'node:path';
import { methodOf } from '../methods/index.ts';
import { normOf } from '../records/norm.ts';
import type { RunHeader, SeriesHeader } from '../records/record.ts';
import { CONFIDENCE } from '../statistics/accuracy.ts';
import { runEnd } from '../statistics/run-end.ts';
import type { AttestedRun } from './run-digest.ts';

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PREDICATE_TYPE = 'urn:splitz-onnx:certified-robustness:v1';
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** Digest of a data set's manifest (`Dataset.digest`): not the SHA-256 of one file, so not called `sha256`. */
const DATA_DIGEST = 'splitzManifestSha256';

export interface Subject {
  readonly name: string;
  readonly digest: { readonly [algorithm: string]: string };
}

export interface Statement {
  readonly _type: typeof STATEMENT_TYPE;
  readonly subject: readonly Subject[];
  readonly predicateType: typeof PREDICATE_TYPE;
  readonly predicate: Predicate;
}

export interface Predicate {
  readonly tool: RunHeader['tool'];
  readonly started: string;
  readonly model: Pick<RunHeader['model'], 'name' | 'producer'> & {
    readonly modified: readonly string[];
    /** What the network stands behind; absent where there is none. */
    readonly denoiser?: NonNullable<RunHeader['model']['denoiser']>;
  };
  readonly data: Omit<RunHeader['data'], 'digest'>;
  readonly intake: RunHeader['intake'];
  readonly selection: RunHeader['selection'];
  readonly seed: RunHeader['seed'];
  readonly dependence: RunHeader['dependence'];
  /** Absent: float32. */
  readonly precision?: NonNullable<RunHeader['precision']>;
  /** Absent where each image has noise of its own. */
  readonly shareNoise?: NonNullable<RunHeader['shareNoise']>;
  /** The methods: the one asked for, then what it is compared with. */
  readonly series: readonly SeriesStatement[];
  readonly environments: RunHeader['environments'];
  readonly results: Omit<ReturnType<typeof runEnd>, 'kind'> & {
    /** Whether the run was finished. */
    readonly finished: boolean;
  };
  /** Of statements on the population the images stand for; those on an image have 1 - alpha. */
  readonly confidence: number;
}

/** One method with its settings. */
export interface SeriesStatement extends Omit<SeriesHeader, 'checks'> {
  /** What holds, in a sentence or two. */
  readonly meaning: string;
  /** How it was certified, a paragraph each. */
  readonly description: readonly string[];
}

const meaningOf = (series: SeriesHeader): string =>
  series.guarantee === 'certificate'
    ? `For each image recorded with prediction c, radius r and failure probability p, with probability at least 1 - p over what was drawn, the certified classifier answers c for every input within ${normOf(series)} distance r. Nothing is said about other norms, nor about the network itself unless it is the certified classifier.`
    : 'The radii rest on a measurement that bounds nothing: they are estimates and certify nothing.';

export function statementOf(
  path: string,
  { sha256, header, outcomes, digest: resultDigest, finished }: AttestedRun,
): Statement {
  const { model, data } = header;
  const { kind: _, ...results } = runEnd(header, outcomes, resultDigest);
  const { digest, ...described } = data;
  return {
    _type: STATEMENT_TYPE,
    subject: [
      ...model.files.map((file) => ({ name: file.name, digest: { sha256: file.sha256 } })),
      ...(model.denoiser?.files ?? []).map((file) => ({ name: file.name, digest: { sha256: file.sha256 } })),
      { name: data.name, digest: { [DATA_DIGEST]: digest } },
      { name: basename(path), digest: { sha256 } },
    ],
    predicateType: PREDICATE_TYPE,
    predicate: {
      tool: header.tool,
      started: header.started,
      model: {
        ...{ name: model.name, producer: model.producer, modified: model.modified ?? [] },
        ...(model.denoiser === undefined ? {} : { denoiser: model.denoiser }),
      },
      data: described,
      intake: header.intake,
      selection: header.selection,
      seed: header.seed,
      dependence: header.dependence,
      ...(header.precision === undefined ? {} : { precision: header.precision }),
      ...(header.shareNoise === undefined ? {} : { shareNoise: header.shareNoise }),
      series: header.series.map((series) => {
        const { checks: _, ...rest } = series;
        const description = methodOf(series).describe(series, header);
        return { ...rest, meaning: meaningOf(series), description };
      }),
      environments: header.environments,
      results: { ...results, finished },
      confidence: CONFIDENCE,
    },
  };
}
