/** `sign`: a signed in-toto statement about a result file, and a CycloneDX fragment for a bill of materials. */
import { writeFileSync } from 'node:fs';
import { mlBom } from '../../attestation/cyclonedx.ts';
import { generateKey, keyId, readPrivateKey } from '../../attestation/keys.ts';
import { type AttestedRun, readAttestedRun } from '../../attestation/run-digest.ts';
import { signedStatement, statementPathOf } from '../../attestation/signed-statement.ts';
import { DoesNotHold, ToolError, UsageError } from '../../ground/errors.ts';
import { codeOf } from '../../ground/system-error.ts';
import { verifyFile } from '../../verification/verify-file.ts';
import type { SignFlags } from '../declarations/sign.ts';

export async function run(flags: SignFlags): Promise<void> {
  if (flags.generateKey !== undefined) {
    const { publicPath, id } = generateKey(flags.generateKey);
    process.stdout.write(
      `${flags.generateKey}: private key, keep it secret\n${publicPath}: public key, id ${id}\n`,
    );
    if (flags.run === undefined) return;
  }
  if (flags.run === undefined) {
    throw new UsageError({
      what: 'the result file is missing',
      remedy: 'Write splitz-onnx sign RUN.jsonl --key key.pem, or --generate-key key.pem.',
    });
  }
  if (flags.key === undefined && flags.cyclonedx === undefined) {
    throw new UsageError({
      what: 'there is nothing to do',
      remedy: 'Add --key key.pem to sign, --cyclonedx bom.json for a bill of materials, or both.',
    });
  }
  const key = flags.key === undefined ? null : readPrivateKey(flags.key);
  const attested = await readAttestedRun(flags.run);
  await requireHolding(flags.run, attested, flags.unfinished);
  if (key !== null) {
    const out = flags.out ?? statementPathOf(flags.run);
    writeOutput(out, signedStatement(flags.run, attested, key), flags.force);
    process.stdout.write(`${out}: signed with key ${keyId(key)}\n`);
  }
  if (flags.cyclonedx !== undefined) {
    const text = `${JSON.stringify(mlBom(flags.run, attested), null, 2)}\n`;
    writeOutput(flags.cyclonedx, text, flags.force);
    process.stdout.write(`${flags.cyclonedx}: CycloneDX 1.6\n`);
  }
}

/** A signature under a file that does not hold would lend it credit. */
async function requireHolding(path: string, { finished }: AttestedRun, unfinished: boolean): Promise<void> {
  if (!finished && !unfinished) {
    throw new UsageError({
      what: 'the run is not finished, or its last lines are lost',
      where: path,
      why: 'there is no closing line',
      remedy: 'Run `splitz-onnx certify` to its end, or add --unfinished.',
    });
  }
  const { fault } = await verifyFile(path, unfinished);
  if (fault === null) return;
  throw new DoesNotHold({
    what: `the result file does not hold and was not signed: ${fault.record}`,
    where: `${path}, line ${fault.line}`,
    why: fault.why.join('; '),
    remedy: 'Get the file again from its source, or certify the images again.',
  });
}

function writeOutput(path: string, text: string, force: boolean): void {
  try {
    writeFileSync(path, text, { flag: force ? 'w' : 'wx' });
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') {
      throw new UsageError({
        what: 'the output file already exists',
        where: path,
        remedy: 'Name another file, or replace it with --force.',
      });
    }
    throw new ToolError({
      what: 'the output file cannot be written',
      where: path,
      why: (cause as Error).message,
      remedy: 'Name a file in a folder that can be written to.',
      cause,
    });
  }
}
