/** The config file a plan writes: its decisions, and the settings it was given. */
import { stringify } from 'yaml';
import type { RequestOrigins } from '../../methods/sourced.ts';
import type { Decision } from '../../runs/plan/plan.ts';
import {
  dataOptions,
  denoiserOptions,
  drawOptions,
  forceEvalOption,
  modelArgument,
  preprocessingOptions,
  selectionOptions,
} from '../options.ts';
import { writeWhole } from '../output-file.ts';
import { recordOptions } from './option-table.ts';

/** Options of `plan` that every command shares, and those that `certify` has besides. */
const shared = recordOptions((y) =>
  drawOptions(dataOptions(preprocessingOptions(denoiserOptions(forceEvalOption(modelArgument(y)))))),
);
const ofCertify = recordOptions(selectionOptions);

type Settings = { [option: string]: unknown };

export function plannedSettings(
  flags: RequestOrigins & { readonly [option: string]: unknown },
  { settings, max }: Decision,
): Settings {
  const set = (table: ReadonlyMap<string, unknown>): Settings =>
    Object.fromEntries(
      [...table.keys()].filter((name) => flags.origins?.has(name)).map((name) => [name, flags[name]]),
    );
  const certify = { ...set(ofCertify), ...(max === null ? {} : { max }) };
  return {
    ...set(shared),
    ...settings,
    ...(Object.keys(certify).length === 0 ? {} : { certify }),
  };
}

/** Over what is there. @throws ToolError when it cannot be written */
export function writeConfig(path: string, settings: Settings, why: readonly string[]): void {
  const comment = why.map((line) => `# ${line}\n`).join('');
  const json = path.toLowerCase().endsWith('.json');
  writeWhole(path, json ? `${JSON.stringify(settings, null, 2)}\n` : comment + stringify(settings));
}
