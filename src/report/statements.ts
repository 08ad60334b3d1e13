/** What a run claims, by which method, and what it does not claim: in words, from the settings of the run. */
import { percentUp } from '../ground/decimal.ts';
import type { VoteBoundName } from '../ground/vote-bound-names.ts';
import { type AuditedRun, matchedSigma } from './audited-run.ts';

/** A probability without the last bits of a sum (0.0010009999999999999). */
export const tidy = (p: number): string => String(Number(p.toPrecision(9)));

export const ESTIMATE_WARNING =
  'Estimate, not a bound: the left half was measured by power iteration, which proves nothing. No radius in this run is a certificate.';

export const LOG_NOTE =
  'A log in the format of Cohen et al. 2019: taken as it stands. It states neither the model nor noise, draws or failure probability, and their script prints radii to three significant digits rounded to the nearest, so that a radius may be up to 0.5 % too large.';

/** How votes became a latent radius; the draws are named before. */
const OF_BOUND: Readonly<Record<VoteBoundName, string>> = {
  'clopper-pearson':
    'p_A is the Clopper-Pearson lower confidence bound on its probability, and the latent radius is R_u = σ Φ⁻¹(p_A)',
  'runner-up':
    'p_A is the lower and p_B the upper confidence bound on its and any other probability, and the latent radius is R_u = σ/2 (Φ⁻¹(p_A) − Φ⁻¹(p_B))',
  anytime:
    'drawing ended once the votes left little to gain, which is why p_A is a lower confidence bound that holds at all numbers of draws at once (Krichevsky-Trofimov betting), and the latent radius is R_u = σ Φ⁻¹(p_A)',
};

/** What was certified and how, a paragraph each. */
export function methodOf(run: AuditedRun): string[] {
  if (run.kind === 'log') return [LOG_NOTE];
  const { settings, split, data, guarantee } = run.header;
  const alpha = Math.max(...run.images.map(({ alphaTotal }) => alphaTotal), settings.alpha.value);
  const votes = `The class was selected by ${settings.n0.value} draws and its votes counted among ${
    settings.bound.value === 'anytime' ? 'up to ' : ''
  }${settings.n.value} fresh ones; ${OF_BOUND[settings.bound.value]}. Without a majority (p_A ≤ 1/2) the classifier abstains.`;
  const smoothing =
    split.cut === 'input'
      ? `Plain randomized smoothing of the whole network: Gaussian noise of deviation σ = ${settings.sigma.value} is added to the image. The radius is R_u.`
      : `SPLITZ: the network is cut at '${split.cut}' (${split.nodesLeft} nodes before, ${split.nodesRight} behind). Gaussian noise of deviation σ = ${settings.sigma.value} is added to the latent there, and the half behind it is smoothed. D(r) is ${
          guarantee === 'certificate' ? 'a proven upper bound' : 'an estimate'
        } (${settings.lipschitz.value}) of how far the latent moves when the image moves by r in l2; the certified radius is the largest r found with D(r) ≤ R_u − η − η′, where η bounds the rounding error of the latent at the image and η′ at every image within r.`;
  return [
    smoothing,
    votes,
    `Each certificate may fail with probability at most ${tidy(alpha)}, over the draws of the noise. Radii are l2 distances in raw pixels of [0,1], rounded down; times 255 they are in 8-bit levels.`,
    ...(run.images.length === 0
      ? []
      : [
          `The 95 % bands are Clopper-Pearson intervals, at each radius taken alone, for the share in the population that the ${run.images.length} images of ${data.name} were drawn from.`,
        ]),
    ...comparison(run),
  ];
}

function comparison(run: AuditedRun): string[] {
  const matched = matchedSigma(run);
  if (run.kind !== 'result' || run.medianLipschitz === null || matched === null) return [];
  const sigma = Number(matched.toPrecision(3));
  return [
    `The fair comparison is plain smoothing at the matched noise σ/L = ${sigma} (L the median local bound): at it, a linear left half could never beat plain smoothing. ${
      run.series.length > 1
        ? 'The plain smoothing shown is of the same network, which may not have been trained for noise on its input.'
        : `No plain smoothing was run alongside; certify the network with --split input --sigma ${sigma}, or one trained for it, and give both result files to the report.`
    }`,
  ];
}

/** What to take off a certified accuracy for certificates that may have failed. */
export function allowanceOf({ series }: AuditedRun): string | null {
  const allowance = series[0]?.failureAllowance;
  if (allowance === null || allowance === undefined || series[0]?.score.images === 0) return null;
  if (allowance === 0) return 'Allowing for certificates that failed (95 %) takes nothing off here.';
  return `Allowing for certificates that failed (95 %), take ${percentUp(allowance, 1)} points off a certified accuracy.`;
}

/** What a certificate does not claim. */
export const NOT_GUARANTEED: readonly (readonly [head: string, text: string])[] = [
  [
    'The network alone.',
    'Certificates are about the smoothed classifier, which returns the class most probable under noise (splitz-onnx predict). What a single run of the network returns is not certified.',
  ],
  [
    'Certainty.',
    'Votes are a sample: each certificate holds except with the failure probability stated. It is a statement about the noise drawn by this tool, not about an adversary who chooses it.',
  ],
  [
    'Other changes.',
    'The threat is any additive change of the image of l2 length up to the radius. Nothing is said about rotations, crops, blur, patches or weather beyond that length, of other images, or of training data that were tampered with.',
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
    'The half behind the cut is the function that ONNX Runtime computed here. Another runtime, provider or precision is another function, if only in the last digits.',
  ],
];

export const REFERENCES: readonly (readonly [text: string, url: string])[] = [
  [
    'M. Zhong, R. Tandon. SPLITZ: Certifiable Robustness via Split Lipschitz Randomized Smoothing. 2024.',
    'https://arxiv.org/abs/2407.02811',
  ],
  [
    'J. Cohen, E. Rosenfeld, J. Z. Kolter. Certified Adversarial Robustness via Randomized Smoothing. ICML 2019.',
    'https://arxiv.org/abs/1902.02918',
  ],
  [
    'Y. Huang et al. Training Certifiably Robust Neural Networks with Efficient Local Lipschitz Bounds. NeurIPS 2021.',
    'https://arxiv.org/abs/2111.01395',
  ],
  [
    'R. Zhai et al. MACER: Attack-free and Scalable Robust Training via Maximizing Certified Radius. ICLR 2020 (the average certified radius).',
    'https://arxiv.org/abs/2001.02378',
  ],
  [
    'I. Waudby-Smith, A. Ramdas. Estimating Means of Bounded Random Variables by Betting. JRSS B 2024.',
    'https://arxiv.org/abs/2010.09686',
  ],
  [
    'C. J. Clopper, E. S. Pearson. The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial. Biometrika 26, 1934.',
    'https://doi.org/10.1093/biomet/26.4.404',
  ],
];
