/** `sign`: a signed in-toto statement about a result file, and a CycloneDX fragment for a bill of materials. */
import { mlBom } from '../../attestation/cyclonedx.ts';
import { generateKey, keyId, readPrivateKey } from '../../attestation/keys.ts';
import { type AttestedRun, readAttestedRun } from '../../attestation/run-digest.ts';
import { signedStatement, statementPathOf } from '../../attestation/signed-statement.ts';
import { DoesNotHold, UsageError } from '../../ground/errors.ts';
import { verifyFile } from '../../verification/verify-file.ts';
import type { SignFlags } from '../declarations/sign.ts';
import { refuseToOverwrite, writeWhole } from '../output-file.ts';

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
  const statement = flags.out ?? statementPathOf(flags.run);
  const files = [flags.run, ...(flags.key === undefined ? [] : [flags.key])];
  for (const path of [flags.key === undefined ? undefined : statement, flags.cyclonedx]) {
    if (path === undefined) continue;
    refuseToOverwrite(path, files, flags.force);
    files.push(path);
  }
  const key = flags.key === undefined ? null : readPrivateKey(flags.key);
  const attested = await readAttestedRun(flags.run);
  await requireHolding(flags.run, attested, flags.unfinished);
  if (key !== null) {
    writeWhole(statement, signedStatement(flags.run, attested, key));
    process.stdout.write(`${statement}: signed with key ${keyId(key)}\n`);
  }
  if (flags.cyclonedx !== undefined) {
    const text = `${JSON.stringify(mlBom(flags.run, attested), null, 2)}\n`;
    writeWhole(flags.cyclonedx, text);
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
