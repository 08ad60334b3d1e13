/**
 * A success inside a certified radius, which the certificate rules out. Either the certificate failed, which it may
 * with its stated probability, or a confirmation did, or something is unsound. The evidence is written so that it can be
 * reproduced, and two further questions with noise of their own tell chance from fault.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { npyBytes } from '../datasets/write-npy.ts';
import { ExitCode, SplitzError, ToolError } from '../ground/errors.ts';
import type { Answer } from '../methods/method.ts';
import type { AttackHeader, AttackRecord } from './attack-record.ts';
import type { Tried } from './bracket.ts';
import { directionTo } from './perturbation.ts';

/** A second look at a contradiction, with fresh noise throughout. */
export interface SecondLook {
  /** The answer at the same input from fresh draws. */
  readonly answer: Answer & { readonly question: number };
  /** The image certified anew under another seed. */
  readonly certificate: {
    readonly seed: number;
    readonly prediction: number | null;
    readonly radius: number;
  };
}

/** How to read the second looks: chance, a record that claims too much, or something unsound. */
export function readingOf(prediction: number, distance: number, { answer, certificate }: SecondLook): string {
  if (answer.prediction === null || answer.prediction === prediction)
    return 'fresh draws do not confirm the answer: it is close, or the first confirmation failed by chance';
  if (certificate.prediction === prediction && certificate.radius >= distance)
    return 'fresh draws confirm the answer, and a certificate under another seed covers it again: chance is not an explanation, the certificate is unsound';
  return `fresh draws confirm the answer, and a certificate under another seed covers only ${certificate.radius}: the recorded one claims too much, by chance or because it was altered`;
}

/** Where the evidence about an image goes, alongside the attack file. */
export const evidenceFolder = (attackFile: string, index: number): string =>
  `${attackFile.replace(/\.jsonl$/i, '')}.contradiction-${index}`;

/** Writes the evidence into a new or existing folder and gives the folder. */
export async function writeEvidence(
  folder: string,
  evidence: {
    readonly header: AttackHeader;
    readonly record: AttackRecord;
    readonly second: SecondLook;
    /** The certificate as in its result file. */
    readonly certificate: unknown;
    readonly image: Float32Array;
    /** What contradicts the certificate. */
    readonly refuting: Tried;
    /** [C,H,W] */
    readonly shape: readonly number[];
    readonly command: string;
  },
): Promise<string> {
  const { header, record, second, certificate, image, refuting, shape, command } = evidence;
  const { input, distance, answer, question } = refuting;
  const files = {
    'image.npy': npyBytes(image, shape),
    'perturbed.npy': npyBytes(input, shape),
    'perturbation.npy': npyBytes(directionTo(image, input), shape),
    'contradiction.json': `${JSON.stringify(
      {
        claim: `no input within ${record.radius} (${header.certified?.norm ?? 'l2'}) of image ${record.index} is answered otherwise than ${record.prediction}`,
        found: `an input at ${distance} is answered ${answer.prediction}`,
        reading: readingOf(record.prediction ?? Number.NaN, distance, second),
        reproduce: [
          command,
          `perturbed.npy is the input, float32 [${shape.join(',')}]; its distance from image.npy is taken in float64`,
          `its answer: question ${question} of stage 22 (attackConfirmation), seed ${header.settings.seed}, image ${record.index}; what is drawn are the samples from question · draws (smoothing/noise/philox.ts)`,
        ],
        input: { distance, ...answer, question },
        record,
        second,
        certificate,
        attack: header,
      },
      null,
      2,
    )}\n`,
  };
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  } catch (cause) {
    throw new ToolError({
      what: `image ${record.index} contradicts its certificate, and the evidence cannot be written`,
      where: folder,
      why: (cause as Error).message,
      remedy: 'Make the folder writable and run the same command again.',
      cause,
    });
  }
  return folder;
}

/** The run ends with this when a certificate was contradicted (exit code 1). */
export class CertificateContradicted extends SplitzError {
  constructor(what: string, where: string, why: string) {
    super(
      {
        what,
        where,
        why,
        remedy: 'Do not rely on this run. The folders hold what is needed to repeat it; please report it.',
      },
      ExitCode.policyNotMet,
    );
  }
}
