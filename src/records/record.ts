/**
 * The lines of a result file (docs/certificates.md, section 6), format `splitz-onnx/result/2`: one `run` line, then one
 * `certificate` line per image in the order the images are visited, then one `end` line when the run is finished. Each
 * ends in its `chain` field (`chain.ts`), which values in memory do not carry.
 *
 * A run is a list of series: one method with its settings each. What a run is compared with is another series of it. A
 * record has one verdict per series, in the order of the header; the evidence for the verdict is the method's own
 * (`series-format.ts`).
 *
 * Radii are distances in raw input units (pixels in [0,1]) unless they are called latent, and in the norm of their series (l2
 * unless it says otherwise), which is the same for all series of a run. Numbers are printed so that they
 * read back as the same float64, so nothing is rounded here; a radius or lower bound was rounded down, and an upper bound up,
 * when it was computed.
 */

import {
  constant,
  count,
  fileName,
  flag,
  innerPath,
  list,
  nullable,
  number,
  object,
  oneOf,
  openObject,
  optional,
  type Schema,
  sha256,
  type TypeOf,
  text,
} from '../ground/json-schema.ts';
import { chainField } from './chain.ts';
import type { LeftHalfReading, SeriesFormats } from './series-format.ts';

export const RESULT_FORMAT = 'splitz-onnx/result/2';

const origin = oneOf('Where the value came from.', [
  'flag',
  'environment',
  'config file',
  'model metadata',
  'data set',
  'default',
  'derived',
  'operating system',
  'denoiser',
]);

/** The schema of a setting: its value and where that came from. */
export const setting = <T>(value: Schema<T>) =>
  object('A setting and where its value came from.', { value, origin });

/** A setting's origin, as printed with its value. */
export type SettingOrigin = TypeOf<typeof origin>;

/** A value with its origin. */
export interface Sourced<T> {
  readonly value: T;
  readonly origin: SettingOrigin;
}

const denoiser = object(
  'A model that what noise was added to passes through before it reaches the network: certified is the network behind it.',
  {
    name: fileName('File name, without its folder.'),
    files: list(
      'The file and every external data file it refers to.',
      object('One file.', {
        name: innerPath('Name, relative to the denoiser.'),
        sha256: sha256('SHA-256 of its bytes.'),
      }),
    ),
    producer: text('Producer name and version the file states; empty when it states none.'),
    modified: optional(
      list(
        "What was changed on the user's wish (--force-eval); absent when nothing was.",
        text('One change.'),
      ),
    ),
    at: nullable(
      text('Tensor of the network it is put behind; null: the image, in front of all preparation of pixels.'),
    ),
    trained: nullable(
      setting(
        number('Deviation of the noise it was trained for; of a range, the nearest to the noise it gets.', {
          minimum: 0,
        }),
      ),
    ),
    range: optional(
      list(
        'Least and largest deviation of the noise it was trained for; absent where it is one.',
        number('Deviation.', { minimum: 0 }),
      ),
    ),
    scaling: nullable(
      object('It computes sigma/trained · d(x · trained/sigma).', {
        trained: number('Deviation of the noise it was trained for.', { minimum: 0 }),
        sigma: number('Deviation of the noise it gets.', { minimum: 0 }),
      }),
    ),
    diffusion: nullable(
      object(
        'One step of a diffusion model; the image is stretched to [-1,1] and multiplied by the root of alphaBar.',
        {
          timestep: count('The step.'),
          alphaBar: number('The share of signal at that step.', { minimum: 0, maximum: 1 }),
          prediction: oneOf('What the model answers.', ['epsilon', 'sample', 'v_prediction']),
        },
      ),
    ),
  },
);

