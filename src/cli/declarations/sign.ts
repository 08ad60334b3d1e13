/** `sign` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  y
    .positional('run', { type: 'string', describe: 'a result file of splitz-onnx certify' })
    .option('key', { type: 'string', nargs: 1, describe: 'Ed25519 private key (PEM) to sign with' })
    .option('generate-key', {
      type: 'string',
      nargs: 1,
      describe: 'make a key pair: this file (mode 600) and NAME.pub.pem beside it',
    })
    .option('out', { type: 'string', nargs: 1, describe: 'the signed statement [RUN.intoto.jsonl]' })
    .option('cyclonedx', {
      type: 'string',
      nargs: 1,
      describe: 'write a CycloneDX 1.6 fragment for a bill of materials',
    })
    .option('unfinished', { type: 'boolean', default: false, describe: 'accept a run that is not finished' })
    .option('force', { type: 'boolean', default: false, describe: 'replace output files; never a key' })
    .example('$0 sign --generate-key key.pem', 'once')
    .example('$0 sign run.jsonl --key key.pem', 'writes run.intoto.jsonl')
    .example('$0 sign run.jsonl --cyclonedx bom.json', 'no key needed');

export type SignFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>>;

export const sign: Declaration<SignFlags> = {
  command: 'sign [run]',
  describe: 'sign a statement about a result file; CycloneDX; make keys',
  builder: briefHelp(builder, ['key', 'generate-key', 'out', 'cyclonedx']),
};
