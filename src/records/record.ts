/**
 * The lines of a result file (docs/certificates.md, section 6), format `splitz-onnx/result/1`: one `run` line, then one
 * `certificate` line per image in the order the images are visited, then one `end` line when the run is finished. Each
 * ends in its `chain` field (`chain.ts`), which values in memory do not carry; the first files had neither chain nor end.
 *
 * Radii and distances are l2 in raw input units (pixels in [0,1]) unless they are called latent. Numbers are printed
 * so that they read back as the same float64, therefore nothing is rounded here; what was rounded down (a radius, a
 * lower bound) or up (an upper bound) was so when it was computed.
 */

import {
  constant,
  count,
  flag,
  inSchemaOrder,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  type Schema,
  sha256,
  type TypeOf,
  text,
  violation,
} from '../ground/json-schema.ts';
import { VOTE_BOUND_NAMES } from '../ground/vote-bound-names.ts';
import { chainField } from './chain.ts';

export const RESULT_FORMAT = 'splitz-onnx/result/1';

/** What the radii of a run are: proven, or (with `--lipschitz power`) only estimated. */
const guarantee = oneOf(
  'What the radii are. "estimate, not a bound": the left half was measured by power iteration, which proves nothing.',
  ['certificate', 'estimate, not a bound'],
);

const setting = <T>(value: Schema<T>) =>
  object('A setting and where its value came from.', {
    value,
    origin: oneOf('Where the value came from.', [
      'flag',
      'environment',
      'config file',
      'model metadata',
      'data set',
      'default',
      'derived',
      'operating system',
    ]),
  });

const model = object('The model file certified.', {
  name: text('File name, without its folder.'),
  files: list(
    'The model file and every external data file it refers to.',
    object('One file.', {
      name: text('Name, relative to the model.'),
      sha256: sha256('SHA-256 of its bytes.'),
    }),
  ),
  producer: text('Producer name and version the file states; empty when it states none.'),
  irVersion: count('ONNX IR version.'),
  opsets: list(
    'Operator sets imported.',
    object('One import.', { domain: text('Domain; empty for ai.onnx.'), version: count('Version.') }),
  ),
  modified: optional(
    list(
      "What was changed on the user's wish (--force-eval) before it was certified; absent when nothing was.",
      text('One change.'),
    ),
  ),
});

const finding = object('Something to know about the model file (preflight).', {
  id: text('Stable id, as in SPLITZ008.'),
  severity: oneOf('How much it matters.', ['error', 'warning', 'note']),
  where: text('Node, tensor or part of the file.'),
  what: text('What was found.'),
});

const data = object('The images certified.', {
  name: text('The data set as it was named.'),
  subset: nullable(text('train or test; null when the data set has no subsets.')),
  digest: text('Digest of the images and labels.'),
  length: count('Images in the subset.'),
  shape: list('Shape of one image, [C,H,W].', count('Extent of an axis.')),
  labelled: flag('Whether labels are known; without them nothing is called accuracy.'),
});

const split = object('The tensor the network was cut at.', {
  cut: text('Name of the cut; "input" is plain smoothing of the whole network.'),
  index: count('Its number in the list of cuts.'),
  tensor: text('Name of the tensor.'),
  latentShape: list('Shape of the latent u = f_L(x) of one image.', count('Extent of an axis.')),
  nodesLeft: count('Nodes before the cut (bounded in float64).'),
  nodesRight: count('Nodes behind the cut (smoothed).'),
  heldOut: list('Images the split was chosen on; they are never certified in this run.', count('Index.')),
});

