/** The command line as yargs knows it: commands, global options, what a usage error says. */
import yargs, { type Argv } from 'yargs';
import { UsageError } from '../ground/errors.ts';
import { packageVersion } from '../runs/version.ts';
import { attack } from './commands/attack.ts';
import { certify } from './commands/certify.ts';
import { compare } from './commands/compare.ts';
import { configCommand } from './commands/config.ts';
import { doctor } from './commands/doctor.ts';
import { explain } from './commands/explain.ts';
import { inspect } from './commands/inspect.ts';
import { plan } from './commands/plan.ts';
import { predict } from './commands/predict.ts';
import { replay } from './commands/replay.ts';
import { report } from './commands/report.ts';
import { sign } from './commands/sign.ts';
import { split } from './commands/split.ts';
import { train } from './commands/train.ts';
import { verify } from './commands/verify.ts';
import type { OptionSources } from './config/sources.ts';

/** Commands whose first argument is a result file. */
const OF_RESULTS = new Set(['verify', 'replay', 'explain', 'report', 'compare']);

/**
 * @param args without node and script
 * @param sources of options outside the command line
 * @throws UsageError from parsing what is not understood
 */
export function commandLine(args: readonly string[], sources: OptionSources): Argv {
  return (
    yargs(args)
      .scriptName('splitz-onnx')
      .usage('$0 <command>\n\nCertified l2 robustness of ONNX classifiers.')
      .command(certify)
      .command(predict)
      .command(plan)
      .command(inspect)
      .command(split)
      .command(attack)
      .command(train)
      .command(verify)
      .command(replay)
      .command(explain)
      .command(compare)
      .command(report)
      .command(sign)
      .command(configCommand(sources))
      .command(doctor)
      .option('debug', { type: 'boolean', default: false, describe: 'stack traces and causes of errors' })
      .option('config', {
        type: 'string',
        describe: 'config file [splitz.config.yaml or .json here]; --no-config for none',
      })
      // They beat yargs' defaults and lose to the command line.
      .config(Object.fromEntries([...sources.outside].map(([option, { value }]) => [option, value])))
      .middleware((argv) => {
        argv['origins'] = sources.origins;
        // A file that is found, not named, must not work unseen.
        const taken = sources.file !== null && argv._[0] === sources.command && argv['quiet'] !== true;
        if (taken) process.stderr.write(`config ${sources.file}\n`);
      })
      .demandCommand(1, 'Name a command; splitz-onnx --help lists them.')
      .strict()
      // The last of two equal flags counts, so that a script's own can be overridden.
      .parserConfiguration({ 'duplicate-arguments-array': false })
      .version(packageVersion())
      .wrap(Math.min(110, process.stdout.columns ?? 100))
      .epilogue(
        'Exit codes: 0 ok, 1 policy not met, result does not hold or certificate contradicted, 2 tool error, 3 model refused, 4 usage, 130 interrupted (resumable).',
      )
      .fail((message, error) => {
        // YError is yargs' own: an option without its value.
        if (error && error.name !== 'YError') throw error;
        throw new UsageError({
          what: message?.startsWith('Not enough non-option arguments')
            ? `the ${OF_RESULTS.has(args[0] ?? '') ? 'result' : 'model'} file is missing`
            : (message ?? error?.message),
          remedy: 'See splitz-onnx --help, or splitz-onnx COMMAND --help.',
        });
      })
  );
}
