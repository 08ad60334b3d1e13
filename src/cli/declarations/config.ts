/** `config` on the command line: its options and its help. */
import type { Argv, CommandModule } from 'yargs';
import type { ShownFlags } from '../commands/config.ts';
import { SECTIONS } from '../config/configurable.ts';
import type { OptionTable } from '../config/option-table.ts';
import type { OptionSources } from '../config/sources.ts';
import { demandValues, requireNumbers } from '../written-values.ts';

/**
 * @param sources of this call: `show` takes the options of the command that it is asked about
 * @param args the command line
 */
export function configCommand(sources: OptionSources, args: readonly string[]): CommandModule {
  const command = sources.command ?? 'certify';
  const options: OptionTable = SECTIONS.get(command)?.options ?? new Map();
  const showBuilder = <T>(y: Argv<T>) =>
    y
      .positional('for', { choices: [...SECTIONS.keys()], default: 'certify', describe: 'a command' })
      .positional('model', { type: 'string', describe: 'a model whose metadata count too' })
      .option('json', { type: 'boolean', default: false, describe: 'print it as one JSON document' })
      .options(Object.fromEntries([...options].map(([name, spec]) => [name, { ...spec, hidden: true }])))
      .example('$0 config show certify net.onnx', 'what certify would run with, and where it is set')
      .example('SPLITZ_N=1000 $0 config show --sigma 0.5', 'a variable and a flag');
  return {
    command: 'config',
    describe: 'settings with their origin; JSON Schema of config files',
    builder: (y) =>
      y
        .command({
          command: 'show [for] [model]',
          describe: 'settings of a command and where each comes from',
          builder: (y) =>
            demandValues(showBuilder(y), options).showHidden(
              'all',
              "with --help: the command's options, too",
            ),
          handler: async (flags) => {
            requireNumbers(flags, options, args);
            await (await import('../commands/config.ts')).show(
              sources,
              command,
              flags as unknown as ShownFlags,
            );
          },
        })
        .command({
          command: 'schema',
          describe: 'JSON Schema of splitz.config.yaml and .json',
          builder: (y) => y.example('$0 config schema > splitz.config.schema.json', 'for an editor'),
          handler: async () => (await import('../commands/config.ts')).schema(),
        })
        .demandCommand(1, 'Name what to do: config show or config schema.')
        .example('$0 config show', 'every setting of certify here')
        .example('$0 config schema > splitz.config.schema.json', 'for an editor')
        .epilogue(
          'Order: command line, SPLITZ_… in the environment, splitz.config.yaml or .json here (or --config FILE), model, default.',
        ),
    handler: () => {},
  };
}
