/** `config`: what a command would run with and where each value comes from; and the schema of config files. */
import type { Argv, CommandModule } from 'yargs';
import { printable, shorten } from '../../ground/text-width.ts';
import { loadModel } from '../../onnx/model/load.ts';
import { SECTIONS } from '../config/configurable.ts';
import { type EffectiveSetting, effectiveSettings } from '../config/effective-settings.ts';
import { configSchema } from '../config/schema.ts';
import type { OptionSources } from '../config/sources.ts';
import { type Screen, screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';

type ShownFlags = Parameters<typeof effectiveSettings>[2] & {
  readonly model?: string | undefined;
  readonly json: boolean;
};

/** @param sources of this call: `show` takes the options of the command that it is asked about */
export function configCommand(sources: OptionSources): CommandModule {
  const command = sources.command ?? 'certify';
  const options = SECTIONS.get(command)?.options ?? new Map();
  const showBuilder = <T>(y: Argv<T>) =>
    y
      .positional('for', { choices: [...SECTIONS.keys()], default: 'certify', describe: 'a command' })
      .positional('model', { type: 'string', describe: 'a model, for what its metadata say' })
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
          builder: (y) => showBuilder(y).showHidden('all', "with --help: the command's options, too"),
          handler: (flags) => show(sources, command, flags as unknown as ShownFlags),
        })
        .command({
          command: 'schema',
          describe: 'JSON Schema of splitz.config.yaml and .json',
          builder: (y) => y.example('$0 config schema > splitz.config.schema.json', 'for an editor'),
          handler: () => {
            process.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`);
          },
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

async function show(sources: OptionSources, command: string, flags: ShownFlags): Promise<void> {
  const section = SECTIONS.get(command);
  if (section === undefined) throw new Error(`${command} has no settings`);
  const model = flags.model === undefined ? null : await loadModel(flags.model);
  const settings = effectiveSettings(sources, section.options, flags, model);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ command, file: sources.file, settings })}\n`);
    return;
  }
  process.stdout.write(asTable(command, sources.file, settings, screenOf(process.stdout, process.env)));
}

const LONGEST_VALUE = 40;

function asTable(
  command: string,
  file: string | null,
  settings: readonly EffectiveSetting[],
  { style }: Screen,
): string {
  const rows = settings.map(({ name, value, origin, where }) => [
    name,
    shorten(printable(value === null ? '-' : String(value)), LONGEST_VALUE),
    origin,
    where === null ? '' : printable(where),
  ]);
  const columns = [{ header: 'setting' }, { header: 'value' }, { header: 'origin' }, { header: 'where' }];
  return `${style.bold(`settings of ${command}`)}; config file: ${file ?? 'none'}\n${renderTable(columns, rows, style)}`;
}
