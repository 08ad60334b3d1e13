/** `verify` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import { policyOption, replayOptions, runArgument, sourceOptions } from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  replayOptions(policyOption(sourceOptions(runArgument(y))))
    .option('bounds', {
      type: 'number',
      describe:
        'prove the bounds of this many certificates again, in another way [as certify does, for up to a minute]',
    })
    .option('replay', {
      type: 'string',
      nargs: 1,
      describe: 'compute this many certificates again, noise and all (a number, or all)',
    })
    .option('seed', {
      type: 'number',
      describe: 'seed that chooses records and probes [drawn from the operating system]',
    })
    .option('key', {
      type: 'string',
      nargs: 1,
      describe: 'Ed25519 public key (PEM): verify the signed statement about the file, too',
    })
    .option('statement', { type: 'string', nargs: 1, describe: 'that statement [RUN.intoto.jsonl]' })
    .option('unfinished', {
      type: 'boolean',
      default: false,
      describe: 'accept a run without a closing line (lines may be missing at its end)',
    })
    .option('json', { type: 'boolean', default: false, describe: 'print the result as one JSON document' })
    .example('$0 verify glyphs-splitz.conv1.jsonl', 'the file alone, offline')
    .example('$0 verify run.jsonl net.onnx --data mnist:DIR --bounds 20 --replay 20', 'the whole audit')
    .example('$0 verify run.jsonl --key key.pub.pem', 'and who signed it');

export type VerifyFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>> & { run: string };

export const verify: Declaration<VerifyFlags> = {
  command: 'verify <run> [model]',
  describe: 'recompute every claim of a result file; exit 1 if one fails',
  builder: briefHelp(builder, ['data', 'labels', 'bounds', 'replay', 'key', 'require', 'json']),
};