const settings = object('Every setting, each with its origin.', {
  sigma: setting(number('Standard deviation of the noise added at the cut.', { minimum: 0 })),
  baselineSigma: setting(
    nullable(number('The same at the input, for plain smoothing beside it; null: not run.', { minimum: 0 })),
  ),
  n0: setting(count('Draws that select the class.')),
  n: setting(count('Fresh draws that count its votes; the most of them where the bound is anytime.')),
  alpha: setting(
    number('Failure probability of the vote-count bound, per image.', { minimum: 0, maximum: 1 }),
  ),
  delta: setting(number('Failure probability of the norm bounds, per image.', { minimum: 0, maximum: 1 })),
  bound: setting(oneOf('How votes become a latent radius.', VOTE_BOUND_NAMES)),
  lipschitz: setting(oneOf('How the left half is bounded.', ['secant', 'mask', 'global', 'power'])),
  seed: setting(
    count(
      'Seed of the noise, drawn from the operating system unless somebody chose it: a model can be made for a seed that its maker knew.',
    ),
  ),
  start: setting(count('Index of the first image.')),
  skip: setting(count('Distance between one image and the next; at least 1.')),
  max: setting(nullable(count('Images after which the run ends; null: at the end of the data.'))),
  mean: setting(nullable(list('Mean per channel the model expects to be subtracted.', number('Mean.')))),
  std: setting(nullable(list('Deviation per channel it expects to be divided by.', number('Deviation.')))),
  scale: setting(number('The model expects pixels in [0, scale].', { minimum: 0 })),
  layout: setting(oneOf('How the model expects an image.', ['nchw', 'nhwc', 'hw', 'flat'])),
  channelOrder: optional(
    setting(
      oneOf('Order in which it expects the colours; absent: rgb, as the data have them.', ['bgr', 'rgb']),
    ),
  ),
  output: optional(
    setting(text('Output that holds the class scores; absent: the only one, or not recorded.')),
  ),
  labels: optional(
    setting(
      text(
        "Name, without its folder, of the file whose labels took the place of the data's own; the digest of the data covers them. Absent: none, or not recorded.",
      ),
    ),
  ),
});

const environment = object('What computed the run.', {
  provider: text('ONNX Runtime execution provider of the right half.'),
  onnxruntime: text('Version of onnxruntime-node.'),
  node: text('Version of Node.'),
  platform: text('Operating system and architecture, as in linux-x64.'),
  cpu: text('CPU model.'),
  workers: count('Worker threads, each with one single-threaded session.'),
  batch: count('Rows per call of the right half.'),
  noise: text('Generator and distribution of the noise, as in philox4x32-10/box-muller-float64/rounded.'),
});

const checks = object('Largest differences found by the checks made before the first certificate.', {
  leftHalf: number('|float64 left half - ONNX Runtime left half| of the worst entry.', { minimum: 0 }),
  leftHalfNorm: number(
    'The same in l2 over all entries, rounded up: how far what is deployed (what `split` writes) is from what is certified.',
    { minimum: 0 },
  ),
  leftHalfSigmas: number('leftHalfNorm in units of sigma, rounded up; at most 0.01.', { minimum: 0 }),
  composition: number('|right(left(x)) - model(x)|.', { minimum: 0 }),
  provider: nullable(
    number('|provider - CPU| on one batch; null when the provider is the CPU.', { minimum: 0 }),
  ),
});

const run = object('First line: what was run.', {
  kind: constant('run'),
  schema: constant(RESULT_FORMAT),
  tool: object('The program.', { name: constant('splitz-onnx'), version: text('Its version.') }),
  started: text('When the run was first started, ISO 8601. A time field.'),
  guarantee,
  model,
  data,
  split,
  settings,
  environment,
  checks,
  findings: optional(
    list("What preflight found in the model file. Informative: no part of a run's identity.", finding),
  ),
  chain: chainField,
});

