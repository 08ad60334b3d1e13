/** `attack`: an empirical upper bound beside every certified radius. */

import { basename } from 'node:path';
import { openAttackFile, recordedAttack } from '../../attack/attack-file.ts';
import { ATTACK_FORMAT, type AttackHeader, type AttackRecord } from '../../attack/attack-record.ts';
import { CertificateContradicted, evidenceFolder } from '../../attack/contradiction.ts';
import type { PixelRange } from '../../attack/perturbation.ts';
import type { Search } from '../../attack/search.ts';
import { UsageError } from '../../ground/errors.ts';
import { requireCount } from '../../methods/sourced.ts';
import { attackAll } from '../../runs/attack/images.ts';
import { type AttackPlan, planAttack } from '../../runs/attack/plan.ts';
import { withSearch } from '../../runs/attack/search.ts';
import { type Confirmation, confirmationOf, openTarget } from '../../runs/attack/target.ts';
import { describeEnvironment } from '../../runs/environment.ts';
import { packageVersion } from '../../runs/version.ts';
import { drawnSeed } from '../../smoothing/noise/drawn-seed.ts';
import type { AttackFlags } from '../declarations/attack.ts';
import { interruptible } from '../interrupt.ts';
import { placeNote } from '../place-note.ts';
import { startAttackProgress } from '../terminal/attack-progress.ts';
import { renderAttack, summariseAttack } from '../terminal/attack-summary.ts';
import { screenOf } from '../terminal/style.ts';

export const run = (flags: AttackFlags): Promise<void> =>
  interruptible('Run the same command again: it continues after the last whole line.', (signal) =>
    within(flags, signal),
  );

/** AttackFlags with the seed settled: the one of the file that is continued, or a new one, where nobody chose. */
type SeededFlags = AttackFlags & { readonly seed: number; readonly seedOrigin: SeedOrigin };
type SeedOrigin = NonNullable<AttackHeader['settings']['seedOrigin']>;

/**
 * The confirmations, and the certificates of a model certified on the way, rest on a seed that the model's maker could not
 * know, as those of `certify` do.
 */
async function seeded(flags: AttackFlags, path: string): Promise<SeededFlags> {
  if (flags.seed !== undefined) return { ...flags, seed: flags.seed, seedOrigin: 'chosen' };
  const recorded = await recordedAttack(path);
  return recorded === null
    ? { ...flags, seed: drawnSeed(), seedOrigin: 'operating system' }
    : { ...flags, seed: recorded.seed, seedOrigin: recorded.seedOrigin ?? 'chosen' };
}

async function within(given: AttackFlags, signal: AbortSignal): Promise<void> {
  checkCounts(given);
  const path = given.out ?? `${given.source.replace(/\.(jsonl|onnx)$/i, '')}.attack.jsonl`;
  const flags = await seeded(given, path);
  const note = (text: string): void => {
    if (!flags.quiet) process.stderr.write(`${text}\n`);
  };
  const plan = await planAttack(flags, signal, note);
  const { opened, cut, smoothing } = plan;
  note(`model  ${basename(opened.classifier.source.path)}`);
  note(`data   ${opened.data.describe()}`);
  note(
    smoothing === null
      ? 'attack the classifier itself, without noise'
      : `attack the classifier smoothed at '${cut.name}' with sigma ${smoothing.sigma}, seed ${flags.seed} (${flags.seedOrigin})`,
  );
  const confirmation = confirmationOf(plan, flags);
  const range: PixelRange = flags.clip ? [0, 1] : null;
  const target = await openTarget(plan, flags);
  try {
    await withSearch(plan, flags, range, note, async (search) => {
      const judge = target.judge(confirmation, BigInt(flags.seed));
      const header = headerOf(plan, flags, search, confirmation);
      const file = await openAttackFile(path, header);
      try {
        note(placeNote(path, file));
        const progress = startAttackProgress(process.stderr, plan.indices.length, flags.quiet);
        try {
          const command = ['splitz-onnx', ...process.argv.slice(2)].join(' ');
          await attackAll({
            plan,
            search,
            judge,
            target,
            header,
            file,
            path,
            command,
            range,
            progress,
            signal,
          });
        } finally {
          progress.finish();
        }
        report(header, file.records, flags, path);
      } finally {
        await file.close();
      }
    });
  } finally {
    await target.close();
  }
}

function checkCounts(flags: AttackFlags): void {
  requireCount('--start', flags.start, 0);
  requireCount('--workers', flags.workers, 1);
  requireCount('--batch', flags.batch, 1);
  requireCount('--steps', flags.steps, 1);
  requireCount('--restarts', flags.restarts, 1);
  requireCount('--draws', flags.draws, 1);
  if (flags.max !== undefined) requireCount('--max', flags.max, 1);
  if (flags.image !== undefined) requireCount('--image', flags.image, 0);
  if (flags.seed !== undefined) requireCount('--seed', flags.seed, 0);
  if (flags.restarts > 1000 || flags.draws * flags.steps > 2 ** 21)
    throw new UsageError({
      what: `--restarts ${flags.restarts}, --draws ${flags.draws}, --steps ${flags.steps}: more than one noise stream holds`,
      remedy: 'At most 1000 restarts, and 2 million draws over the steps of a start.',
    });
}

function headerOf(
  { opened, smoothed }: AttackPlan,
  flags: SeededFlags,
  { method }: Search,
  confirmation: Confirmation,
): AttackHeader {
  const { classifier, data } = opened;
  const [scored] = classifier.model.graph.outputs;
  if (scored === undefined) throw new Error('a classifier has an output');
  const { onnxruntime, node, platform, cpu, provider } = describeEnvironment(flags);
  return {
    kind: 'attack-run',
    schema: ATTACK_FORMAT,
    tool: { name: 'splitz-onnx', version: packageVersion() },
    started: new Date().toISOString(),
    model: {
      name: basename(classifier.source.path),
      files: classifier.source.files.map(({ name, sha256 }) => ({ name, sha256 })),
      output: scored.name,
    },
    data: { name: data.name, subset: flags.subset, digest: data.digest },
    smoothed,
    settings: {
      method,
      steps: flags.steps,
      restarts: method === 'gradient' ? flags.restarts : 1,
      draws: smoothed === null ? 0 : flags.draws,
      confirm: confirmation.draws,
      alpha: confirmation.alpha,
      seed: flags.seed,
      seedOrigin: flags.seedOrigin,
      clipped: flags.clip,
    },
    environment: { onnxruntime, node, platform, cpu, provider },
  };
}

/** The table on stdout; a contradiction ends the command with exit code 1. */
function report(
  header: AttackHeader,
  records: readonly AttackRecord[],
  flags: AttackFlags,
  path: string,
): void {
  const summary = summariseAttack(header, records);
  if (flags.json) process.stdout.write(`${JSON.stringify({ attack: header, summary, records })}\n`);
  else process.stdout.write(renderAttack(header, records, screenOf(process.stdout, process.env)));
  if (summary.contradictions === 0) return;
  const images = records.filter(({ contradiction }) => contradiction).map(({ index }) => index);
  throw new CertificateContradicted(
    `${images.length} of ${summary.certificates} certificates are contradicted: image${images.length === 1 ? '' : 's'} ${images.slice(0, 10).join(', ')}${images.length > 10 ? ', …' : ''}`,
    images
      .slice(0, 3)
      .map((index) => evidenceFolder(path, index))
      .join(', '),
    `chance alone gives ${summary.expectedByChance.toPrecision(2)} at most in this run`,
  );
}
