/** `verify`: recomputes what a result file claims, from its own lines and, given them, the model and the data. */

import { readPublicKey } from '../../attestation/keys.ts';
import { UsageError } from '../../ground/errors.ts';
import { wrap } from '../../ground/text-width.ts';
import { onOneLine, visible } from '../../ground/visible.ts';
import { recordedRun } from '../../methods/result-files.ts';
import { requireCount } from '../../methods/sourced.ts';
import type { RunHeader } from '../../records/record.ts';
import { recordedPrecision } from '../../runs/recorded-precision.ts';
import { type Verification, verify } from '../../runs/verify.ts';
import { PROVIDERS, type Provider } from '../../smoothing/arithmetic.ts';
import { judge, parseRequirements } from '../../statistics/policy.ts';
import { contextOf } from '../context.ts';
import type { VerifyFlags } from '../declarations/verify.ts';
import { applyPolicy } from '../policy.ts';
import { sampleSize } from '../sample-size.ts';
import { screenOf } from '../terminal/style.ts';

export async function run(flags: VerifyFlags): Promise<void> {
  if (flags.bounds !== undefined) requireCount('--bounds', flags.bounds, 0);
  if (flags.seed !== undefined) requireCount('--seed', flags.seed, 0);
  if (flags.statement !== undefined && flags.key === undefined)
    throw new UsageError({ what: '--statement needs a key', remedy: 'Add --key key.pub.pem.' });
  const requirements = parseRequirements(flags.require);
  const key = flags.key === undefined ? undefined : readPublicKey(flags.key);
  const replay = flags.replay === undefined ? undefined : sampleSize('--replay', flags.replay);
  const recorded = await recordedRun(flags.run);
  const provider = flags.provider ?? recordedProvider(recorded);
  const precision = recordedPrecision(recorded ?? {});
  const verification = await contextOf(
    { ...flags, provider, precision },
    'Run the command again.',
    (context) => verify({ ...flags, key, replay }, context),
  );
  const { problem, file } = verification;
  if (flags.json) process.stdout.write(`${JSON.stringify(asDocument(verification))}\n`);
  else if (problem === null) process.stdout.write(asText(verification));
  if (problem !== null) throw problem;
  const { header, outcomes } = file;
  if (header !== null)
    applyPolicy(
      requirements.map((requirement) => judge(requirement, header, outcomes)),
      (text) => process.stderr.write(`${visible(text)}\n`),
      ofFile(verification),
    );
}

/** The provider of the machine that began the run: replayed votes are drawn by the same one. */
function recordedProvider(header: RunHeader | null): Provider {
  const recorded = header?.environments[0]?.provider;
  return PROVIDERS.find((name) => name === recorded) ?? 'cpu';
}

/** What the figures of a policy rest on. */
function ofFile({ replayed }: Verification): string {
  if (replayed === null) return ', of the file as written; votes not drawn again';
  const { records, of } = replayed;
  return records === of
    ? `, votes of all ${of} records drawn again`
    : `, of the file as written; votes of ${records} of ${of} records drawn again`;
}

function asDocument({ problem, file, scope, checked, unchecked, seed, replayed }: Verification): object {
  const { what, where, why } = problem?.report ?? {};
  const fault = problem === null ? null : { what, where, why };
  const { records, digest } = file;
  return {
    ...{ holds: problem === null, fault, records: records.length, replayed: replayed?.records ?? 0 },
    ...{ scope, checked, unchecked, seed, digest },
  };
}

const VERDICTS = {
  file: 'it holds as far as a file can: nothing was compared with a model and data',
  part: 'it holds as far as it was checked',
  whole: 'it holds',
} as const;

function asText({ file, checked, unchecked, scope }: Verification): string {
  const { columns, style } = screenOf(process.stdout, process.env);
  const lines = (mark: string, texts: readonly string[]): string =>
    texts.map((text) => `${mark} ${wrap(onOneLine(text), columns - 2).replaceAll('\n', '\n  ')}\n`).join('');
  const paint = scope === 'whole' ? style.green : style.yellow;
  return `${paint(VERDICTS[scope])}\n${lines('+', checked)}not checked\n${lines('-', unchecked)}digest ${file.digest}\n`;
}