const smoothed = {
  prediction: nullable(count('Class the smoothed classifier is certified to return; null when abstaining.')),
  radius: number('Certified l2 radius around the image, a lower bound in input units; 0 when abstaining.', {
    minimum: 0,
  }),
  abstained: flag('True when no class could be shown to have more than half of the votes.'),
  correct: nullable(
    flag('Whether the prediction is the label (never, when abstaining); null without a label.'),
  ),
  selected: nullable(count('Top class of the n0 draws; null when none of them was finite.')),
  counts: list('Votes per class among the n draws.', count('Votes.')),
  nonFinite: count('Draws with a non-finite logit, counted for no class.'),
  n0: count('Draws that selected the class.'),
  n: count(
    'Draws that counted votes: the sum of counts and nonFinite. Those of the settings; with the anytime bound it may be fewer.',
  ),
  grid: number('q, the spacing of the grid that latent + noise is rounded to; depends on sigma alone.', {
    minimum: 0,
  }),
  tau: number(
    'τ, an upper bound on the total variation between the noise drawn and ideal rounded Gaussian noise; taken off pA and added to pB.',
    { minimum: 0, maximum: 1 },
  ),
  pA: number('Lower confidence bound on the probability of the selected class under ideal noise.', {
    minimum: 0,
    maximum: 1,
  }),
  pB: nullable(
    number('Upper confidence bound on any other class under ideal noise; null where the bound uses none.', {
      minimum: 0,
      maximum: 1,
    }),
  ),
  latentRadius: number('R_u, the certified radius in the latent; 0 when abstaining.', { minimum: 0 }),
  displacementBound: oneOf('How D was bounded; "identity" when the cut is the input.', [
    'secant',
    'mask',
    'global',
    'identity',
    'power estimate, not a bound',
  ]),
  displacement: nullable(
    number('D(radius), an upper bound on how far the latent moves inside the radius; null when abstaining.', {
      minimum: 0,
    }),
  ),
  localLipschitz: nullable(
    number('D(radius)/radius, an upper bound; null when the radius is 0.', { minimum: 0 }),
  ),
  forwardError: nullable(
    number(
      'η, an upper bound on the rounding error of f_L(x) in l2, taken off R_u. Null where there is none (f_L jumps within rounding of x, or x is outside of its domain): the radius is 0 then.',
      { minimum: 0 },
    ),
  ),
  forwardErrorNearby: nullable(
    number(
      'η′, an upper bound on the rounding error of f_L(x′) in l2 for every x′ within the radius, taken off R_u; null when the radius is 0.',
      { minimum: 0 },
    ),
  ),
  alphaTotal: number('Failure probability of this certificate: alpha plus what the norm bounds spent.', {
    minimum: 0,
    maximum: 1,
  }),
  seconds: number('Wall time spent. A time field.', { minimum: 0 }),
};

const certificate = object('One image.', {
  kind: constant('certificate'),
  index: count("The image's index in the data set."),
  label: nullable(count('True class; null without labels.')),
  ...smoothed,
  baseline: nullable(object('The same image under plain smoothing at baselineSigma.', smoothed)),
  chain: chainField,
});

const end = object('Last line of a finished run: what the records before it come to.', {
  kind: constant('end'),
  records: count('Certificate lines in the file.'),
  measure: oneOf('What is counted: without labels, the share with a certificate, right or wrong.', [
    'certified accuracy',
    'certified fraction',
  ]),
  radii: list('Radii of the counts, input units.', number('Radius.', { minimum: 0 })),
  series: list(
    'The method run, then plain smoothing where it was run beside it.',
    object('One method.', {
      name: oneOf('Which.', ['SPLITZ', 'plain smoothing']),
      sigma: number('Its noise.', { minimum: 0 }),
      abstained: count('Images without a certificate.'),
      certified: list(
        'Images that count at each of the radii: certified there and, with labels, right.',
        count('Images.'),
      ),
      averageRadius: number('Mean over the images of the radius, 0 where an image does not count.', {
        minimum: 0,
      }),
    }),
  ),
  chain: chainField,
});

/** First line of a result file. */
export type RunHeader = TypeOf<typeof run>;
/** Last line of a finished run. */
export type RunEnd = TypeOf<typeof end>;
/** A setting's origin, as printed beside its value. */
export type SettingOrigin = RunHeader['settings']['sigma']['origin'];
/** One image's line. */
export type CertificateRecord = TypeOf<typeof certificate>;
/** One smoothed classifier's certificate of one image: the common part of a record and of its baseline. */
export type SmoothingCertificate = NonNullable<CertificateRecord['baseline']>;

