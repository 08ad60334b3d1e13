/** The config file a plan writes: its decisions, and the settings it was given. */
import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { ToolError, UsageError } from '../../ground/errors.ts';
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

/** @throws UsageError when the file exists and `force` is false; ToolError when it cannot be written */
export function writeConfig(path: string, settings: Settings, why: readonly string[], force: boolean): void {
  const comment = why.map((line) => `# ${line}\n`).join('');
  const text = path.toLowerCase().endsWith('.json')
    ? `${JSON.stringify(settings, null, 2)}\n`
    : comment + stringify(settings);
  try {
    writeFileSync(path, text, { flag: force ? 'w' : 'wx' });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw alreadyThere(path);
    throw new ToolError({
      what: 'the config file cannot be written',
      where: path,
      why: message,
      remedy: 'Choose another file with --out.',
      cause,
    });
  }
}

export const alreadyThere = (path: string): UsageError =>
  new UsageError({
    what: 'the config file already exists',
    where: path,
    remedy: 'Choose another file with --out, or replace it with --force.',
  });
