/** What a certificate drawn again differs in from the recorded one. Time aside, nothing should. */
import type { SmoothingCertificate } from '../records/record.ts';

/** Each difference, as "counts: [9900,…] recorded, [9901,…] drawn again". Whatever a certificate holds is compared. */
export function replayDifferences(recorded: SmoothingCertificate, again: SmoothingCertificate): string[] {
  const { seconds: _then, ...before } = recorded;
  const { seconds: _now, ...after } = again;
  const text = (fields: object): Map<string, string> =>
    new Map(Object.entries(fields).map(([field, value]) => [field, JSON.stringify(value)]));
  const [then, now] = [text(before), text(after)];
  return [...new Set([...then.keys(), ...now.keys()])]
    .filter((field) => then.get(field) !== now.get(field))
    .map((field) => `${field}: ${then.get(field)} recorded, ${now.get(field)} drawn again`);
}