/** The part of a certificate that tables, curves and the TSV need; a record is one. Small, so a run can keep all. */
export type Outcome = Pick<CertificateRecord, 'index' | 'label'> &
  Verdict & { readonly baseline: Verdict | null };
export type Verdict = Pick<
  SmoothingCertificate,
  'prediction' | 'radius' | 'abstained' | 'correct' | 'localLipschitz' | 'alphaTotal' | 'seconds'
>;

function verdictOf(from: Verdict): Verdict {
  const { prediction, radius, abstained, correct, localLipschitz, alphaTotal, seconds } = from;
  return { prediction, radius, abstained, correct, localLipschitz, alphaTotal, seconds };
}

/** The certificate of the method run: `record` without its place in the run and without plain smoothing. */
export function ownCertificate(record: CertificateRecord): SmoothingCertificate {
  const { kind: _kind, index: _index, label: _label, baseline: _baseline, ...own } = record;
  return own;
}

/** `record` without its evidence. */
export function outcomeOf(record: CertificateRecord): Outcome {
  const { index, label, baseline } = record;
  return { index, label, ...verdictOf(record), baseline: baseline && verdictOf(baseline) };
}

/** The JSON Schema of one line, as published in `result.schema.json` (written by tools/build.mjs). */
export const resultSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: RESULT_FORMAT,
  title: 'A line of a splitz-onnx result file (JSON lines)',
  anyOf: [run.json, certificate.json, end.json],
} as const;

/** What is wrong with a parsed first line, or null. */
export const headerViolation = (line: unknown): string | null => violation(run.json, line);

/** What is wrong with a parsed closing line, or null. */
export const endViolation = (line: unknown): string | null => violation(end.json, line);

/** What is wrong with a parsed certificate line, or null. */
export function recordViolation(line: unknown): string | null {
  const shape = violation(certificate.json, line);
  if (shape !== null) return shape;
  const record = line as CertificateRecord;
  const own = contradiction(record);
  if (own !== null || record.baseline === null) return own;
  const inner = contradiction(record.baseline);
  return inner && `baseline.${inner}`;
}

/** What no single field can show: an abstention that claims something, or votes that do not add up. */
function contradiction(c: SmoothingCertificate): string | null {
  if (c.abstained !== (c.prediction === null)) return 'prediction: is null exactly when abstaining';
  if (c.abstained && c.radius !== 0) return 'radius: is not 0 although it abstained';
  if (c.forwardError === null && c.radius !== 0) return 'radius: is not 0 although forwardError is null';
  if ((c.forwardErrorNearby === null) !== (c.radius === 0))
    return 'forwardErrorNearby: is null exactly when the radius is 0';
  if (c.abstained && c.correct === true) return 'correct: is true although it abstained';
  const votes = c.counts.reduce((sum, k) => sum + k, c.nonFinite);
  return votes === c.n ? null : `counts: ${votes} votes with nonFinite, but n is ${c.n}`;
}

/**
 * The bytes of a line, newline included: keys in schema order, numbers in full precision.
 * Throws a plain Error (a bug of ours) if the line breaks its schema.
 */
export function lineOf(line: RunHeader | CertificateRecord | RunEnd): string {
  const schema = { run, certificate, end }[line.kind].json;
  const problem = line.kind === 'certificate' ? recordViolation(line) : violation(schema, line);
  if (problem !== null) throw new Error(`a ${line.kind} line breaks its schema: ${problem}`);
  return `${JSON.stringify(inSchemaOrder(schema, line))}\n`;
}

/** Index of the k-th image of a run, k = 0, 1, …: every `skip`-th from `start`, leaving out those held out. */
export function* plannedIndices(header: RunHeader): Generator<number> {
  const heldOut = new Set(header.split.heldOut);
  const { start, skip } = header.settings;
  for (let index = start.value; index < header.data.length; index += Math.max(1, skip.value)) {
    if (!heldOut.has(index)) yield index;
  }
}
