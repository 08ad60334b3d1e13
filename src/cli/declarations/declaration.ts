/**
 * A command as the shell declares it: name, help, options. Its implementation is loaded when it is called, so that help, usage
 * errors and config files, which need the options of every command, load nothing from the floors below.
 */
import type { CommandModule } from 'yargs';

export type Declaration<Flags> = Omit<CommandModule<object, Flags>, 'handler'>;
