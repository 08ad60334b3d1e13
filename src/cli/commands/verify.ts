/** `verify`: recomputes what a result file claims, from its own lines and, given them, the model and the data. */
import { readPublicKey } from '../../attestation/keys.ts';
import { UsageError } from '../../ground/errors.ts';
import { wrap } from '../../ground/text-width.ts';
import { requireCount } from '../../methods/sourced.ts';
import { type Verification, verify } from '../../runs/verify.ts';
import { parseRequirements } from '../../statistics/policy.ts';
import type { VerifyFlags } from '../declarations/verify.ts';
import { applyPolicy } from '../policy.ts';
import { screenOf } from '../terminal/style.ts';

export async function run(flags: VerifyFlags): Promise<void> {
  if (flags.bounds !== undefined) requireCount('--bounds', flags.bounds, 0);
  if (flags.seed !== undefined) requireCount('--seed', flags.seed, 0);
  if (flags.statement !== undefined && flags.key === undefined)
    throw new UsageError({ what: '--statement needs a key', remedy: 'Add --key key.pub.pem.' });
  const requirements = parseRequirements(flags.require);
  const key = flags.key === undefined ? undefined : readPublicKey(flags.key);
  const verification = await verify({ ...flags, key });
  const { problem, file } = verification;
  if (flags.json) process.stdout.write(`${JSON.stringify(asDocument(verification))}\n`);
  else if (problem === null) process.stdout.write(asText(verification));
  if (problem !== null) throw problem;
  if (file.header !== null)
    applyPolicy(requirements, file.header, file.outcomes, (text) => process.stderr.write(`${text}\n`));
}

function asDocument({ problem, file, scope, checked, unchecked }: Verification): object {
  const { what, where, why } = problem?.report ?? {};
  const fault = problem === null ? null : { what, where, why };
  const { records, digest } = file;
  return { holds: problem === null, fault, records: records.length, scope, checked, unchecked, digest };
}

const VERDICTS = {
  file: 'it holds as far as a file can: nothing was compared with a model and data',
  part: 'it holds as far as it was checked',
  whole: 'it holds',
} as const;

function asText({ file, checked, unchecked, scope }: Verification): string {
  const { columns, style } = screenOf(process.stdout, process.env);
  const lines = (mark: string, texts: readonly string[]): string =>
    texts.map((text) => `${mark} ${wrap(text, columns - 2).replaceAll('\n', '\n  ')}\n`).join('');
  const paint = scope === 'whole' ? style.green : style.yellow;
  return `${paint(VERDICTS[scope])}\n${lines('+', checked)}not checked\n${lines('-', unchecked)}digest ${file.digest}\n`;
}
