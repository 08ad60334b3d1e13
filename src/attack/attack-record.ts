/**
 * The lines of an attack file, format `splitz-onnx/attack/2`: one `attack-run` line, then one `attack` line per image,
 * each with its `chain` field (records/chain.ts), which values in memory do not carry.
 * Certified radii are lower bounds, distances of attacks upper bounds; both are in raw input units (pixels in [0,1]) and in
 * the norm of the certificates, l2 where there are none.
 */
import {
  constant,
  count,
  flag,
  inSchemaOrder,
  type JsonSchema,
  list,
  nullable,
  number,
  object,
  oneOf,
  openObject,
  optional,
  sha256,
  type TypeOf,
  text,
  violation,
} from '../ground/json-schema.ts';
import { chainField } from '../records/chain.ts';

export const ATTACK_FORMAT = 'splitz-onnx/attack/2';

/** Ways to search for inputs. */
export const SEARCHES = ['gradient', 'gradient-free'] as const;

const run = object('First line: what was attacked, and how.', {
  kind: constant('attack-run'),
  schema: constant(ATTACK_FORMAT),
  tool: object('The program.', { name: constant('splitz-onnx'), version: text('Its version.') }),
  started: text('When the attack was first started, ISO 8601. A time field.'),
  model: object('The model attacked.', {
    name: text('File name, without its folder.'),
    files: list(
      'The model file and every external data file.',
      object('One file.', {
        name: text('Name, relative to the model.'),
        sha256: sha256('SHA-256 of its bytes.'),
      }),
    ),
    output: text('The output whose largest score is the answer.'),
    denoiser: optional(
      object('The denoiser it stands behind; absent where there is none.', {
        name: text('File name, without its folder.'),
        sha256: sha256('SHA-256 of its bytes.'),
      }),
    ),
  }),
  data: object('The images.', {
    name: text('The data set.'),
    subset: nullable(text('train or test; null when the data set has no subsets.')),
    digest: text('Digest of images and labels.'),
  }),
  certified: nullable(
    object('The certified classifier attacked; null when the network alone was.', {
      method: text('Name of the method that certified it.'),
      norm: optional(constant('l1')),
      settings: openObject('Settings of the method, the values alone.'),
      seed: count('Seed of the certificates.'),
    }),
  ),
  settings: object('The attack.', {
    search: oneOf('How inputs were searched for.', SEARCHES),
    steps: count('Steps of a search.'),
    restarts: count('Starts per image; 1 without gradients.'),
    draws: count('Noise draws per step; 0 for a search without noise.'),
    confirm: count('Fresh draws that confirm an input; 1 where nothing is drawn.'),
    alpha: number('Probability that a confirmation answers a wrong class.', { minimum: 0, maximum: 1 }),
    seed: count('Seed of the attack.'),
    seedOrigin: oneOf('Whether somebody chose the seed.', ['operating system', 'chosen']),
    clipped: flag('Whether pixels were kept in [0,1]. The certificate does not assume that.'),
  }),
  environment: object('What computed the attack.', {
    onnxruntime: text('Version of onnxruntime-node.'),
    node: text('Version of Node.'),
    platform: text('Operating system and architecture.'),
    cpu: text('CPU model.'),
    provider: text('Execution provider of the confirmations.'),
    precision: optional(oneOf('Arithmetic of the confirmations. Absent: float32.', ['tf32'])),
  }),
  chain: chainField,
});

const tried = object('A perturbed image and what the classifier answered.', {
  distance: number('Distance of the float32 input from the image, an upper bound.', { minimum: 0 }),
  prediction: nullable(count('The answer; null when the votes do not decide.')),
  votes: count('Votes of the largest count.'),
  runnerUp: nullable(count('Class with the second largest count; null for non-finite draws.')),
  runnerUpVotes: count('Its votes.'),
  draws: count('Draws.'),
  question: count('Number of the confirmation: its draws begin at question · draws.'),
});

const attack = object('One image.', {
  kind: constant('attack'),
  index: count("The image's index in the data set."),
  label: nullable(count('True class; null without labels.')),
  prediction: nullable(
    count('The answer attacked; null when the classifier abstained, and nothing was attacked.'),
  ),
  radius: number('Certified radius, a lower bound; 0 without a certificate.', { minimum: 0 }),
  failureProbability: number(
    'Probability with which the certificate may be wrong, an upper bound; 0 without a certificate.',
    { minimum: 0, maximum: 1 },
  ),
  inside: nullable(tried),
  attacked: nullable(tried),
  questions: count('Confirmations asked for.'),
  questionsInside: count('Those inside the certified radius.'),
  contradiction: flag('Whether an answer changed inside the certified radius.'),
  seconds: number('Wall time spent. A time field.', { minimum: 0 }),
  chain: chainField,
});

export type AttackHeader = TypeOf<typeof run>;
export type AttackRecord = TypeOf<typeof attack>;
export type TriedRecord = NonNullable<AttackRecord['attacked']>;

/** The JSON Schema of one line, as published in `attack.schema.json` (written by tools/build.mjs). */
export const attackSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: ATTACK_FORMAT,
  title: 'A line of a splitz-onnx attack file (JSON lines)',
  anyOf: [run.json, attack.json],
} as const;

export const attackHeaderViolation = (line: unknown): string | null => violation(run.json, line);
export const attackRecordViolation = (line: unknown): string | null => violation(attack.json, line);

/** The bytes of a line, newline included, without its chain. Throws a plain Error (a bug of ours) if the line breaks its schema. */
export function attackLine(line: AttackHeader | AttackRecord): string {
  const schema: JsonSchema = line.kind === 'attack-run' ? run.json : attack.json;
  const problem = violation(schema, line);
  if (problem !== null) throw new Error(`an ${line.kind} line breaks its schema: ${problem}`);
  return `${JSON.stringify(inSchemaOrder(schema, line))}\n`;
}
