/** `attack`: an empirical upper bound for every certified radius. */
import { basename } from 'node:path';
import { type AttackFile, openAttackFile, recordedAttack } from '../../attack/attack-file.ts';
import type { AttackHeader, AttackRecord } from '../../attack/attack-record.ts';
import { CertificateContradicted, evidenceFolder, writeEvidence } from '../../attack/contradiction.ts';
import { UsageError } from '../../ground/errors.ts';
import { type Context, note } from '../../methods/context.ts';
import { originOf, requireCount } from '../../methods/sourced.ts';
import {
  type AttackedImage,
  type AttackRequest,
  checkAttack,
  type OpenedAttack,
  openAttack,
} from '../../runs/attack/attack.ts';
import {
  type AttackTarget,
  isResultFile,
  targetOfModel,
  targetOfNetwork,
  targetOfRun,
} from '../../runs/attack/target.ts';
import { denoiserNote } from '../../runs/open-denoiser.ts';
import type { OpenedSubject } from '../../runs/open-subject.ts';
import { drawnSeed } from '../../smoothing/noise/drawn-seed.ts';
import { contextOf } from '../context.ts';
import { dataNotes } from '../data-notes.ts';
import type { AttackFlags } from '../declarations/attack.ts';
import { placeNotes } from '../place-note.ts';
import { seriesRequests } from '../series-flags.ts';
import { type AttackProgress, startAttackProgress } from '../terminal/attack-progress.ts';
import { renderAttack, summariseAttack } from '../terminal/attack-summary.ts';
import { screenOf } from '../terminal/style.ts';

export async function run(flags: AttackFlags): Promise<void> {
  requireCount('--start', flags.start, 0);
  if (flags.max !== undefined) requireCount('--max', flags.max, 1);
  if (flags.image !== undefined) requireCount('--image', flags.image, 0);
  checkAttack({ ...flags, seed: flags.seed ?? 0, threads: flags.workers });
  const remedy = 'Run the same command again: it continues after the last whole line.';
  await contextOf(flags, remedy, (context) => within(flags, context));
}

/**
 * The seed given, else that of the file being continued, else a new one: confirmations, and the certificates
 * of a model certified on the way, rest on a seed that the model's maker could not know, as those of `certify` do.
 */
async function seeded(
  { seed }: AttackFlags,
  path: string,
): Promise<Pick<AttackHeader['settings'], 'seed' | 'seedOrigin'>> {
  if (seed !== undefined) return { seed, seedOrigin: 'chosen' };
  return (await recordedAttack(path)) ?? { seed: drawnSeed(), seedOrigin: 'operating system' };
}

async function within(flags: AttackFlags, context: Context): Promise<void> {
  const path = flags.out ?? `${flags.source.replace(/\.(jsonl|onnx)$/i, '')}.attack.jsonl`;
  const { seed, seedOrigin } = await seeded(flags, path);
  const target = await targetOf(flags, seed, context);
  const request: AttackRequest = { ...flags, seed, seedOrigin, threads: flags.workers };
  for (const text of targetNotes(target, request)) note(context, text);
  const opened = await openAttack(target, request, context);
  try {
    const file = await openAttackFile(path, opened.header);
    try {
      for (const text of placeNotes(path, file)) note(context, text);
      const progress = startAttackProgress(process.stderr, target.indices.length, flags.quiet);
      try {
        await attackAll(target, opened, file, path, progress);
      } finally {
        progress.finish();
      }
      report(opened.header, file.records, target.subject, flags, path);
    } finally {
      await file.close();
    }
  } finally {
    await opened.close();
  }
}

async function targetOf(flags: AttackFlags, seed: number, context: Context): Promise<AttackTarget> {
  if (isResultFile(flags.source)) {
    refuseSettings(flags);
    return targetOfRun({ ...flags, run: flags.source }, flags);
  }
  if (flags.model !== undefined)
    throw new UsageError({
      what: 'two models are named',
      where: `${flags.source} and ${flags.model}`,
      remedy: 'Name one model, or a result file and its model.',
    });
  const request = { ...flags, ...seriesRequests(flags), model: flags.source, seed };
  return flags.undefended ? targetOfNetwork(request, flags, context) : targetOfModel(request, flags, context);
}

