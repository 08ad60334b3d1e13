/** `verify`: recomputes what a result file claims, from its counts, its chain and, given them, the model and the data. */
import { keyId, readPublicKey } from '../../attestation/keys.ts';
import { statementPathOf, verifySignedStatement } from '../../attestation/signed-statement.ts';
import { isKindOnly } from '../../datasets/open-dataset.ts';
import { DoesNotHold, ModelRefused, UsageError } from '../../ground/errors.ts';
import { wrap } from '../../ground/text-width.ts';
import { checkLeftHalf, requireHidden } from '../../methods/left-half-check.ts';
import { requireCount } from '../../methods/sourced.ts';
import { loadModel } from '../../onnx/model/load.ts';
import { splitModel } from '../../onnx/split.ts';
import type { RunHeader } from '../../records/record.ts';
import { modelDifference, type ReopenedRun, reopenRun, sourceDifferences } from '../../runs/reopen-run.ts';
import { confirmedBounds, described, leftOpen, motionless } from '../../runs/verify-bounds.ts';
import { drawnSeed } from '../../smoothing/noise/drawn-seed.ts';
import { totalVariation } from '../../smoothing/noise/noise-error.ts';
import { parseRequirements } from '../../statistics/policy.ts';
import { type BoundClaim, type FileVerification, verifyFile } from '../../verification/verify-file.ts';
import type { VerifyFlags } from '../declarations/verify.ts';
import { applyPolicy } from '../policy.ts';
import { screenOf } from '../terminal/style.ts';

/** What was found to hold, and what was not looked at. */
interface Findings {
  readonly checked: string[];
  readonly unchecked: string[];
  /** What it was compared with: nothing but itself, some of what it claims, or every bound. */
  scope: 'file' | 'part' | 'whole';
}

export async function run(flags: VerifyFlags): Promise<void> {
  if (flags.bounds !== undefined) requireCount('--bounds', flags.bounds, 0);
  if (flags.seed !== undefined) requireCount('--seed', flags.seed, 0);
  const requirements = parseRequirements(flags.require);
  const file = await verifyFile(flags.run, flags.unfinished);
  const found = fileFindings(file);
  let problem = faultOf(flags.run, file);
  try {
    if (problem === null) {
      await checkSignature(flags, file, found);
      await checkSources(flags, file, found);
    }
  } catch (error) {
    if (!(error instanceof DoesNotHold)) throw error;
    problem = error;
  }
  if (flags.json) {
    const { what, where, why } = problem?.report ?? {};
    const fault = problem === null ? null : { what, where, why };
    process.stdout.write(
      `${JSON.stringify({ holds: problem === null, fault, records: file.records, ...found })}\n`,
    );
  } else if (problem === null) {
    process.stdout.write(asText(found));
  }
  if (problem !== null) throw problem;
  if (file.header !== null) {
    applyPolicy(requirements, file.header, file.outcomes, (text) => process.stderr.write(`${text}\n`));
  }
}

function faultOf(path: string, { fault }: FileVerification): DoesNotHold | null {
  if (fault === null) return null;
  return new DoesNotHold({
    what: `the result file does not hold: ${fault.record}`,
    where: `${path}, line ${fault.line}`,
    why: fault.why.join('; '),
    remedy:
      'Trust nothing from this line on. Get the file again from its source, or certify the images again.',
  });
}

/** What a seed leaves open: who knew it before the model was made, or how many were drawn. */
function seedDoubt({ settings: { seed } }: RunHeader): string {
  return seed.origin === 'operating system'
    ? `that the seed ${seed.value} was drawn once (by the operating system, the file says), and not again and again until the result pleased`
    : `that whoever made the model did not know the seed ${seed.value}: it was chosen (${seed.origin}), and a model can be made for the noise of a known seed`;
}

function fileFindings({ header, records, chained, finished }: FileVerification): Findings {
  return {
    scope: 'file',
    checked: [
      `${records} records: p_A from the counts, R_u from p_A, the radius from R_u and D; verdicts, order, settings`,
      ...(chained ? ['the chain over all lines'] : []),
      ...(finished ? ["the closing line's figures, counted again"] : []),
    ],
    unchecked: [
      'that the votes were drawn as stated: `splitz-onnx replay` draws them again',
      ...(header === null ? [] : [seedDoubt(header)]),
      ...(chained
        ? []
        : [
            'seconds, dates and names, and whether records are missing at the end: the file has no chain (it is of an earlier version)',
          ]),
      ...(chained && !finished ? ['whether records are missing at the end: the run is not finished'] : []),
    ],
  };
}

