/** What a run claims, by which methods, and what it does not claim: in words. */
import { percentUp, tidy } from '../ground/decimal.ts';
import { capitalised } from '../ground/sentence.ts';
import { labelOf, methodOf } from '../methods/index.ts';
import type { Reference } from '../methods/method.ts';
import { COHEN } from '../methods/references.ts';
import { denoiserInWords } from '../records/denoiser-words.ts';
import { normOfRun } from '../records/norm.ts';
import type { RunHeader } from '../records/record.ts';
import { equalImages, equalImagesInWords } from '../statistics/equal-images.ts';
import { leftOutInWords } from '../statistics/left-out.ts';
import { aloneInWords } from '../statistics/network-alone.ts';
import { type AuditedRun, fairnessOf, type ResultRun, type Series } from './audited-run.ts';

const ESTIMATE_WARNING =
  'Estimate, not a bound: nothing proves these radii, and none of them is a certificate.';

const LOG_NOTE =
  'A log in the format of Cohen et al. 2019: taken as it stands. It states neither the model nor noise, draws or failure probability, and their script prints radii to three significant digits rounded to the nearest, so that a radius may be up to 0.5 % too large.';

/** One statement where it is the same for all series, else one per series, named. */
function stated({ series }: AuditedRun, say: (one: Series) => string | null): string[] {
  const texts = series.map(say);
  const [first] = texts;
  if (first !== undefined && first !== null && texts.every((text) => text === first)) return [first];
  return series.flatMap(({ label }, k) => {
    const text = texts[k] ?? null;
    return text === null ? [] : [`${label}: ${text}`];
  });
}

/** Which series prove nothing. */
export const estimateWarnings = (run: AuditedRun): string[] =>
  stated(run, ({ header }) =>
    header === null || header.guarantee === 'certificate' ? null : ESTIMATE_WARNING,
  );

/** What was certified and how, a paragraph each. */
export function describeRun(run: AuditedRun): string[] {
  if (run.kind === 'log') return [LOG_NOTE];
  const { header } = run;
  const paragraphs = [
    ...header.series.flatMap((series) => methodOf(series).describe(series, header)),
    ...(header.model.denoiser === undefined
      ? []
      : [
          `What is certified is the network behind a denoiser: ${denoiserInWords(header.model.denoiser)}. The network itself is unchanged; “the network alone” is it without denoiser and noise.${undenoised(header)}`,
        ]),
    ...stated(run, failing),
    `Radii are ${normOfRun(header)} distances in raw pixels of [0,1], rounded down; times 255 they are in 8-bit levels.`,
    ...(run.records.length === 0
      ? []
      : [
          `The 95 % bands are Clopper-Pearson intervals, at each radius taken alone, for the share in the population that the ${distinctImages(run)} of ${header.data.name} were drawn from.`,
        ]),
    ...aboutImages(run),
    ...comparison(run),
  ];
  // Series with the same draws describe them alike.
  return [...new Set(paragraphs)];
}

/** Which series shows what the denoiser buys. */
function undenoised({ series }: RunHeader): string {
  const without = series.filter(({ denoised }) => denoised === false).map(labelOf);
  return without.length === 0 ? '' : ` “${without.join('”, “')}” has the noise and no denoiser.`;
}

function distinctImages({ records, series: [{ score }] }: ResultRun): string {
  return score.distinct === null ? `${records.length} images` : `${score.distinct.images} distinct images`;
}

/** Images that were left out, and those that are the same picture. */
function aboutImages({ header, records }: ResultRun): string[] {
  const leftOut = leftOutInWords(header, records.length);
  return [...(leftOut === null ? [] : [leftOut]), ...equalImagesInWords(equalImages(records))];
}

function failing({ header, score: { images, alpha } }: Series): string | null {
  if (images === 0 || header?.guarantee !== 'certificate') return null;
  return alpha > 0
    ? `Each certificate may fail with probability at most ${tidy(alpha)}, over the random draws of the run.`
    : 'No certificate rests on chance.';
}

function comparison({ series: [own, ...alongside] }: AuditedRun): string[] {
  const fair = fairnessOf(own);
  if (fair === null) return [];
  return [`${fair.text} ${fair.advice(alongside.flatMap(({ header }) => header ?? []))}`];
}

/** What to take off a certified accuracy for certificates that may have failed. */
export const allowances = (run: AuditedRun): string[] =>
  stated(run, ({ failureAllowance: allowance, score: { images, measure } }) => {
    if (allowance === null || images === 0) return null;
    return allowance === 0
      ? 'Allowing for certificates that failed (95 %) takes nothing off here.'
      : `Allowing for certificates that failed (95 %), take ${percentUp(allowance, 1)} points off a ${measure}.`;
  });

/** How often the network alone is right; null without labels, and for logs, which do not say. */
export function networkAlone(run: AuditedRun): string | null {
  if (run.kind === 'log' || run.right === null || run.records.length === 0) return null;
  const { length } = run.records;
  return `${capitalised(aloneInWords({ right: run.right, images: length }))}; this is not certified.`;
}

/** What a certificate does not claim. */
export const NOT_GUARANTEED: readonly (readonly [head: string, text: string])[] = [
  [
    'The network alone.',
    'Certificates are about the certified classifier (splitz-onnx predict); where there is noise, it returns the class most probable under noise. What a single run of the network returns is not certified.',
  ],
  [
    'Certainty.',
    'Votes are a sample: a certificate that rests on them holds except with the failure probability stated. It is a statement about the noise drawn by this tool, not about an adversary who chooses it.',
  ],
  [
    'Other changes.',
    'The threat is any additive change of the image whose length, in the norm of the radii, is up to the radius. Nothing is said about rotations, crops, blur, patches or weather beyond that length, of other images, or of training data that were tampered with.',
  ],
  [
    'What happens before the pixels.',
    'Radii are measured on decoded pixels in [0,1] as the data set gives them. Cameras, compression, resizing and cropping come before and are outside; normalisation is inside.',
  ],
  [
    'Right answers.',
    'A wrong prediction can be certified. Only together with labels does a radius count towards certified accuracy, and labels can be wrong.',
  ],
  [
    'Other computers.',
    'What was sampled is the function that ONNX Runtime computed here. Another runtime, provider or precision is another function, if only in the last digits.',
  ],
];

/** What every report rests on. */
const OF_REPORTS: readonly Reference[] = [
  COHEN,
  {
    text: 'R. Zhai et al. MACER: Attack-free and Scalable Robust Training via Maximizing Certified Radius. ICLR 2020 (the average certified radius).',
    url: 'https://arxiv.org/abs/2001.02378',
  },
  {
    text: 'I. Waudby-Smith, A. Ramdas. Estimating Means of Bounded Random Variables by Betting. JRSS B 2024.',
    url: 'https://arxiv.org/abs/2010.09686',
  },
  {
    text: 'C. J. Clopper, E. S. Pearson. The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial. Biometrika 26, 1934.',
    url: 'https://doi.org/10.1093/biomet/26.4.404',
  },
];

/** What the methods of the runs cite, then what every report rests on; each once. */
export function references(runs: readonly AuditedRun[]): Reference[] {
  const cited = runs.flatMap(({ series }) =>
    series.flatMap(({ header }) => (header === null ? [] : methodOf(header).references)),
  );
  return [...new Map([...cited, ...OF_REPORTS].map((reference) => [reference.url, reference])).values()];
}