const model = object('The model file certified.', {
  name: fileName('File name, without its folder.'),
  files: list(
    'The model file and every external data file it refers to.',
    object('One file.', {
      name: innerPath('Name, relative to the model.'),
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
  classes: count('Classes it scores.'),
  denoiser: optional(denoiser),
  classNames: optional(
    list(
      "What people call the classes, in their order; absent where they have no names. Informative: no part of a run's identity.",
      text('Name.'),
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

const intake = object('How pixels are handed to the model, and which of its outputs is read.', {
  mean: setting(nullable(list('Mean per channel the model expects to be subtracted.', number('Mean.')))),
  std: setting(nullable(list('Deviation per channel it expects to be divided by.', number('Deviation.')))),
  scale: setting(number('The model expects pixels in [0, scale].', { minimum: 0 })),
  layout: setting(
    oneOf('How the model expects an image.', ['nchw', 'nhwc', 'hw', 'flat', 'flat-transposed']),
  ),
  channelOrder: setting(
    oneOf(
      'Order in which it expects the colours; with "grey-to-", grey images are read as colour ones, R = G = B, and the images certified have three channels.',
      ['bgr', 'grey-to-bgr', 'grey-to-rgb', 'rgb'],
    ),
  ),
  output: setting(nullable(text('Output that holds the class scores; null: the only one.'))),
  labels: setting(
    nullable(
      fileName(
        "Name, without its folder, of the file whose labels took the place of the data's own; the digest of the data covers them. Null: none.",
      ),
    ),
  ),
});

const selection = object('Which images of the data are certified.', {
  start: setting(count('Index of the first image.')),
  skip: setting(count('Distance between one image and the next; at least 1.')),
  max: setting(nullable(count('Images after which the run ends; null: at the end of the data.'))),
  heldOut: list(
    'Images that settings were chosen on; they are never certified in this run.',
    count('Index.'),
  ),
  unreadable: optional(
    list(
      'Images whose files could not be decoded when the run started; they are left out, and every figure is about the others. Absent when there are none.',
      count('Index.'),
    ),
  ),
  shard: nullable(
    object('The part of the images that this file holds, where several machines share a run.', {
      index: count('Which part, from 0.'),
      of: count('Number of parts; the k-th image belongs to part k mod of.'),
    }),
  ),
});

const series = object('One method with its settings.', {
  method: text('Name of the method, as in --method.'),
  guarantee: oneOf(
    'What its radii are. "estimate, not a bound": a left half was measured by power iteration, which proves nothing.',
    ['certificate', 'estimate, not a bound'],
  ),
  denoised: optional(
    flag(
      "Whether the run's denoiser stands in front of what is certified; absent where the run has none. The first series has it.",
    ),
  ),
  norm: optional(oneOf('Norm that its radii are distances in; absent: l2.', ['l1'])),
  settings: openObject('Every setting of the method, each with its origin.'),
  facts: openObject('What the settings come to on this model; part of the identity of the run.'),
  checks: openObject('What was measured when the run was opened. No part of its identity.'),
});

const environment = object('A machine that computed records of the run.', {
  provider: text('ONNX Runtime execution provider of what is sampled.'),
  onnxruntime: text('Version of onnxruntime-node.'),
  node: text('Version of Node.'),
  platform: text('Operating system and architecture, as in linux-x64.'),
  cpu: text('CPU model.'),
  workers: count(
    'Threads that make noise. On the CPU each runs a session of its own; elsewhere one more thread does.',
  ),
  devices: optional(list("The provider's devices, where they were named.", count('Number of one, from 0.'))),
});

export const run = object('First line: what was run.', {
  kind: constant('run'),
  schema: constant(RESULT_FORMAT),
  tool: object('The program.', { name: constant('splitz-onnx'), version: text('Its version.') }),
  started: text('When the run was first started, ISO 8601. A time field.'),
  model,
  data,
  intake,
  selection,
  seed: setting(
    count(
      'Seed of the noise, drawn from the operating system unless somebody chose it: a model can be made for a seed that its maker knew.',
    ),
  ),
  dependence: oneOf(
    'The noise of different images: drawn for each image alone, so that certificates fail independently of each other, or shared.',
    ['independent', 'shared'],
  ),
  precision: optional(
    setting(
      oneOf(
        'Arithmetic of what is sampled. tf32: convolutions and products take factors of ten bits of mantissa, and the certificates are of that classifier. Absent: float32.',
        ['tf32'],
      ),
    ),
  ),
  shareNoise: optional(
    setting(
      count(
        'Images, one after the other in the run, that share the noise of each draw. Absent where each has its own.',
      ),
    ),
  ),
  series: list('The methods: the one asked for, then what it is compared with.', series),
  environments: list('Machines; a record says which of them computed it.', environment),
  findings: list(
    "What preflight found in the model file. Informative: no part of a run's identity.",
    finding,
  ),
  chain: chainField,
});

const verdict = object('What one series says of the image, and why.', {
  prediction: nullable(count('Class certified; null when abstaining.')),
  radius: number(
    "Certified radius around the image in the series' norm, a lower bound in input units; 0 when abstaining.",
    {
      minimum: 0,
    },
  ),
  failureProbability: number('Probability with which this certificate may be wrong, an upper bound.', {
    minimum: 0,
    maximum: 1,
  }),
  evidence: openObject("What the verdict rests on; the method's own."),
  seconds: number(
    'Wall time from the start of this image to its end; others may be in work meanwhile. A time field.',
    {
      minimum: 0,
    },
  ),
});

export const certificate = object('One image.', {
  kind: constant('certificate'),
  index: count("The image's index in the data set."),
  name: nullable(text('File name of the image within its data set; null where images have none.')),
  sha256: sha256(
    'SHA-256 of its pixels as certified: float32, little-endian, channel by channel, row by row.',
  ),
  label: nullable(count('True class; null without labels.')),
  answer: nullable(
    count(
      'What the network alone answers, without noise: the class of the largest score, the first of equals; null where a score is not finite. Not certified.',
    ),
  ),
  environment: count('Which of the environments computed it.'),
  series: list('One verdict per series, in the order of the header.', verdict),
  chain: chainField,
});

export const end = object('Last line of a finished run: what the records before it come to.', {
  kind: constant('end'),
  records: count('Certificate lines in the file.'),
  measure: oneOf('What is counted: without labels, the share with a certificate, right or wrong.', [
    'certified accuracy',
    'certified fraction',
  ]),
  right: nullable(count('Images whose label the network alone answers; null without labels.')),
  radii: list('Radii of the counts, input units.', number('Radius.', { minimum: 0 })),
  series: list(
    'One per series.',
    object('One method.', {
      method: text('Its name.'),
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
  digest: sha256(
    'Result digest: SHA-256 of the run without times and machine facts (records/result-digest.ts).',
  ),
  chain: chainField,
});

/** First line of a result file. */
export type RunHeader = TypeOf<typeof run>;
/** Last line of a finished run. */
export type RunEnd = TypeOf<typeof end>;
/** One image's line. */
export type CertificateRecord = TypeOf<typeof certificate>;
/** One series in the header. */
export type SeriesHeader = RunHeader['series'][number];
/** One series' certificate of one image. */
export type SeriesCertificate = CertificateRecord['series'][number];
export type Guarantee = SeriesHeader['guarantee'];

/** What one series states about an image, without its evidence. */
export interface Verdict
  extends Pick<SeriesCertificate, 'prediction' | 'radius' | 'failureProbability' | 'seconds'> {
  /** D(radius)/radius, an upper bound; null where the method has no left half or the radius is 0. */
  readonly localLipschitz: number | null;
  /** Draws that it rests on; absent where none is made, or a log does not state it. */
  readonly draws?: number;
}

/** The part of a record that tables, curves and the TSV need. Small, so a run can keep all. */
export interface Outcome extends Pick<CertificateRecord, 'index' | 'label' | 'answer'> {
  /** Of the pixels; absent where a log does not state it. */
  readonly sha256?: string;
  /** One per series. */
  readonly verdicts: readonly Verdict[];
}

/** `record` without its evidence. */
export function outcomeOf(record: CertificateRecord, header: RunHeader, formats: SeriesFormats): Outcome {
  const { index, label, answer, sha256 } = record;
  const verdicts = record.series.map(({ prediction, radius, failureProbability, seconds, evidence }, k) => {
    const format = formats(header.series[k]?.method ?? '');
    const reading: LeftHalfReading | null = format?.leftHalf(evidence) ?? null;
    const draws = format?.draws(evidence) ?? null;
    return {
      ...{ prediction, radius, failureProbability, seconds },
      localLipschitz: reading?.localLipschitz ?? null,
      ...(draws === null ? {} : { draws }),
    };
  });
  return { index, label, answer, sha256, verdicts };
}

/** The images of a run, k = 0, 1, …: every `skip`-th from `start`, omitting those held out or unreadable; for a shard only its own. */
export function* plannedIndices({
  selection,
  data,
}: Pick<RunHeader, 'selection' | 'data'>): Generator<number> {
  const omitted = new Set([...selection.heldOut, ...(selection.unreadable ?? [])]);
  const { start, skip, shard } = selection;
  let k = 0;
  for (let index = start.value; index < data.length; index += Math.max(1, skip.value)) {
    if (omitted.has(index)) continue;
    if (shard === null || k % shard.of === shard.index) yield index;
    k++;
  }
}
