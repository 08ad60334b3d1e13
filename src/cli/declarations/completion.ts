/** `completion` on the command line: its argument and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import { SHELLS } from '../completion/shells.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) =>
  y
    .positional('shell', { choices: SHELLS, demandOption: true, describe: 'the shell it is for' })
    .example('source <(splitz-onnx completion bash)', 'for this session')
    .example('$0 completion bash >> ~/.bashrc', 'for every one')
    .example('$0 completion zsh > ~/.zfunc/_splitz-onnx', 'a folder of fpath, for every one');

export type CompletionFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>>;

export const completion: Declaration<CompletionFlags> = {
  command: 'completion <shell>',
  describe: 'completion of commands, options and values for bash or zsh',
  builder: briefHelp(builder, []),
};
