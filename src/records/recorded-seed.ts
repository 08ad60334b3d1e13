/** The seed of a run that a file holds already, for the command that continues it. */
import { headerViolation, type RunHeader } from './record.ts';
import { recordedHeader } from './recorded-header.ts';

/** The seed in the first line of a result file, and who chose it; null where `recordedHeader` finds no header. */
export async function recordedSeed(path: string): Promise<RunHeader['settings']['seed'] | null> {
  return (await recordedHeader<RunHeader>(path, headerViolation))?.settings.seed ?? null;
}
