/**
 * Which commands take settings from a config file and the environment, and which of their options.
 *
 * A file has top-level settings and a section per command, which wins. Top-level settings are the options that mean the same
 * everywhere; `train` takes only those about model and data, since its sigma, split, batch and seed are those of training;
 * `report` takes none, since it may cover any run.
 */
import type { Argv } from 'yargs';
import { attack } from '../declarations/attack.ts';
import { certify } from '../declarations/certify.ts';
import { plan } from '../declarations/plan.ts';
import { predict } from '../declarations/predict.ts';
import { report } from '../declarations/report.ts';
import { train } from '../declarations/train.ts';
import {
  dataOptions,
  forceEvalOption,
  modelArgument,
  preprocessingOptions,
  smoothingOptions,
} from '../options.ts';
import { type OptionTable, optionsOf, recordOptions } from './option-table.ts';

/** Options that stand for a file, replace or drop files, and the output format, are for the command line alone. */
const COMMAND_LINE_ONLY = ['architecture', 'force', 'restart', 'json'];

const configurable = (table: OptionTable): OptionTable =>
  new Map([...table].filter(([name]) => !COMMAND_LINE_ONLY.includes(name)));

const inputs = recordOptions((y: Argv) =>
  dataOptions(preprocessingOptions(forceEvalOption(modelArgument(y)))),
);
const smoothing = recordOptions(smoothingOptions);

export interface Section {
  readonly options: OptionTable;
  /** Names of the top-level settings that the command takes. */
  readonly shared: ReadonlySet<string>;
}

function section(table: OptionTable, ...groups: readonly OptionTable[]): Section {
  const options = configurable(table);
  const names = groups.flatMap((group) => [...group.keys()]).filter((name) => options.has(name));
  return { options, shared: new Set(names) };
}

/** Commands by name. */
export const SECTIONS: ReadonlyMap<string, Section> = new Map([
  ['certify', section(optionsOf(certify), inputs, smoothing)],
  ['plan', section(optionsOf(plan), inputs, smoothing)],
  ['predict', section(optionsOf(predict), inputs, smoothing)],
  ['train', section(optionsOf(train), inputs)],
  ['attack', section(optionsOf(attack), inputs, smoothing)],
  ['report', section(optionsOf(report))],
]);

/** The settings a file may have at its top. */
export const SHARED: OptionTable = new Map([...inputs, ...smoothing]);
