/**
 * A command as the shell declares it: name, help, options. What it does is loaded when it is called, so that help, usage
 * errors and the reading of config files, which need the options of every command, load none of the rooms below.
 */
import type { CommandModule } from 'yargs';

export type Declaration<Flags> = Omit<CommandModule<object, Flags>, 'handler'>;