/** Who vouches for the file, if a key was given. */
async function checkSignature(
  flags: VerifyFlags,
  { chained }: FileVerification,
  found: Findings,
): Promise<void> {
  if (flags.key === undefined) {
    if (flags.statement !== undefined)
      throw new UsageError({ what: '--statement needs a key', remedy: 'Add --key key.pub.pem.' });
    if (chained) {
      found.unchecked.push(
        'who wrote the file: a chain shows accidents and casual edits, not a forger, who can rebuild it; --key checks a signature',
      );
    }
    return;
  }
  const key = readPublicKey(flags.key);
  await verifySignedStatement(flags.run, flags.statement ?? statementPathOf(flags.run), key);
  found.checked.push(`the signed statement about these bytes, by key ${keyId(key)}`);
}

/** Digests, labels and bounds, as far as model and data are given. */
async function checkSources(flags: VerifyFlags, file: FileVerification, found: Findings): Promise<void> {
  const { header } = file;
  if (header === null) throw new Error('a file that holds has a header');
  if (flags.model === undefined) {
    if ((flags.bounds ?? 0) > 0 || flags.data !== undefined) {
      throw new UsageError({
        what: `${(flags.bounds ?? 0) > 0 ? '--bounds' : '--data'} needs the model`,
        remedy: 'Name it behind the result file: splitz-onnx verify RUN.jsonl MODEL.onnx.',
      });
    }
    found.unchecked.push(
      'the digests of model and data, and the bounds of the left half: no model was named',
      ...motionDoubt(file),
    );
    return;
  }
  const source = await loadModel(flags.model);
  const other = modelDifference(header, source);
  if (other !== null) throw mismatch('the model is not the one certified', flags.model, other);
  found.checked.push('the digest of the model');
  found.scope = 'part';
  const spec = flags.data ?? source.metadata.get('splitz.dataset');
  if ((flags.bounds ?? 0) === 0 && (spec === undefined || (flags.data === undefined && isKindOnly(spec)))) {
    found.unchecked.push(
      'the data, what the header says of the cut, and the bounds of the left half: no --data was given',
      ...motionDoubt(file),
    );
    return;
  }
  const reopened = await reopenRun(flags, header).catch((error: unknown) => {
    if (error instanceof UsageError && error.report.code === 'other-data')
      throw mismatch('the data are not those certified', flags.run, error.report.why ?? '');
    throw error;
  });
  const differences = sourceDifferences(header, reopened);
  if (differences.length > 0)
    throw mismatch("the run's first line does not hold", `${flags.run}, line 1`, differences.join('; '));
  found.checked.push('the digest of the data; cut, shapes and nodes of the header');
  checkLabels(flags.run, file, reopened);
  await checkDeployed(flags, header, reopened);
  await checkBounds(flags, file, header, reopened, found);
}

/** What no file can show of records whose left half is said not to move. */
function motionDoubt({ claims, header }: FileVerification): string[] {
  const still = header?.split.cut === 'input' ? [] : motionless(claims);
  return still.length === 0
    ? []
    : [
        `that the left half is constant within the radius of ${still.length} records (image ${still[0]?.index}${still.length > 1 ? ' and others' : ''}), as a D of 0 says: model and data show it`,
      ];
}

const mismatch = (what: string, where: string, why: string): DoesNotHold =>
  new DoesNotHold({
    what,
    where,
    why,
    remedy: 'Compare with what was certified; trust neither until they agree.',
  });

