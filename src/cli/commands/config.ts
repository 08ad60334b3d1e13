/** `config`: what a command would run with and where each value comes from; and the schema of config files. */
import { shorten } from '../../ground/text-width.ts';
import { visible } from '../../ground/visible.ts';
import { loadModel } from '../../onnx/model/load.ts';
import { SECTIONS } from '../config/configurable.ts';
import { type EffectiveSetting, effectiveSettings } from '../config/effective-settings.ts';
import { configSchema } from '../config/schema.ts';
import type { OptionSources } from '../config/sources.ts';
import { type Screen, screenOf } from '../terminal/style.ts';
import { renderTable } from '../terminal/table.ts';

export type ShownFlags = Parameters<typeof effectiveSettings>[2] & {
  readonly model?: string | undefined;
  readonly followLinks?: boolean | undefined;
  readonly json: boolean;
};

export function schema(): void {
  process.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`);
}

export async function show(sources: OptionSources, command: string, flags: ShownFlags): Promise<void> {
  const section = SECTIONS.get(command);
  if (section === undefined) throw new Error(`${command} has no settings`);
  const model =
    flags.model === undefined ? null : await loadModel(flags.model, { followLinks: flags.followLinks });
  const settings = effectiveSettings(sources, section.options, flags, model);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ command, file: sources.file, settings })}\n`);
    return;
  }
  process.stdout.write(asTable(command, sources.file, settings, screenOf(process.stdout, process.env)));
}

const LONGEST_VALUE = 40;

function asTable(
  command: string,
  file: string | null,
  settings: readonly EffectiveSetting[],
  { style }: Screen,
): string {
  const rows = settings.map(({ name, value, origin, where }) => [
    name,
    shorten(visible(value === null ? '-' : String(value)), LONGEST_VALUE),
    origin,
    where === null ? '' : visible(where),
  ]);
  const columns = [{ header: 'setting' }, { header: 'value' }, { header: 'origin' }, { header: 'where' }];
  return `${style.bold(`settings of ${command}`)}; config file: ${file ?? 'none'}\n${renderTable(columns, rows, style)}`;
}
