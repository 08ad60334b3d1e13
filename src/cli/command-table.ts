/** Every command but `config`, whose options depend on the call: its declaration, and how its implementation is loaded. */
import type { Argv, CommandModule } from 'yargs';
import { type OptionTable, optionsOf } from './config/option-table.ts';
import { attack } from './declarations/attack.ts';
import { benchmark } from './declarations/benchmark.ts';
import { certify } from './declarations/certify.ts';
import { compare } from './declarations/compare.ts';
import { completion } from './declarations/completion.ts';
import { compose } from './declarations/compose.ts';
import type { Declaration } from './declarations/declaration.ts';
import { doctor } from './declarations/doctor.ts';
import { ensemble } from './declarations/ensemble.ts';
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
import { demandValues, requireNumbers } from './written-values.ts';

export interface Command {
  readonly name: string;
  readonly options: OptionTable;
  /** The command for yargs. @param args the command line */
  module(args: readonly string[]): CommandModule;
}

/** The command with its implementation, which is loaded when the command is called. */
function command<Flags>(
  declaration: Declaration<Flags>,
  load: () => Promise<{ run(flags: Flags): Promise<void> }>,
): Command {
  const options = optionsOf(declaration);
  const build = declaration.builder as (y: Argv) => Argv;
  return {
    name: String(declaration.command).replace(/ .*$/u, ''),
    options,
    module: (args) => ({
      command: declaration.command as string,
      describe: declaration.describe as string,
      builder: (y) => demandValues(build(y), options),
      handler: async (flags) => {
        requireNumbers(flags, options, args);
        await (await load()).run(flags as Flags);
      },
    }),
  };
}

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  command(certify, () => import('./commands/certify.ts')),
  command(predict, () => import('./commands/predict.ts')),
  command(plan, () => import('./commands/plan.ts')),
  command(inspect, () => import('./commands/inspect.ts')),
  command(split, () => import('./commands/split.ts')),
  command(compose, () => import('./commands/compose.ts')),
  command(ensemble, () => import('./commands/ensemble.ts')),
  command(attack, () => import('./commands/attack.ts')),
  command(train, () => import('./commands/train.ts')),
  command(verify, () => import('./commands/verify.ts')),
  command(replay, () => import('./commands/replay.ts')),
  command(explain, () => import('./commands/explain.ts')),
  command(compare, () => import('./commands/compare.ts')),
  command(benchmark, () => import('./commands/benchmark.ts')),
  command(report, () => import('./commands/report.ts')),
  command(sign, () => import('./commands/sign.ts')),
  command(doctor, () => import('./commands/doctor.ts')),
  command(completion, () => import('./commands/completion.ts')),
];

/** What `config` does, by its second word. */
export const CONFIG_COMMANDS = ['show', 'schema'] as const;

/** The names of all commands. */
export const COMMAND_NAMES: readonly string[] = [...COMMANDS.map(({ name }) => name), 'config'];

/** Options that every command has. */
export const GLOBAL_OPTIONS = ['debug', 'config', 'help', 'version'] as const;

/** The options of a command by name, hidden ones and global ones too; of `config` the global ones alone. */
export const optionNamesOf = (command: string | undefined): string[] => [
  ...(COMMANDS.find(({ name }) => name === command)?.options.keys() ?? []),
  ...GLOBAL_OPTIONS,
];