function checkLabels(path: string, { claims, classes }: FileVerification, { opened }: ReopenedRun): void {
  if (claims.length > 0 && classes !== opened.classifier.classes) {
    const why = `the counts are of ${classes} classes, the model has ${opened.classifier.classes}`;
    throw mismatch('the result file does not hold', path, why);
  }
  const { labels } = opened.data;
  const wrong = claims.find(({ index, label }) => label !== (labels?.[index] ?? null));
  if (wrong === undefined) return;
  const why = `label is ${wrong.label} in the file, ${labels?.[wrong.index] ?? null} in the data`;
  throw mismatch(`the result file does not hold: image ${wrong.index}`, `${path}, line ${wrong.line}`, why);
}

/** Whether ONNX Runtime's left half is here, too, within the noise of the one certified. */
async function checkDeployed(
  { run: where }: VerifyFlags,
  header: RunHeader,
  reopened: ReopenedRun,
): Promise<void> {
  const { opened, cut, left } = reopened;
  const halves = splitModel(opened.classifier.model, cut);
  if (left === null || halves.left === null) return;
  const indices = [0, 1].filter((index) => index < opened.data.length);
  const images = await Promise.all(indices.map((index) => opened.data.image(index)));
  try {
    const difference = await checkLeftHalf(left, halves.left, images, where);
    requireHidden(difference, header.settings.sigma.value, where);
  } catch (error) {
    if (!(error instanceof ModelRefused)) throw error;
    throw mismatch(error.report.what, where, error.report.why ?? '');
  }
}

/** Confirms the bounds, as many as asked for, or as fit. */
async function checkBounds(
  flags: VerifyFlags,
  { claims }: FileVerification,
  header: RunHeader,
  { opened, left }: ReopenedRun,
  found: Findings,
): Promise<void> {
  if (left === null) {
    await checkNoise(flags.run, claims, header.settings.sigma.value, (index) => opened.data.image(index));
    found.checked.push('the bound of the left half: there is none, the cut is the input');
    found.checked.push('τ of every record');
    found.scope = 'whole';
    return;
  }
  if (header.guarantee !== 'certificate') {
    if (flags.bounds === undefined || flags.bounds === 0) {
      found.unchecked.push('the radii: they rest on an estimate, which proves nothing');
      return;
    }
    throw new UsageError({
      what: '--bounds cannot confirm an estimate',
      where: flags.run,
      why: 'the left half was measured by power iteration, which proves nothing',
      remedy: 'Certify with --lipschitz secant.',
    });
  }
  const { bounds = null, seed = drawnSeed() } = flags;
  const sigma = header.settings.sigma.value;
  const image = (index: number): Promise<Float32Array> => opened.data.image(index);
  const confirmed = await confirmedBounds(left, sigma, claims, bounds, seed, image);
  if (confirmed.fault !== null) {
    const { claim, why } = confirmed.fault;
    throw mismatch(
      `the result file does not hold: image ${claim.index}`,
      `${flags.run}, line ${claim.line}`,
      why,
    );
  }
  const done = described(confirmed);
  const open = leftOpen(confirmed);
  if (done !== null) found.checked.push(done);
  if (open === null) found.scope = 'whole';
  else found.unchecked.push(open);
}

/** Recomputes τ around every image, where the image is the latent. */
async function checkNoise(
  where: string,
  claims: readonly BoundClaim[],
  sigma: number,
  image: (index: number) => Promise<Float32Array>,
): Promise<void> {
  for (const { index, line, tau } of claims) {
    const variation = totalVariation(Float64Array.from(await image(index)), sigma);
    if (Math.abs(variation - tau) <= 1e-9 * variation) continue;
    const why = `tau is ${tau}, but the image gives ${variation}`;
    throw mismatch(`the result file does not hold: image ${index}`, `${where}, line ${line}`, why);
  }
}

const VERDICTS = {
  file: 'it holds as far as a file can: nothing was compared with a model and data',
  part: 'it holds as far as it was checked',
  whole: 'it holds',
} as const;

function asText({ checked, unchecked, scope }: Findings): string {
  const { columns, style } = screenOf(process.stdout, process.env);
  const lines = (mark: string, texts: readonly string[]): string =>
    texts.map((text) => `${mark} ${wrap(text, columns - 2).replaceAll('\n', '\n  ')}\n`).join('');
  const paint = scope === 'whole' ? style.green : style.yellow;
  return `${paint(VERDICTS[scope])}\n${lines('+', checked)}not checked\n${lines('-', unchecked)}`;
}
