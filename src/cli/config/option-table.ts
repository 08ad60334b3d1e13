/**
 * The options of a command as a table: what its yargs builder declares, recorded. The single source for flags, schema, config
 * file and environment.
 */
import type { Argv, Options } from 'yargs';
import type { Declaration } from '../declarations/declaration.ts';

export type OptionTable = ReadonlyMap<string, Options>;

/** The options that `build` declares, in order. It may use only the yargs methods that the recorder has. */
export function recordOptions(build: (y: Argv) => unknown): OptionTable {
  const table = new Map<string, Options>();
  const unrecorded = () => recorder;
  const recorder = {
    option(name: string, options: Options) {
      table.set(name, options);
      return recorder;
    },
    options(several: Readonly<Record<string, Options>>) {
      for (const [name, options] of Object.entries(several)) table.set(name, options);
      return recorder;
    },
    positional: unrecorded,
    example: unrecorded,
    hide: unrecorded,
    showHidden: unrecorded,
    parserConfiguration: unrecorded,
  };
  build(recorder as unknown as Argv);
  return table;
}

export function optionsOf<F>({ builder, command }: Declaration<F>): OptionTable {
  if (typeof builder !== 'function') throw new Error(`${String(command)} declares its options in a builder`);
  return recordOptions(builder as (y: Argv) => unknown);
}
