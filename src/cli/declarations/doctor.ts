/** `doctor` on the command line: its options and its help. */
import type { Argv } from 'yargs';
import { briefHelp } from '../brief-help.ts';
import { outputOptions } from '../options.ts';
import type { Declaration } from './declaration.ts';

const builder = <T>(y: Argv<T>) => outputOptions(y).example('$0 doctor', 'check this machine');
export type DoctorFlags = Awaited<ReturnType<ReturnType<typeof builder>['parse']>>;

export const doctor: Declaration<DoctorFlags> = {
  command: 'doctor',
  describe: 'check Node, ONNX Runtime, providers, engines, the kernel',
  builder: briefHelp(builder, ['json']),
};