const INTAKE = ['layout', 'channels', 'scale', 'mean', 'std'] as const;

/** Throws UsageError for flags that set what a result file already fixes. */
function refuseSettings(flags: AttackFlags): void {
  const { method, settings = {} } = seriesRequests(flags);
  const asked = [
    ...(method === undefined ? [] : ['method']),
    ...Object.keys(settings),
    ...INTAKE.filter((name) => flags[name] !== undefined),
  ];
  // A config file or the environment may set them for all commands.
  const given = asked.filter((name) => originOf(flags, name) === 'flag').map((name) => `--${name}`);
  if (flags.undefended) given.push('--undefended');
  for (const name of ['denoiser-sigma', 'schedule'])
    if (flags[name] !== undefined && originOf(flags, name) === 'flag') given.push(`--${name}`);
  if (given.length === 0) return;
  throw new UsageError({
    what: `${given.join(', ')} ${given.length === 1 ? 'does' : 'do'} not go with a result file`,
    where: flags.source,
    why: 'the certificates are attacked as they were made',
    remedy: 'Omit it, or name the model instead of the result file.',
  });
}

function targetNotes({ subject, certified }: AttackTarget, { seed, seedOrigin }: AttackRequest): string[] {
  return [
    `model  ${basename(subject.classifier.source.path)}`,
    ...(subject.denoiser === null ? [] : [denoiserNote(subject.denoiser)]),
    `data   ${subject.data.describe()}`,
    ...dataNotes(subject.data),
    certified === null
      ? 'attack the network alone, without noise'
      : `attack ${certified.method.label(certified.settings, subject.denoiser !== null)}, seed ${seed} (${seedOrigin})`,
  ];
}

/** Attacks every image that the file does not hold yet; each record is appended once its evidence is written. */
async function attackAll(
  target: AttackTarget,
  opened: OpenedAttack,
  file: AttackFile,
  path: string,
  progress: AttackProgress,
): Promise<void> {
  const done = new Map(file.records.map((record) => [record.index, record]));
  const known = target.indices.flatMap((index) => done.get(index) ?? []);
  for (const record of known) progress.image(record);
  const missing = target.indices.filter((index) => !done.has(index));
  for await (const attacked of opened.images(missing)) {
    await keepEvidence(attacked, target, opened.header, path);
    const { record } = attacked;
    await file.append(record);
    progress.image(record);
    if (record.contradiction) progress.alarm(alarmOf(record, path));
  }
}

/** Writes everything needed to reproduce a contradiction. */
async function keepEvidence(
  { record, contradiction }: AttackedImage,
  { subject }: AttackTarget,
  header: AttackHeader,
  path: string,
): Promise<void> {
  if (contradiction === null) return;
  await writeEvidence(evidenceFolder(path, record.index), {
    ...{ header, record, ...contradiction, shape: subject.data.shape },
    command: ['splitz-onnx', ...process.argv.slice(2)].join(' '),
  });
}

const alarmOf = ({ index, attacked, radius }: AttackRecord, path: string): string =>
  `CONTRADICTION: image ${index} changes its answer at ${attacked?.distance}, inside its certified radius ${radius}; evidence in ${evidenceFolder(path, index)}`;

/** The table on stdout; a contradiction ends the command with exit code 1. */
function report(
  header: AttackHeader,
  records: readonly AttackRecord[],
  { classNames, data }: OpenedSubject,
  flags: AttackFlags,
  path: string,
): void {
  const summary = summariseAttack(header, records);
  if (flags.json) process.stdout.write(`${JSON.stringify({ attack: header, summary, records })}\n`);
  else {
    const names = { ...(classNames === null ? {} : { classNames }), files: data.names };
    process.stdout.write(renderAttack(header, records, names, screenOf(process.stdout, process.env)));
  }
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
