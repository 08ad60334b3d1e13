/** The command line in yargs: commands, global options, usage errors. */
import yargs, { type Argv } from 'yargs';
import { packageVersion } from '../runs/version.ts';
import { COMMANDS } from './command-table.ts';
import type { OptionSources } from './config/sources.ts';
import { configCommand } from './declarations/config.ts';
import { isRestarted } from './restart.ts';
import { usageError } from './usage-error.ts';

/**
 * @param args without node and script
 * @param sources of options outside the command line
 * @throws UsageError on parsing arguments that are not understood
 */
export function commandLine(args: readonly string[], sources: OptionSources): Argv {
  const modules = [...COMMANDS.map((command) => command.module(args)), configCommand(sources, args)];
  return (
    yargs(args)
      // Messages are ours, in English; those of yargs would follow LANG.
      .detectLocale(false)
      .scriptName('splitz-onnx')
      .usage('$0 <command>\n\nCertified l2 robustness of ONNX classifiers.')
      .command(modules)
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
        if (taken && !isRestarted()) process.stderr.write(`config ${sources.file}\n`);
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
        throw usageError(message ?? error?.message ?? 'the command line is not understood', args);
      })
  );
}
