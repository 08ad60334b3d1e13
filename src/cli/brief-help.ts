/** `--help` of a command fits a screen: it shows the options most runs need, `--help --all` shows every one. */
import type { Argv, CommandBuilder } from 'yargs';
import { recordOptions } from './config/option-table.ts';

/** Global options that are rarely needed. */
const GLOBAL = ['debug', 'config', 'version'];

/**
 * The builder of a command whose short help shows only `shown`.
 * @param shown names of options as `builder` declares them
 * @throws Error for a name it does not declare
 */
export function briefHelp<Flags>(
  builder: (y: Argv) => unknown,
  shown: readonly string[],
): CommandBuilder<object, Flags> {
  return (y) => {
    const declared = [...recordOptions(builder).keys()];
    const unknown = shown.find((name) => !declared.includes(name));
    if (unknown !== undefined) throw new Error(`short help of an option that is not declared: ${unknown}`);
    builder(y);
    y.showHidden('all', 'with --help: every option');
    for (const name of [...declared, ...GLOBAL]) if (!shown.includes(name)) y.hide(name);
    return y as unknown as Argv<Flags>;
  };
}
