/**
 * The in-toto Statement (v1) about a result file. Subjects are the files of the model, the data and the result file itself;
 * the predicate says with which settings the model was certified on the data and what came out. It says nothing that
 * the result file does not: anyone with that file and the key can check all of it.
 */
import { basename } from 'node:path';
import type { RunHeader } from '../records/record.ts';
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
  readonly guarantee: RunHeader['guarantee'];
  /** What holds, in a sentence. */
  readonly meaning: string;
  readonly model: Pick<RunHeader['model'], 'name' | 'producer'> & { readonly modified: readonly string[] };
  readonly data: Omit<RunHeader['data'], 'digest'>;
  readonly split: RunHeader['split'];
  readonly settings: RunHeader['settings'];
  readonly environment: RunHeader['environment'];
  readonly results: Omit<ReturnType<typeof runEnd>, 'kind'> & {
    /** Whether the run came to its end. */
    readonly finished: boolean;
  };
  /** Of statements on the population the images stand for; those on an image have 1 - alpha. */
  readonly confidence: number;
}

const MEANING: { readonly [G in RunHeader['guarantee']]: string } = {
  certificate:
    'For each image recorded with prediction c and radius r, with probability at least 1 - alphaTotal over the noise drawn, the smoothed classifier answers c for every input within l2 distance r. Nothing is said about the network without smoothing, or about other norms.',
  'estimate, not a bound':
    'The left half was measured by power iteration, which bounds nothing: the radii are estimates and certify nothing.',
};

export function statementOf(path: string, { sha256, header, outcomes, finished }: AttestedRun): Statement {
  const { model, data } = header;
  const { kind: _, ...results } = runEnd(header, outcomes);
  const { digest, ...described } = data;
  return {
    _type: STATEMENT_TYPE,
    subject: [
      ...model.files.map((file) => ({ name: file.name, digest: { sha256: file.sha256 } })),
      { name: data.name, digest: { [DATA_DIGEST]: digest } },
      { name: basename(path), digest: { sha256 } },
    ],
    predicateType: PREDICATE_TYPE,
    predicate: {
      tool: header.tool,
      started: header.started,
      guarantee: header.guarantee,
      meaning: MEANING[header.guarantee],
      model: { name: model.name, producer: model.producer, modified: model.modified ?? [] },
      data: described,
      split: header.split,
      settings: header.settings,
      environment: header.environment,
      results: { ...results, finished },
      confidence: CONFIDENCE,
    },
  };
}
