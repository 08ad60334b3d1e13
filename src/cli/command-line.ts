/** The command line in yargs: commands, global options, usage errors. */
import yargs, { type Argv, type CommandModule } from 'yargs';
import { UsageError } from '../ground/errors.ts';
import { packageVersion } from '../runs/version.ts';
import type { OptionSources } from './config/sources.ts';
import { attack } from './declarations/attack.ts';
import { certify } from './declarations/certify.ts';
import { compare } from './declarations/compare.ts';
import { configCommand } from './declarations/config.ts';
import type { Declaration } from './declarations/declaration.ts';
import { doctor } from './declarations/doctor.ts';
import { explain } from './declarations/explain.ts';
import { inspect } from './declarations/inspect.ts';
import { plan } from './declarations/plan.ts';
import { predict } from './declarations/predict.ts';
import { replay } from './declarations/replay.ts';
import { report } from './declarations/report.ts';
import { sign } from './declarations/sign.ts';
import { split } from './declarations/split.ts';
import { train } from './declarations/train.ts';
import { verify } from './declarations/verify.ts';

/** The command with its implementation, which is loaded when the command is called. */
const lazily = <Flags>(
  declaration: Declaration<Flags>,
  load: () => Promise<{ run(flags: Flags): Promise<void> }>,
): CommandModule<object, Flags> => ({
  ...declaration,
  handler: async (flags) => (await load()).run(flags as Flags),
});

/** Commands whose first argument is a result file. */
const OF_RESULTS = new Set(['verify', 'replay', 'explain', 'report', 'compare']);

/**
 * @param args without node and script
 * @param sources of options outside the command line
 * @throws UsageError on parsing arguments that are not understood
 */
export function commandLine(args: readonly string[], sources: OptionSources): Argv {
  return (
    yargs(args)
      .scriptName('splitz-onnx')
      .usage('$0 <command>\n\nCertified l2 robustness of ONNX classifiers.')
      .command(lazily(certify, () => import('./commands/certify.ts')))
      .command(lazily(predict, () => import('./commands/predict.ts')))
      .command(lazily(plan, () => import('./commands/plan.ts')))
      .command(lazily(inspect, () => import('./commands/inspect.ts')))
      .command(lazily(split, () => import('./commands/split.ts')))
      .command(lazily(attack, () => import('./commands/attack.ts')))
      .command(lazily(train, () => import('./commands/train.ts')))
      .command(lazily(verify, () => import('./commands/verify.ts')))
      .command(lazily(replay, () => import('./commands/replay.ts')))
      .command(lazily(explain, () => import('./commands/explain.ts')))
      .command(lazily(compare, () => import('./commands/compare.ts')))
      .command(lazily(report, () => import('./commands/report.ts')))
      .command(lazily(sign, () => import('./commands/sign.ts')))
      .command(configCommand(sources))
      .command(lazily(doctor, () => import('./commands/doctor.ts')))
      .option('debug', { type: 'boolean', default: false, describe: 'stack traces and causes of errors' })
      .option('config', {
        type: 'string',
        describe: 'config file [splitz.config.yaml or .json here]; --no-config for none',
      })
      // They override yargs' defaults, and the command line overrides them.
      .config(Object.fromEntries([...sources.outside].map(([option, { value }]) => [option, value])))
      .middleware((argv) => {
        argv['origins'] = sources.origins;
        // A file that was found rather than named must not take effect silently.
        const taken = sources.file !== null && argv._[0] === sources.command && argv['quiet'] !== true;
        if (taken) process.stderr.write(`config ${sources.file}\n`);
      })
      .demandCommand(1, 'Name a command; splitz-onnx --help lists them.')
      .strict()
      // The last of two equal flags wins, so that flags in a script can be overridden.
      .parserConfiguration({ 'duplicate-arguments-array': false })
      // An exit of yargs' own would come before a full or closed output is noticed.
      .exitProcess(false)
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
